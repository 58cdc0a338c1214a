"""`make endurance` works, in small: the full size is for the figures of docs/reliability.md. Its bounds find their faults."""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "endurance"))
import measure
import polite


@pytest.mark.timeout(300)
def test_leaks() -> None:
    rows, faults = measure.leaks(6, 10, 100)
    assert [row.split(" | ")[0] for row in rows[4:]] == [f"| {face}" for face in measure.LEAKS]
    assert faults == []


@pytest.mark.timeout(300)
def test_idle() -> None:
    rows, faults = measure.idle(50, 3, 1)
    assert [row.split(" | ")[0] for row in rows[4:]] == [f"| {face}" for face in measure.IDLE]
    assert faults == []


@pytest.mark.parametrize(
    ("figure", "grows"), [("objects", 1), ("traced", 20_000), ("heap", 20_000), ("own", 110_000), ("descriptors", 1), ("threads", 1)]
)
def test_what_grows_in_every_round_is_a_fault(figure: str, grows: int) -> None:
    rounds = [{"sockets": 1, "own": 10_000_000, "kinds": {}, figure: 20_000_000 + grows * index} for index in range(4)]
    assert measure.leaking(rounds, 100) == [f"every round left {grows} of {figure}"]
    rounds[2][figure] = rounds[1][figure]
    assert measure.leaking(rounds, 100) == []


def test_what_is_lost_or_costs_too_much_is_a_fault() -> None:
    good = {"connections": 10_000, "bytes_per_connection": 9_000.0, "heartbeats": 30_000, "expected": 30_001.0, "threads": 3}
    assert measure.costly(good, 10_000) == []
    for figure, bad in (("connections", 9_999), ("bytes_per_connection", 22_000.0), ("heartbeats", 27_000), ("threads", 50)):
        assert len(measure.costly({**good, figure: bad}, 10_000)) == 1
    assert measure.leaking([{"sockets": 5}] * 2, 100) == ["5 sockets of the last round are still there"]


@pytest.mark.timeout(120)
def test_polite_reconnection() -> None:
    rows = asyncio.run(polite.minute(polite.Trial("refuses", refuses=HTTPStatus.UNAUTHORIZED, most=1), 0.5))
    assert rows == [f"| refuses | {face} | 1, 1, 1 | no second attempt |" for face in ("Python", "Node")]
    for face in polite.FACES:
        assert sum(asyncio.run(polite.wave(face))) == polite.WAVE
