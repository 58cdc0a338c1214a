"""Has messages echoed over TLS, by the face for asyncio: `echo.py URL CA`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import heartwire

MESSAGES: tuple[str | bytes, ...] = ("hello", "\u2665 " * 2**18, bytes(range(256)), os.urandom(2**20))


async def talk(url: str, ca: str) -> dict[str, Any]:
    echoed: dict[str, list[int]] = {"text": [], "binary": []}
    try:
        async with heartwire.connect(url, tls={"ca": ca}) as ws:
            for message in MESSAGES:
                await ws.send(message)
                answer = await ws.recv()
                assert answer == message
                echoed["text" if isinstance(answer, str) else "binary"].append(len(answer.encode() if isinstance(answer, str) else answer))
            await ws.close(1000, "done")
    except heartwire.WebSocketError as error:
        return {"error": error.code, "phase": error.phase}
    return {"echoed": echoed, "compressed": "permessage-deflate" in ws.socket.extensions, "close": [ws.close_code, ws.close_reason]}


print(json.dumps(asyncio.run(talk(*sys.argv[1:]))))
