"""The demonstration behind `make demo`: the chat server, a Python bot and a Node bot, and their failures; then a
Slack bot, which its service moves to another connection.

It owns the story and checks it: each `expect` names a line that must appear, and its deadline. It must not know how a bot works inside.
`demo.py` ends by itself within 30 seconds, with status 0 if all appeared; `demo.py --stay [OPTION OF THE SERVER ...]` stays up for
a person with a browser.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import heartwire.sync

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from fakes import slack  # noqa: E402

SERVER = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "chat-server"
PYTHON_BOT = [sys.executable, str(ROOT / "examples/python/echo_bot.py")]
COMMAND_BOT = [sys.executable, str(ROOT / "examples/python/command_bot.py")]
SLACK_BOT = [sys.executable, str(ROOT / "examples/python/slack_bot.py")]
NODE_BOT = [os.environ.get("NODE", "node"), str(ROOT / "examples/javascript/echo-bot.mjs")]
WITHIN = 28.0  # seconds for the whole story
START = time.monotonic()


class Failed(Exception):
    """Something expected did not happen."""


class Stage:
    """The actors (processes), their lines, and the transcript."""

    def __init__(self, colour: bool) -> None:
        self.actors: dict[str, subprocess.Popen[str]] = {}
        self.lines: queue.Queue[tuple[str, str]] = queue.Queue()
        self.unmatched: list[tuple[str, str]] = []
        self.colour = colour
        self.pen = threading.Lock()

    def tell(self, who: str, words: str) -> None:
        """Writes a line of the transcript."""
        shade = {"": "1", "server": "36", "python": "33", "commands": "34", "node": "32", "ann": "35", "slack": "95"}[who] if self.colour else ""
        line = f"{time.monotonic() - START:6.2f}  {who:<8} {words}"
        with self.pen:
            print(f"\033[{shade}m{line}\033[0m" if shade else line, flush=True)

    def start(self, who: str, command: list[str], **environment: str) -> None:
        """Starts an actor; its output goes into the transcript."""
        actor = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )
        self.actors[who] = actor
        threading.Thread(target=self._listen, args=(who, actor), daemon=True).start()

    def _listen(self, who: str, actor: subprocess.Popen[str]) -> None:
        assert actor.stdout is not None
        for line in actor.stdout:
            self.hear(who, line.rstrip())

    def hear(self, who: str, line: str) -> None:
        """Records a line or an act of an actor."""
        self.tell(who, line)
        self.lines.put((who, line))

    def expect(self, who: str, pattern: str, within: float = 8.0) -> re.Match[str]:
        """Waits for a line, among those that no earlier expectation took."""
        deadline = min(time.monotonic() + within, START + WITHIN)
        while True:
            for index, (speaker, line) in enumerate(self.unmatched):
                if speaker == who and (found := re.search(pattern, line)):
                    del self.unmatched[index]
                    return found
            try:
                self.unmatched.append(self.lines.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                raise Failed(f"expected of {who}: {pattern}") from None

    def signal(self, who: str, number: signal.Signals) -> None:
        self.actors[who].send_signal(number)

    def expect_end(self, who: str, status: int) -> None:
        """Waits for the end of an actor, with the status that it would have had without a WebSocket."""
        try:
            seen = self.actors.pop(who).wait(timeout=5)
        except subprocess.TimeoutExpired:
            raise Failed(f"{who} should have ended") from None
        if seen != status:
            raise Failed(f"{who} ended with status {seen}, not {status}")

    def clear(self) -> None:
        for actor in self.actors.values():
            actor.kill()
            actor.wait()


def talk(stage: Stage, url: str) -> None:
    """Ann says something, each bot answers her, and then they answer each other."""
    with heartwire.sync.connect(url + "?name=ann") as ann:
        text = "echo echo hello"
        stage.tell("ann", f"says: {text}")
        ann.send(json.dumps({"url": "/chat/send", "text": text}))
        awaited = {(bot, words) for bot in ("python-echo", "node-echo") for words in ("echo hello", "hello")}
        while awaited:
            heard = json.loads(ann.recv(timeout=5))
            if heard["url"] == "/chat/message":
                stage.tell("ann", f"hears {heard['from']}: {heard['text']}")
                awaited.discard((heard["from"], heard["text"]))


def story(stage: Stage) -> None:
    stage.tell("", "The server starts, then a bot in Python and a bot in Node; heartbeats every second.")
    stage.start("server", [str(SERVER), "--port", "0", "--silence", "10"])
    port = stage.expect("server", r"ws://127\.0\.0\.1:(\d+)/ws")[1]
    url = f"ws://127.0.0.1:{port}/ws"
    stage.start("python", [*PYTHON_BOT, url], CHAT_HEARTBEAT="1")
    stage.start("node", [*NODE_BOT, url], CHAT_HEARTBEAT="1")
    for bot in ("python", "node"):
        stage.expect(bot, "^open")
        stage.expect("server", rf"\+ {bot}-echo joined")

    stage.tell("", "Ann talks to them, and they talk to each other.")
    talk(stage, url)

    stage.tell("", "Heartbeats go out, and the server's answers come back.")
    for bot in ("python", "node"):
        stage.expect(bot, "heartbeat answered")

    stage.tell("", "The server goes away, as in a deployment.")
    stage.signal("server", signal.SIGTERM)
    for bot in ("python", "node"):
        stage.expect(bot, "close 1001 .*will come back")
        stage.expect(bot, "reconnecting in")
    stage.expect_end("server", 0)

    time.sleep(1.5)
    stage.tell("", "It comes back, and so do the bots, each after a random delay of its own.")
    stage.start("server", [str(SERVER), "--port", port, "--silence", "10"])
    for bot in ("python", "node"):
        stage.expect("server", rf"\+ {bot}-echo joined", within=12)
        stage.expect(bot, "^open")
    talk(stage, url)

    stage.tell("", "SIGTERM for the Python bot, Ctrl+C for the Node bot: the server hears goodbye, the status stays what it was.")
    stage.signal("python", signal.SIGTERM)
    stage.expect("server", "python-echo says goodbye: 1001")
    stage.expect_end("python", -signal.SIGTERM)
    stage.signal("node", signal.SIGINT)
    stage.expect("server", "node-echo says goodbye: 1001")
    stage.expect_end("node", -signal.SIGINT)
    stage.signal("server", signal.SIGINT)
    stage.expect_end("server", 0)


def move(stage: Stage) -> None:
    """A service moves its bot to another connection, without a gap. The service is the fake of the tests, which checks the rules."""
    stage.tell("", "Another bot, for Slack. Its service announces the end of the connection, and goes on talking on it.")
    service = slack.Slack()
    try:
        stage.start("slack", [*SLACK_BOT, service.api + "/api"], SLACK_APP_TOKEN=slack.TOKEN, no_proxy="127.0.0.1")
        stage.expect("slack", "^ready$")
        service.announce_end()
        service.wait_for("ack", envelope=service.command("said while it moves", peer=0), within=8)
        service.wait_for("close", peer=0, code=1000, within=8)
        service.wait_for("ack", peer=1, envelope=service.command("said afterwards"), within=8)
        for seen in service.seen:
            stage.tell("slack", f"connection {seen['peer']}: {seen['event']} {seen.get('text') or seen.get('code') or ''}".rstrip())
        if service.broken:
            raise Failed(f"the bot broke a rule: {service.broken}")
        stage.signal("slack", signal.SIGTERM)
        stage.expect_end("slack", -signal.SIGTERM)
    except AssertionError as missing:
        raise Failed(str(missing)) from None
    finally:
        service.close()


def stay(stage: Stage, options: list[str]) -> None:
    stage.start("server", [str(SERVER), *options])
    page = stage.expect("server", r"(http://\S+) for people")[1]
    url = page.replace("http", "ws") + "ws"
    stage.start("python", [*PYTHON_BOT, url])
    stage.start("node", [*NODE_BOT, url])
    stage.start("commands", [*COMMAND_BOT, url])
    stage.tell("", f'Open {page} and say "!help" or "echo hello". Ctrl+C ends it.')
    while True:
        for who, actor in stage.actors.items():
            if actor.poll() is not None:
                raise Failed(f"{who} ended with status {actor.returncode}")
        time.sleep(0.2)


def main() -> int:
    stage = Stage(colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    try:
        if sys.argv[1:2] == ["--stay"]:
            stay(stage, sys.argv[2:])
        story(stage)
        move(stage)
    except (Failed, OSError, heartwire.WebSocketError) as failure:
        stage.tell("", f"FAILED: {failure}")
        return 1
    except KeyboardInterrupt:
        for who in reversed(list(stage.actors)):  # in a terminal they got the Ctrl+C too; let them close
            stage.signal(who, signal.SIGINT)
            stage.actors[who].wait(timeout=5)
        return 0
    finally:
        stage.clear()
    stage.tell("", "All of it was seen.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
