"""The extension module. Names that `heartwire` does not re-export are private."""

from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from typing import Any, Literal, final

from typing_extensions import Self, TypeAlias, disjoint_base

from ._errors import WebSocketError
from ._options import HeartbeatOptions
from ._websocket import WebSocket

_Data: TypeAlias = str | bytes | bytearray | memoryview

__all__ = [
    "CloseEvent",
    "DroppedEvent",
    "ErrorEvent",
    "Event",
    "FaultServer",
    "Fragments",
    "HeartbeatEvent",
    "Hub",
    "MessageEvent",
    "OpenEvent",
    "PingEvent",
    "PongEvent",
    "ReconnectingEvent",
    "Shutdown",
    "Socket",
    "ThrottledEvent",
    "__version__",
    "counts",
    "end",
    "end_unrun",
    "goodbye",
    "goodbye_and_tell",
    "leave_signal",
    "refuse_subinterpreters",
    "tell_warnings",
    "watch_frames",
    "watch_signals",
    "watch_signals_again",
]

__version__: str

@disjoint_base
class Event:
    """The members that all events have."""

    @property
    def type(self) -> str:
        """The event's name."""
    @property
    def target(self) -> WebSocket:
        """The socket."""

@final
class OpenEvent(Event):
    """The connection is open."""

    @property
    def protocol(self) -> str:
        """The subprotocol that the server chose, or empty."""
    @property
    def extensions(self) -> str:
        """The extensions in use, or empty."""
    @property
    def headers(self) -> list[tuple[str, str]]:
        """The response's headers, names in lower case."""

@final
class MessageEvent(Event):
    """A message."""

    @property
    def data(self) -> str | bytes:
        """The text (str) or the bytes."""
    @property
    def origin(self) -> str:
        """The origin of the URL."""
    def json(self) -> Any:
        """The message, parsed as JSON."""

@final
class CloseEvent(Event):
    """The end of a connection, or of an attempt to open one."""

    @property
    def code(self) -> int:
        """The received code. 1005: the Close had no code. 1006: no Close arrived, or we failed the connection."""
    @property
    def reason(self) -> str:
        """The reason received."""
    @property
    def was_clean(self) -> bool:
        """Whether both sides sent a Close frame."""
    @property
    def wasClean(self) -> bool:
        """`was_clean` by the standard's name."""
    @property
    def error(self) -> WebSocketError | None:
        """The cause of an abnormal end, or None."""
    @property
    def will_reconnect(self) -> bool:
        """Whether another attempt follows."""
    @property
    def retry_in(self) -> float | None:
        """In how many seconds, or None."""
    @property
    def unsent(self) -> int:
        """How many bytes of messages the system had not taken when the connection ended."""

@final
class ErrorEvent(Event):
    """We failed the connection, or could not open it."""

    @property
    def error(self) -> WebSocketError:
        """The failure of the connection."""
    @property
    def message(self) -> str:
        """Its words."""

@final
class ReconnectingEvent(Event):
    """The next attempt is planned."""

    @property
    def attempt(self) -> int:
        """1 for the first attempt after the loss."""
    @property
    def delay(self) -> float:
        """Seconds until then."""
    @property
    def capped(self) -> float | None:
        """The server's Retry-After in seconds, if it was longer than `max_retry_after`, the actual wait; else None."""
    @property
    def cause(self) -> WebSocketError | None:
        """Why, or None."""

@final
class PingEvent(Event):
    """The peer's ping, which is already answered."""

    @property
    def payload(self) -> bytes:
        """Its payload."""

@final
class PongEvent(Event):
    """A pong."""

    @property
    def payload(self) -> bytes:
        """Its payload."""
    @property
    def latency(self) -> float | None:
        """Seconds since the ping that it answers. None if it answers none of ours."""

