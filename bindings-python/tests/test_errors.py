"""The exceptions: which built-in one each of them is too, one base, names, pickles, causes."""

from __future__ import annotations

import asyncio
import copy
import errno
import pickle
import socket
import ssl
import traceback
from collections.abc import Callable
from typing import Any

import pytest

import heartwire
import heartwire.sync
from heartwire import WebSocketError
from heartwire.testing import FaultServer


def failing(url: str, **options: Any) -> Any:
    with pytest.raises(heartwire.Error) as caught:
        heartwire.sync.connect(url, **options)

    async def main() -> None:
        with pytest.raises(type(caught.value)):
            await heartwire.connect(url, **options)

    asyncio.run(main())
    return caught.value


@pytest.fixture
def closed_port() -> Any:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield nobody.getsockname()[1]


def test_a_refused_connection(closed_port: int) -> None:
    error = failing(f"ws://127.0.0.1:{closed_port}/")
    assert isinstance(error, ConnectionRefusedError)
    assert error.errno == errno.ECONNREFUSED
    assert error.strerror == error.message
    assert isinstance(error.__cause__, ConnectionRefusedError)


def test_a_refused_connection_to_a_proxy(closed_port: int) -> None:
    error = failing("ws://localhost:1/", proxy=f"http://127.0.0.1:{closed_port}")
    assert error.phase == "proxy"
    assert isinstance(error, ConnectionError)


def test_a_name_that_is_none() -> None:
    error = failing("ws://no-such-name.invalid/", proxy=None)
    assert isinstance(error, socket.gaierror)
    assert error.errno in (socket.EAI_NONAME, socket.EAI_AGAIN)


def test_a_unix_socket_that_is_missing(tmp_path: Any) -> None:
    error = failing("ws://localhost/", unix_socket=str(tmp_path / "none"))
    assert isinstance(error, FileNotFoundError)
    assert error.errno == errno.ENOENT


def test_a_timeout() -> None:
    with FaultServer({"connections": [[{"do": "stall"}]], "then": "cycle"}) as server:
        error = failing(server.url, open_timeout=0.05)
    assert isinstance(error, TimeoutError)
    assert error.errno == errno.ETIMEDOUT


def test_a_certificate() -> None:
    with FaultServer({"tls": True, "connections": [[{"do": "accept"}]], "then": "cycle"}) as server:
        error = failing(server.url)
    assert error.code == "tls_certificate"
    assert isinstance(error, ssl.SSLCertVerificationError)


def test_a_plain_server_on_wss() -> None:
    with FaultServer({"connections": [[{"do": "accept"}]], "then": "cycle"}) as server:
        error = failing(server.url.replace("ws://", "wss://"))
    assert error.phase == "tls"
    assert isinstance(error, OSError)


def test_what_the_server_said_is_no_os_error() -> None:
    with FaultServer({"connections": [[{"do": "refuse", "status": 401}]], "then": "cycle"}) as server:
        error = failing(server.url)
    assert error.status == 401
    assert not isinstance(error, OSError)


def test_one_base_and_public_names(closed_port: int) -> None:
    for cls in (
        WebSocketError,
        heartwire.OptionError,
        heartwire.InvalidStateError,
        heartwire.ConnectionClosedOK,
        heartwire.ConnectionClosed,
    ):
        assert issubclass(cls, heartwire.Error)
        assert f"{cls.__module__}.{cls.__qualname__}" == f"heartwire.{cls.__name__}"
        assert getattr(heartwire, cls.__name__) is cls
    error = failing(f"ws://127.0.0.1:{closed_port}/")
    shown = "".join(traceback.format_exception(type(error), error, None))
    assert "heartwire.WebSocketError: cannot connect" in shown
    assert "_errors" not in shown


def like(closed_port: int) -> list[BaseException]:
    with pytest.raises(heartwire.OptionError) as option:
        heartwire.WebSocket("ws://localhost/", reconect=True)  # type: ignore[call-arg]
    return [
        failing(f"ws://127.0.0.1:{closed_port}/"),
        option.value,
        WebSocketError("plain", code="internal"),
        heartwire.ConnectionClosedError(1006, "gone", WebSocketError("lost", code="connection_lost", phase="closed")),
        heartwire.ConnectionClosedOK(1000, "bye"),
    ]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, *(lambda e, n=n: pickle.loads(pickle.dumps(e, n)) for n in range(6))])
def test_copies_are_equal(closed_port: int, again: Callable[[Any], Any]) -> None:
    for error in like(closed_port):
        other = again(error)
        assert type(other) is type(error)
        assert str(other) == str(error)
        fields, others = dict(vars(error)), dict(vars(other))
        assert str(fields.pop("error", None)) == str(others.pop("error", None))
        assert others == fields
        assert getattr(other, "errno", None) == getattr(error, "errno", None)


def test_a_subclass_of_the_user_stays_one() -> None:
    error = pickle.loads(pickle.dumps(Own("mine", code="internal")))
    assert type(error) is Own
    assert error.message == "mine"


class Own(WebSocketError):
    """An exception class of the program."""


@pytest.mark.parametrize("option", ["url", "headers", "protocols", "url, async", "should_reconnect"])
def test_the_exception_of_a_failing_function_is_the_cause(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    failure = LookupError("no luck")

    def fails(*_: object) -> Any:
        raise failure

    async def fails_later() -> Any:
        await asyncio.sleep(0)
        raise failure

    seen: list[Any] = []
    with FaultServer({"connections": [[{"do": "accept"}, {"do": "close", "code": 4242}]]}) as server:
        options: dict[str, Any] = {}
        url: Any = server.url
        if option == "should_reconnect":
            options["reconnect"] = {"should_reconnect": fails}
        elif option in ("url", "url, async"):
            url = fails if option == "url" else fails_later
        else:
            options[option] = fails
        ws = heartwire.WebSocket(url, **options)
        ws.onerror = lambda event: seen.append(event.error)
        ws.onclose = lambda event: (seen.append(event.error), ws.close())
        ws.run_forever()
    chain: list[BaseException] = []
    above: BaseException | None = seen[0]
    while above is not None:
        chain.append(above)
        above = above.__cause__
    assert chain[-1] is failure
    # Reported once: by the error, or, without an error, by the hook for uncaught exceptions.
    assert capsys.readouterr().err.count("LookupError: no luck") == (option == "should_reconnect")
