"""`heartwire.compat.websocket_client`. The suite `compat` compares it with the package; this file has the rules for every Python."""

from __future__ import annotations

import select
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from compat_server import BOUND, CompatServer
from conftest import Child
from heartwire.compat import websocket_client as websocket


@pytest.fixture
def peer() -> Iterator[CompatServer]:
    server = CompatServer()
    yield server
    server.stop()


def test_a_chat(peer: CompatServer) -> None:
    ws = websocket.create_connection(peer.url, timeout=BOUND, header=["X-Bot: 7"], cookie="a=b", origin="http://here")
    headers = peer.requests[0].headers
    assert (headers["X-Bot"], headers["Cookie"], headers["Origin"]) == ("7", "a=b", "http://here")
    assert (ws.connected, ws.status, ws.subprotocol, ws.getheaders()["upgrade"]) == (True, 101, None, "websocket")
    assert (ws.send("hi"), ws.recv()) == (8, "hi")
    assert (ws.send_binary(b"x" * 200), ws.recv_data()) == (208, (websocket.ABNF.OPCODE_BINARY, b"x" * 200))
    ws.ping("yes?")
    opcode, frame = ws.recv_data_frame(True)
    assert (opcode, frame.data) == (websocket.ABNF.OPCODE_PONG, b"yes?")
    ws.send_frame(websocket.ABNF.create_frame("in ", websocket.ABNF.OPCODE_TEXT, 0))
    ws.send_frame(websocket.ABNF.create_frame(b"parts", websocket.ABNF.OPCODE_CONT, 1))
    assert ws.recv_data() == (websocket.ABNF.OPCODE_TEXT, b"in parts")
    ws.settimeout(0.01)
    with pytest.raises(websocket.WebSocketTimeoutException):
        ws.recv()
    ws.close(status=3000, reason="bye")
    assert peer.wait_for_end() == (3000, "bye")
    assert not ws.connected
    for late in (lambda: ws.send("late"), ws.recv):
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            late()


def test_a_kick_and_a_loss(peer: CompatServer) -> None:
    ws = websocket.create_connection(peer.url, timeout=BOUND)
    ws.send("kick")
    assert ws.recv_data_frame(True)[1].data == b"\x0f\xa1kicked"
    assert not ws.connected
    ws = websocket.create_connection(peer.url, timeout=BOUND)
    ws.send("drop")
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        ws.recv()
    assert not ws.connected


def test_refusals_of_the_server(peer: CompatServer) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        websocket.create_connection(peer.url + "/full")
    assert (caught.value.status_code, caught.value.resp_body) == (503, b"come back later")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(websocket.WebSocketTimeoutException):
            websocket.create_connection(address, timeout=0.05)
    with pytest.raises(ConnectionRefusedError):
        websocket.create_connection(address)
    with pytest.raises(websocket.WebSocketAddressException):
        websocket.create_connection("ws://nowhere.invalid/")
    with pytest.raises(ValueError, match="scheme http is invalid"):
        websocket.create_connection("http://127.0.0.1/")


def test_the_descriptor_is_readable_while_there_is_something(peer: CompatServer) -> None:
    ws = websocket.create_connection(peer.url, timeout=BOUND)
    ws.send("three")
    assert ws.recv() == "0"
    for number in ("1", "2"):
        assert select.select([ws.sock], [], [], BOUND)[0] == [ws.sock]
        assert ws.recv() == number
    assert select.select([ws], [], [], 0)[0] == []
    ws.send("drop")
    assert select.select([ws], [], [], BOUND)[0] == [ws]
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        ws.recv()
    with pytest.raises(websocket.WebSocketException):
        ws.fileno()


def test_another_thread_may_close(peer: CompatServer) -> None:
    ws = websocket.create_connection(peer.url)
    failed: list[BaseException] = []

    def receive() -> None:
        try:
            ws.recv()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=receive)
    thread.start()
    ws.close()
    thread.join(BOUND)
    assert not thread.is_alive()
    assert [type(error) for error in failed] in ([], [websocket.WebSocketConnectionClosedException])


class App:
    """A WebSocketApp that sends messages, each after the answer to the one before, and keeps the reports of its callbacks."""

    def __init__(self, url: str, *messages: str, closes: bool = True) -> None:
        self.log: list[Any] = []
        rest = iter(messages)

        def send_next(app: Any, *_: Any) -> None:
            message = next(rest, None)
            if message is not None:
                app.send(message)
            elif closes:
                app.close()

        def on_message(app: Any, message: Any) -> None:
            self.log.append(message)
            send_next(app)

        def on_open(app: Any) -> None:
            self.log.append("open")
            send_next(app)

        self.app = websocket.WebSocketApp(
            url,
            on_open=on_open,
            on_message=on_message,
            on_error=lambda app, error: self.log.append(("error", type(error).__name__)),
            on_close=lambda app, status, reason: self.log.append(("close", status, reason)),
            on_reconnect=lambda app: (self.log.append("again"), app.close()),
            on_pong=lambda app, data: self.log.append(("pong", data)),
        )


LOST = ("error", "WebSocketConnectionClosedException")


def test_an_app_talks_and_closes(peer: CompatServer) -> None:
    app = App(peer.url, "a", "b")
    assert app.app.run_forever() is False
    assert app.log == ["open", "a", "b", ("close", 1000, None)]
    assert peer.wait_for_end() == (1000, "")


