"""Delivers events: on a running asyncio loop, in `run_forever()`, or on a thread of `start()`. Knows nothing of the network."""

from __future__ import annotations

import sys
from _thread import allocate_lock
from _weakref import ref

from ._errors import InvalidStateError
from ._handlers import name_of
from ._native import Hub, Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    import threading
    from collections.abc import Coroutine
    from typing import Any, Protocol

    from ._green import Wait
    from ._native import CloseEvent

    class Done(Protocol):
        """Takes the outcome of an async function that replaces an option's value."""

        #: An `error` event reports its failure.
        told: bool

        def __call__(self, value: object, error: BaseException | None) -> None: ...


_GOING_AWAY, _INTERNAL_ERROR = 1001, 1011
#: How long the main thread waits at a time, in seconds.
_PIECE = 0.1 if sys.platform == "win32" else 0.5  # on Windows, Ctrl+C interrupts no wait for a lock


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the running loop of this thread, without importing asyncio."""
    module = sys.modules.get("asyncio")
    get = getattr(module, "_get_running_loop", None)
    return None if get is None else get()


def _warn_of_stall(culprit: str, seconds: float) -> None:
    import logging

    logging.getLogger("heartwire").warning(
        "%s kept events waiting for %.1f s; the connection was kept alive meanwhile. Work that takes long belongs on a thread.",
        culprit,
        seconds,
    )


class ThreadHub(Hub):
    """Delivers on a thread without a loop."""

    __slots__ = ("deadline", "thread")

    #: Asked by `_handlers`: an `async def` handler has no loop here.
    runs_coroutines = False

    deadline: float | None
    thread: threading.Thread | None

    def __init__(self) -> None:
        self.deadline = None
        self.thread = None

    def arm(self, delay: float) -> None:
        """Store the time of the next turn, whatever the descriptor says."""
        from time import monotonic

        self.deadline = monotonic() + delay

    def serve(self) -> None:
        """Deliver on this thread, or in this greenlet, until no socket is left."""
        from ._green import waiter

        wait = waiter()
        if wait is None:
            self.run()
            return
        while len(self):
            self._turn_in_greenlet(wait, None)

    def take_turn(self, timeout: float | None) -> None:
        """Wait, at most `timeout` seconds, and deliver once."""
        from ._green import waiter

        wait = waiter()
        if wait is None:
            self.pump(timeout)
        else:
            self._turn_in_greenlet(wait, timeout)

    def _turn_in_greenlet(self, wait: Wait, timeout: float | None) -> None:
        from time import monotonic

        now = monotonic()
        rests = [] if timeout is None else [timeout]
        if self.deadline is not None:
            rests.append(self.deadline - now)
        wait(self.fileno(), max(0.0, min(rests)) if rests else None)
        if self.deadline is not None and monotonic() >= self.deadline:
            self.deadline = None
        self.turn()

    def report(self, socket: Socket, function: object, error: BaseException) -> None:
        """Report a handler's exception as Python reports uncaught ones."""
        import threading

        if threading.current_thread() is threading.main_thread():
            sys.excepthook(type(error), error, error.__traceback__)
        else:
            args = (type(error), error, error.__traceback__, threading.current_thread())
            threading.excepthook(threading.ExceptHookArgs(args))

    def spawn(self, socket: Socket, function: object, coroutine: Coroutine[Any, Any, object], done: Done | None) -> None:
        """Refuse a coroutine: there is no loop to run it."""
        coroutine.close()
        raise TypeError(
            f"{name_of(function)} returned a coroutine, but no asyncio loop runs here: give an `async def` function itself, before"
            " run_forever() or start(), or make the socket inside of a running loop"
        )

    def stalled(self, function: object | None, seconds: float) -> None:
        """Warn of a function that was so slow that the keeper had to stand in."""
        _warn_of_stall("Something else on the thread that delivers events" if function is None else name_of(function), seconds)

    def idle(self) -> None:
        """Do nothing."""


