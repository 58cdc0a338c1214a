"""Puts this surface under the name `websocket`, before an SDK is imported."""

from __future__ import annotations

import logging
import sys
from types import ModuleType
from typing import Any

from . import _abnf, _app, _core, _exceptions, _logging

#: The modules of websocket-client that SDKs import, and their replacements.
_MODULES = {
    "_abnf": _abnf,
    "_app": _app,
    "_core": _core,
    "_exceptions": _exceptions,
    "_logging": _logging,
}


def names() -> dict[str, Any]:
    """Return the names of the package."""
    return {name: getattr(module, name) for module in _MODULES.values() for name in module.__all__}


def install() -> None:
    """Give this package to programs that import `websocket` from now on. Doing it again changes nothing.

    Call it before the SDK is imported, because `from websocket import WebSocketApp` keeps the class that it found. It logs one line to
    `heartwire` (INFO).
    """
    if isinstance(sys.modules.get("websocket"), _Module):
        return
    original = sys.modules.get("websocket")
    early = [] if original is None else _holders(original)
    for name in [name for name in sys.modules if name == "websocket" or name.startswith("websocket.")]:
        del sys.modules[name]
    package = sys.modules["websocket"] = _Module("websocket", {**names(), "__version__": "1.9.2"})
    for name, module in _MODULES.items():
        child = sys.modules[f"websocket.{name}"] = _Module(f"websocket.{name}", dict(vars(module)))
        setattr(package, name, child)
    logger = logging.getLogger("heartwire")
    logger.info("heartwire.compat.websocket_client stands under the name websocket")
    if early:
        logger.warning("imported before install(), and so still on websocket-client: %s", ", ".join(sorted(early)))


def _holders(original: ModuleType) -> list[str]:
    """Return the modules that hold a part of the package already."""
    theirs = [getattr(original, name, None) for name in ("WebSocketApp", "WebSocket", "create_connection")]
    found = []
    for name, module in list(sys.modules.items()):
        held = list(getattr(module, "__dict__", {}).values())
        if name.partition(".")[0] != "websocket" and any(value is original or any(value is one for one in theirs) for value in held):
            found.append(name)
    return found


class _Module(ModuleType):
    """A module under a name of `websocket-client`."""

    __path__: list[str] = []  # noqa: RUF012 - this makes it a package

    def __init__(self, name: str, held: dict[str, Any]) -> None:
        super().__init__(name, f"{name}, on Heartwire: heartwire.compat.websocket_client")
        self.__dict__.update({key: value for key, value in held.items() if not key.startswith("__") or key == "__version__"})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"{self.__name__}.{name} is not there: heartwire.compat.websocket_client stands under this name")