def test_an_app_is_kicked(peer: CompatServer) -> None:
    app = App(peer.url, "a", "kick")
    assert app.app.run_forever() is False
    assert app.log == ["open", "a", LOST, ("close", 4001, "kicked")]


def test_an_app_is_dropped(peer: CompatServer) -> None:
    app = App(peer.url, "drop")
    assert app.app.run_forever() is True
    assert app.log == ["open", LOST, ("close", None, None)]


def test_an_app_comes_back(peer: CompatServer) -> None:
    app = App(peer.url, "drop")
    app.app.run_forever(reconnect=0.01)  # type: ignore[arg-type] # seconds; the package says int and takes this
    assert app.log == ["open", LOST, "again", ("close", 1000, None)]


def test_an_app_that_cannot_connect() -> None:
    app = App("ws://127.0.0.1:1/")
    assert app.app.run_forever() is True
    assert app.log == [("error", "WebSocketError"), ("close", None, None)]


def test_an_app_pings(peer: CompatServer) -> None:
    app = App(peer.url, "quiet", closes=False)
    app.app.on_pong = lambda app, data: (pongs.append(data), len(pongs) == 2 and app.close())
    pongs: list[bytes] = []
    assert app.app.run_forever(ping_interval=0.05, ping_timeout=0.04, ping_payload="there?") is False
    assert pongs == [b"there?", b"there?"]


def test_an_exception_of_a_callback_is_told_to_on_error(peer: CompatServer) -> None:
    app = App(peer.url, "a", "b")

    def fails(app: Any, message: str) -> None:
        if message == "b":
            app.close()
        else:
            app.send("b")
            raise ValueError("a fault of the program")

    app.app.on_message = fails
    assert app.app.run_forever() is False
    assert ("error", "ValueError") in app.log


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("get_mask_key", lambda url: websocket.WebSocket(get_mask_key=lambda length: b"abcd")),
        ("fire_cont_frame", lambda url: websocket.create_connection(url, fire_cont_frame=True)),
        ("skip_utf8_validation", lambda url: websocket.create_connection(url, skip_utf8_validation=True)),
        ("socket", lambda url: websocket.create_connection(url, socket=object())),
        ("suppress_host", lambda url: websocket.create_connection(url, suppress_host=True)),
        ("http_proxy_timeout", lambda url: websocket.create_connection(url, http_proxy_timeout=3)),
        ("connection", lambda url: websocket.create_connection(url, connection="close")),
        ("sockopt", lambda url: websocket.create_connection(url, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)])),
        ("ciphers", lambda url: websocket.create_connection(url, sslopt={"ciphers": "x"})),
        ("check_hostname", lambda url: websocket.create_connection(url, sslopt={"check_hostname": False})),
        ("fire_cont_frame", lambda url: websocket.WebSocketApp(url, on_cont_message=print).run_forever()),
    ],
)
def test_what_is_not_supported_is_refused_by_name(peer: CompatServer, name: str, call: Any) -> None:
    with pytest.raises(websocket.WebSocketException, match=name):
        call(peer.url)
    with pytest.raises(TypeError, match="nonsense"):
        websocket.create_connection(peer.url, nonsense=1)


def test_options_of_tls_and_proxies() -> None:
    from heartwire.compat.websocket_client._arguments import options_for

    def options(url: str = "wss://host.example/", sslopt: Any = None, **given: Any) -> dict[str, Any]:
        return options_for(url, None, sslopt or {}, None, given)

    assert options(sslopt={"cert_reqs": ssl.CERT_NONE, "ca_certs": "unread"})["tls"] == {"verify": False}
    assert options(sslopt={"ca_certs": "ca.pem", "certfile": "me.pem"})["tls"] == {"ca": "ca.pem", "cert": "me.pem", "key": "me.pem"}
    proxied = options(http_proxy_host="p", http_proxy_port=8, http_proxy_auth=("u", "p@"), proxy_type="socks5")
    assert proxied["proxy"] == "socks5://u:p%40@p:8"
    assert options(http_proxy_host="p", http_proxy_port=8, http_no_proxy=[".example"])["proxy"] is False
    with pytest.raises(websocket.WebSocketProxyException, match="socks4"):
        options(http_proxy_host="p", http_proxy_port=8, proxy_type="socks4")


ALONE = """
import sys
sys.modules["websocket"] = None  # as if it were not installed
from heartwire.compat import websocket_client
del sys.modules["websocket"]
import logging
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
websocket_client.install()
websocket_client.install()
import websocket
from websocket import ABNF, WebSocketApp, enableTrace
from websocket._exceptions import WebSocketException
def on_message(app, message):
    print(message, flush=True)
app = WebSocketApp(sys.argv[1], on_open=lambda app: app.send("alone"), on_message=on_message)
app.run_forever()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_gets_a_goodbye(peer: CompatServer, child: Callable[..., Child], number: signal.Signals) -> None:
    program = child(ALONE, peer.url)
    assert program.line() == "heartwire.compat.websocket_client stands under the name websocket"
    lines = iter(program.line, "alone")
    assert "Websocket connected" in list(lines)
    program.process.send_signal(number)
    program.end()
    assert peer.wait_for_end()[0] == 1001
