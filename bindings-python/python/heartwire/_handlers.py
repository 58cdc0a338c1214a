"""Handlers: async or not, with or without the event; `on...` attributes and methods of subclasses. Calls no handler."""

from __future__ import annotations

import sys

from ._native import Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Generic, Literal, Protocol, TypeVar, Union, overload

    from typing_extensions import Self, TypeAlias

    from ._native import Event

    E = TypeVar("E", bound=Event)

    class Bare(Protocol):
        """A function that is called without the event."""

        def __call__(self) -> object: ...

    Handler: TypeAlias = Union[Callable[[E], object], Bare]
    EventName: TypeAlias = Literal[
        "open", "message", "error", "close", "reconnecting", "ping", "pong", "heartbeat", "drain", "dropped", "ready", "throttled"
    ]

    class _Base(Generic[E]):
        pass
else:

    class _Base:
        def __class_getitem__(cls, item):
            return cls


_CO_VARARGS = 0x04
_CO_COROUTINE = 0x80
_MANY = 1 << 16


class _Sample:
    def method(self) -> None: ...


_Function: Any = type(lambda: None)
_Builtin: Any = type(len)
_Method: Any = type(_Sample().method)
#: How built-in functions without a parameter describe themselves.
_NOTHING = ("()", "($self, /)", "($self)", "($module, /)", "($module)")


def _is_partial(function: object) -> bool:
    partial = getattr(sys.modules.get("functools"), "partial", None)
    return partial is not None and isinstance(function, partial)


def is_async(function: Any) -> bool:
    """Tell whether a call of the function returns a coroutine, as far as the function shows it."""
    while _is_partial(function):
        function = function.func
    code = getattr(function, "__code__", None) or getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004 - the owner of the code
    flags = getattr(code, "co_flags", 0)
    # Objects that answer to every name (mocks, proxies) have flags of any type.
    return isinstance(flags, int) and bool(flags & _CO_COROUTINE)


def _arguments(function: Any, given: int = 0) -> tuple[int, int] | None:
    """Return how many positional arguments, beside those given, a function needs and takes. None if that cannot be seen."""
    while _is_partial(function):
        if function.keywords:
            return None
        given += len(function.args)
        function = function.func
    if type(function) is _Method:
        given += 1
        function = function.__func__
    elif type(function) is _Builtin:
        # `ws.onerror = ws.close`: an optional argument of our own methods is not meant for events.
        ours = isinstance(function.__self__, Socket) and function.__name__ != "send"
        return (0, 0) if not given and (ours or getattr(function, "__text_signature__", None) in _NOTHING) else None
    elif type(function) is not _Function:
        given += 1
        function = getattr(type(function), "__call__", None)  # noqa: B004 - the function that a call of the object runs
    if type(function) is not _Function:
        return None
    code = function.__code__
    most = _MANY if code.co_flags & _CO_VARARGS else max(0, code.co_argcount - given)
    least = max(0, code.co_argcount - len(function.__defaults__ or ()) - given)
    wrapped = function.__dict__.get("__wrapped__")
    if least == 0 and most == _MANY and type(wrapped) is _Function and _arguments(wrapped, given) == (0, 0):
        return 0, 0  # a decorator that passes on its arguments
    return least, most


def is_bare(function: object) -> bool:
    """Tell whether a handler is called without the event, because it takes no argument. One that needs more than the event is refused."""
    arguments = _arguments(function)
    if arguments is None:
        return False
    least, most = arguments
    if least > 1:
        code = getattr(function, "__code__", None)
        place = f" ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
        raise TypeError(f"a handler is called with the event alone, or without arguments; {name_of(function)}{place} needs {least}")
    return most == 0


def name_of(function: object) -> str:
    """Return the name of a function."""
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else repr(function)