class LoopHub(Hub):
    """Delivers on an asyncio loop, which watches the sockets' descriptors. If it cannot, a thread wakes it once for each batch."""

    __slots__ = ("live", "loop", "tasks", "thread", "timer", "waker")

    runs_coroutines = True
    live: bool
    loop: asyncio.AbstractEventLoop
    tasks: set[asyncio.Task[object]]
    thread: threading.Thread
    timer: asyncio.TimerHandle | None
    waker: threading.Thread | None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        import contextvars
        import threading

        self.live = True
        self.loop = loop
        self.tasks = set()
        self.thread = threading.current_thread()
        self.timer = None
        self.waker = None
        try:
            # An empty context: each socket brings its own.
            contextvars.Context().run(loop.add_reader, self.fileno(), self.turn)
            self.watch_with(loop)
        except NotImplementedError:  # such as Windows' proactor loop
            self.waker = threading.Thread(target=self._wake_loop, name="heartwire-waker", daemon=True)
            self.waker.start()

    def _wake_loop(self) -> None:
        import threading

        taken = threading.Event()

        def turn() -> None:
            try:
                self.turn()
            finally:
                taken.set()

        try:
            while self.live:
                self.wait_for_turn()
                taken.clear()
                self.loop.call_soon_threadsafe(turn)
                taken.wait()
        except RuntimeError:  # the loop is closed
            return

    def arm(self, delay: float) -> None:
        """Take a turn in so many seconds, whatever the descriptor says. This replaces an earlier time."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.loop.call_later(delay, self.turn)

    def wake_later(self, token: int, seconds: float) -> None:
        """Give a socket a turn in so many seconds."""
        self.loop.call_later(seconds, self._wake, token)

    def report(self, socket: Socket, function: object, error: BaseException) -> None:
        """Hand a handler's exception to the loop's exception handler."""
        self.loop.call_exception_handler(
            {"message": f"Exception in {name_of(function)} of {socket!r}", "exception": error, "websocket": socket}
        )

    def spawn(self, socket: Socket, function: object, coroutine: Coroutine[Any, Any, object], done: Done | None) -> None:
        """Make a task of the coroutine that an async function returned, and keep it until it ends."""
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)

        def ended(task: asyncio.Task[object]) -> None:
            self.tasks.discard(task)
            self.look_for_stall(function)
            import asyncio

            error = asyncio.CancelledError("the task was cancelled") if task.cancelled() else task.exception()
            if done is not None:
                done(None if error is not None else task.result(), error)
            # KeyboardInterrupt and SystemExit have left the loop already.
            told = done is not None and done.told
            if isinstance(error, Exception) and not task.cancelled() and not told:
                self.report(socket, function, error)

        task.add_done_callback(ended)

    def stalled(self, function: object | None, seconds: float) -> None:
        """Warn of a function that was so slow that the keeper had to stand in."""
        if function is not None:
            return _warn_of_stall(name_of(function), seconds)
        # The loop may call us before it reports that a task has ended.
        ended = {name_of(task.get_coro()) for task in self.tasks if task.done()}
        if len(ended) == 1:
            return _warn_of_stall(ended.pop(), seconds)
        handlers = sorted({name_of(task.get_coro()) for task in self.tasks})
        under_way = f" (async handlers under way: {', '.join(handlers)})" if handlers else ""
        return _warn_of_stall(f"Something else on the event loop{under_way}", seconds)

    def idle(self) -> None:
        """Without sockets, let the loop keep this hub for its next one."""
        if self.timer is not None:
            self.timer.cancel()
        if _hubs.get(self.loop) is self:
            del _hubs[self.loop]
        if self.waker is not None:
            self.end()
        elif self.live:
            _spare[id(self.loop)] = ref(self)

    def end(self) -> None:
        """Release the loop."""
        self.live = False
        if self.waker is not None:
            self.nudge()
        elif not self.loop.is_closed():
            self.loop.remove_reader(self.fileno())
        self.end_watch()


_hubs: dict[asyncio.AbstractEventLoop, LoopHub] = {}
"""The hubs that have sockets."""
_spare: dict[int, ref[LoopHub]] = {}
"""Hubs without sockets, by the `id` of the loop that watches their descriptor. The loop keeps them for its next socket while it is open."""
_moving = allocate_lock()
"""Held while sockets move from one hub to another, because they are in neither meanwhile. No function of the user runs under it."""


def loop_hub(loop: asyncio.AbstractEventLoop) -> LoopHub:
    """Return the hub of a loop."""
    hub = _hubs.get(loop)
    if hub is None:
        for closed in [loop for loop in list(_hubs) if loop.is_closed()]:
            left = _hubs.pop(closed, None)
            if left is not None:  # another thread was faster
                left.detach_all()
        spare = _spare_hub(loop)
        hub = _hubs[loop] = LoopHub(loop) if spare is None else spare
    return hub


def _spare_hub(loop: asyncio.AbstractEventLoop) -> LoopHub | None:
    import threading

    known = _spare.pop(id(loop), None)
    hub = None if known is None else known()
    if hub is not None and hub.loop is loop and hub.live:
        hub.thread = threading.current_thread()
        return hub
    for key, known in list(_spare.items()):
        other = known()
        if other is None:
            _spare.pop(key, None)
        elif other.loop.is_closed():
            other.end()
    return None


def forget() -> None:
    """Forget, in a forked child, the parent's hubs and locks."""
    global _moving
    _moving = allocate_lock()
    _hubs.clear()
    _spare.clear()


def run_forever(*sockets: Socket) -> None:
    """Deliver the events of sockets on this thread until all are closed.

    Ctrl+C raises KeyboardInterrupt here within milliseconds. KeyboardInterrupt and SystemExit of a handler leave it, too. The sockets are
    then open, and may be run again. With an `async def` handler it runs on an asyncio loop of its own.
    """
    if not sockets:
        raise TypeError("run_forever() needs at least one WebSocket")
    for socket in sockets:
        if not isinstance(socket, Socket):
            raise TypeError(f"run_forever() takes WebSocket objects, not {type(socket).__name__}")
    if running_loop() is not None:
        raise InvalidStateError(
            "an asyncio loop runs in this thread, and delivers the events: await ws.wait_closed() instead of run_forever()",
            code="invalid_state",
            phase="closed",
        )
    hub = ThreadHub()
    try:
        for socket in sockets:
            _attach(hub, socket)
        _serve(hub)
    finally:
        hub.detach_all()


