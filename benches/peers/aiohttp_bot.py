"""aiohttp, which has no reconnection."""

import asyncio
import sys
import time

import aiohttp

url, mode = sys.argv[1:]


async def main():
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        async for _ in ws:
            if mode == "exit":
                sys.exit(0)
            if mode == "raise":
                raise RuntimeError("of the handler")
            if mode == "compute":
                end = time.monotonic() + 5
                while time.monotonic() < end:
                    pass
        print("closed", flush=True)


asyncio.run(main())