@final
class HeartbeatEvent(Event):
    """The outcome of a text heartbeat."""

    @property
    def kind(self) -> Literal["sent", "answered", "missed"]:
        """`sent`, `answered` or `missed`."""
    @property
    def latency(self) -> float | None:
        """Seconds until the response, if it arrived."""
    @property
    def missed(self) -> int | None:
        """How many responses in a row are missing, if this one is."""

@final
class DroppedEvent(Event):
    """Messages of the send queue that will never be sent."""

    @property
    def messages(self) -> list[str | bytes]:
        """The messages, oldest first."""
    @property
    def reason(self) -> Literal["expired", "overflow", "closed"]:
        """`expired`, `overflow` or `closed`."""

@final
class ThrottledEvent(Event):
    """Messages have to wait for the rate limit."""

    @property
    def delay(self) -> float:
        """How many seconds the first of them has to wait."""
    @property
    def waiting(self) -> int:
        """How many wait."""

@disjoint_base
class Socket:
    """A socket; empty until `_setup`."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self: ...
    def send(
        self,
        data: _Data | Sequence[_Data] | Iterator[_Data],
        compress: bool | None = None,
        *,
        text: bool | None = None,
        key: str | None = None,
        urgent: bool = False,
    ) -> None:
        """Sends a message: str as text; bytes, bytearray or memoryview as binary; an iterable of either as one message in fragments.

        `text` sets the kind: True for text, False for binary. Without it the first part of an iterable decides; an empty one is text.
        Raises TypeError for data of another kind.
        """
    def ping(self, data: _Data | None = None) -> None:
        """Sends a ping; the pong event reports the round trip."""
    def pong(self, data: _Data | None = None) -> None:
        """Sends a pong that answers no ping."""
    def close(self, code: int | None = None, reason: str = "") -> None:
        """Starts the closing handshake; while connecting, ends the attempt. Final: no reconnection follows."""
    def _close(self, code: int | None, reason: str) -> None: ...
    def _set_receiver(self, inbox: object) -> None: ...
    def _received(self) -> None: ...
    def throttle(self, seconds: float, *, key: str | None = None) -> None:
        """The server asked us to slow down: for so many seconds only urgent messages leave, or none with this key. 0 ends it.

        Raises InvalidStateError without the option `rate_limit`.
        """
    def _send_waiting(
        self, data: _Data, compress: bool | None, key: str | None, urgent: bool, settle: Callable[[str | None, Any], None]
    ) -> int | None: ...
    def _request(
        self,
        text: str,
        settle: Callable[[str | None, Any], None],
        limited: bool,
        timeout: float | None,
        resend: bool | None,
        deliver: bool | None,
        key: str | None,
        urgent: bool,
    ) -> int: ...
    def _cancel_request(self, ticket: int) -> None: ...
    @property
    def _logs_in(self) -> bool: ...
    @property
    def _limited(self) -> bool: ...
    @property
    def _is_ready(self) -> bool: ...
    def set_heartbeat(self, options: HeartbeatOptions | None) -> None:
        """Sets the heartbeat of the present connection, as a server requests it in its greeting. None turns it off.

        The next connection starts with the option `heartbeat` again. Raises InvalidStateError unless the connection is open.
        """
    def reconnect(self, url: str | None = None, *, code: int | None = None, reason: str = "", overlap: bool = False) -> None:
        """Opens another connection now, without a delay, to `url` if one is given (for this attempt only).

        All messages of the old connection are delivered. Then its server gets `code` (1000 by default), and its `close` event has the error
        `replaced`. If no connection is open, the next attempt begins at once. Raises InvalidStateError after `close()` and the last event.

        With `overlap` the other connection is opened, and logged in by `ready`, first. Then the old one is closed with `code` and its last
        messages are delivered. `close` (with 1000), `open` and the events of the new connection follow, and `ready_state` stays OPEN. If
        the new one fails, the old one stays. If a function logs in, it raises InvalidStateError.
        """
    def terminate(self) -> None:
        """Drops the connection at once. Final."""
    def pause(self) -> None:
        """Stops reading until `resume()` or `close()`. TCP then slows the server down."""
    def resume(self) -> None:
        """Reads again."""
    @property
    def ready_state(self) -> int:
        """0 connecting, 1 open, 2 closing, 3 closed."""
    @property
    def readyState(self) -> int:
        """`ready_state` by the standard's name."""
    @property
    def buffered_amount(self) -> int:
        """The bytes of messages that have not left. If the connection is gone, they never leave."""
    @property
    def bufferedAmount(self) -> int:
        """`buffered_amount` by the standard's name."""
    @property
    def url(self) -> str:
        """The URL in use."""
    @property
    def protocol(self) -> str:
        """The subprotocol in use, or empty."""
    @property
    def extensions(self) -> str:
        """The extensions in use, or empty."""
    @property
    def latency(self) -> float | None:
        """Seconds of the last round trip of a ping, or None."""
    @property
    def _addresses(self) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None: ...
    @property
    def _write_limit(self) -> int: ...
    @property
    def _close_on_exit(self) -> bool: ...
    @property
    def _hub(self) -> Hub | None: ...
    @property
    def _finished(self) -> bool: ...
    @property
    def _last_close(self) -> CloseEvent | None: ...
    @property
    def _closes(self) -> int: ...
    @property
    def _wants_loop(self) -> bool: ...
    @_wants_loop.setter
    def _wants_loop(self, value: bool) -> None: ...
    def _setup(self, url: object, protocols: object, options: object, context: Context) -> None: ...
    def _send_fragment(self, data: _Data, first: bool, last: bool, compress: bool | None) -> None: ...
    def _go_away(self, code: int = ...) -> None: ...
    def _functions(self) -> list[Callable[..., object]]: ...
    def _get_handler(self, type: str) -> Callable[[Any], object] | None: ...
    def _set_handler(self, type: str, function: Callable[..., object] | None, bare: bool) -> None: ...
    def _add_listener(self, type: str, function: Callable[..., object], once: bool, bare: bool) -> None: ...
    def _add_fixed(self, type: str, function: Callable[..., object], private: bool, bare: bool) -> None: ...
    def _expect_run(self, name: str) -> None: ...
    def _remove_listener(self, type: str, function: Callable[..., object]) -> None: ...
    def _on_finish(self, function: Callable[[CloseEvent], object]) -> bool: ...

