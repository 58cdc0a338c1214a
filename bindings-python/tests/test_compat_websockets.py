"""`heartwire.compat.websockets`: a program sees the same as with the package (played on both), and the additions of ours."""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import websockets.asyncio.client
import websockets.exceptions as exceptions
import websockets.sync.client
from websockets.asyncio.server import serve

from compat_server import BOUND, CompatServer
from conftest import Child
from heartwire.compat import websockets as ours
from heartwire.testing import FaultServer

STOCK = SimpleNamespace(connect=websockets.asyncio.client.connect, sync=websockets.sync.client)
OURS = SimpleNamespace(connect=ours.connect, sync=__import__("heartwire.compat.websockets.sync", fromlist=["sync"]))


@pytest.fixture
def peer() -> Iterator[CompatServer]:
    server = CompatServer()
    yield server
    server.stop()


@pytest.fixture(params=[STOCK, OURS], ids=["stock", "ours"])
def api(request: pytest.FixtureRequest) -> Any:
    return request.param


def run(coroutine: Any) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, BOUND))


async def chat(api: Any, url: str) -> list[Any]:
    seen: list[Any] = []
    async with api.connect(url, additional_headers={"X-Bot": "7"}, subprotocols=None) as ws:
        seen += [ws.state.name, ws.subprotocol, ws.response.status_code, ws.request.headers["X-Bot"], ws.remote_address[0]]
        for message in ("text", b"binary", ["in ", "parts"], [b"in ", b"parts"]):
            await ws.send(message)
            seen.append(await ws.recv())
        await ws.send(b"bytes as text", text=True)
        seen.append(await ws.recv())
        await ws.send("text as bytes", text=False)
        seen.append(await ws.recv())
        await ws.send("decoded")
        seen.append(await ws.recv(decode=False))
        await ws.send([])
        seen.append(isinstance(await (await ws.ping()), float))
        await ws.send("three")
        seen.append([await ws.recv() for _ in range(3)])
        with pytest.raises(TypeError):
            await ws.send({"a": 1})
        with pytest.raises(TypeError):
            await ws.send(7)
    seen += [ws.state.name, ws.close_code, ws.close_reason]
    return seen


def test_a_chat_is_the_same(peer: CompatServer, api: Any) -> None:
    assert run(chat(api, peer.url)) == [
        *("OPEN", None, 101, "7", "127.0.0.1", "text", b"binary", "in parts", b"in parts", "bytes as text", b"text as bytes", b"decoded"),
        *(True, ["0", "1", "2"], "CLOSED", 1000, ""),
    ]
    assert peer.wait_for_end() == (1000, "")
    assert peer.requests[0].headers["X-Bot"] == "7"


@pytest.mark.parametrize("how", ["kick", "drop"])
def test_an_end_is_told_alike(peer: CompatServer, api: Any, how: str) -> None:
    async def main() -> None:
        ws = await api.connect(peer.url)
        await ws.send(how)
        for _ in range(2):
            with pytest.raises(exceptions.ConnectionClosedError) as caught:
                await ws.recv()
        with pytest.raises(exceptions.ConnectionClosedError):
            await ws.send("too late")
        error = caught.value
        if how == "kick":
            assert (error.rcvd.code, error.rcvd.reason, error.sent.code, error.rcvd_then_sent) == (4001, "kicked", 4001, True)
            assert str(error) == "received 4001 (private use) kicked; then sent 4001 (private use) kicked"
            assert (ws.close_code, ws.close_reason) == (4001, "kicked")
        else:
            assert (error.rcvd, error.sent, error.rcvd_then_sent) == (None, None, None)
            assert (str(error), ws.close_code, ws.close_reason) == ("no close frame received or sent", 1006, "")
        with pytest.raises(exceptions.ConnectionClosedError):
            async for _ in ws:
                pytest.fail("nothing comes any more")

    run(main())


def test_our_close_is_told_alike(peer: CompatServer, api: Any) -> None:
    async def main() -> None:
        ws = await api.connect(peer.url)
        await ws.close(3000, "bye")
        with pytest.raises(exceptions.ConnectionClosedError) as caught:
            await ws.recv()
        assert str(caught.value) == "sent 3000 (registered) bye; then received 3000 (registered) bye"

    run(main())
    assert peer.wait_for_end() == (3000, "bye")


def test_an_exception_closes_with_1011(peer: CompatServer) -> None:
    async def main() -> None:
        async with ours.connect(peer.url):
            raise ValueError("a fault of the program")

    with pytest.raises(ValueError, match="a fault"):
        run(main())
    assert peer.wait_for_end()[0] == 1011


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/full", "InvalidStatus", "server rejected WebSocket connection: HTTP 503"),
        ("/secret", "InvalidStatus", "server rejected WebSocket connection: HTTP 401"),
    ],
)
def test_a_refusal_is_told_alike(peer: CompatServer, api: Any, path: str, kind: str, words: str) -> None:
    with pytest.raises(exceptions.InvalidHandshake) as caught:
        run(api.connect(peer.url + path).__aenter__())
    assert (type(caught.value).__name__, str(caught.value)) == (kind, words)
    assert caught.value.response.body in (b"come back later", b"who are you?")  # type: ignore[attr-defined]


