"""The life of the process: goodbye at its end, signals, fork. Knows hubs only as something that a thread serves."""

from __future__ import annotations

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading

#: Threads that deliver events right now, or are about to, apart from loops.
serving: set[threading.Thread] = set()

#: Threads that made sockets, apart from the main one: while they live, they may use them, whoever delivers their events.
_makers: set[threading.Thread] = set()

_watched = False
_armed = False


def watch(close_on_exit: bool) -> None:
    """Prepare for fork and for the end of the process; for signals that end it with the first socket that wants a goodbye."""
    import threading

    global _watched, _armed
    maker = threading.current_thread()
    if maker is not threading.main_thread() and maker not in _makers:
        _makers.difference_update([thread for thread in _makers if not thread.is_alive()])
        _makers.add(maker)
    if not _watched:
        _watched = True
        import atexit
        import os

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


class Serving:
    """The thread that is in it delivers events."""

    __slots__ = ("_nested", "_thread")

    def __enter__(self) -> None:
        import threading

        self._thread = threading.current_thread()
        self._nested = self._thread in serving
        serving.add(self._thread)

    def __exit__(self, *_: object) -> None:
        if not self._nested:
            serving.discard(self._thread)


def _end() -> None:
    _native.goodbye()
    _native.end()


def _main_ended() -> None:
    """Say goodbye, unless a thread that keeps the process alive has sockets or delivers events: then they live on, as in Node."""
    import threading

    from . import _delivery

    me = threading.current_thread()
    threads = [*serving, *_makers, *_delivery.loop_threads()]
    # One without a number is about to be started.
    if not any((thread.is_alive() or thread.ident is None) and not thread.daemon and thread is not me for thread in threads):
        _native.goodbye()


def _forked() -> None:
    # The core has let go of the parent's connections and signals already, in its own fork handler.
    global _armed
    from . import _delivery

    _armed = False
    serving.clear()
    _makers.clear()
    _delivery.forget()
