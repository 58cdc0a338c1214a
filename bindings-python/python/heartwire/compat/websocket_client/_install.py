"""Puts this surface under the name `websocket`, before an SDK is imported."""

from __future__ import annotations

import sys
from typing import Any

from .._modules import Stand, announce, holders
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
    """Return this package to programs that import `websocket` from now on. Doing it again changes nothing.

    Call it before the SDK is imported, because `from websocket import WebSocketApp` keeps the class that it found. It logs one line to
    `heartwire` (INFO).
    """
    if isinstance(sys.modules.get("websocket"), Stand):
        return
    original = sys.modules.get("websocket")
    early = holders(
        "websocket", [original, *(getattr(original, name, None) for name in ("WebSocketApp", "WebSocket", "create_connection"))]
    )
    for name in [name for name in sys.modules if name == "websocket" or name.startswith("websocket.")]:
        del sys.modules[name]
    surface = "heartwire.compat.websocket_client"
    package = sys.modules["websocket"] = Stand("websocket", {**names(), "__version__": "1.9.2"}, surface)
    for name, module in _MODULES.items():
        held = {key: value for key, value in vars(module).items() if not key.startswith("__")}
        child = sys.modules[f"websocket.{name}"] = Stand(f"websocket.{name}", held, surface)
        setattr(package, name, child)
    announce(f"{surface} stands under the name websocket", "websocket-client", early)