@final
class Fragments:
    """A message that is being sent."""

    def __new__(cls, socket: Socket, text: bool | None, compress: bool | None) -> Self: ...
    def put(self, part: _Data) -> None:
        """Takes a part. It leaves once the next part is there, because the last one is marked."""
    def end(self) -> None:
        """Sends the last part. A message without parts is empty."""
    def abandon(self) -> None:
        """Abandons the message. If some parts have left, its connection ends."""
    @property
    def is_lost(self) -> bool:
        """Whether the connection on which the message began has ended."""

@disjoint_base
class Hub:
    """Delivers the events of its sockets."""

    def __new__(cls, *_args: Any) -> Self: ...
    def __len__(self) -> int: ...
    def _ready(self, socket: Socket) -> None: ...
    def _flush(self) -> None: ...
    def _over(self) -> None: ...
    def watch_with(self, event_loop: object) -> None:
        """Makes an event loop watch the descriptors of the sockets, as it watches the hub's own."""
    def fileno(self) -> int:
        """The descriptor that is readable while a socket is ready."""
    def attach(self, socket: Socket) -> None:
        """Adds a socket and starts it. A socket is in one hub at a time."""
    def detach_all(self) -> None:
        """Releases all sockets in any state; they can be attached again."""
    def sockets(self) -> list[Socket]:
        """The sockets of this hub."""
    def turn(self) -> None:
        """Delivers the waiting events, within a budget; then calls `idle()` if no socket is left."""
    def run(self) -> None:
        """Waits and delivers until no socket is left. Python's signal handlers run in between, on the main thread."""
    def pump(self, timeout: float | None = None) -> None:
        """Waits, at most `timeout` seconds, and delivers once."""
    def wait_for_turn(self) -> None:
        """For loops that cannot watch a descriptor: waits on a thread of its own until a turn is due."""
    def look_for_stall(self, function: object) -> None:
        """Looks for a stall after a task of an async handler, as the hub does after each function that it calls."""
    def end_watch(self) -> None:
        """The last socket is gone, and no other will be attached: releases the loop."""
    def _wake(self, token: int) -> None: ...
    def nudge(self) -> None:
        """Ends a wait without a socket: the waiting call returns."""

