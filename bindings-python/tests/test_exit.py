"""Every way out of a process: the server gets Close 1001, and the exit status stays the usual one."""

from __future__ import annotations

import os
import queue
import signal
from typing import Any

import pytest

from raw_server import RawServer

RUN_FOREVER = """
import os, signal, sys, threading
from heartwire import WebSocket
ws = WebSocket(sys.argv[1])
def on_open(event):
    print("open", flush=True)
    {act}
ws.onopen = on_open
{before}
ws.run_forever()
"""

THREAD = """
import os, signal, sys, threading, time
from heartwire import WebSocket
ws = WebSocket(sys.argv[1])
opened = threading.Event()
ws.onopen = lambda event: (print("open", flush=True), opened.set())
ws.start(daemon={daemon})
opened.wait()
{act}
"""

ASYNCIO = """
import asyncio, os, signal, sys
import heartwire
async def main():
    ws = await heartwire.connect(sys.argv[1])
    print("open", flush=True)
    {act}
asyncio.run(main())
"""

SYNC = """
import os, signal, sys
import heartwire.sync
ws = heartwire.sync.connect(sys.argv[1])
print("open", flush=True)
{act}
"""


FACES = {"run_forever": RUN_FOREVER, "start": THREAD, "asyncio": ASYNCIO, "sync": SYNC}
IDLE = {"run_forever": "pass", "start": "time.sleep(60)", "asyncio": "await asyncio.sleep(60)", "sync": "ws.recv()"}
of_each_driver = pytest.mark.parametrize("driver", ["host", "background"])


def driven(text: str, driver: str) -> str:
    return text.replace("(sys.argv[1])", f"(sys.argv[1], driver={driver!r})")


def outcome(server: RawServer, process: Any, kill: int | None = None) -> tuple[int | None, int, str]:
    assert process.line() == "open", process.end()
    connection = server.connection()
    if kill is not None:
        os.kill(process.process.pid, kill)
    code = connection.expect_close()
    status, _, err = process.end()
    return code, status, err


@of_each_driver
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("act", "status"), [("sys.exit(3)", 3), ("raise RuntimeError('oops')", 1), ("raise SystemExit('words')", 1)])
def test_leaving_by_an_exception(server: RawServer, child: Any, face: str, driver: str, act: str, status: int) -> None:
    text = driven(FACES[face], driver)
    if face == "run_forever" and "Runtime" in act:
        # A handler's exception does not end the process: this one is raised in the main thread while it waits.
        before = f"def leave(*_): {act}\nsignal.signal(signal.SIGALRM, leave)"
        process = child(text.format(act="signal.setitimer(signal.ITIMER_REAL, 0.2)", before=before), server.url)
    else:
        process = child(text.format(act=act, before="", daemon=True), server.url)
    code, got, err = outcome(server, process)
    assert (code, got) == (1001, status), err
    assert ("oops" in err) == ("oops" in act)
    assert "Fatal" not in err


@of_each_driver
@pytest.mark.parametrize("face", ["start", "asyncio", "sync"])
def test_a_normal_end(server: RawServer, child: Any, face: str, driver: str) -> None:
    text = driven(FACES[face], driver)
    assert outcome(server, child(text.format(act="pass", daemon=True), server.url)) == (1001, 0, "")


@of_each_driver
def test_a_started_socket_keeps_the_process(server: RawServer, child: Any, driver: str) -> None:
    process = child(driven(THREAD, driver).format(act="print('main ends', flush=True)", daemon=False), server.url)
    assert process.line() == "open"
    assert process.line() == "main ends"
    connection = server.connection()
    connection.send_frame(9, b"alive?")
    assert connection.next() == (10, b"alive?")
    assert process.process.poll() is None
    connection.close(1000)
    connection.expect_close()
    connection.sock.close()
    assert process.end() == (0, "", "")


@of_each_driver
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGHUP])
def test_signals_that_end_a_process(server: RawServer, child: Any, face: str, driver: str, kill: int) -> None:
    process = child(driven(FACES[face], driver).format(act=IDLE[face], before="", daemon=True), server.url)
    assert outcome(server, process, kill) == (1001, -kill, "")


