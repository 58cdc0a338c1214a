"""`WebSocket` and `create_connection`, with the members that `websocket-client` has. Thin over `heartwire.sync`."""

from __future__ import annotations

import socket
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ... import _errors
from . import _logging
from ._abnf import ABNF, STATUS_NORMAL, close_payload, parse_close
from ._arguments import CONNECT, options_for, refuse, subprotocols_of
from ._exceptions import (
    WebSocketAddressException,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketProxyException,
    WebSocketTimeoutException,
)
from ._frames import Control, Frames

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WebSocket", "create_connection", "getdefaulttimeout", "setdefaulttimeout"]

_default_timeout: float | None = None


def setdefaulttimeout(timeout: float | None) -> None:
    """Set the default timeout of connections, in seconds."""
    global _default_timeout
    _default_timeout = timeout


def getdefaulttimeout() -> float | None:
    """Return that timeout."""
    return _default_timeout


class Sock:
    """The type of `ws.sock`: a descriptor to wait on, timeouts and addresses. The stream itself is Heartwire's."""

    def __init__(self, owner: WebSocket, frames: Frames) -> None:
        self._owner = owner
        self._frames = frames

    def fileno(self) -> int:
        """Return a descriptor that is readable while there is something to receive."""
        return self._frames.fileno()

    def gettimeout(self) -> float | None:
        """Return the timeout of `recv`, in seconds."""
        return self._owner.gettimeout()

    def settimeout(self, timeout: float | None) -> None:
        """Set it."""
        self._owner.settimeout(timeout)

    def getsockname(self) -> Any:
        """Return our address."""
        return self._frames.addresses[0]

    def getpeername(self) -> Any:
        """Return the address of the peer, or of the proxy."""
        return self._frames.addresses[1]

    def getsockopt(self, level: int, name: int) -> int:
        """Return the settings of `sockopt` for TCP_NODELAY and SO_KEEPALIVE."""
        known = {
            (socket.IPPROTO_TCP, socket.TCP_NODELAY): ("tcp_nodelay", True),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE): ("tcp_keepalive", None),
        }
        if (level, name) not in known:
            raise OSError(f"heartwire.compat.websocket_client: the socket option {(level, name)} is not known")
        option, default = known[level, name]
        return int(bool(self._frames.options.get(option, default)))

    def pending(self) -> int:
        """Return the bytes that wait without the descriptor being readable: there are never any."""
        return 0

    def shutdown(self, how: int = 2) -> None:
        """Drop the connection: others that wait in `recv` are woken."""
        self._frames.socket.terminate()

    def close(self) -> None:
        """Drop the connection."""
        self._frames.socket.terminate()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"heartwire.compat.websocket_client: sock has no {name!r}; the stream is Heartwire's own")


