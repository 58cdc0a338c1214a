"""A server of the package `websockets` on a thread, for the compat tests. It does as a message or the path demands."""

from __future__ import annotations

import contextlib
import http
import socket
import threading
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

BOUND = 10.0


class CompatServer:
    """Echoes messages; `kick` closes with 4001, `drop` ends TCP, `three` sends three messages, `quiet` nothing."""

    def __init__(self) -> None:
        #: How connections ended, as the server saw it: code and reason.
        self.ends: list[tuple[int | None, str | None]] = []
        self.requests: list[Any] = []
        self._ended = threading.Condition()
        self._server = serve(self._handle, "127.0.0.1", 0, process_request=self._process, close_timeout=2)
        self.port = self._server.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _process(self, connection: Any, request: Any) -> Any:
        self.requests.append(request)
        if request.path == "/moved":
            response = connection.respond(http.HTTPStatus.FOUND, "")
            response.headers["Location"] = "/here"
            return response
        if request.path == "/full":
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "come back later")
        if request.path == "/secret":
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "who are you?")
        return None

    def _handle(self, connection: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                if message == "kick":
                    connection.close(4001, "kicked")
                elif message == "drop":
                    connection.socket.shutdown(socket.SHUT_RDWR)
                elif message == "three":
                    for number in range(3):
                        connection.send(str(number))
                elif message != "quiet":
                    connection.send(message)
        with self._ended:
            self.ends.append((connection.close_code, connection.close_reason))
            self._ended.notify_all()

    def wait_for_end(self) -> tuple[int | None, str | None]:
        """Give the next end that was not asked for yet."""
        with self._ended:
            assert self._ended.wait_for(lambda: self.ends, BOUND), "no connection ended"
            return self.ends.pop(0)

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(BOUND)
