"""`make endurance` works, in small: the full size is for the figures of docs/reliability.md. That nothing leaks is shown by the faces' own tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "endurance"))
import measure


@pytest.mark.timeout(300)
def test_leaks() -> None:
    rows = measure.leaks(4, 10, 100)[4:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {face}" for face in measure.LEAKS]


@pytest.mark.timeout(300)
def test_idle() -> None:
    rows = measure.idle(50, 3, 1)[4:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {face}" for face in measure.IDLE]
    assert all(row.split(" | ")[1] == "50" for row in rows)
    assert all(int(row.split(" | ")[4].split(" of ")[0]) >= 50 for row in rows), rows
