"""fork and spawn: the child owns none of its parent's sockets, and has its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from heartwire.testing import FaultServer
from raw_server import BOUND, RawServer

FORK = """
import asyncio, os, signal, sys, threading, time
from heartwire import WebSocket, WebSocketError

def fork():
    pid = os.fork()
    if pid == 0:
        exec({child!r}, globals())
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    print("child", os.waitstatus_to_exitcode(status) if hasattr(os, "waitstatus_to_exitcode") else status, flush=True)
    ws.send("parent")

ws = WebSocket(sys.argv[1], driver={driver!r})
ws.onmessage = lambda event: ws.close(1000)
"""
ON_A_LOOP = """
async def main():
    opened = asyncio.Event()
    ws.onopen = lambda event: opened.set()
    closed = asyncio.ensure_future(ws.wait_closed())
    await opened.wait()
    fork()
    await closed
"""
FACES = {
    "start": """
opened = threading.Event()
ws.onopen = lambda event: opened.set()
ws.start(daemon=True)
opened.wait()
fork()
ws.join()
""",
    "run_forever on a thread": """
opened = threading.Event()
ws.onopen = lambda event: opened.set()
thread = threading.Thread(target=ws.run_forever)
thread.start()
opened.wait()
fork()
thread.join()
""",
    "handler": """
ws.onopen = lambda event: fork()
ws.run_forever()
""",
    "handler on a loop": """
ws.onopen = lambda event: fork()
asyncio.run(ws.wait_closed())
""",
    "asyncio": f"{ON_A_LOOP}asyncio.run(main())",
    "uvloop": f"{ON_A_LOOP}import uvloop; uvloop.new_event_loop().run_until_complete(main())",
    "handler on uvloop": """
import uvloop
ws.onopen = lambda event: fork()
uvloop.new_event_loop().run_until_complete(ws.wait_closed())
""",
}
"""How the parent drives its socket when it forks: from beside, from within, and with the loop running that the child inherits."""
Run = Callable[[str], "tuple[str, list[Any]]"]


@pytest.fixture(params=[f"{face}, {driver}" for face in FACES for driver in ("host", "background")])
def run(request: pytest.FixtureRequest, server: RawServer, child: Any) -> Run:
    """Runs a code in a forked child, and then the parent's connection. Gives the end of the child, and the data that the parent's server
    received."""
    face, driver = request.param.split(", ")
    if "uvloop" in face:
        pytest.importorskip("uvloop")

    def run(code: str) -> tuple[str, list[Any]]:
        text = FORK.format(child=code, driver=driver) + FACES[face]
        process = child(f"import warnings; warnings.simplefilter('ignore')\n{text}", server.url)
        connection = server.connection()
        got = []
        while (frame := connection.next()) is not None:
            got.append(frame)
            if frame == (1, b"parent"):
                connection.send("answer")
                break
        assert connection.expect_close() == 1000
        status, out, err = process.end()
        assert (status, err) == (0, "")
        return out.strip(), got

    return run


def test_the_child_cannot_use_the_parents_socket(run: Run) -> None:
    code = """
for call in (lambda: ws.send("x"), lambda: ws.ping(), lambda: ws.close(), ws.terminate, ws.start, ws.run_forever, ws.pause):
    try:
        call()
    except WebSocketError as error:
        if error.code == "forked":
            continue
    os._exit(9)
if ws.readyState != 3 or "parent" not in repr(ws):
    os._exit(8)
"""
    assert run(code) == ("child 0", [(1, b"parent")])


def test_the_childs_end_does_not_touch_the_parents_connection(run: Run) -> None:
    assert run("del ws; import gc; gc.collect(); sys.exit(0)") == ("child 0", [(1, b"parent")])


def test_a_signal_ends_the_child_as_ever(run: Run) -> None:
    out, got = run("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)")
    assert (out, got) == (f"child {-signal.SIGTERM}", [(1, b"parent")])


@pytest.mark.parametrize(("leave", "status"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM)])
def test_the_child_may_have_a_socket_of_its_own(run: Run, leave: str, status: int) -> None:
    with RawServer() as other:
        code = f"""
mine = WebSocket({other.url!r})
mine.onopen = lambda event: mine.send("child")
mine.onmessage = lambda event: {leave}
mine.run_forever()
"""
        import threading

        closes: list[Any] = []

        def serve() -> None:
            connection = other.connection()
            assert connection.next() == (1, b"child")
            connection.send("go")
            closes.append(connection.expect_close())

        thread = threading.Thread(target=serve)
        thread.start()
        assert run(code) == (f"child {status}", [(1, b"parent")])
        thread.join()
        assert closes == [1001]


MULTIPROCESSING = """
import multiprocessing, sys, threading
from heartwire import WebSocket

