"""The life of the process: the Close frames at its end, signals, fork."""

from __future__ import annotations

import sys

from . import _ending, _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from typing import Any

#: How long, in seconds, threads that Python waits for no longer may take for their last event.
_PATIENCE = 1.0

_watched = False
_registered = False
_keeps_signals = False


def watch(close_on_exit: bool) -> None:
    """Prepare for fork and for the end of the process, and, with the first socket that has `close_on_exit`, for signals that end it."""
    global _watched, _registered
    if not _registered:
        _registered = True
        _ending.remember()
        import atexit

        atexit.unregister(_end)
        atexit.register(_end)
        # A child of Celery's pool ends without either: by its own finalizers, and then by `os._exit()`.
        billiard = sys.modules.get("billiard.util")
        if billiard is not None:
            billiard.Finalize(None, _native.goodbye, exitpriority=-1000)
    if not _watched:
        _watched = True
        import os
        import threading

        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forked)
        # Runs when the main thread has ended, before Python waits for threads. atexit alone runs after them, and, before Python 3.13, never
        # in the children of multiprocessing.
        register = getattr(threading, "_register_atexit", None)
        if register is not None:
            try:
                register(_main_ended)
            except RuntimeError:  # the main thread has ended already: `_end` is left
                _ensure_end()
    if close_on_exit:
        # With each socket, because others may have set signals since.
        _native.watch_signals(_signals_of_faulthandler())
        if not _keeps_signals:
            _keep_signals()
            if sys.platform == "win32":
                _leave_handled()


def _signals_of_faulthandler() -> list[int]:
    """Return the signals whose C handler Python may not know: `faulthandler.register()` may have set one."""
    if "faulthandler" not in sys.modules:
        return []
    _signal: Any = __import__("_signal")
    names = ("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    numbers = [getattr(_signal, name) for name in names if hasattr(_signal, name)]
    return [number for number in numbers if _signal.getsignal(number) == _signal.SIG_DFL]


def _keep_signals() -> None:
    """Watch a signal again at once when code gives it its default action back.

    Many programs do so. They save the present handler, which for Python is the default action, set their own for a while, and restore the
    saved one; asyncio's `remove_signal_handler` does the same. All of them call `_signal.signal`, however they imported `signal.signal`.
    Its return value and `getsignal` stay as they were.
    """
    global _keeps_signals
    _keeps_signals = True
    import functools

    _signal: Any = __import__("_signal")
    original, default = _signal.signal, int(_signal.SIG_DFL)

    @functools.wraps(original)
    def signal(signalnum, handler, /):  # type: ignore[no-untyped-def]
        previous = original(signalnum, handler)
        if sys.platform == "win32":
            _leave_handled()
        elif isinstance(handler, int) and handler == default:
            _native.watch_signals_again()
        return previous

    _signal.signal = signal


def _leave_handled() -> None:
    """Let Ctrl+C and Ctrl+Break close the sockets only if Python does not handle them. On Windows only Python knows that."""
    _signal: Any = __import__("_signal")
    for number in (_signal.SIGINT, _signal.SIGBREAK):
        _native.leave_signal(int(number), _signal.getsignal(number) != _signal.SIG_DFL)


def _end() -> None:
    # Python has waited for them, unless Ctrl+C or a handler's `sys.exit()` ended that.
    if "threading" in sys.modules and (threads := _keepers()):
        import time

        _native.goodbye_and_tell()
        until = time.monotonic() + _PATIENCE
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
    else:
        _native.goodbye()
    # A traceback already explains why the sockets were not run.
    _native.end_unrun(forget=hasattr(sys, "last_value"))
    _native.tell_warnings()
    _native.end()


def _main_ended() -> None:
    """Send the Close frames, unless a thread keeps the process alive: it may use sockets, which live on as in Node, until `_end`.

    If an exception ended the main thread (Ctrl+C, `sys.exit()`), the program has to end: the last event of its sockets informs such a
    thread, and `run_forever()` and the threads of `start()` return.
    """
    if not _keepers():
        _native.goodbye()
        return
    if _ending.is_by_exception():
        _native.goodbye_and_tell()
    _ensure_end()


def _keepers() -> list[threading.Thread]:
    """Return the threads that the end of the process waits for, beside this one."""
    import threading

    free = (threading.main_thread(), threading.current_thread())
    return [thread for thread in threading.enumerate() if not thread.daemon and thread not in free]


def _ensure_end() -> None:
    """Send the Close frames after the last thread in a child of multiprocessing, in which `_end` never runs before Python 3.13."""
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
    # The core has released the parent's connections and signals already, in its own fork handler.
    global _registered
    from . import _delivery

    _registered = False  # multiprocessing clears the functions registered with atexit
    _ending.forget()
    _native.end_unrun(forget=True)
    _delivery.forget()
