"""What a program prints of a socket holds no secret: repr of the socket, of its events and of their errors, and the warnings."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import heartwire.sync
from heartwire import WebSocket, WebSocketError
from heartwire.testing import FaultServer

SECRETS = ["s3ssion", "s3cret", "t0ken", "b3arer", "h1dden", "c00kie", "pr0xy", "dXNlcjpzM2NyZXQ", "Ym90OnByMHh5"]
"""The last two are the credentials in base64, as they go over the wire."""
GIVEN: dict[str, Any] = {
    "headers": {"Authorization": "Bearer b3arer", "X-Api-Key": "h1dden"},
    "cookies": {"session": "c00kie"},
    "reconnect": {"min_delay": 0.001, "max_delay": 0.002, "max_retries": 1, "max_auth_failures": 2},
    "open_timeout": 0.5,
}
COOKIE = {"Set-Cookie": "session=s3ssion"}  # the server's
ACCEPT = {"do": "accept", "headers": COOKIE}
OWN: dict[str, Any] = {"proxy": None}
"""Options of the cases that have no proxy."""
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "a good life": ([ACCEPT, {"do": "send", "text": "hello"}, {"do": "ping"}, {"do": "close", "code": 4001, "reason": "enough"}], OWN),
    "401": ([{"do": "refuse", "status": 401, "headers": COOKIE}], OWN),
    "a redirect that is not followed": ([{"do": "redirect", "to": "ws://user:s3cret@127.0.0.1:{port}/?token=t0ken"}], OWN),
    "a redirect that is followed in vain": (
        [{"do": "redirect", "to": "ws://user:s3cret@127.0.0.1:{port}/?token=t0ken"}],
        {**OWN, "follow_redirects": 2},
    ),
    "not HTTP": ([{"do": "request"}, {"do": "raw", "text": "SSH-2.0-OpenSSH\r\n"}, {"do": "end"}], OWN),
    "no answer": ([{"do": "request"}, {"do": "stall"}], OWN),
    "reset": ([ACCEPT, {"do": "reset"}], OWN),
    "a broken frame": ([ACCEPT, {"do": "raw", "hex": "8300"}], OWN),
    "an authority that is not known": ({"tls": True}, OWN),
    "a certificate that is not checked": (
        {"tls": True, "connections": [ACCEPT, {"do": "close", "code": 4001}]},
        {**OWN, "tls": {"verify": False}},
    ),
    "a proxy that refuses": ([{"do": "refuse", "status": 407}], {}),
    "a proxy that is no proxy": ([{"do": "request"}, {"do": "raw", "text": "what?\r\n"}, {"do": "end"}], {}),
}
KINDS = ["open", "message", "error", "close", "reconnecting", "ping", "pong", "heartbeat", "drain", "dropped"]


def words_of(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield from (repr(error), str(error))
        error = error.__cause__ or error.__context__


def life(make: Callable[[], WebSocket]) -> list[str]:
    """All printed forms of a socket and its events."""
    ws: Any = make()
    words = [repr(ws)]

    def look(event: Any) -> None:
        words.extend((repr(event), str(event), repr(event.target), repr(ws)))
        for name in ("error", "cause"):
            words.extend(words_of(getattr(event, name, None)))

    for kind in KINDS:
        ws.add_event_listener(kind, look)
    ws.run_forever()
    return [*words, repr(ws)]


def assert_silent(words: list[str]) -> None:
    assert not [(secret, word) for word in words for secret in SECRETS if secret in word]


@pytest.mark.parametrize("case", CASES)
def test_what_is_shown_of_a_socket_holds_no_secret(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], case: str) -> None:
    script, options = CASES[case]
    with FaultServer(script) as server, caplog.at_level(logging.DEBUG):
        url = server.url.replace("://", "://user:s3cret@") + "?token=t0ken"
        through = {} if "proxy" in options else {"proxy": f"http://bot:pr0xy@127.0.0.1:{server.port}"}
        words = life(lambda: WebSocket(url, **{**GIVEN, **options, **through}))
    assert any("CloseEvent" in word for word in words)
    _, warned = capfd.readouterr()
    assert warned == ""
    assert ("is not checked" in caplog.text) == ("not checked" in case)
    assert_silent([*words, warned, caplog.text])


def test_where_nobody_listens_no_secret_is_told() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{nobody.getsockname()[1]}"
        for url, proxy in (
            (f"ws://user:s3cret@{place}/?token=t0ken", None),
            (f"ws://user:s3cret@{place}/?token=t0ken", f"http://bot:pr0xy@{place}"),
            (f"wss://user:s3cret@{place}/?token=t0ken", f"socks5h://bot:pr0xy@{place}"),
        ):
            assert_silent(life(lambda url=url, proxy=proxy: WebSocket(url, **{**GIVEN, "proxy": proxy})))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("ws://user:s3cret@nowhere:99999/?token=t0ken", {}),
        ("http//user:s3cret@nowhere", {}),
        ("ws://user:s3cret@127.0.0.1/?token=t0ken#here", {}),
        ("ws://127.0.0.1/", {"headers": {"Authorization": "Bearer b3arer\r\n"}}),
        ("ws://127.0.0.1/", {"headers": {"Sec-WebSocket-Key": "h1dden"}}),
        ("ws://127.0.0.1/", {"auth": ["user", 1, "s3cret"]}),
        ("ws://127.0.0.1/", {"cookies": {"session": "c00kie\r\n"}}),
        ("ws://127.0.0.1/", {"proxy": "gopher://bot:pr0xy@127.0.0.1:1"}),
        ("ws://127.0.0.1/", {"proxy": "http://bot:pr0xy@127.0.0.1:99999"}),
    ],
)
def test_what_is_refused_at_once_is_named_without_its_secret(url: str, options: dict[str, Any]) -> None:
    with pytest.raises((WebSocketError, TypeError, ValueError, SyntaxError)) as caught:
        WebSocket(url, **options)
    assert_silent(list(words_of(caught.value)))


def test_the_blocking_socket_tells_no_secret_either() -> None:
    with FaultServer([[ACCEPT], [{"do": "refuse", "status": 403}]]) as server:
        url = server.url.replace("://", "://user:s3cret@") + "?token=t0ken"
        with heartwire.sync.connect(url, proxy=None) as ws:
            assert_silent([repr(ws), str(ws)])
        with pytest.raises(WebSocketError) as caught:
            heartwire.sync.connect(url, proxy=None)
    assert_silent(list(words_of(caught.value)))


KEYLOG = """
import sys
from heartwire import WebSocket
ws = WebSocket(sys.argv[1], proxy=None, tls={{"ca": sys.argv[2], {options}}})
ws.onopen = lambda event: ws.close(1000)
ws.onclose = lambda event: print(event.code, flush=True)
ws.run_forever()
"""


@pytest.mark.parametrize("asked", [False, True])
def test_a_key_log_is_written_only_if_both_the_program_and_the_environment_want_it(
    child: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    log = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    with FaultServer({"tls": True}) as server:
        options = '"keylog": True' if asked else ""
        assert child(KEYLOG.format(options=options), server.url, server.ca_pem).end() == (0, "1000\n", "")
    assert log.exists() == asked
    if asked:
        assert "CLIENT_TRAFFIC_SECRET_0" in log.read_text()
