"""While a handler blocks, the declarative login, a filled heartbeat and their deadlines run: a bot of each language, and a gateway that checks.

The handler blocks until the gateway has seen all, for 3 s at least. `BLOCKED=30 pytest -s tests/test_blocked.py` blocks for 30 s and prints figures.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, Process
from fakes.gateway import Gateway

SECONDS = float(os.environ.get("BLOCKED", "3"))
BOTS: dict[str, list[str | Path]] = {
    "python": [sys.executable, ROOT / "tests/blocked/bot.py"],
    "node": ["node", ROOT / "tests/blocked/bot.mjs"],
}


def start(face: str, gateway: Gateway, file: Path) -> Process:
    return Process(*BOTS[face], gateway.url, file)


def told(bot: Process, file: Path) -> list[object]:
    """Frees the bot, which was blocked until now. What it was told after that."""
    assert "blocked" in bot.lines
    assert "free" not in bot.lines, "all of it happened while the handler blocked"
    file.touch()
    assert bot.wait(30) == 0, bot.lines
    result: list[object] = json.loads(bot.lines[-1])
    return result


@pytest.mark.timeout(120 + SECONDS)
@pytest.mark.parametrize("face", BOTS)
def test_a_login_and_filled_heartbeats_need_no_handler(face: str, tmp_path: Path) -> None:
    gateway, file = Gateway(), tmp_path / "free"
    bot = start(face, gateway, file)
    try:
        bot.wait_for("^blocked$")
        begun = time.monotonic()
        gateway.wait_for("login")
        gateway.wait_for("heartbeat", count=max(2, int(SECONDS)), within=30 + SECONDS)
        # The answer to a heartbeat is missing: the bot gives the connection up, with its handler still blocked.
        gateway.answers_heartbeats = False
        muted = time.monotonic()
        gateway.wait_for("close", code=4000, within=30)
        ended = time.monotonic()
        events = told(bot, file)
    finally:
        bot.kill()
        gateway.close()
    assert gateway.broken == []
    sequences = [event for event in events if isinstance(event, int) and event < 4000 and event != 1006]
    assert sequences == list(range(1, len(sequences) + 1)), "every event came, once and in order"
    assert len(sequences) >= gateway.all("heartbeat")[-1]["sequence"]
    assert "ready" in events
    assert events[-2:] == ["heartbeat_missed", 1006]
    beats = gateway.beats
    gap = max(later - earlier for earlier, later in zip(beats, beats[1:]))
    lag = max(seen["lag"] for seen in gateway.all("heartbeat"))
    print(f"\n{face}: blocked for {ended - begun:.1f} s; {len(sequences)} events, one each 0.1 s")
    print(f"  {len(beats)} heartbeats, at most {gap:.3f} s apart (1 s is wanted); their value was at most {lag:.3f} s old")
    print(f"  given up {ended - muted:.2f} s after the answers stopped (2 s at most are wanted)")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("face", BOTS)
def test_the_deadline_of_a_login_needs_no_handler(face: str, tmp_path: Path) -> None:
    gateway, file = Gateway(answers_login=False), tmp_path / "free"
    bot = start(face, gateway, file)
    try:
        bot.wait_for("^blocked$")
        gateway.wait_for("login")
        gateway.wait_for("close", code=1001, within=30)
        assert told(bot, file) == ["ready_timeout", 1006]
    finally:
        bot.kill()
        gateway.close()
