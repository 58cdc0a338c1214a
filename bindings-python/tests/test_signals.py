"""The Close at a signal survives other code's changes of signals, a program's own handler stays, and process 1 ends by its signals."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
from typing import Any

import pytest

from raw_server import RawServer

#: Ways in which a program restores the default action of a signal. `n` is the signal's number.
TO_DEFAULT = {
    "save and restore": "old = signal.getsignal(n); signal.signal(n, print); signal.signal(n, old)",
    "restore what was returned": "signal.signal(n, signal.signal(n, print))",
    "the default by name": "signal.signal(n, print); signal.signal(n, signal.SIG_DFL)",
    "ignore for a while": "signal.signal(n, signal.SIG_IGN); signal.signal(n, signal.SIG_DFL)",
    "by a function that was kept": "kept(n, print); kept(n, signal.SIG_DFL)",
    "siginterrupt": "signal.siginterrupt(n, False)",
    "faulthandler for a while": "import faulthandler; faulthandler.register(n, chain=True); faulthandler.unregister(n)",
}

EVENTS = """
import os, signal, sys
kept = signal.signal
n = int(sys.argv[2])
import heartwire
{before}
ws = heartwire.WebSocket(sys.argv[1])
def on_open(event):
    {act}
    print("open", flush=True)
ws.onopen = on_open
ws.run_forever()
"""

ASYNCIO = """
import asyncio, os, signal, sys
import heartwire
n = int(sys.argv[2])
async def main():
    ws = await heartwire.connect(sys.argv[1])
    loop = asyncio.get_running_loop()
    {act}
    print("open", flush=True)
    await asyncio.sleep(60)
{run}
"""

RUNS = {
    "asyncio": "asyncio.run(main())",
    "uvloop": "import uvloop; loop = uvloop.new_event_loop(); asyncio.set_event_loop(loop); loop.run_until_complete(main())",
}

ENDING = [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]


def outcome(server: RawServer, process: Any, kill: int) -> tuple[int | None, int]:
    assert process.line() == "open", process.end()
    connection = server.connection()
    os.kill(process.process.pid, kill)
    return connection.expect_close(), process.end()[0]


@pytest.mark.parametrize("what", TO_DEFAULT)
def test_a_default_action_that_is_put_back_says_goodbye(server: RawServer, child: Any, what: str) -> None:
    process = child(EVENTS.format(before="", act=TO_DEFAULT[what]), server.url, str(int(signal.SIGTERM)))
    assert outcome(server, process, signal.SIGTERM) == (1001, -signal.SIGTERM)


@pytest.mark.parametrize("kill", ENDING)
def test_every_signal_that_ends_a_process_says_goodbye(server: RawServer, child: Any, kill: int) -> None:
    process = child(EVENTS.format(before="", act="pass"), server.url, str(int(kill)))
    assert outcome(server, process, kill) == (1001, -kill)


@pytest.mark.parametrize("loop", RUNS)
def test_a_handler_of_the_loop_that_is_removed(server: RawServer, child: Any, loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    act = "loop.add_signal_handler(n, print); loop.remove_signal_handler(n)"
    process = child(ASYNCIO.format(act=act, run=RUNS[loop]), server.url, str(int(signal.SIGTERM)))
    assert outcome(server, process, signal.SIGTERM) == (1001, -signal.SIGTERM)


@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGUSR1])
def test_faulthandler_that_lets_the_default_action_follow(server: RawServer, child: Any, kill: int) -> None:
    before = "import faulthandler; faulthandler.register(n, chain=True)"
    process = child(EVENTS.format(before=before, act="pass"), server.url, str(int(kill)))
    assert process.line() == "open"
    connection = server.connection()
    os.kill(process.process.pid, kill)
    assert connection.expect_close() == 1001
    status, _, err = process.end()
    assert status == -kill
    assert "most recent call first" in err, "the handler that stood there has done its work"


@pytest.mark.parametrize("when", ["before", "after"])
def test_faulthandler_that_does_not_is_left_alone(server: RawServer, child: Any, when: str) -> None:
    register = "import faulthandler; faulthandler.register(n)"
    text = EVENTS.format(before=register if when == "before" else "", act=register if when == "after" else "pass")
    process = child(text, server.url, str(int(signal.SIGUSR1)))
    assert process.line() == "open"
    connection = server.connection()
    os.kill(process.process.pid, signal.SIGUSR1)
    connection.send_frame(9, b"alive?")
    assert connection.next() == (10, b"alive?")
    connection.close(1000)
    connection.expect_close()
    connection.sock.close()
    assert process.end()[0] == 0


RAISED_AGAIN = """
import asyncio, os, signal, sys, time
import heartwire
n = int(sys.argv[2])
got = []
{early}
async def main():
    ws = await heartwire.connect(sys.argv[1])
    {late}
    print("open", flush=True)
    while not got:
        await asyncio.sleep(0.01)