class WebSocket:
    """A connection: `connect`, `send`, `recv`, `close`. Its members may be used from any thread.

    `sslopt` and `sockopt` are the options of TLS and of the socket; `get_mask_key`, `fire_cont_frame` and `skip_utf8_validation` are
    refused. `heartwire` is Heartwire's own connection.
    """

    def __init__(
        self,
        get_mask_key: Any = None,
        sockopt: Any = None,
        sslopt: dict[str, Any] | None = None,
        fire_cont_frame: bool = False,
        enable_multithread: bool = True,
        skip_utf8_validation: bool = False,
        **_options: Any,
    ) -> None:
        refuse("get_mask_key", get_mask_key)
        refuse("fire_cont_frame", fire_cont_frame)
        refuse("skip_utf8_validation", skip_utf8_validation)
        for name in _options:
            if name not in CONNECT:
                raise TypeError(f"heartwire.compat.websocket_client does not know the argument {name!r}")
        self._sockopt = sockopt
        self._sslopt = sslopt or {}
        self._timeout: float | None = None
        self._fragments: str | bytes | None = None
        self._sending = threading.Lock()
        self.heartwire: Frames | None = None
        self.sock: Sock | None = None
        self.connected = False
        self.close_frame: ABNF | None = None

    def connect(self, url: str, *, ping_interval: float | None = 20, ping_timeout: float | None = 20, **options: Any) -> None:
        """Open the connection with the options of `websocket-client`. Heartwire pings after `ping_interval` s without data."""
        self._timeout = options.get("timeout", self._timeout)
        given = options_for(url, self._sockopt, self._sslopt, self._timeout, options)
        frames = Frames(url, subprotocols_of(options), {**given, "ping_interval": ping_interval, "ping_timeout": ping_timeout})
        try:
            frames._open()
        except BaseException as error:
            frames.socket.terminate()
            if isinstance(error, _errors.WebSocketError):
                raise _opening_failed(error) from error
            raise
        self.heartwire, self.sock, self.connected, self.close_frame = frames, Sock(self, frames), True, None

    def set_mask_key(self, func: Any) -> None:
        """Refuse a function for masks: they are Heartwire's own."""
        refuse("get_mask_key", func)

    def __iter__(self) -> Iterator[str | bytes]:
        """Return messages until the connection ends, which raises."""
        while True:
            yield self.recv()

    def __next__(self) -> str | bytes:
        return self.recv()

    def next(self) -> str | bytes:
        """Return the next message."""
        return self.__next__()

    def fileno(self) -> int:
        """Return a descriptor that is readable while there is something to receive."""
        if self.sock is None:
            raise WebSocketException("Connection not established")
        return self.sock.fileno()

    def gettimeout(self) -> float | None:
        """Return the timeout of `connect` and `recv`, in seconds."""
        return self._timeout

    def settimeout(self, timeout: float | None) -> None:
        """Set the timeout. None: wait for ever."""
        self._timeout = timeout

    timeout = property(gettimeout, settimeout)

    def getsubprotocol(self) -> str | None:
        """Return the subprotocol in use."""
        return None if self.heartwire is None else self.heartwire.subprotocol

    subprotocol = property(getsubprotocol)

    def getstatus(self) -> int | None:
        """Return the status of the response: 101, or None before it."""
        return None if self.heartwire is None else 101

    status = property(getstatus)

    def getheaders(self) -> dict[str, str] | None:
        """Return the headers of the response, names in lower case."""
        return None if self.heartwire is None else {name.lower(): value for name, value in self.heartwire.response}

    headers = property(getheaders)

    def is_ssl(self) -> bool:
        """Tell whether the connection is under TLS."""
        return self.heartwire is not None and self.heartwire.socket.url.startswith("wss:")

    def send(self, payload: bytes | str, opcode: int = ABNF.OPCODE_TEXT) -> int:
        """Send a message, or a control frame; return the length of the frame in bytes."""
        return self.send_frame(ABNF.create_frame(payload, opcode))

    def send_text(self, text_data: str) -> int:
        """Send text."""
        return self.send(text_data, ABNF.OPCODE_TEXT)

    def send_bytes(self, data: bytes | bytearray) -> int:
        """Send binary."""
        return self.send(bytes(data), ABNF.OPCODE_BINARY)

    send_binary = send_bytes

    def send_frame(self, frame: ABNF) -> int:
        """Send a frame. One without `fin` begins, or continues, a message in fragments."""
        data = frame.data if isinstance(frame.data, bytes) else str(frame.data).encode()
        _logging.trace(f"++Sent decoded: {frame}")
        frames = self.heartwire
        if frames is None or self.sock is None or not (self.connected or frames.socket.ready_state == 1):
            raise WebSocketConnectionClosedException("socket is already closed.")
        with self._sending:
            try:
                self._send(frames, frame, data)
            except _errors.InvalidStateError as error:
                raise WebSocketConnectionClosedException("socket is already closed.") from error
        return len(data) + (6 if len(data) < 126 else 8 if len(data) < ABNF.LENGTH_16 else 14)

    def _send(self, frames: Frames, frame: ABNF, data: bytes) -> None:
        opcode = frame.opcode
        if opcode == ABNF.OPCODE_CLOSE:
            code, reason = parse_close(data)
            frames.socket._close(code, reason or "")
        elif opcode == ABNF.OPCODE_PING:
            frames.pings.append(data)
            frames.ping(data)
        elif opcode == ABNF.OPCODE_PONG:
            frames.pong(data)
        elif opcode == ABNF.OPCODE_CONT or not frame.fin:
            first = opcode != ABNF.OPCODE_CONT
            self._fragments = ("" if opcode == ABNF.OPCODE_TEXT else b"") if first else self._fragments
            if self._fragments is None:
                raise WebSocketException("a continuation without a beginning")
            frames.socket._send_fragment(data.decode() if isinstance(self._fragments, str) else data, first, bool(frame.fin), None)
            self._fragments = None if frame.fin else self._fragments
        else:
            frames.send(data.decode() if opcode == ABNF.OPCODE_TEXT else data)

    def ping(self, payload: str | bytes = "") -> None:
        """Send a ping."""
        self.send(payload.encode() if isinstance(payload, str) else payload, ABNF.OPCODE_PING)

    def pong(self, payload: str | bytes = "") -> None:
        """Send a pong that answers nothing: pings are answered by Heartwire."""
        self.send(payload.encode() if isinstance(payload, str) else payload, ABNF.OPCODE_PONG)

    def recv(self) -> str | bytes:
        """Return the next message, text as str, and an empty text for the server's Close. Raises after a timeout or a loss."""
        while True:
            item = self._take()
            if not isinstance(item, Control):
                return item
            if item.opcode == ABNF.OPCODE_CLOSE:
                return ""

    def recv_data(self, control_frame: bool = False) -> tuple[int, bytes]:
        """Return the opcode and the payload of the next frame; pings and pongs only on request."""
        opcode, frame = self.recv_data_frame(control_frame)
        return opcode, frame.data  # type: ignore[return-value] # received data is bytes

    def recv_data_frame(self, control_frame: bool = False) -> tuple[int, ABNF]:
        """Return the opcode and the frame that comes next; pings and pongs only on request. A message is one frame."""
        while True:
            frame = self.recv_frame()
            if control_frame or frame.opcode not in (ABNF.OPCODE_PING, ABNF.OPCODE_PONG):
                return frame.opcode, frame

    def recv_frame(self) -> ABNF:
        """Return the next item as a frame."""
        item = self._take()
        opcode = ABNF.OPCODE_TEXT if isinstance(item, str) else item.opcode if isinstance(item, Control) else ABNF.OPCODE_BINARY
        frame = ABNF(1, 0, 0, 0, opcode, 0, item.encode() if isinstance(item, str) else bytes(item))
        _logging.trace(f"++Rcv decoded: {frame}")
        return frame

    def _take(self) -> str | bytes:
        frames = self.heartwire
        if frames is None or self.sock is None:
            raise WebSocketConnectionClosedException("Connection is closed")
        try:
            item = frames.take(self._timeout)
        except TimeoutError as error:
            raise WebSocketTimeoutException("Connection timed out") from error
        except WebSocketConnectionClosedException:
            self.connected = False
            self.shutdown()
            raise
        if isinstance(item, Control) and item.opcode == ABNF.OPCODE_CLOSE:
            self.connected = False
        return item

    def send_close(self, status: int = STATUS_NORMAL, reason: str | bytes = b"") -> None:
        """Send a Close, without waiting."""
        if not 0 <= status < ABNF.LENGTH_16:
            raise ValueError("code is invalid range")
        self.connected = False
        self.send(close_payload(status, reason), ABNF.OPCODE_CLOSE)

    def close(self, status: int = STATUS_NORMAL, reason: str | bytes = b"", timeout: float | None = 3) -> None:
        """Close, and wait for the answer for `timeout` seconds at most. None: as long as Heartwire's closing takes."""
        if not self.connected:
            return
        if not 0 <= status < ABNF.LENGTH_16:
            raise ValueError("code is invalid range")
        self.connected = False
        self.close_frame = None
        frames = self.heartwire
        try:
            self.send(close_payload(status, reason), ABNF.OPCODE_CLOSE)
            if frames is not None:
                frames._wait(lambda: frames._inbox.end, timeout)
                end = frames._inbox.end
                if end is not None and end.was_clean:
                    self.close_frame = ABNF(1, 0, 0, 0, ABNF.OPCODE_CLOSE, 0, close_payload(end.code, end.reason))
        except (WebSocketConnectionClosedException, TimeoutError):
            _logging.debug("the server did not answer the Close")
        finally:
            self.shutdown()

    def abort(self) -> None:
        """Drop the connection: others that wait in `recv` are woken."""
        if self.connected and self.sock is not None:
            self.sock.shutdown()

    def shutdown(self) -> None:
        """Drop the connection at once."""
        frames, self.sock, self.connected = self.heartwire, None, False
        if frames is not None:
            if not frames.socket._finished:
                frames.socket.terminate()
            frames.release()