@of_each_driver
@pytest.mark.parametrize("face", FACES)
def test_ctrl_c(server: RawServer, child: Any, face: str, driver: str) -> None:
    process = child(driven(FACES[face], driver).format(act=IDLE[face], before="", daemon=True), server.url)
    code, status, err = outcome(server, process, signal.SIGINT)
    assert (code, status) == (1001, -signal.SIGINT)
    assert "KeyboardInterrupt" in err


def test_ctrl_c_while_a_started_socket_keeps_the_process(server: RawServer, child: Any) -> None:
    act = "threading.Thread(target=lambda: print('now', flush=True)).start()"
    process = child(THREAD.format(act=act, daemon=False), server.url)
    assert process.line() == "open"
    assert process.line() == "now"
    connection = server.connection()
    # From outside it is not visible whether the main thread has ended yet. If not, Ctrl+C ends the program but not the thread, as ever in
    # Python: a person would press it again.
    code = None
    for _ in range(10):
        os.kill(process.process.pid, signal.SIGINT)
        try:
            code = connection.expect_close(timeout=1)
            break
        except queue.Empty:
            continue
    assert code == 1001
    assert process.end()[0] in (0, 1, -signal.SIGINT)


@of_each_driver
def test_a_blocked_handler_does_not_keep_sigterm_from_saying_goodbye(server: RawServer, child: Any, driver: str) -> None:
    process = child(driven(RUN_FOREVER, driver).format(act="import time; time.sleep(60)", before=""), server.url)
    assert outcome(server, process, signal.SIGTERM) == (1001, -signal.SIGTERM, "")


def test_a_handler_of_the_programs_own_stays_in_charge(server: RawServer, child: Any) -> None:
    before = "signal.signal(signal.SIGTERM, lambda *_: (print('mine', flush=True), ws.close(1000)))"
    process = child(RUN_FOREVER.format(act="pass", before=before), server.url)
    assert process.line() == "open"
    os.kill(process.process.pid, signal.SIGTERM)
    assert server.connection().expect_close() == 1000
    assert process.end() == (0, "mine\n", "")


@pytest.mark.parametrize("kill", ["SIGHUP", "SIGTERM"])
def test_a_signal_that_is_ignored_stays_ignored(server: RawServer, child: Any, kill: str) -> None:
    before = f"signal.signal(signal.{kill}, signal.SIG_IGN)"
    process = child(
        "import signal\n" + before + "\n" + RUN_FOREVER.format(act=f"signal.raise_signal(signal.{kill})", before=""), server.url
    )
    assert process.line() == "open"
    connection = server.connection()
    connection.send_frame(9, b"alive?")
    assert connection.next() == (10, b"alive?")
    connection.close(1000)
    connection.expect_close()
    connection.sock.close()
    assert process.end() == (0, "", "")


def test_close_on_exit_off(server: RawServer, child: Any) -> None:
    text = RUN_FOREVER.replace("WebSocket(sys.argv[1])", "WebSocket(sys.argv[1], close_on_exit=False)")
    assert outcome(server, child(text.format(act="sys.exit(0)", before=""), server.url)) == (None, 0, "")


def test_the_goodbye_is_bounded(server: RawServer, child: Any) -> None:
    text = RUN_FOREVER.replace("WebSocket(sys.argv[1])", "WebSocket(sys.argv[1], close_on_exit=0.2)")
    process = child(text.format(act="sys.exit(4)", before=""), server.url)
    assert process.line() == "open"
    server.connection()  # which never answers
    assert process.end()[0] == 4