asyncio.run(main())
signal.signal(n, old)
signal.raise_signal(n)
sys.exit(0)
"""


@pytest.mark.parametrize("when", ["early", "late"])
def test_a_signal_that_a_server_handles_and_raises_again(server: RawServer, child: Any, when: str) -> None:
    """As in uvicorn: the status is the signal's, though the program reaches its end at once."""
    take = "old = signal.signal(n, lambda *_: got.append(1))"
    text = RAISED_AGAIN.format(early=take if when == "early" else "", late=f"global old; {take}" if when == "late" else "pass")
    process = child(text, server.url, str(int(signal.SIGTERM)))
    assert outcome(server, process, signal.SIGTERM) == (1001, -signal.SIGTERM)


def test_the_default_action_of_ctrl_c(server: RawServer, child: Any) -> None:
    process = child(EVENTS.format(before="signal.signal(n, signal.SIG_DFL)", act="pass"), server.url, str(int(signal.SIGINT)))
    assert outcome(server, process, signal.SIGINT) == (1001, -signal.SIGINT)


def test_a_later_socket_watches_again_what_was_taken_behind_pythons_back(server: RawServer, child: Any) -> None:
    act = """import ctypes
    c = ctypes.CDLL(None); c.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]; c.signal(n, None)
    global later
    later = heartwire.WebSocket(sys.argv[1])"""
    process = child(EVENTS.format(before="", act=act), server.url, str(int(signal.SIGTERM)))
    assert outcome(server, process, signal.SIGTERM) == (1001, -signal.SIGTERM)


@pytest.mark.parametrize("when", ["before", "act"])
def test_a_handler_of_the_programs_own_stays(server: RawServer, child: Any, when: str) -> None:
    mine = "signal.signal(n, lambda *_: ws.close(3000)); assert callable(signal.getsignal(n))"
    process = child(EVENTS.format(**{"before": "", "act": "pass", when: mine}), server.url, str(int(signal.SIGTERM)))
    assert outcome(server, process, signal.SIGTERM) == (3000, 0)


def test_python_says_of_signals_what_it_would_say_without_us(child: Any) -> None:
    text = """
import signal, sys
before = signal.signal(signal.SIGTERM, signal.SIG_DFL), signal.getsignal(signal.SIGTERM), signal.signal.__doc__
import heartwire
heartwire.WebSocket("ws://127.0.0.1:1/").close()
assert before == (signal.signal(signal.SIGTERM, signal.SIG_DFL), signal.getsignal(signal.SIGTERM), signal.signal.__doc__)
for wrong in (lambda: signal.signal(99999, print), lambda: signal.signal(signal.SIGTERM, "no")):
    try:
        wrong()
    except (TypeError, ValueError):
        continue
    raise AssertionError("refused")
"""
    assert child(text).end() == (0, "", "")


def test_a_child_of_fork_leaves_signals_alone(server: RawServer, child: Any) -> None:
    """It has no socket: the default action is the system's again, also if it is restored once more."""
    act = """import time
    pid = os.fork()
    if pid == 0:
        signal.signal(n, print); signal.signal(n, signal.SIG_DFL)
        os.kill(os.getpid(), n)
        time.sleep(60)
    print(os.WTERMSIG(os.waitpid(pid, 0)[1]), flush=True)"""
    process = child(EVENTS.format(before="", act=act), server.url, str(int(signal.SIGTERM)))
    assert process.line() == str(int(signal.SIGTERM))
    assert outcome(server, process, signal.SIGTERM) == (1001, -signal.SIGTERM)


NAMESPACE = ["unshare", "-pf", "--mount-proc", "--kill-child"]
FACES = {
    "run_forever": "ws.run_forever()",
    "start": "ws.start(); ws.join(); time.sleep(60)",
    "asyncio": "asyncio.run(ws_on_loop())",
    "blocked": "ws.onopen = lambda event: (print('open', flush=True), time.sleep(60)); ws.run_forever()",
}
PROCESS_1 = """
import asyncio, sys, time
import heartwire
async def ws_on_loop():
    ws = make()
    await ws.wait_closed()
    await asyncio.sleep(60)
def make():
    ws = heartwire.WebSocket(sys.argv[1], reconnect=True)
    ws.onopen = lambda event: print("open", flush=True)
    ws.onclose = lambda event: print("close", event.code, event.will_reconnect, ws.ready_state, flush=True)
    return ws
if "asyncio" not in sys.argv:
    ws = make()
"""


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode != 0,
    reason="no PID namespace can be made here",
)
@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1])
@pytest.mark.parametrize("face", FACES)
def test_process_1(server: RawServer, face: str, kill: int) -> None:
    command = [*NAMESPACE, sys.executable, "-c", PROCESS_1 + FACES[face], server.url, face]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            connection = server.connection()
            inner = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
            os.kill(int(inner), kill)
            assert connection.expect_close() == 1001
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 128 + kill, err
    # Handlers that can still run get their last event; one that blocks does not delay the end.
    assert out == ("" if face == "blocked" else "close 1001 False 3\n")
