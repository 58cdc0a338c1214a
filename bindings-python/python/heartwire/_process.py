"""The life of the process: goodbye at its end, signals, fork."""

from __future__ import annotations

from . import _native

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
            import contextlib

            with contextlib.suppress(RuntimeError):  # the main thread has ended already: `_end` is left
                register(_main_ended)
    if close_on_exit and not _armed:
        _armed = True
        _native.watch_signals()


def _end() -> None:
    _native.goodbye()
    _native.end()


def _main_ended() -> None:
    """Say goodbye, unless a thread keeps the process alive: it may use sockets, which live on as in Node, until `_end`."""
    import threading

    me = threading.current_thread()
    if all(thread.daemon or thread is me for thread in threading.enumerate()):
        _native.goodbye()


def _forked() -> None:
    # The core has let go of the parent's connections and signals already, in its own fork handler.
    global _armed
    from . import _delivery

    _armed = False
    _delivery.forget()