def _opening_failed(error: _errors.WebSocketError) -> Exception:
    if error.code == "open_timeout":
        return WebSocketTimeoutException("timed out")
    if error.phase == "dns":
        return WebSocketAddressException(error.message)
    if error.phase == "proxy":
        return WebSocketProxyException(error.message)
    if error.code == "http_redirect":
        return WebSocketException("Redirect limit exhausted")
    if error.code == "http_refused" and error.status is not None:
        headers = {name.lower(): value for name, value in error.headers}
        phrase = next((known.phrase for known in HTTPStatus if known == error.status), "")
        words = f"Handshake status {error.status} {phrase} -+-+- {headers} -+-+- {error.body!r}"
        return WebSocketBadStatusException(words, error.status, phrase, headers, error.body)
    if error.code == "http_invalid" and error.status is None and "ended the connection" in error.message:
        return WebSocketConnectionClosedException("Connection to remote host was lost.")
    if error.phase == "http":
        return WebSocketException(f"Invalid WebSocket Header: {error.message}")
    return error


def create_connection(url: str, timeout: float | None = None, class_: Any = WebSocket, **options: Any) -> Any:
    """Open a connection, and return it; the options are those of `WebSocket` and of its `connect`."""
    mine = {
        "sockopt": options.pop("sockopt", []),
        "sslopt": options.pop("sslopt", {}),
        "fire_cont_frame": options.pop("fire_cont_frame", False),
        "enable_multithread": options.pop("enable_multithread", True),
        "skip_utf8_validation": options.pop("skip_utf8_validation", False),
    }
    made = class_(**mine, **options)
    made.settimeout(getdefaulttimeout() if timeout is None else timeout)
    made.connect(url, **options)
    return made
