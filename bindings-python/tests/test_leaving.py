"""Leaving a program and a block: no thread delays a requested end, and the server gets the reason."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from raw_server import RawServer

STARTED = """
import os, signal, sys, threading, time
import heartwire
opened = threading.Event()
ws = heartwire.WebSocket(sys.argv[1])
ws.onopen = lambda event: opened.set()
ws.onclose = lambda event: print("close", event.code, event.will_reconnect, flush=True)
{before}
ws.start()
opened.wait()
print("open", flush=True)
{act}
"""


def leaves(server: RawServer, process: Any, kill: int | None = None) -> tuple[int | None, int, str]:
    assert process.line() == "open", process.end()
    connection = server.connection()
    if kill is not None:
        os.kill(process.process.pid, kill)
    code = connection.expect_close()
    status, out, _ = process.end()
    return code, status, out


def test_ctrl_c_while_the_main_thread_waits_for_a_started_socket(server: RawServer, child: Any) -> None:
    process = child(STARTED.format(before="", act="ws.join()"), server.url)
    assert leaves(server, process, signal.SIGINT) == (1001, -signal.SIGINT, "close 1001 False\n")


@pytest.mark.parametrize(
    ("act", "status"),
    [("sys.exit(5)", 5), ("raise SystemExit(5)", 5), ("exit(5)", 5), ("raise RuntimeError('oops')", 1), ("(lambda: sys.exit(5))()", 5)],
)
def test_an_exception_of_the_main_thread_ends_the_program(server: RawServer, child: Any, act: str, status: int) -> None:
    process = child(STARTED.format(before="", act=act), server.url)
    assert leaves(server, process) == (1001, status, "close 1001 False\n")


@pytest.mark.parametrize("act", ["ws.join()", "time.sleep(60)"])
def test_sigterm_whose_handler_calls_sys_exit(server: RawServer, child: Any, act: str) -> None:
    before = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
    process = child(STARTED.format(before=before, act=act), server.url)
    assert leaves(server, process, signal.SIGTERM) == (1001, 7, "close 1001 False\n")


LIVES = {
    "a return": "pass",
    "a script of an installer": "def main():\n    return None\nsys.exit(main())",
    "the same by raise": "def main():\n    return None\nraise SystemExit(main())",
}


@pytest.mark.parametrize("end", LIVES)
def test_a_program_that_only_called_start_lives(server: RawServer, child: Any, end: str) -> None:
    text = "import threading\nended = threading.Event()\nthreading._register_atexit(ended.set)\n" + STARTED
    process = child(text.format(before="ws.onmessage = lambda event: (ended.wait(), ws.send('lives'))", act=LIVES[end]), server.url)
    assert process.line() == "open"
    connection = server.connection()
    connection.send("?")
    assert connection.next_data() == "lives"
    connection.close(1000)
    connection.expect_close()
    connection.sock.close()
    assert process.end() == (0, "close 1000 False\n", "")


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_started_socket_alone_keeps_the_program(server: RawServer, child: Any, kill: int) -> None:
    """The first one ends it, whether it reaches the main thread before or after its end."""
    process = child(STARTED.format(before="signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))", act="pass"), server.url)
    code, status, _ = leaves(server, process, kill)
    assert code == 1001
    # Python does not report an exception that comes while it waits for threads, and ends with 0.
    assert status in (0, 1, 7, -signal.SIGINT)


def test_a_session_that_is_over(server: RawServer, child: Any) -> None:
    """As at the prompt: Ctrl+C gives the prompt back, and the end of the input ends the program."""
    process = child(STARTED.format(before="sys.ps1 = '>>> '", act="pass"), server.url)
    assert leaves(server, process) == (1001, 0, "close 1001 False\n")


OWN = {
    "run_forever": """
    ws = heartwire.WebSocket(sys.argv[1])
    ws.onopen = lambda event: opened.set()
    ws.run_forever()
""",
    "async for": """
    async def main():
        async with heartwire.connect(sys.argv[1]) as ws:
            opened.set()
            async for message in ws:
                pass
    asyncio.run(main())
