"""Puts this package under the name `websockets`, before an SDK is imported.

If the package `websockets` is installed, the names of its client become ours in its own modules, and everything else stays: its servers,
its frames, and its exceptions, which we raise, too. If it is not installed, modules of these names hold our parts.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from types import ModuleType
from typing import Any

from .._modules import Stand, announce, holders
from . import _arguments, _data, _opening, client, exceptions

#: The names of the client, and the modules of the package that have them.
_CLIENTS = {
    "websockets": "client",
    "websockets.client": "client",
    "websockets.asyncio.client": "client",
    "websockets.legacy.client": "client",
    "websockets.sync.client": "sync",
}
_DATA = ("CLOSE_CODE_EXPLANATIONS", "Close", "CloseCode", "Data", "Headers", "HeadersLike", "Request", "Response", "State")

_CLIENT_ALONE = ", and has the client alone; with the package websockets installed, everything else is the package's own"
_replaced: dict[str, dict[str, Any]] = {}


def install() -> None:
    """Return this package to programs that import `websockets` from now on. Doing it again changes nothing.

    Call it before the SDK is imported, because `from websockets import connect` keeps the function that it found. It logs one line to
    `heartwire` (INFO).
    """
    if _replaced:
        return
    originals = [getattr(sys.modules.get(module), "connect", None) for module in ("websockets.asyncio.client", "websockets.sync.client")]
    early = holders("websockets", originals)
    if _data.INSTALLED:
        for module, face in _CLIENTS.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of the legacy modules
                package = importlib.import_module(module)
            _patch(package, _client_names(face, legacy=module != "websockets.sync.client"))
        words = "the client of the package websockets is replaced by heartwire.compat.websockets"
    else:
        for module, names in _modules().items():
            _replaced[module] = {}
            sys.modules[module] = Stand(module, names, "heartwire.compat.websockets", _CLIENT_ALONE)
            parent, _, child = module.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, sys.modules[module])
        words = "heartwire.compat.websockets stands under the name websockets"
    announce(words, "websockets", early)


def _client_names(face: str, legacy: bool) -> dict[str, Any]:
    module: Any = client if face == "client" else importlib.import_module(f"{__package__}.sync")
    names = {name: getattr(module, name) for name in ("connect", "unix_connect", "ClientConnection")}
    if face == "sync":
        names["reconnect"] = module.reconnect
    elif legacy:
        names["WebSocketClientProtocol"] = client.ClientConnection  # the name of before version 14
    return names


def _patch(module: ModuleType, names: dict[str, Any]) -> None:
    _replaced[module.__name__] = {name: module.__dict__.get(name) for name in names}
    for name, value in names.items():
        setattr(module, name, value)


def _modules() -> dict[str, dict[str, Any]]:
    """Return the modules and their names, for a program without the package."""
    raised = {name: getattr(exceptions, name) for name in exceptions.__all__}
    data = {name: getattr(_data, name) for name in _DATA}
    asyncio_client = {**_client_names("client", legacy=False), "backoff": _opening.backoff, "process_exception": _opening.process_exception}
    legacy_client = _client_names("client", legacy=True)
    types = {"Data": _data.Data, "Origin": str, "Subprotocol": str, "ExtensionName": str, "LoggerLike": Any}
    return {
        "websockets": {**data, **raised, **types, **legacy_client, "__version__": "17.4"},
        "websockets.exceptions": raised,
        "websockets.typing": types,
        "websockets.version": {"version": "17.4", "tag": "17.4"},
        "websockets.datastructures": {"Headers": _data.Headers, "HeadersLike": _data.HeadersLike},
        "websockets.frames": {name: data[name] for name in ("CLOSE_CODE_EXPLANATIONS", "Close", "CloseCode")},
        "websockets.http11": {"Request": _data.Request, "Response": _data.Response, "USER_AGENT": _arguments.USER_AGENT},
        "websockets.protocol": {"State": _data.State, **{state.name: state for state in _data.State}},
        "websockets.uri": {"WebSocketURI": _data.WebSocketURI, "parse_uri": _data.parse_uri},
        "websockets.asyncio": {},
        "websockets.asyncio.client": asyncio_client,
        "websockets.client": {**legacy_client, "backoff": _opening.backoff, "process_exception": _opening.process_exception},
        "websockets.legacy": {},
        "websockets.legacy.client": legacy_client,
        "websockets.sync": {},
        "websockets.sync.client": _client_names("sync", legacy=False),
    }