def test_redirects_are_followed(peer: CompatServer, api: Any) -> None:
    async def main() -> str:
        async with api.connect(peer.url + "/moved") as ws:
            return str(ws.protocol.uri.path)

    assert run(main()) == "/here"


def test_nobody_there_and_nobody_answers(api: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(asyncio.TimeoutError, match="timed out during opening handshake"):
            run(api.connect(address, open_timeout=0.05).__aenter__())
    with pytest.raises(ConnectionRefusedError):
        run(api.connect(address).__aenter__())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"subprotocols": "chat"}, "subprotocols must be a list, not a str"),
        ({"compression": "gzip"}, "unsupported compression: gzip"),
    ],
)
def test_early_refusals_are_the_same(api: Any, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        api.connect("ws://127.0.0.1:1/", **arguments)
    with pytest.raises(ValueError, match="ssl argument is incompatible with a ws:// URI"):
        ours.connect("ws://127.0.0.1:1/", ssl=ssl.create_default_context())
    with pytest.raises(ValueError, match="ssl=None is incompatible with a wss:// URI"):
        ours.connect("wss://127.0.0.1:1/", ssl=None)


def test_a_loop_over_connect_comes_back(peer: CompatServer, api: Any) -> None:
    async def main() -> list[str]:
        seen: list[str] = []
        async for ws in api.connect(peer.url):
            try:
                await ws.send("kick")
                await ws.recv()
            except exceptions.ConnectionClosed as error:
                seen.append(str(error.rcvd))
                if len(seen) < 3:
                    continue
                break
        return seen

    assert run(main()) == ["4001 (private use) kicked"] * 3


def test_a_second_recv_is_refused(peer: CompatServer, api: Any) -> None:
    async def main() -> None:
        async with api.connect(peer.url) as ws:
            first = asyncio.create_task(ws.recv())
            await asyncio.sleep(0)
            with pytest.raises(exceptions.ConcurrencyError):
                await ws.recv()
            await ws.send("for the first")
            assert await first == "for the first"

    run(main())


def test_blocking_is_the_same(peer: CompatServer, api: Any) -> None:
    with api.sync.connect(peer.url) as ws:
        ws.send("a")
        assert ws.recv(timeout=BOUND) == "a"
        ws.send(["b", "c"])
        assert ws.recv() == "bc"
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.01)
        assert ws.ping().wait(BOUND)
        assert (ws.state.name, ws.remote_address) == ("OPEN", ("127.0.0.1", peer.port))
    assert (ws.state.name, ws.close_code) == ("CLOSED", 1000)
    with pytest.raises(exceptions.ConnectionClosedOK):
        ws.recv()
    with pytest.raises(exceptions.InvalidStatus):
        api.sync.connect(peer.url + "/full")
    ws = api.sync.connect(peer.url)
    ws.send("kick")
    with pytest.raises(exceptions.ConnectionClosedError, match="4001"):
        list(ws)


@pytest.mark.parametrize(
    "name", ["proxy_ssl", "ssl_handshake_timeout", "ssl_shutdown_timeout", "klass", "create_protocol", "timeout", "loop", "nonsense"]
)
def test_what_is_not_supported_is_refused_by_name(name: str) -> None:
    with pytest.raises(TypeError, match=f"'{name}'"):
        ours.connect("ws://127.0.0.1:1/", **{name: 1})
    with pytest.raises(TypeError, match=f"'{name}'"):
        OURS.sync.connect("ws://127.0.0.1:1/", **{name: 1})


def test_the_rest_of_what_is_refused() -> None:
    with socket.socket() as sock, pytest.raises(TypeError, match="'sock'"):
        ours.connect("ws://127.0.0.1:1/", sock=sock)
    with pytest.raises(TypeError, match="max_size"):
        ours.connect("ws://127.0.0.1:1/", max_size=(2, 1))
    with pytest.raises(ValueError, match="local_addr"):
        ours.connect("ws://127.0.0.1:1/", local_addr=("127.0.0.1", 5))
    with pytest.raises(TypeError, match="permessage-deflate"):
        ours.connect("ws://127.0.0.1:1/", extensions=[object()])
    with pytest.raises(exceptions.InvalidProxy, match="other"):
        ours.connect("ws://127.0.0.1:1/", proxy="other://127.0.0.1:1")


def test_contexts_are_read_or_refused() -> None:
    from heartwire.compat._tls import tls_options

    plain = ssl.create_default_context()
    assert tls_options(plain) == {}
    blind = ssl.create_default_context()
    blind.check_hostname = False
    with pytest.raises(ValueError, match="check_hostname"):
        tls_options(blind)
    blind.verify_mode = ssl.CERT_NONE
    assert tls_options(blind, "here") == {"server_name": "here", "verify": False}
    old = ssl.create_default_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ValueError, match="maximum_version"):
        tls_options(old)


