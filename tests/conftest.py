"""The chat server and the bots as child processes, for the tests of this folder. It must not know the tests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


class Process:
    """A child process whose lines can be waited for."""

    def __init__(self, *command: str | Path) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self.child = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()

    def wait_for(self, pattern: str, within: float = 20) -> re.Match[str]:
        """The first line that matches."""

        def search() -> re.Match[str] | None:
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)

        with self._changed:
            self._changed.wait_for(lambda: search() is not None, within)
            found = search()
        assert found, f"no line matches {pattern} in {within} s:\n" + "\n".join(self.lines)
        return found

    def end(self, number: signal.Signals = signal.SIGTERM, within: float = 10) -> int:
        """Ends it with a signal; its status."""
        self.child.send_signal(number)
        return self.wait(within)

    def wait(self, within: float) -> int:
        """Waits for its end and its last line; its status. Raises TimeoutExpired if it has not ended by then."""
        status = self.child.wait(within)
        self._reader.join(5)
        return status

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()
        self._reader.join(5)
        assert self.child.stdout is not None
        self.child.stdout.close()


class Chat:
    """A running chat server."""

    def __init__(self) -> None:
        self.server = Process(TARGET / "debug" / "chat-server", "--port", "0")
        self.url = self.server.wait_for(r"ws://\S+/ws")[0]
        self._children = [self.server]
        self._people: list[Person] = []

    def person(self, name: str) -> Person:
        person = Person(self.url, name)
        self._people.append(person)
        return person

    def run(self, *command: str | Path) -> Process:
        """Starts a bot."""
        bot = Process(*command)
        self._children.append(bot)
        return bot

    def close(self) -> None:
        for person in self._people:
            person.socket.close()
        for child in reversed(self._children):
            child.kill()


class Person:
    """Somebody in the chat, by a WebSocket client that we did not write."""

    def __init__(self, url: str, name: str) -> None:
        self.socket: ClientConnection = connect(f"{url}?name={name}", proxy=None)
        self.hear("/chat/welcome")

    def say(self, text: str) -> None:
        self.socket.send(json.dumps({"url": "/chat/send", "text": text}))

    def hear(self, url: str, expected: dict[str, str] | None = None, within: float = 20) -> dict[str, Any]:
        """The next message of that kind whose fields match these patterns. Others are skipped."""
        deadline = time.monotonic() + within
        while True:
            message: dict[str, Any] = json.loads(self.socket.recv(timeout=max(0.0, deadline - time.monotonic())))
            if message["url"] == url and all(re.search(pattern, message[key]) for key, pattern in (expected or {}).items()):
                return message


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    yield chat
    chat.close()
