"""The logger `heartwire` reports failures without a listener, opens, ends and retries. Nothing goes to raw standard error."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import socket
import threading
from typing import Any

import pytest

import heartwire.sync
from heartwire import WebSocket
from heartwire.testing import FaultServer
from raw_server import BOUND, RawServer


@pytest.fixture
def nowhere() -> Any:
    """A URL without a server."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield f"ws://127.0.0.1:{nobody.getsockname()[1]}/"


def logged(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "heartwire" and record.levelno == level]


def test_an_error_that_nobody_listens_to_is_logged(nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    WebSocket(nowhere).run_forever()
    (words,) = logged(caplog, logging.ERROR)
    assert "connection_refused" in words
    assert "ws.onerror" in words


def test_times_that_look_like_milliseconds_are_doubted(nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    for ws in (
        WebSocket(nowhere, ping_interval=20_000, reconnect={"max_delay": 60_000}),
        WebSocket(nowhere, ping_interval=20, idle_timeout=7200, reconnect={"max_delay": 86_400}, open_timeout=999),
    ):
        ws.close()
    assert logged(caplog, logging.WARNING) == [
        "ping_interval is 20000 seconds: were 20000 milliseconds meant?",
        "reconnect.max_delay is 60000 seconds: were 60000 milliseconds meant?",
    ]


def test_an_attempt_that_will_be_repeated_is_a_warning(nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    WebSocket(nowhere, reconnect={"min_delay": 0.001, "max_delay": 0.002, "max_retries": 2}).run_forever()
    assert len(logged(caplog, logging.WARNING)) == 2
    assert len(logged(caplog, logging.ERROR)) == 1


def test_who_listens_hears_and_nothing_is_logged(nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    first = WebSocket(nowhere)
    first.onerror = lambda: None
    second = WebSocket(nowhere)
    second.on("error", lambda event: None)

    class Bot(WebSocket):
        def on_error(self, event: heartwire.ErrorEvent) -> None: ...

    for ws in (first, second, Bot(nowhere)):
        ws.run_forever()
    assert not caplog.records


def test_what_connect_raises_is_not_logged_but_its_retries_are(nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        with pytest.raises(heartwire.WebSocketError):
            await heartwire.connect(nowhere, reconnect={"min_delay": 0.001, "max_delay": 0.002, "max_retries": 1})

    asyncio.run(main())
    assert len(logged(caplog, logging.WARNING)) == 1
    assert not logged(caplog, logging.ERROR)
    with pytest.raises(heartwire.WebSocketError):
        heartwire.sync.connect(nowhere)
    assert not logged(caplog, logging.ERROR)


def test_an_end_that_nobody_hears_of_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with FaultServer({"connections": [[{"do": "accept"}, {"do": "close", "code": 4001, "reason": "kicked"}]]}) as server:
        WebSocket(server.url).run_forever()
        heard = WebSocket(server.url)
        heard.onclose = lambda: None
        heard.run_forever()
    (words,) = logged(caplog, logging.ERROR)
    assert "4001" in words
    assert "ws.onclose" in words


def test_our_own_close_is_no_failure(nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    for end in ("close", "terminate"):
        ws = WebSocket(nowhere, reconnect={"min_delay": 60, "max_delay": 60})
        ws.onreconnecting = getattr(ws, end)
        ws.onerror = lambda: None
        ws.run_forever()
    assert not logged(caplog, logging.WARNING)
    assert not logged(caplog, logging.ERROR)


def test_opens_ends_and_retries_are_info_with_their_cause(server: RawServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ws = WebSocket(server.url + "?token=s3cret", reconnect={"min_delay": 0.01, "max_delay": 0.02})
    opened = threading.Semaphore(0)
    ws.onopen = lambda: opened.release()
    ws.start()
    assert opened.acquire(timeout=BOUND)
    server.connection().close(1012, "restart")
    second = server.connection()
    assert opened.acquire(timeout=BOUND)
    ws.close()
    second.expect_close()
    assert ws.join(BOUND)
    told = [words.partition(": ")[2] for words in logged(caplog, logging.INFO)]
    kinds = [re.match(r"open|closed, \d+|attempt 1", words) for words in told]
    assert [kind[0] for kind in kinds if kind] == ["open", "closed, 1012", "attempt 1", "open", "closed, 1005"]
    assert "because" in told[2]
    assert "s3cret" not in caplog.text


def test_the_users_failing_function_shows_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def url() -> str:
        raise LookupError("no host today")

    WebSocket(url).run_forever()
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "in url" in caplog.text
    assert caplog.text.count("no host today") >= 1


def test_a_socket_that_is_dropped_unrun_is_told_with_the_line_that_made_it(nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    class Bot(WebSocket):
        def __init__(self, url: str) -> None:
            super().__init__(url)

    Bot(nowhere)
    closed = WebSocket(nowhere)
    closed.close()
    del closed
    gc.collect()
    other = WebSocket(nowhere)
    other.onerror = lambda: None
    other.run_forever()
    (words,) = logged(caplog, logging.WARNING)
    assert re.search(r"made at .*test_log\.py:\d+\) was never run", words)


def test_a_socket_that_is_left_unrun_at_the_end_is_told(child: Any) -> None:
    process = child("import heartwire\nws = heartwire.WebSocket('ws://127.0.0.1:1/?token=s3cret')")
    status, _, err = process.end()
    assert status == 0
    assert "the socket for ws://127.0.0.1:1/ (made at <string>:2) was never run" in err
    assert "s3cret" not in err


def test_beside_a_traceback_and_in_a_forked_child_it_is_not(child: Any) -> None:
    text = """
import heartwire, os, sys
ws = heartwire.WebSocket('ws://127.0.0.1:1/')
if (pid := os.fork()) == 0:
    sys.exit()
os.waitpid(pid, 0)
raise RuntimeError("why")
"""
    status, _, err = child("import warnings; warnings.simplefilter('ignore')" + text).end()
    assert status == 1
    assert err.strip().endswith("RuntimeError: why")
    assert "never run" not in err


def test_send_on_a_socket_that_nobody_runs_says_so(nowhere: str) -> None:
    ws = WebSocket(nowhere)
    for call in (lambda: ws.send("x"), lambda: ws.send(["x"]), ws.ping, ws.pong):
        with pytest.raises(heartwire.InvalidStateError, match="nobody runs this socket"):
            call()
    ws.close()


def test_the_cores_warnings_are_logged_and_never_on_raw_standard_error(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with FaultServer({"tls": True, "connections": [[{"do": "accept"}, {"do": "close", "code": 1000}]]}) as server:
        ws = WebSocket(server.url, tls={"verify": False})
        ws.onerror = lambda event: pytest.fail(str(event.error))
        ws.run_forever()
    assert capfd.readouterr() == ("", "")
    assert any("is not checked" in words for words in logged(caplog, logging.WARNING))


def test_logging_is_not_imported_for_what_nobody_would_see(server: RawServer, child: Any) -> None:
    process = child("import heartwire, sys\nheartwire.WebSocket(sys.argv[1]).run_forever()\nprint('logging' in sys.modules)", server.url)
    server.connection().close(1000)
    assert process.end() == (0, "False\n", "")
