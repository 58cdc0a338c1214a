"""Programs whose child has the socket: `children.py METHOD WAY`. The parent prints the child's status and waits for it."""

from __future__ import annotations

import os
import signal
import sys

METHOD, WAY = sys.argv[1:]


def child(way: str) -> None:
    """Have the socket."""
    import heartwire

    ws = heartwire.WebSocket(os.environ["EXITS_URL"])
    ws.onopen = lambda _: ws.send(f"ready {os.getpid()}")

    if way == "exit":
        ws.onmessage = lambda _: sys.exit(3)
        ws.run_forever()
        return
    import threading

    gone = threading.Event()
    ws.onmessage = lambda _: gone.set()
    ws.start(daemon=True)
    gone.wait()
    if way == "exception":
        raise RuntimeError("as the test wants it")


def main() -> None:
    """Start the child, leave Ctrl+C to it, and say how it ended."""
    if METHOD == "billiard":
        # The processes of Celery's pool.
        import billiard as multiprocessing

        context = multiprocessing.get_context("fork")
    else:
        import multiprocessing

        context = multiprocessing.get_context(METHOD)
    process = context.Process(target=child, args=(WAY,))
    process.start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.join()
    print("status", process.exitcode, flush=True)


if __name__ == "__main__":
    main()
