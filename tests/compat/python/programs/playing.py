"""The shared part of the programs of SDKs: their transport, their reports to the suite, and handlers that block.

A program is called with the address of the server and `stock` or `ours`. It prints a JSON line for each report of its SDK.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from types import ModuleType
from typing import Any

#: The address of the server, as http:// and as ws://.
HTTP = sys.argv[1]
WS = HTTP.replace("http://", "ws://")

logging.basicConfig(level=os.environ.get("COMPAT_LOG", "CRITICAL"))

if sys.argv[2] == "ours":
    from heartwire.compat import websocket_client, websockets

    websockets.install()
    websocket_client.install()


def tell(kind: str, text: object = "") -> None:
    """Tells the suite of something."""
    print(json.dumps([kind, str(text)]), flush=True)


def again() -> None:
    """Waits until the suite says that the server takes connections again: what a bot's own pause is for."""
    sys.stdin.readline()


async def again_async() -> None:
    """As `again`, while the loop goes on."""
    await asyncio.get_running_loop().run_in_executor(None, again)


def heard(text: str) -> None:
    """The handler of a message: `block` keeps its thread for 6 s."""
    if text == "block":
        time.sleep(6)


def ended(error: object) -> str:
    """An end by its kind and code, in words that do not change from run to run."""
    received = getattr(error, "rcvd", None)
    code = getattr(received, "code", None)
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None) or getattr(error, "status_code", None)
    kind = "ConnectionRefusedError" if isinstance(error, ConnectionRefusedError) else type(error).__name__
    return " ".join(str(part) for part in (kind, code, status) if part is not None)


def quick(module: Any) -> None:
    """Has an SDK's own pauses last a moment: its module's `asyncio` and `time` sleep no longer."""

    class Quick(ModuleType):
        def __init__(self, real: ModuleType, sleep: Any) -> None:
            super().__init__(real.__name__)
            self._real, self.sleep = real, sleep

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    if hasattr(module, "asyncio"):
        module.asyncio = Quick(asyncio, lambda seconds: asyncio.sleep(min(seconds, 0.2) if seconds < 60 else seconds))
    if hasattr(module, "time"):
        module.time = Quick(time, lambda seconds: time.sleep(min(seconds, 0.2)))