class OnEvent(_Base["E"]):
    """An `on...` attribute."""

    __slots__ = ("kind",)

    def __init__(self, kind: EventName) -> None:
        self.kind = kind

    if TYPE_CHECKING:

        @overload
        def __get__(self, socket: None, owner: type[Any]) -> Self: ...
        @overload
        def __get__(self, socket: Socket, owner: type[Any]) -> Handler[E] | None: ...

    def __get__(self, socket: Socket | None, owner: type[Any]) -> Self | Handler[E] | None:
        return self if socket is None else socket._get_handler(self.kind)

    def __set__(self, socket: Socket, handler: Handler[E] | None) -> None:
        socket._set_handler(self.kind, handler, handler is not None and check(socket, handler))


class OnEventMethod:
    """An `on...` attribute: it is a method of the user's subclass until another function is set."""

    __slots__ = ("kind", "method", "name")

    def __init__(self, kind: EventName, name: str, method: object) -> None:
        self.kind = kind
        self.name = name
        self.method = method

    def __get__(self, socket: Socket | None, owner: type[Any]) -> Any:
        if socket is not None and _find(type(socket), self.name)[1] is self:
            handler = socket._get_handler(self.kind)
            if handler is not None:
                return handler
        # Also for `super().on_message(event)`.
        return _bind(self.method, socket, owner)

    def __set__(self, socket: Socket, handler: Callable[..., object] | None) -> None:
        socket._set_handler(self.kind, handler, handler is not None and check(socket, handler))


def _bind(method: Any, socket: Socket | None, owner: type[Any]) -> Any:
    get = getattr(type(method), "__get__", None)
    return method if get is None else get(method, socket, owner)


def _find(cls: type[Any], name: str) -> tuple[int, object]:
    """Return the place in the class's MRO that has the name, and its value."""
    for place, holder in enumerate(cls.__mro__):
        if name in holder.__dict__:
            return place, holder.__dict__[name]
    raise AttributeError(name)


#: Both spellings of each attribute, by its event.
_SPELLINGS: list[tuple[EventName, str, str]] = []


def declare(cls: type[Any]) -> None:
    """Learn the `on...` attributes of the class that has them."""
    for name, value in cls.__dict__.items():
        if isinstance(value, OnEvent) and not name.startswith("on_"):
            _SPELLINGS.append((value.kind, name, f"on_{value.kind}"))


def adopt_methods(cls: type[Any]) -> None:
    """Prepare a subclass whose methods are handlers, so that an instance may still set another function."""
    for kind, *names in _SPELLINGS:
        own = [name for name in names if name in cls.__dict__]
        if len(own) == 2 and cls.__dict__[own[0]] is not cls.__dict__[own[1]]:
            raise TypeError(f"{cls.__qualname__} has both {own[0]} and {own[1]}, which are two names of one handler")
        for name in names:
            value = _find(cls, name)[1]
            if isinstance(value, (OnEvent, OnEventMethod)):
                continue
            if value is not None and (isinstance(value, property) or not (callable(value) or hasattr(type(value), "__get__"))):
                raise TypeError(f"{cls.__qualname__}.{name} must be a method, which handles the event {kind!r}, not {type(value).__name__}")
            setattr(cls, name, OnEventMethod(kind, name, value))


def listen_by_methods(socket: Socket) -> None:
    """Register the methods of the socket's class."""
    cls = type(socket)
    for kind, *names in _SPELLINGS:
        # The nearest one, if a class and its parent use different spellings.
        _, value = min((_find(cls, name) for name in names), key=lambda found: found[0])
        if isinstance(value, OnEvent):
            continue
        method = _bind(value.method if isinstance(value, OnEventMethod) else value, socket, cls)
        if method is not None:
            socket._add_fixed(kind, method, False, check(socket, method))


def check(socket: Socket, listener: object) -> bool:
    """Make sure that async functions find a loop, and tell whether the listener is called without the event."""
    if is_async(listener):
        if not getattr(socket._hub, "runs_coroutines", True):
            raise TypeError(
                "an `async def` handler needs an asyncio loop, and the events of this socket are delivered without one already: set it"
                " before run_forever() or start(), or make the socket inside of a running loop"
            )
        socket._wants_loop = True
    return is_bare(listener)
