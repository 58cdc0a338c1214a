"""What README.md shows is true: its bots run against the chat server, its other snippets compile, its commands and links exist."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Chat

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)[^\n]*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def program(language: str, chat: Chat, tmp_path: Path) -> list[str | Path]:
    """The first snippet of the language as a program that connects to the chat server. It must find `heartwire` as a bot in this checkout does."""
    text, changed = re.subn(r"wss://im\.example/ws", chat.url, blocks(language)[0])
    assert changed == 1
    if language == "python":
        path = tmp_path / "bot.py"
        path.write_text(text)
        return [sys.executable, path]
    path = ROOT / "target" / "readme-bot.mjs"
    path.write_text(text)
    return ["node", path]


@pytest.mark.parametrize("language", ["python", "js"])
def test_the_ten_line_bots_run(chat: Chat, tmp_path: Path, language: str) -> None:
    ann = chat.person("ann")
    bot = chat.run(*program(language, chat, tmp_path))
    ann.hear("/chat/message", {"text": "^hello$"})
    ann.say("ping")
    ann.hear("/chat/message", {"text": "^pong$"})
    chat.server.end()
    bot.wait_for("1001")


@pytest.mark.parametrize("text", blocks("python"))
def test_python_compiles(text: str) -> None:
    compile(text, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("text", blocks("js"))
def test_javascript_parses(text: str, tmp_path: Path) -> None:
    path = tmp_path / "snippet.mjs"
    path.write_text(text)
    subprocess.run(["node", "--check", str(path)], check=True)


def test_commands_and_links_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"\bmake ([a-z]+)", README):
        assert target in targets, f"make {target}"
    for link in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / link).exists(), link
    for path in re.findall(r"\./(bindings-\w+)", README):
        assert (ROOT / path).is_dir()
