"""A proxy that we did not write (tinyproxy) is killed, or stopped, under an open connection, and started again.

Scenarios play every other fault of proxies. Without tinyproxy the tests are skipped, except where `CI` is set.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heartwire import WebSocket
from heartwire.testing import FaultServer
from test_keeper import FACES

BOUND = 60


class Tinyproxy:
    """A proxy for one user, always on the same port."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.command = [program, "-d", "-c", str(folder / "proxy.conf")]
        configuration = f"Port {self.port}\nListen 127.0.0.1\nTimeout 600\nAllow 127.0.0.1\nBasicAuth bot s3cretword\nLogLevel Critical\n"
        (folder / "proxy.conf").write_text(configuration)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + BOUND
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                assert self.process.poll() is None, "tinyproxy does not start"
                assert time.monotonic() < deadline, "tinyproxy does not start"
                time.sleep(0.01)  # the program does not report when it listens

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Tinyproxy]:
    program = shutil.which("tinyproxy", path=f"{os.environ['PATH']}:/usr/bin:/usr/sbin")
    if program is None:
        assert "CI" not in os.environ, "tinyproxy is not installed"
        pytest.skip("tinyproxy is not installed")
    running = Tinyproxy(program, tmp_path)
    yield running
    running.kill()


def live(
    face: Callable[[Callable[[], WebSocket]], None], proxy: Tinyproxy, driver: str, on: dict[str, Callable[[], None]], **options: Any
) -> list[Any]:
    """The life of a bot that says "hi" on every connection and leaves after the second answer; `on` acts at the first event of a kind."""
    seen: list[Any] = []

    def handle(event: Any) -> None:
        seen.append(event)
        if event.type == "open":
            event.target.send("hi")
        elif event.type == "message" and len([past for past in seen if past.type == "message"]) == 2:
            event.target.close(1000)
        (on.pop(event.type, lambda: None))()

    with FaultServer() as server:

        def make() -> WebSocket:
            reconnect = {"min_delay": 0.01, "max_delay": 0.1}
            through = f"http://bot:s3cretword@127.0.0.1:{proxy.port}"
            ws = WebSocket(server.url, proxy=through, reconnect=reconnect, driver=driver, **options)
            for kind in ("open", "message", "error", "close"):
                ws.add_event_listener(kind, handle)
            return ws

        face(make)
    assert not any("s3cretword" in repr(getattr(event, "error", "")) for event in seen)
    return seen


def kinds(seen: list[Any]) -> list[Any]:
    """The events, with the repeated ends of attempts as one."""
    short: list[Any] = []
    for event in seen:
        error = getattr(event, "error", None)
        one = (event.type, *((error.code, error.phase) if error else ()))
        if not (event.type in ("error", "close") and one in short[-2:]):
            short.append(one)
    return short


@pytest.mark.timeout(120)
@pytest.mark.parametrize("driver", ["host", "background"])
@pytest.mark.parametrize("face", FACES)
def test_a_proxy_that_is_killed_is_asked_again_until_it_is_back(face: Any, proxy: Tinyproxy, driver: str) -> None:
    seen = live(face, proxy, driver, {"message": proxy.kill, "error": proxy.start})
    assert kinds(seen) == [
        ("open",),
        ("message",),
        ("close", "connection_lost", "closed"),
        ("error", "proxy_failed", "proxy"),
        ("close", "proxy_failed", "proxy"),
        ("open",),
        ("message",),
        ("close",),
    ]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("driver", ["host", "background"])
@pytest.mark.parametrize("face", FACES)
def test_a_proxy_that_is_stopped_is_noticed_and_asked_again_until_it_goes_on(face: Any, proxy: Tinyproxy, driver: str) -> None:
    def go_on_after_the_next_error() -> None:
        on["error"] = lambda: proxy.process.send_signal(signal.SIGCONT)

    on = {"message": lambda: proxy.process.send_signal(signal.SIGSTOP), "error": go_on_after_the_next_error}
    seen = live(face, proxy, driver, on, ping_interval=1, ping_timeout=2, open_timeout=1)
    assert kinds(seen) == [
        ("open",),
        ("message",),
        ("error", "ping_timeout", "liveness"),
        ("close", "ping_timeout", "liveness"),
        ("error", "open_timeout", "proxy"),
        ("close", "open_timeout", "proxy"),
        ("open",),
        ("message",),
        ("close",),
    ]
