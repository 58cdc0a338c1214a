"""Python under Autobahn|Testsuite: echoes every case of the fuzzing server at the URL given, then asks for the report.

The second argument is the face: `class` (the default), `connect` (asyncio) or `sync` (blocking).
"""

import asyncio
import contextlib
import os
import sys

import heartwire
import heartwire.sync
from heartwire import ConnectionClosed, WebSocket

SERVER = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:9001"
FACE = sys.argv[2] if len(sys.argv) > 2 else "class"
AGENT = "heartwire-python" if FACE == "class" else f"heartwire-python-{FACE}"
OPTIONS = {"ping_interval": None, "max_size": 64 << 20}
if "HEARTWIRE_DRIVER" in os.environ:
    OPTIONS["driver"] = os.environ["HEARTWIRE_DRIVER"]


def converse(path, answer):
    """Open, send the value of `answer` for each message, unless it is None, and return after the end."""
    socket = WebSocket(SERVER + path, **OPTIONS)

    def on_message(event):
        data = answer(event.data)
        if data is not None:
            socket.send(data)

    socket.onmessage = on_message
    socket.run_forever()


def converse_with_connect(path, answer):
    """Do the same with `heartwire.connect`."""

    async def main():
        async with heartwire.connect(SERVER + path, **OPTIONS) as ws:
            async for message in ws:
                data = answer(message)
                if data is not None:
                    await ws.send(data)

    with contextlib.suppress(ConnectionClosed):
        asyncio.run(main())


def converse_with_sync(path, answer):
    """Do the same with `heartwire.sync.connect`."""
    with contextlib.suppress(ConnectionClosed), heartwire.sync.connect(SERVER + path, **OPTIONS) as ws:
        for message in ws:
            data = answer(message)
            if data is not None:
                ws.send(data)


def main():
    """Play all cases."""
    talk = {"class": converse, "connect": converse_with_connect, "sync": converse_with_sync}[FACE]
    counts = []
    talk("/getCaseCount", lambda data: counts.append(int(data)))
    for case in range(1, counts[0] + 1):
        talk(f"/runCase?case={case}&agent={AGENT}", lambda data: data)
    talk(f"/updateReports?agent={AGENT}", lambda _data: None)
    print(counts[0], "cases")


main()