FLOODED = {
    "start, without a handler": """
ws = heartwire.WebSocket(sys.argv[1])
ws.onopen = lambda event: many.set()
ws.start(daemon=True)
""",
    "start": """
ws = heartwire.WebSocket(sys.argv[1])
ws.onmessage = hit
ws.start(daemon=True)
""",
    "run_forever": """
def work():
    ws = heartwire.WebSocket(sys.argv[1])
    ws.onmessage = hit
    ws.run_forever()
threading.Thread(target=work, daemon=True).start()
""",
    "sync": """
def work():
    for message in heartwire.sync.connect(sys.argv[1]):
        hit(message)
threading.Thread(target=work, daemon=True).start()
""",
    "asyncio": """
async def main():
    async with heartwire.connect(sys.argv[1]) as ws:
        async for message in ws:
            hit(message)
threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
""",
}


@of_each_driver
@pytest.mark.parametrize("face", FLOODED)
def test_the_process_ends_while_a_daemon_thread_handles_a_flood(server: RawServer, child: Any, face: str, driver: str) -> None:
    text = f"""
import asyncio, sys, threading
import heartwire, heartwire.sync
count, many = 0, threading.Event()
def hit(event):
    global count
    count += 1
    if count == 50:
        many.set()
{driven(FLOODED[face], driver)}
many.wait()
"""
    process = child(text, server.url)
    connection = server.connection()
    while connection.frames.empty():
        connection.send("x" * 100)
    assert connection.expect_close() == 1001
    status, _, err = process.end()
    assert (status, err) == (0, "")


OF_THE_USERS_OWN = {
    "run_forever": """
    ws = heartwire.WebSocket(sys.argv[1])
    ws.onmessage = lambda event: ws.send("still here")
    made.set()
    ws.run_forever()
""",
    "sync": """
    ws = heartwire.sync.connect(sys.argv[1])
    made.set()
    for message in ws:
        ws.send("still here")
""",
    "asyncio": """
    async def main():
        async with heartwire.connect(sys.argv[1]) as ws:
            made.set()
            async for message in ws:
                await ws.send("still here")
    asyncio.run(main())
""",
}


def is_not_cut_off(server: RawServer, process: Any) -> None:
    """The child answers on after its main thread has ended, and ends when the server has closed."""
    assert process.line() == "open"
    connection = server.connection()
    for _ in range(3):
        connection.send("?")
        assert connection.next_data() == "still here"
    connection.close()
    connection.expect_close()
    connection.sock.close()
    assert process.end() == (0, "", "")


def test_a_thread_that_reads_from_a_socket_of_the_main_thread_is_not_cut_off(server: RawServer, child: Any) -> None:
    act = """
def work():
    for message in ws:
        ws.send("still here")
threading.Thread(target=work).start()
"""
    text = "import threading\n" + SYNC.format(act=act)
    is_not_cut_off(server, child(text, server.url))


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("face", OF_THE_USERS_OWN)
def test_a_thread_of_the_users_own_is_not_cut_off(server: RawServer, child: Any, face: str, early: bool) -> None:
    """Also if the main thread ends just when the thread is about to deliver, or before it has made its socket."""
    text = f"""
import asyncio, sys, threading
made, ended = threading.Event(), threading.Event()
threading._register_atexit(ended.set)  # runs behind what is registered later
import heartwire, heartwire.sync
from heartwire import _delivery
serve = _delivery._serve
_delivery._serve = lambda hub: (ended.wait(), serve(hub))
def work():
    if {early}:
        ended.wait()
{OF_THE_USERS_OWN[face]}
threading.Thread(target=work).start()
print("open", flush=True)
if not {early}:
    made.wait()
"""
    is_not_cut_off(server, child(text, server.url))


def test_a_socket_that_is_made_when_the_main_thread_has_ended_says_goodbye(server: RawServer, child: Any) -> None:
    text = """
import sys, threading
ended = threading.Event()
threading._register_atexit(ended.set)
import heartwire.sync
def work():
    ended.wait()
    global last
    last = heartwire.sync.connect(sys.argv[1])
    print("open", flush=True)
first = heartwire.WebSocket(sys.argv[1])
first.close()
threading.Thread(target=work).start()
"""
    assert outcome(server, child(text, server.url)) == (1001, 0, "")
