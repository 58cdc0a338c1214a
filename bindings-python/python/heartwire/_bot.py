"""Requests and their replies, the user's login function, and the ready state: the shared part of `WebSocket` and both `connect` APIs."""

from __future__ import annotations

from ._delivery import hub_of, running_loop
from ._errors import InvalidStateError
from ._handlers import is_async
from ._json import parsed, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from contextvars import ContextVar
    from typing import Any

    from ._native import Socket

_login: ContextVar[object] | None = None


def _logging_in() -> ContextVar[object]:
    """Return the variable of the socket whose login is running, as set in the user's login function and in all that it awaits."""
    global _login
    if _login is None:
        from contextvars import ContextVar

        _login = ContextVar("heartwire_logging_in", default=None)
    return _login


#: For arguments that were not given: the option `request` decides.
UNSET: Any = type("Unset", (), {"__repr__": lambda _: "UNSET", "__slots__": ()})()


def bind_login(socket: Socket, face: object, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with the login function bound to the face that it is called with."""
    ready = options.get("ready")
    if callable(ready):
        return {**options, "ready": _bound(socket, face, ready)}
    if isinstance(ready, dict) and callable(ready.get("run")):
        return {**options, "ready": {**ready, "run": _bound(socket, face, ready["run"])}}
    return options


def _bound(socket: Socket, face: object, run: Callable[[Any], Any]) -> Callable[[], Any]:
    async def log_in(started: Any = None) -> Any:
        _logging_in().set(socket)  # in the context of the task
        return await (run(face) if started is None else started)

    def log_in_at_once() -> Any:
        token = _logging_in().set(socket)
        try:
            result = run(face)
        finally:
            _logging_in().reset(token)
        return log_in(result) if hasattr(result, "__await__") else result

    login: Callable[[], Any] = log_in if is_async(run) else log_in_at_once
    login.__qualname__ = getattr(run, "__qualname__", repr(run))
    return login


def begin(socket: Socket, value: object, settle: Callable[[str | None, Any], None], call: dict[str, Any]) -> int:
    """Send a request, and call `settle(reply, error)` at its end. Return its ticket."""
    urgent = call.pop("urgent") or _logging_in().get() is socket
    timeout, resend, deliver, key = (call.pop(name) for name in ("timeout", "resend", "deliver", "key"))
    return socket._request(
        text_of(value), settle, timeout is not UNSET, None if timeout is UNSET else timeout, resend, deliver, key, urgent
    )


def request(socket: Socket, value: object, call: dict[str, Any]) -> Any:
    """Send a request, and return the object for its reply: a future of the running loop, or a `Reply`."""
    loop = running_loop()
    if loop is not None:
        return on_loop(loop, lambda settle: begin(socket, value, settle, call), socket)
    from ._reply import Reply

    reply = Reply(socket)
    reply.ticket = begin(socket, value, reply.settle, call)
    return reply


def on_loop(loop: AbstractEventLoop, start: Callable[[Callable[[str | None, Any], None]], int | None], socket: Socket) -> Any:
    """Return a future of the loop for the request that `start` began. Cancelling it cancels the request. None: it has ended already."""
    future = loop.create_future()

    def finish(reply: str | None, error: Any) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(parsed(reply))
        else:
            future.set_exception(error)

    def settle(reply: str | None, error: Any) -> None:
        if running_loop() is loop:
            finish(reply, error)
            return
        try:
            loop.call_soon_threadsafe(finish, reply, error)
        except RuntimeError:  # the loop that waited is closed
            return

    ticket = start(settle)
    if ticket is None:
        finish(None, None)
        return future
    future.add_done_callback(lambda done: socket._cancel_request(ticket) if done.cancelled() else None)
    return future


async def wait_ready(socket: Socket) -> None:
    """Wait until the present connection is ready, or the next one."""
    import asyncio

    loop = asyncio.get_running_loop()
    if socket._is_ready:
        return
    future: asyncio.Future[None] = loop.create_future()

    def tell(error: Any = None) -> None:
        if not future.done():
            future.set_result(None) if error is None else future.set_exception(error)

    def notice(error: Any = None) -> None:
        try:
            loop.call_soon_threadsafe(tell, error)
        except RuntimeError:  # the loop that waited is closed
            return

    def became(_event: object) -> None:
        notice()

    def ended(event: Any) -> None:
        notice(event.error or InvalidStateError("the socket was closed before it was ready", code="invalid_state", phase="closed"))

    kind: Any = "ready" if socket._logs_in else "open"
    socket._add_listener(kind, became, True, False)
    try:
        if not socket._on_finish(ended):
            ended(socket._last_close)
        if socket._is_ready:
            return
        from . import _delivery

        if hub_of(socket) is None and not socket._finished:
            _delivery.loop_hub(loop).attach(socket)
        await future
    finally:
        socket._remove_listener(kind, became)
