"""The life of the process: goodbye at its end, signals, fork. Knows hubs only as something that a thread serves."""

from __future__ import annotations

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading

#: Threads that deliver events right now, apart from loops.
serving: set[threading.Thread] = set()

_watched = False
_armed = False


def watch(close_on_exit: bool) -> None:
    """Prepare for fork and for the end of the process; for signals that end it with the first socket that wants a goodbye."""
    global _watched, _armed
    if not _watched:
        _watched = True
        import atexit
        import os
        import threading

        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forked)
        atexit.register(_end)
        # Runs when the main thread has ended, before threads are waited for: atexit alone comes after them, and never in the
        # children of multiprocessing.
        register = getattr(threading, "_register_atexit", None)
        if register is not None:
            try:
                register(_main_ended)
            except RuntimeError:  # the interpreter is ending already
                _main_ended()
    if close_on_exit and not _armed:
        _armed = True
        _native.watch_signals()


def _end() -> None:
    _native.goodbye()
    _native.end()


def _main_ended() -> None:
    """Say goodbye, unless a thread that keeps the process alive still delivers events: then its sockets live on, as in Node."""
    import threading

    from . import _delivery

    me = threading.current_thread()
    threads = [*serving, *_delivery.loop_threads()]
    if not any(thread.is_alive() and not thread.daemon and thread is not me for thread in threads):
        _native.goodbye()


def _forked() -> None:
    # The core has let go of the parent's connections and signals already, in its own fork handler.
    global _armed
    from . import _delivery

    _armed = False
    serving.clear()
    _delivery.forget()