def work(url):
    ws = WebSocket(url, driver=sys.argv[3])
    ws.onopen = lambda event: ws.send("worker")
    ws.onmessage = lambda event: sys.exit(5)
    ws.run_forever()

if __name__ == "__main__":
    opened = threading.Event()
    ws = WebSocket(sys.argv[1], driver=sys.argv[3])
    ws.onopen = lambda event: opened.set()
    ws.onmessage = lambda event: ws.close(1000)
    ws.start()
    opened.wait()
    process = multiprocessing.get_context(sys.argv[2]).Process(target=work, args=(sys.argv[1],))
    process.start()
    process.join()
    print(process.exitcode, flush=True)
    ws.send("parent")
    ws.join()
"""


METHODS = ["fork", "spawn", "forkserver"]


@pytest.fixture
def script(tmp_path: Any) -> Iterator[Any]:
    """Runs a text as a program that multiprocessing can import."""
    started: list[Any] = []

    def run(text: str, *args: str) -> Any:
        path = tmp_path / "script.py"
        path.write_text(text)
        command = [sys.executable, str(path), *args]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True))
        return started[-1]

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("driver", ["host", "background"])
@pytest.mark.parametrize("method", METHODS)
def test_multiprocessing(server: RawServer, script: Any, method: str, driver: str) -> None:
    """The parent's socket stays open, and is usable when the child has ended."""
    process = script(MULTIPROCESSING, server.url, method, driver)
    parents, connection = server.connection(), server.connection()
    assert connection.next_data() == "worker"
    connection.send("go")
    assert connection.expect_close() == 1001
    assert parents.next_data() == "parent"
    parents.send("answer")
    assert parents.expect_close() == 1000
    out, err = process.communicate(timeout=BOUND)
    assert (process.returncode, out, err) == (0, "5\n", "")


OF_A_THREAD = """
import multiprocessing, sys, threading
from concurrent.futures import ThreadPoolExecutor
import heartwire.sync

main_ended = threading.Event()
threading._register_atexit(main_ended.set)  # runs behind what is registered later

def talk(url, late):
    if late:
        main_ended.wait()
    global kept
    kept = heartwire.sync.connect(url)
    main_ended.wait()
    assert kept.recv() == "?"
    kept.send("still here")
    assert kept.recv() == "go"

def work(url, late, pool):
    if pool:
        ThreadPoolExecutor().submit(talk, url, late)
    else:
        threading.Thread(target=talk, args=(url, late)).start()

if __name__ == "__main__":
    url, method, when, of = sys.argv[1:]
    if when == "parent too":
        parents = heartwire.sync.connect(url)
    process = multiprocessing.get_context(method).Process(target=work, args=(url, when == "late", of == "pool"))
    process.start()
    process.join()
    print(process.exitcode)
"""


@pytest.mark.parametrize("of", ["thread", "pool"])
@pytest.mark.parametrize("when", ["early", "late", "parent too"])
@pytest.mark.parametrize("method", METHODS)
def test_a_thread_of_multiprocessings_child_ends_with_an_open_socket(
    server: RawServer, script: Any, method: str, when: str, of: str
) -> None:
    """It stays connected while it outlives the main thread, and then sends its Close, whichever process made the first socket."""
    process = script(OF_A_THREAD, server.url, method, when, of)
    parents = server.connection() if when == "parent too" else None
    connection = server.connection()
    connection.send("?")
    assert connection.next_data() == "still here"
    connection.send("go")
    assert connection.expect_close() == 1001
    if parents is not None:
        assert parents.expect_close() == 1001
    out, err = process.communicate(timeout=BOUND)
    assert (process.returncode, out, err) == (0, "0\n", "")


CHANCE = """
import os, sys
from heartwire import WebSocket

def once():
    ws = WebSocket(sys.argv[1], driver=sys.argv[2], reconnect=True)
    def onclose(event):
        if event.will_reconnect:
            print(event.retry_in, flush=True)
            ws.terminate()
    ws.onclose = onclose
    ws.onerror = lambda: None
    ws.run_forever()

once()
for _ in range(3):
    if (pid := os.fork()) == 0:
        once()
        os._exit(0)
    os.waitpid(pid, 0)
"""


@pytest.mark.parametrize("driver", ["host", "background"])
def test_forked_children_share_no_chance(child: Any, driver: str) -> None:
    """Each has its own delay, so that they do not reconnect in a wave, and its own key (RFC 6455 section 4.1)."""
    with FaultServer({"connections": [[{"do": "refuse", "status": 503}]], "then": "cycle"}) as server:
        status, out, err = child(CHANCE, server.url, driver).end()
        keys = {record["headers"]["sec-websocket-key"] for record in server.records() if record["event"] == "request"}
    assert (status, err) == (0, "")
    assert len(set(out.split())) == 4, out
    assert len(keys) == 4