@final
class Shutdown:
    """The orderly end of all sockets of the process."""

    def __new__(cls, timeout: float) -> Self: ...
    def advance(self) -> bool | None:
        """Continues the shutdown. None until all sockets have ended; then whether everything was sent and answered in time."""

def counts(socket: Socket | None = None) -> str:
    """The counts of this socket as JSON text; without one, the sum of all that the process has started."""

def watch_frames(watched: bool) -> None:
    """Whether frames of connections that begin from now on are kept for the log."""

def goodbye(timeout: float | None = None) -> None:
    """Sends Close 1001 on all sockets of the process, and waits for the answers. It blocks, for at most `timeout` seconds if given."""

def end() -> None:
    """The interpreter ends, and only daemon threads are left: stops their deliveries, and waits for that."""

def end_unrun(forget: bool = False) -> None:
    """The warnings for all remaining sockets; with `forget` they are forgotten instead."""

def tell_warnings() -> None:
    """Logs the stored warnings at the end of the process."""

def refuse_subinterpreters() -> None:
    """Refuses any interpreter but the first: the classes are one for the whole process."""

def goodbye_and_tell() -> None:
    """As `goodbye`, for a program that continues: the sockets get their last events."""

def watch_signals(chaining: list[int] = ...) -> None:
    """From now on signals that end a process, and whose default action is in place, close the sockets first and then do their usual work.
    So do those of `chaining`, which Python does not know, if a C handler is installed that runs the default action afterwards."""

def leave_signal(signal: int, handled: bool) -> None:
    """Sets whether the program handles a signal itself from now on, for systems where only the host knows that, such as Windows."""

def watch_signals_again() -> None:
    """Watches again the signals whose default action was restored, if signals were watched before in this process."""

@disjoint_base
class FaultServer:
    """A WebSocket server on 127.0.0.1 that follows its script, and records all that it received. Stops when it is dropped."""

    def __new__(cls, script: Any | None = None) -> Self: ...
    @property
    def url(self) -> str:
        """The address to connect to."""
    @property
    def port(self) -> int:
        """The port; it stays the same while connections are refused."""
    @property
    def ca_pem(self) -> str | None:
        """With TLS: the certificate of the authority that signed the server's, as PEM; else None."""
    @property
    def client_pem(self) -> tuple[str, str] | None:
        """With TLS: a certificate and a key that the server accepts from a client, as PEM; else None."""
    def set_script(self, script: Any) -> None:
        """Replaces the script for later connections."""
    def records(self) -> list[dict[str, Any]]:
        """Everything recorded so far: a list of dicts."""
    def wait_for(self, pattern: dict[str, Any], timeout: float = 5.0) -> dict[str, Any]:
        """Waits until something like `pattern` was recorded, and returns that record; raises `TimeoutError` after `timeout` seconds."""
    def refuse_connections(self) -> None:
        """Refuses new connections to the port from now on; open ones continue."""
    def accept_connections(self) -> None:
        """Accepts connections again."""
    def drop_connections(self) -> None:
        """Resets every open connection."""
    def stop(self) -> None:
        """Ends the server and its connections. The records stay readable."""
