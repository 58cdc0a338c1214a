"""`make demo` ends by itself, within 30 seconds, with status 0, and its transcript tells the story."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

from conftest import ROOT, Person, Process

DEMO = ROOT / "examples" / "demo.py"


def test_the_demonstration() -> None:
    start = time.monotonic()
    done = subprocess.run([sys.executable, str(DEMO)], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - start < 30
    for line in [
        "ann +hears node-echo: hello",
        "python +heartbeat answered",
        "node +close 1001",
        "python +reconnecting in",
        "slack +connection 1: ack ann said: said afterwards",
        "All of it was seen",
    ]:
        assert re.search(rf"^ *\d+\.\d\d  .*{line}", done.stdout, re.MULTILINE), f"{line} is not in\n{done.stdout}"


def test_staying_prints_the_address_of_the_page() -> None:
    demo = Process(sys.executable, DEMO, "--stay", "--port", "0")
    try:
        address = demo.wait_for(r"Open http://(127\.0\.0\.1:\d+)/ ")[1]
        demo.wait_for("node-echo joined")
        demo.wait_for("python-echo joined")
        demo.wait_for("python-commands joined")
        ann = Person(f"ws://{address}/ws", "ann")
        ann.say("!help")
        ann.hear("/chat/message", {"from": "^python-commands$", "text": "!help, !roll, !time"})
        ann.socket.close()
        assert demo.end(signal.SIGINT) == 0
    finally:
        demo.kill()


def test_it_fails_if_what_it_expects_does_not_happen() -> None:
    environment = {"NODE": "false", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, str(DEMO)], capture_output=True, text=True, timeout=60, cwd=ROOT, env=environment)
    assert done.returncode == 1
    assert "FAILED: expected of node: ^open" in done.stdout
