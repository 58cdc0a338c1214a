"""websockets, asyncio, with the reconnection that its documentation shows."""

import asyncio
import contextlib
import sys
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

url, mode = sys.argv[1:]


async def act(ws):
    async for _ in ws:
        if mode == "exit":
            sys.exit(0)
        if mode == "raise":
            raise RuntimeError("of the handler")
        if mode == "compute":
            end = time.monotonic() + 5
            while time.monotonic() < end:
                pass


async def main():
    if mode == "return":
        async for ws in connect(url, proxy=None):
            try:
                await ws.recv()
            except ConnectionClosed:
                continue
    async with connect(url, proxy=None) as ws:
        with contextlib.suppress(ConnectionClosed):
            await act(ws)
        print("closed", flush=True)


asyncio.run(main())
