"""The life of the process: goodbye at its end, signals, fork."""

from __future__ import annotations

import sys

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading

_watched = False
_registered = False
_armed = False


def watch(close_on_exit: bool) -> None:
    """Prepare for fork and for the end of the process; for signals that end it with the first socket that wants a goodbye."""
    global _watched, _registered, _armed
    if not _registered:
        _registered = True
        import atexit

        atexit.unregister(_end)
        atexit.register(_end)
    if not _watched:
        _watched = True
        import os
        import threading

        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forked)
        # Runs when the main thread has ended, before threads are waited for: atexit alone comes after them, and, before Python 3.13,
        # never in the children of multiprocessing.
        register = getattr(threading, "_register_atexit", None)
        if register is not None:
            try:
                register(_main_ended)
            except RuntimeError:  # the main thread has ended already: `_end` is left
                _ensure_end()
    if close_on_exit and not _armed:
        _armed = True
        _native.watch_signals()


def _end() -> None:
    _native.goodbye()
    # Who sees a traceback knows why nothing was run.
    _native.end_unrun(forget=hasattr(sys, "last_value"))
    _native.tell_warnings()
    _native.end()


def _main_ended() -> None:
    """Say goodbye, unless a thread keeps the process alive: it may use sockets, which live on as in Node, until `_end`."""
    if _keepers():
        _ensure_end()
    else:
        _native.goodbye()


def _keepers() -> list[threading.Thread]:
    """Give the threads that the end of the process waits for, beside this one."""
    import threading

    free = (threading.main_thread(), threading.current_thread())
    return [thread for thread in threading.enumerate() if not thread.daemon and thread not in free]


def _ensure_end() -> None:
    """Have the goodbye said behind the last thread in a child of multiprocessing, where `_end` never runs before Python 3.13."""
    process = sys.modules.get("multiprocessing.process")
    if sys.version_info < (3, 13) and process is not None and process.parent_process() is not None:
        import threading

        # The end waits for this thread, too.
        threading.Thread(target=_say_behind_keepers, name="heartwire-goodbye").start()


def _say_behind_keepers() -> None:
    while threads := _keepers():
        for thread in threads:
            thread.join()
    _native.goodbye()


def _forked() -> None:
    # The core has let go of the parent's connections and signals already, in its own fork handler.
    global _registered, _armed
    from . import _delivery

    _registered = False  # multiprocessing clears what is registered with atexit
    _armed = False
    _native.end_unrun(forget=True)
    _delivery.forget()