def test_a_context_of_its_own_is_used() -> None:
    server = FaultServer({"tls": {}, "connections": [[{"do": "tls"}, {"do": "accept"}, {"do": "echo"}]]})
    assert server.ca_pem is not None
    context = ssl.create_default_context(cadata=server.ca_pem)

    async def main() -> Any:
        async with ours.connect(server.url, ssl=context, open_timeout=BOUND) as ws:
            assert ws.transport.get_extra_info("ssl_object").server_hostname == "localhost"
            await ws.send("hello")
            return await ws.recv()

    try:
        assert run(main()) == "hello"
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
            run(ours.connect(server.url).__aenter__())
    finally:
        server.stop()


def test_the_parameters_are_those_of_the_package() -> None:
    theirs = set(inspect.signature(websockets.asyncio.client.connect).parameters)
    # Those of a newer version than the one that is installed here.
    assert theirs - set(inspect.signature(ours.connect).parameters) == set()
    assert {"additional_headers", "reconnect_delays", "create_connection"} <= set(inspect.signature(ours.connect).parameters)


def test_the_queue_holds_the_server_back() -> None:
    async def main() -> int:
        sent = 0

        async def flood(connection: Any) -> None:
            nonlocal sent
            for _ in range(500):
                await connection.send("x" * 100_000)
                sent += 1

        async with serve(flood, "127.0.0.1", 0, compression=None) as server:
            port = server.sockets[0].getsockname()[1]
            async with ours.connect(f"ws://127.0.0.1:{port}", max_queue=2) as ws:
                for _ in range(3):
                    await ws.recv()
                waiting = len(ws.heartwire._inbox.messages)
        return waiting

    assert run(main()) < 100


ALONE = """
import sys
sys.modules["websockets"] = None  # as if it were not installed
from heartwire.compat import websockets as ours
del sys.modules["websockets"]
import logging
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
ours.install()
ours.install()
import websockets, websockets.asyncio.client, websockets.sync.client, asyncio
from websockets.exceptions import ConnectionClosedError
from websockets import ConnectionClosed, WebSocketClientProtocol, connect
from websockets.frames import CLOSE_CODE_EXPLANATIONS
try:
    websockets.serve
except AttributeError as error:
    print(error)
async def main():
    async with websockets.connect(sys.argv[1]) as ws:
        await ws.send("alone")
        print(await ws.recv(), ws.response.headers["upgrade"], ws.protocol.extensions[0].name)
        await ws.send("kick")
        try:
            await ws.recv()
        except ConnectionClosedError as error:
            print(error)
asyncio.run(main())
with websockets.sync.client.connect(sys.argv[1]) as ws:
    ws.send("sync")
    print(ws.recv(), type(ws).__module__)
"""


def test_it_stands_under_the_name_without_the_package(peer: CompatServer, child: Callable[..., Child]) -> None:
    status, out, err = child(ALONE, peer.url).end()
    assert (status, err) == (0, "")
    lines = [line for line in out.splitlines() if not line.startswith("ws://")]
    assert lines == [
        "heartwire.compat.websockets stands under the name websockets",
        lines[1],
        "alone websocket permessage-deflate",
        "received 4001 (private use) kicked; then sent 4001 (private use) kicked",
        "sync heartwire.compat.websockets.sync",
    ]
    assert lines[1].startswith("websockets.serve is not there: heartwire.compat.websockets stands under this name")


INSTALLED = """
import sys, logging
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
import websockets
early = websockets.connect
from heartwire.compat import websockets as ours
ours.install()
import asyncio, websockets.asyncio.client, websockets.exceptions
assert websockets.connect is websockets.asyncio.client.connect is ours.connect
assert ours.ConnectionClosed is websockets.exceptions.ConnectionClosed
from websockets.asyncio.server import serve
async def main():
    async def echo(connection):
        async for message in connection:
            await connection.send(message)
    async with serve(echo, "127.0.0.1", 0) as server:
        async with websockets.connect("ws://127.0.0.1:%d" % server.sockets[0].getsockname()[1]) as ws:
            await ws.send("hello")
            print(await ws.recv(), type(ws).__module__)
asyncio.run(main())
"""


def test_with_the_package_its_client_is_replaced_and_its_server_stays(child: Callable[..., Child]) -> None:
    status, out, err = child(INSTALLED).end()
    lines = [line for line in out.splitlines() if not line.startswith(("ws://", "server ", "connection "))]
    assert (status, lines) == (
        0,
        [
            "the client of the package websockets is replaced by heartwire.compat.websockets",
            "imported before install(), and so still on websockets: __main__",
            "hello heartwire.compat.websockets._connection",
        ],
    ), err
