"""The orderly end of all sockets of the process, while the program continues. The core decides when a socket is done."""

from __future__ import annotations

from ._native import Shutdown

#: Seconds between two checks.
_LOOK = 0.005


async def shutdown(timeout: float = 10.0) -> bool:
    """End all sockets of this process in good order, and wait for that; with asyncio.

    They open no more connections: a socket that loses its connection ends, and a new one ends at once with `cancelled`. Queued messages are
    sent, and requests get their replies, for `timeout` seconds at most. Then each socket sends Close 1001. Returns whether everything was
    sent and answered in time. Raises ValueError if `timeout` is not a number of seconds. If the call is cancelled, sockets that have not
    ended yet stay as they are. `heartwire.sync.shutdown` is the same for threads.
    """
    import asyncio

    under_way = Shutdown(timeout)
    while (complete := under_way.advance()) is None:  # noqa: ASYNC110 - the core does not report it by itself
        await asyncio.sleep(_LOOK)
    return complete


def shutdown_blocking(timeout: float = 10.0) -> bool:
    """End all sockets of this process in good order, and block this thread until then.

    As `heartwire.shutdown`, but without asyncio: on a thread with a running event loop it raises RuntimeError. Do not call it in a handler
    of `run_forever()`: it would wait for itself. Call it on another thread.
    """
    import asyncio
    import time

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError("heartwire.sync.shutdown() would block the event loop of this thread: await heartwire.shutdown() instead")
    under_way = Shutdown(timeout)
    while (complete := under_way.advance()) is None:
        time.sleep(_LOOK)
    return complete
