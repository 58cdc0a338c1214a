"""gevent and eventlet: waits for a descriptor while other greenlets run. Knows no socket."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Wait = Callable[[int, "float | None"], None]


def waiter() -> Wait | None:
    """Return a function that waits until a descriptor is readable, or for so many seconds. None without patched threads."""
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None and (gevent.is_module_patched("threading") or gevent.is_module_patched("socket")):
        return _wait_in_gevent
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None and (eventlet.is_monkey_patched("thread") or eventlet.is_monkey_patched("socket")):
        return _wait_in_eventlet
    return None


def _wait_in_gevent(descriptor: int, timeout: float | None) -> None:
    from gevent.socket import wait_read

    try:
        wait_read(descriptor, timeout, timeout_exc=TimeoutError())
    except TimeoutError:
        return


def _wait_in_eventlet(descriptor: int, timeout: float | None) -> None:
    from eventlet.hubs import trampoline

    try:
        trampoline(descriptor, read=True, timeout=timeout, timeout_exc=TimeoutError)
    except TimeoutError:
        return
