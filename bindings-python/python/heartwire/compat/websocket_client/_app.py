"""`WebSocketApp`, with the callbacks, arguments and results of `websocket-client`. Thin over `WebSocket`."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from . import _logging
from ._abnf import ABNF, parse_close
from ._arguments import refuse
from ._core import WebSocket, getdefaulttimeout
from ._exceptions import WebSocketConnectionClosedException, WebSocketException, WebSocketTimeoutException

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WebSocketApp", "set_reconnect"]

_reconnect = 0


def set_reconnect(reconnectInterval: int) -> None:
    """Set the default delay, in seconds, before `run_forever` connects again. 0: it does not."""
    global _reconnect
    _reconnect = reconnectInterval


class WebSocketApp:
    """A connection that calls functions: `run_forever()` runs it on the calling thread.

    Callbacks: on_open(app), on_reconnect(app), on_message(app, data), on_data(app, data, opcode, True), on_error(app, error), on_close(app,
    status, reason), on_ping(app, data), on_pong(app, data). Messages arrive whole, so on_cont_message is refused, as are get_mask_key and
    socket.
    """

    def __init__(
        self,
        url: str,
        header: Any = None,
        on_open: Callable[..., Any] | None = None,
        on_reconnect: Callable[..., Any] | None = None,
        on_message: Callable[..., Any] | None = None,
        on_error: Callable[..., Any] | None = None,
        on_close: Callable[..., Any] | None = None,
        on_ping: Callable[..., Any] | None = None,
        on_pong: Callable[..., Any] | None = None,
        on_cont_message: Callable[..., Any] | None = None,
        keep_running: bool = True,
        get_mask_key: Callable[..., Any] | None = None,
        cookie: str | None = None,
        subprotocols: list[str] | None = None,
        on_data: Callable[..., Any] | None = None,
        socket: Any = None,
    ) -> None:
        self.url = url
        self.header = [] if header is None else header
        self.cookie = cookie
        self.on_open = on_open
        self.on_reconnect = on_reconnect
        self.on_message = on_message
        self.on_data = on_data
        self.on_error = on_error
        self.on_close = on_close
        self.on_ping = on_ping
        self.on_pong = on_pong
        self.on_cont_message = on_cont_message
        self.keep_running = False
        self.get_mask_key = get_mask_key
        self.sock: WebSocket | None = None
        self.last_ping_tm = 0.0
        self.last_pong_tm = 0.0
        self.ping_interval: float = 0
        self.ping_timeout: float | None = None
        self.ping_payload = ""
        self.subprotocols = subprotocols
        self.prepared_socket = socket
        self.has_errored = False
        self.last_close_frame: ABNF | None = None
        self._opened = 0.0
        self._torn_down = True
        self._tearing = threading.Lock()

    def send(self, data: bytes | str, opcode: int = ABNF.OPCODE_TEXT) -> None:
        """Send a message. Raises WebSocketConnectionClosedException while there is no connection."""
        if self.sock is None or self.sock.send(data, opcode) == 0:
            raise WebSocketConnectionClosedException("Connection is already closed.")

    def send_text(self, text_data: str) -> None:
        """Send text."""
        self.send(text_data, ABNF.OPCODE_TEXT)

    def send_bytes(self, data: bytes | bytearray) -> None:
        """Send binary."""
        self.send(bytes(data), ABNF.OPCODE_BINARY)

    def close(self, **kwargs: Any) -> None:
        """Close (`status`, `reason`, `timeout`), and make `run_forever` return."""
        self.keep_running = False
        sock = self.sock
        if sock is not None:
            sock.close(**kwargs)
            self.last_close_frame = sock.close_frame or self.last_close_frame
            self.sock = None

    def ready(self) -> bool:
        """Tell whether the connection is open."""
        return bool(self.sock and self.sock.connected)

    def run_forever(
        self,
        sockopt: Any = None,
        sslopt: dict[str, Any] | None = None,
        ping_interval: float | None = 0,
        ping_timeout: float | None = None,
        ping_payload: str = "",
        http_proxy_host: str | None = None,
        http_proxy_port: int | str | None = None,
        http_no_proxy: Any = None,
        http_proxy_auth: tuple[str, str] | None = None,
        http_proxy_timeout: float | None = None,
        skip_utf8_validation: bool = False,
        host: str | None = None,
        origin: str | None = None,
        dispatcher: Any = None,
        suppress_origin: bool = False,
        suppress_host: bool = False,
        proxy_type: str | None = None,
        reconnect: int | None = None,
    ) -> bool:
        """Connect and call the callbacks until the connection is closed; return whether an error was the reason.

        With `reconnect` it connects again after so many seconds. `ping_interval` sends pings whose pongs go to on_pong, and `ping_timeout`
        ends a connection whose pong is missing. Heartwire also pings after 20 s without data, unless `ping_interval` is None. A
        `dispatcher` (`rel`) gets the descriptor, and this call then returns at once.
        """
        if ping_timeout is not None and ping_timeout <= 0:
            raise WebSocketException("Ensure ping_timeout > 0")
        if ping_interval is not None and ping_interval < 0:
            raise WebSocketException("Ensure ping_interval >= 0")
        if ping_timeout and ping_interval and ping_interval <= ping_timeout:
            raise WebSocketException("Ensure ping_interval > ping_timeout")
        if self.sock is not None:
            raise WebSocketException("socket is already opened")
        if self.on_cont_message is not None:
            refuse("fire_cont_frame", True)
        connection = {
            "http_proxy_host": http_proxy_host,
            "http_proxy_port": http_proxy_port,
            "http_no_proxy": http_no_proxy,
            "http_proxy_auth": http_proxy_auth,
            "http_proxy_timeout": http_proxy_timeout,
            "host": host,
            "origin": origin,
            "suppress_origin": suppress_origin,
            "suppress_host": suppress_host,
            "proxy_type": proxy_type,
            "cookie": self.cookie,
            "subprotocols": self.subprotocols,
            "socket": self.prepared_socket,
            "ping_interval": None if ping_interval is None else 20,
        }
        self.ping_interval, self.ping_timeout, self.ping_payload = ping_interval or 0, ping_timeout, ping_payload
        self.has_errored, self.keep_running, self._torn_down = False, True, False
        delay = _reconnect if reconnect is None else reconnect

        def open_once(again: bool) -> None:
            self.last_close_frame = None
            self.last_ping_tm = self.last_pong_tm = 0.0
            self._opened = time.time()
            sock = self.sock = WebSocket(self.get_mask_key, sockopt, sslopt, skip_utf8_validation=skip_utf8_validation)
            sock.settimeout(getdefaulttimeout())
            sock.connect(self.url, header=self.header() if callable(self.header) else self.header, **connection)
            _logging.info("Websocket connected")
            self._callback(self.on_reconnect if again and self.on_reconnect else self.on_open)

        if dispatcher:
            _Dispatched(self, dispatcher, open_once, delay).begin(False)
            return self.has_errored
        again = False
        try:
            while True:
                end = self._life(open_once, again)
                if not self.keep_running:
                    break
                self._failed(end, silently=bool(delay) and again)
                if not delay:
                    break
                _logging.info(f"{end} - reconnect")
                self._drop()
                time.sleep(delay)
                again = True
        finally:
            self._tear_down(going=not isinstance(sys.exc_info()[1], (Exception, type(None))))
        return self.has_errored

    def _life(self, open_once: Callable[[bool], None], again: bool) -> BaseException | ABNF | None:
        """Run one connection, from its opening to its end. Return its end, or None after `close`."""
        try:
            open_once(again)
            while self.keep_running:
                end = self._take_one()
                if end is not None:
                    return end
        except KeyboardInterrupt as error:
            self._failed(error, silently=False)
            self.keep_running = False
            self._leave()
        except SystemExit:
            self._leave()
            raise
        except Exception as error:
            return error if self.keep_running else None
        return None

    def _take_one(self) -> ABNF | None:
        """Wait for the next frame, pinging meanwhile, and hand it out. Return the Close frame if it is one."""
        sock = self.sock
        frames = None if sock is None else sock.heartwire
        if sock is None or frames is None:
            return None
        try:
            frames._wait(lambda: frames._inbox.messages or frames._inbox.end, self._rest())
        except TimeoutError:
            self._ping()
            return None
        opcode, frame = sock.recv_data_frame(True)
        return self._hand_out(opcode, frame)

    def _hand_out(self, opcode: int, frame: ABNF) -> ABNF | None:
        if opcode == ABNF.OPCODE_CLOSE:
            return frame
        if opcode == ABNF.OPCODE_PING:
            self._callback(self.on_ping, frame.data)
        elif opcode == ABNF.OPCODE_PONG:
            self.last_pong_tm = time.time()
            self._callback(self.on_pong, frame.data)
        else:
            data = frame.data.decode() if opcode == ABNF.OPCODE_TEXT and isinstance(frame.data, bytes) else frame.data
            self._callback(self.on_data, data, frame.opcode, True)
            self._callback(self.on_message, data)
        if self.ping_interval and self._rest() == 0:
            self._ping()
        return None

    def _rest(self) -> float | None:
        """Return the seconds until the next ping, or until the deadline of its pong."""
        if not self.ping_interval:
            return None
        due = (self.last_ping_tm or self._opened) + self.ping_interval
        if self.ping_timeout and self.last_ping_tm > self.last_pong_tm:
            due = min(due, self.last_ping_tm + self.ping_timeout)
        return max(0.0, due - time.time())

    def _ping(self) -> None:
        if self.ping_timeout and self.last_ping_tm > self.last_pong_tm and time.time() - self.last_ping_tm >= self.ping_timeout:
            raise WebSocketTimeoutException("ping/pong timed out")
        if self.sock is not None:
            self.last_ping_tm = time.time()
            self.sock.ping(self.ping_payload)

    def _failed(self, end: BaseException | ABNF | None, silently: bool) -> None:
        """Report the end to `on_error`. A Close becomes a WebSocketConnectionClosedException with status_code and reason."""
        error: Any = end
        if isinstance(end, ABNF):
            self.last_close_frame = end
            status, reason = parse_close(end.data)
            words = f"Connection closed (code {status})" if status is not None else "Connection closed"
            words = "Connection closed normally (code 1000)" if status == 1000 else words
            error = WebSocketConnectionClosedException(f"{words}: {reason}" if reason else words)
            error.status_code, error.reason = status, reason
        else:
            self.has_errored = True
        if not silently:
            self._callback(self.on_error, error)

    def _drop(self) -> None:
        sock, self.sock = self.sock, None
        if sock is not None:
            sock.shutdown()

    def _leave(self) -> None:
        """Close because the program ends: Ctrl+C, or `sys.exit()`."""
        if self.sock is not None and self.sock.connected:
            self.close(status=1001)

    def _tear_down(self, going: bool = False) -> None:
        with self._tearing:
            if self._torn_down:
                return
            self._torn_down = True
        self.keep_running = False
        sock, self.sock = self.sock, None
        if sock is not None:
            sock.close(status=1001 if going else 1000)
            sock.shutdown()
            self.last_close_frame = self.last_close_frame or sock.close_frame
        frame = self.last_close_frame
        self._callback(self.on_close, *(parse_close(frame.data) if frame is not None else (None, None)))

    def _callback(self, callback: Callable[..., Any] | None, *args: Any) -> None:
        if callback is None:
            return
        try:
            callback(self, *args)
        except Exception as error:
            _logging.error(f"error from callback {callback}: {error}")
            if self.on_error is not None and callback is not self.on_error:
                self.on_error(self, error)


class _Dispatched:
    """An app whose descriptor a foreign loop watches (`rel`)."""

    def __init__(self, app: WebSocketApp, dispatcher: Any, open_once: Callable[[bool], None], delay: int) -> None:
        self._app, self._dispatcher, self._open_once, self._delay = app, dispatcher, open_once, delay
        dispatcher.signal(2, dispatcher.abort)

    def begin(self, again: bool) -> bool:
        """Connect, and let the loop watch the descriptor."""
        app = self._app
        try:
            self._open_once(again)
            assert app.sock is not None, "it was opened"
            self._dispatcher.read(app.sock.sock, self._read)
        except Exception as error:
            self._ended(error)
        return False  # a timer of rel must not be set again

    def _read(self) -> bool:
        app = self._app
        if not app.keep_running or app.sock is None:
            app._tear_down()
            return False
        try:
            end: Any = app._hand_out(*app.sock.recv_data_frame(True))
        except Exception as error:
            end = error
        if end is None:
            return True
        self._ended(end)
        return False

    def _ended(self, end: Any) -> None:
        app = self._app
        app._failed(end, silently=False)
        if self._delay and app.keep_running:
            app._drop()
            self._dispatcher.timeout(self._delay, self.begin, True)
        else:
            app._tear_down()
