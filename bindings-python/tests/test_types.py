"""The types: stubs against the binary, mypy on the package and on a program that uses it, ruff."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

import heartwire

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = pathlib.Path(heartwire.__file__).parent

PROGRAM = """
import asyncio
import heartwire
import heartwire.sync
from heartwire import WebSocket
from heartwire.testing import FaultServer

ws = WebSocket("wss://im.example/ws", ["chat"], reconnect=True, heartbeat={"message": {"url": "/beat"}, "interval": 60})
reveal_type(ws.onmessage)
reveal_type(ws.readyState)

@ws.on("message")
def reply(event: heartwire.MessageEvent) -> None:
    ws.send(event.data)

@ws.on("message")
async def later(event: heartwire.MessageEvent) -> None:
    await asyncio.sleep(1)

ws.onopen = lambda event: ws.send("hello")
ws.onclose = lambda event: print(event.code, event.reason, event.will_reconnect)
ws.on("close", lambda event: print(event.code))

async def main() -> None:
    async with heartwire.connect(lambda: "ws://im.example/", open_timeout=3) as connection:
        await connection.send(b"x")
        async for message in connection:
            reveal_type(message)

with heartwire.sync.connect("ws://im.example/") as connection:
    reveal_type(connection.recv(timeout=1.5))

ws.onmessage = 3  # error
ws.addEventListener("mesage", print)  # error
WebSocket("ws://im.example/", reconect=True)  # error
WebSocket("ws://im.example/", heartbeat={"intervall": 3})  # error
"""


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment})
    return done.stdout + done.stderr if done.returncode else ""


def mypy(*arguments: str) -> str:
    pytest.importorskip("mypy")
    return run(sys.executable, "-m", "mypy", *arguments)


@pytest.mark.timeout(180)
def test_the_package_is_strictly_typed() -> None:
    assert mypy("--config-file", "pyproject.toml") == ""


@pytest.mark.timeout(180)
def test_the_stubs_are_those_of_the_binary() -> None:
    pytest.importorskip("mypy")
    assert run(sys.executable, "-m", "mypy.stubtest", "heartwire._native", "--mypy-config-file", "pyproject.toml") == ""


@pytest.mark.timeout(180)
def test_a_users_program_is_checked(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    report = mypy("--strict", "--cache-dir", str(tmp_path / "cache"), str(program))
    errors = {int(line.split(":")[1]) for line in report.splitlines() if ": error:" in line}
    expected = {number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# error")}
    assert errors == expected, report
    for words in ("(heartwire._native.MessageEvent) -> object", '"int"', '"str | bytes"'):
        assert words in report.replace("builtins.", ""), report


def test_ruff() -> None:
    pytest.importorskip("ruff")
    assert run(sys.executable, "-m", "ruff", "check", "--no-cache", ".") == ""
    assert run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", ".") == ""