def _attach(hub: Hub, socket: Socket) -> None:
    hub_of(socket)  # which releases a closed loop
    with _moving:
        hub.attach(socket)


def hub_of(socket: Socket) -> Hub | None:
    """Return the hub that delivers a socket's events. None after its loop was closed under it."""
    with _moving:
        hub = socket._hub
    if isinstance(hub, LoopHub) and hub.loop.is_closed():
        _hubs.pop(hub.loop, None)
        hub.detach_all()
        return None
    return hub


def _serve(hub: ThreadHub) -> None:
    """Deliver on this thread until the hub is empty."""
    import threading

    hub.thread = threading.current_thread()
    if any(socket._wants_loop for socket in hub.sockets()):
        _serve_on_loop(hub)
    else:
        hub.serve()


def _serve_on_loop(hub: ThreadHub) -> None:
    import asyncio

    async def main() -> None:
        sockets = hub.sockets()
        mine = loop_hub(asyncio.get_running_loop())
        try:
            with _moving:
                hub.detach_all()
                for socket in sockets:
                    mine.attach(socket)
            await asyncio.gather(*(wait_closed(socket) for socket in sockets))
            while mine.tasks:
                await asyncio.wait(mine.tasks)
        finally:
            mine.detach_all()
            mine.idle()
            mine.end()

    asyncio.run(main())


def start(socket: Socket, daemon: bool) -> None:
    """Deliver a socket's events on its own thread."""
    import threading

    hub = ThreadHub()
    _attach(hub, socket)
    hub.thread = thread = threading.Thread(target=_thread, args=(hub,), name="heartwire", daemon=daemon)
    try:
        thread.start()
    except BaseException:
        hub.detach_all()
        raise


def _thread(hub: ThreadHub) -> None:

    sockets = hub.sockets()
    try:
        _serve(hub)
    except (KeyboardInterrupt, SystemExit) as leaving:
        # As in the main thread, they end this call, with a Close first. A second one does not wait.
        for socket in sockets:
            socket._go_away(_GOING_AWAY)
        with _moving:
            hub.detach_all()
            for socket in sockets:
                hub.attach(socket)
        _serve(hub)
        if not isinstance(leaving, SystemExit):
            raise
    finally:
        hub.detach_all()


async def wait_closed(socket: Socket) -> CloseEvent:
    """Wait for the last event of a socket, and return it."""
    import asyncio

    loop = asyncio.get_running_loop()
    hub = hub_of(socket)
    if not socket._finished:
        if hub is None:
            loop_hub(loop).attach(socket)
        elif isinstance(hub, LoopHub) and hub.loop is not loop and not hub.loop.is_running():
            raise other_loop("this socket")
    future: asyncio.Future[CloseEvent] = loop.create_future()

    def set_result(event: CloseEvent) -> None:
        if not future.done():
            future.set_result(event)

    def ended(event: CloseEvent) -> None:
        if running_loop() is loop:
            set_result(event)
        else:
            try:
                loop.call_soon_threadsafe(set_result, event)
            except RuntimeError:  # the loop that waited is closed
                return

    if socket._on_finish(ended):
        return await future
    event = socket._last_close
    assert event is not None, "a socket that finished had its last event"
    return event


def other_loop(what: str) -> InvalidStateError:
    """Make the error for the use of an object that belongs to another loop."""
    return InvalidStateError(
        f"{what} belongs to another event loop, which delivers its events: use it in that loop (a fixture and its test need the same one)",
        code="invalid_state",
        phase="closed",
    )


def leave(socket: Socket, kind: type[BaseException] | None) -> None:
    """Begin to close a socket whose `with` block was left: as usual, with 1011 after an exception, or with 1001 if the program ends.

    Ctrl+C, `sys.exit()` and the cancellation of the task (`asyncio.run()` does that after Ctrl+C) are no faults of the program. After any
    exception the server's answer is awaited for `close_on_exit` at most.
    """
    if kind is None:
        socket.close()
    else:
        socket._go_away(_INTERNAL_ERROR if issubclass(kind, Exception) else _GOING_AWAY)


def join(socket: Socket, timeout: float | None) -> bool:
    """Wait for the last event of a socket that another thread delivers."""
    import threading

    hub = hub_of(socket)
    if socket._finished:
        return True
    thread = hub.thread if isinstance(hub, (ThreadHub, LoopHub)) else None
    if thread is None or thread is threading.current_thread():
        raise InvalidStateError(
            "no other thread delivers the events of this socket: start() it, or use run_forever()",
            code="invalid_state",
            phase="closed",
        )
    ended = threading.Event()
    if not socket._on_finish(lambda _: ended.set()):
        return True
    if timeout is not None:
        return ended.wait(timeout)
    # In pieces, because Python may miss a Ctrl+C that arrives just when its main thread begins to wait for a lock.
    while not ended.wait(_PIECE):
        pass
    return True