""",
    "blocking": """
    with heartwire.sync.connect(sys.argv[1]) as ws:
        opened.set()
        for message in ws:
            pass
""",
}


@pytest.mark.parametrize("way", ["join", "wait", "exit"])
@pytest.mark.parametrize("own", OWN)
def test_a_thread_of_the_programs_own(server: RawServer, child: Any, own: str, way: str) -> None:
    """Its block or loop ends with its socket, and with it the thread that Python waits for."""
    act = {"join": "thread.join()", "wait": "time.sleep(60)", "exit": "sys.exit(5)"}[way]
    text = f"""
import asyncio, sys, threading, time
import heartwire, heartwire.sync
opened = threading.Event()
def work():
{OWN[own]}
    print("thread ends", flush=True)
thread = threading.Thread(target=work)
thread.start()
opened.wait()
print("open", flush=True)
{act}
"""
    process = child(text, server.url)
    got = leaves(server, process, None if way == "exit" else signal.SIGINT)
    assert got[:2] == (1001, 5 if way == "exit" else -signal.SIGINT)
    # Before Python 3.13, a thread whose `join()` was interrupted may count as ended: then Python does not wait for it.
    assert way == "join" or got[2] == "thread ends\n"


IN_CONNECT = """
import asyncio, sys
import heartwire
async def main():
    async with heartwire.connect(sys.argv[1]) as ws:
        print("open", flush=True)
        {act}
asyncio.run(main())
"""
IN_WITH = """
import asyncio, sys
import heartwire
async def main():
    async with heartwire.WebSocket(sys.argv[1]) as ws:
        opened = asyncio.Event()
        ws.onopen = lambda event: opened.set()
        await opened.wait()
        print("open", flush=True)
        {act}
asyncio.run(main())
"""
IN_SYNC = """
import sys, time
import heartwire.sync
with heartwire.sync.connect(sys.argv[1]) as ws:
    print("open", flush=True)
    {act}
"""
BLOCKS = {"connect": IN_CONNECT, "with": IN_WITH, "sync": IN_SYNC}


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(
    ("act", "code", "status"), [("pass", 1000, 0), ("raise RuntimeError('oops')", 1011, 1), ("sys.exit(5)", 1001, 5), ("1 / 0", 1011, 1)]
)
def test_leaving_a_block(server: RawServer, child: Any, block: str, act: str, code: int, status: int) -> None:
    if block == "with":
        code = {1000: 1005}.get(code, code)  # as close() of the browser, without a code
    process = child(BLOCKS[block].format(act=act), server.url)
    assert leaves(server, process)[:2] == (code, status)


@pytest.mark.parametrize("block", BLOCKS)
def test_ctrl_c_in_a_block(server: RawServer, child: Any, block: str) -> None:
    act = {"connect": "await ws.recv()", "with": "await ws.wait_closed()", "sync": "ws.recv()"}[block]
    process = child(BLOCKS[block].format(act=act), server.url)
    assert leaves(server, process, signal.SIGINT)[:2] == (1001, -signal.SIGINT)


def test_a_task_that_is_cancelled_in_its_block_says_1001(server: RawServer, child: Any) -> None:
    text = """
import asyncio, sys
import heartwire
async def talk(opened):
    async with heartwire.connect(sys.argv[1]) as ws:
        opened.set()
        await ws.recv()
async def main():
    opened = asyncio.Event()
    task = asyncio.create_task(talk(opened))
    await opened.wait()
    print("open", flush=True)
    task.cancel()
    await asyncio.wait([task])
asyncio.run(main())
"""
    assert leaves(server, child(text, server.url)) == (1001, 0, "")


@pytest.mark.parametrize("block", BLOCKS)
def test_a_server_that_does_not_answer_holds_nobody_up(server: RawServer, child: Any, block: str) -> None:
    text = BLOCKS[block].replace("(sys.argv[1])", "(sys.argv[1], close_on_exit=0.2, close_timeout=600)")
    process = child(text.format(act="sys.exit(5)"), server.url)
    assert process.line() == "open"
    server.connection()  # which never answers
    assert process.end()[0] == 5
