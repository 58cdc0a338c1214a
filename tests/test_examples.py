"""Every example runs against the chat server, does its task, and closes properly."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, TARGET, Chat, Person

EXAMPLES = ROOT / "examples"
PYTHON, JAVASCRIPT = EXAMPLES / "python", EXAMPLES / "javascript"


def echoes(chat: Chat, ann: Person, bot: str) -> None:
    ann.say("echo hello")
    ann.hear("/chat/message", {"from": bot, "text": "^hello$"})


def obeys(chat: Chat, ann: Person, bot: str) -> None:
    for command, answer in [("!help", "!help, !roll, !time"), ("!roll 20", "of 20$"), ("!time", r"it is \d\d:\d\d:\d\d here")]:
        ann.say(command)
        ann.hear("/chat/message", {"from": bot, "text": answer})


def welcomes(chat: Chat, ann: Person, bot: str) -> None:
    chat.person("bob")
    ann.hear("/chat/message", {"from": bot, "text": "^Welcome, bob!$"})


def knows_people(chat: Chat, ann: Person, bot: str) -> None:
    ann.say("who is here?")
    ann.hear("/chat/message", {"from": bot, "text": f"^ann, {bot}$"})


BOTS: dict[str, tuple[list[str | Path], str, Callable[[Chat, Person, str], None]]] = {
    "echo_bot.py": ([sys.executable, PYTHON / "echo_bot.py"], "python-echo", echoes),
    "command_bot.py": ([sys.executable, PYTHON / "command_bot.py"], "python-commands", obeys),
    "asyncio_bot.py": ([sys.executable, PYTHON / "asyncio_bot.py"], "python-greeter", welcomes),
    "echo-bot.mjs": (["node", JAVASCRIPT / "echo-bot.mjs"], "node-echo", echoes),
    "command-bot.mjs": (["node", JAVASCRIPT / "command-bot.mjs"], "node-commands", obeys),
    "async-bot.mjs": (["node", JAVASCRIPT / "async-bot.mjs"], "node-greeter", welcomes),
    "bot.ts": (["node", ROOT / "target/typescript/bot.js"], "typescript-bot", knows_people),
    "bot.rs": ([TARGET / "debug/examples/bot"], "rust-echo", echoes),
}


def build(name: str) -> None:
    """Compiles the examples that must be."""
    if name == "bot.ts":
        command: list[str | Path] = [
            ROOT / "tests/node_modules/.bin/tsc",
            "-p",
            EXAMPLES / "typescript",
            "--noEmit",
            "false",
            "--outDir",
            ROOT / "target/typescript",
        ]
        subprocess.run(command, check=True, cwd=ROOT)
        (ROOT / "target/typescript/package.json").write_text('{"type": "module"}')
    if name == "bot.rs":
        subprocess.run(["cargo", "build", "--quiet", "-p", "heartwire", "--example", "bot"], check=True, cwd=ROOT)


@pytest.mark.timeout(600)  # the Rust example may have to be compiled
@pytest.mark.parametrize("name", BOTS)
def test_a_bot_does_what_it_says_and_says_goodbye(chat: Chat, name: str) -> None:
    command, bot, does = BOTS[name]
    build(name)
    ann = chat.person("ann")
    process = chat.run(*command, chat.url)
    ann.hear("/chat/join", {"name": f"^{bot}$"})
    does(chat, ann, bot)
    assert process.end(signal.SIGTERM) == -signal.SIGTERM
    ann.hear("/chat/leave", {"name": f"^{bot}$"})
    chat.server.wait_for(f"- {bot} says goodbye: 1001")


@pytest.mark.parametrize("name", [name for name in BOTS if not name.endswith(".rs")])
def test_ctrl_c_ends_a_bot_with_a_goodbye_and_without_a_traceback(chat: Chat, name: str) -> None:
    command, bot, does = BOTS[name]
    build(name)
    ann = chat.person("ann")
    process = chat.run(*command, chat.url)
    ann.hear("/chat/join", {"name": f"^{bot}$"})
    does(chat, ann, bot)  # the bot itself has seen that the connection is open
    assert process.end(signal.SIGINT) == (0 if name.endswith(".py") else -signal.SIGINT)
    chat.server.wait_for(f"- {bot} says goodbye: 1001")
    assert not any("Traceback" in line or "KeyboardInterrupt" in line for line in process.lines), process.lines


@pytest.mark.parametrize("command", [[sys.executable, PYTHON / "snippet.py"], ["node", JAVASCRIPT / "snippet.mjs"]], ids=["python", "javascript"])
def test_the_snippet_that_started_it_all(chat: Chat, command: list[str | Path]) -> None:
    ann = chat.person("ann")
    process = chat.run(*command, chat.url)
    ann.hear("/chat/message", {"text": "^hello$"})
    ann.say("nice to meet you")
    process.wait_for("^message nice to meet you$")
    assert process.end(signal.SIGINT) == (0 if command[0] == sys.executable else -signal.SIGINT)
    chat.server.wait_for("- guest-2 says goodbye: 1001")


@pytest.mark.parametrize("command", [[sys.executable, PYTHON / "snippet.py"], ["node", JAVASCRIPT / "snippet.mjs"]], ids=["python", "javascript"])
def test_the_snippet_tells_when_the_server_leaves(chat: Chat, command: list[str | Path]) -> None:
    process = chat.run(*command, chat.url)
    process.wait_for("^open$")
    chat.server.end(signal.SIGTERM)
    process.wait_for("^close 1001 the server goes away$")
    assert process.wait(10) == 0


def test_examples_are_short() -> None:
    files = [path for folder in ("python", "javascript", "typescript") for path in (EXAMPLES / folder).glob("*.[pmt]*")]
    assert len(files) >= 9
    for path in [*files, ROOT / "core/examples/bot.rs"]:
        assert len(path.read_text().splitlines()) < 60, path
