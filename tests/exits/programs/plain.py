"""Programs of one process: `plain.py HOST WAY`. The host delivers the events of the socket."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import heartwire
import heartwire.sync

HOST, WAY = sys.argv[1:]
URL = os.environ["EXITS_URL"]
READY = f"ready {os.getpid()}"


def leave() -> None:
    """Leave in this way, if the program's own code does it."""
    if WAY == "exit":
        sys.exit(3)
    if WAY == "exception":
        raise RuntimeError("as the test wants it")


def socket(gone: threading.Event | asyncio.Event | None = None) -> heartwire.WebSocket:
    """Make one that is ready when open, and on `go` sets `gone`; an `exit` leaves in the handler itself."""
    ws = heartwire.WebSocket(URL)
    ws.onopen = lambda _: ws.send(READY)

    def go(event: heartwire.MessageEvent) -> None:
        if WAY == "exit" or gone is None:
            leave()
        elif isinstance(gone, asyncio.Event):
            gone.set()
        else:
            gone.set()

    ws.onmessage = go
    return ws


async def on_loop() -> None:
    """Wait on the loop that delivers the events; an exception is raised in `main`."""
    gone = asyncio.Event()
    ws = socket(gone)
    await gone.wait()
    assert ws.ready_state == ws.OPEN
    leave()


async def connected() -> None:
    """Talk within the block of `heartwire.connect`."""
    async with heartwire.connect(URL) as ws:
        await ws.send(READY)
        await ws.recv()
        leave()


def blocking() -> None:
    """Talk within the block of `heartwire.sync.connect`."""
    with heartwire.sync.connect(URL) as ws:
        ws.send(READY)
        ws.recv()
        leave()


def run_forever() -> None:
    """Deliver on the main thread. A handler's exception does not end it, so a signal's handler raises the exception of the way."""
    if WAY == "exception":
        import signal

        def raised(*_: object) -> None:
            leave()

        signal.signal(signal.SIGALRM, raised)
        ws = socket()
        ws.onmessage = lambda _: signal.setitimer(signal.ITIMER_REAL, 0.2)
    else:
        ws = socket()
    ws.run_forever()


def started() -> None:
    """Deliver on a thread of `start()`, and wait for it; `return` does not wait, and an exception comes from the main thread."""
    gone = threading.Event()
    ws = socket(gone).start(daemon=WAY == "return")
    if WAY in ("return", "exception"):
        gone.wait()
        leave()
    else:
        ws.join()


def on_thread() -> None:
    """Deliver on a daemon thread of the program's own, while the main thread waits."""
    gone = threading.Event()

    def work() -> None:
        socket(gone).run_forever()

    def work_on_loop() -> None:
        asyncio.run(connected_on_thread(gone))

    threading.Thread(target=work if HOST == "thread" else work_on_loop, daemon=WAY in ("return", "exit", "exception")).start()
    # In pieces, because Python may miss a Ctrl+C that arrives just when its main thread begins to wait for a lock.
    while not gone.wait(0.5):
        pass
    leave()


async def connected_on_thread(gone: threading.Event) -> None:
    """Talk on a loop of a thread of the program's own."""
    async with heartwire.connect(URL) as ws:
        await ws.send(READY)
        async for _ in ws:
            gone.set()


if HOST == "asyncio":
    asyncio.run(on_loop())
elif HOST == "uvloop":
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(on_loop())
elif HOST == "connect":
    asyncio.run(connected())
elif HOST == "sync":
    blocking()
elif HOST == "run_forever":
    run_forever()
elif HOST == "start":
    started()
elif HOST in ("thread", "thread-loop"):
    on_thread()
