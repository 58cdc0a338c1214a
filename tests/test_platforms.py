"""The lanes of other platforms, as far as they need no compiler: how a run is read and judged, and the lists of what is known to fail."""

from __future__ import annotations

import json

import platforms
import pytest
from conftest import ROOT

SCENARIOS = {path.stem for path in (ROOT / "tests" / "scenarios").glob("*.json")}
FAILED = """
2 of 269 scenarios failed:
--- socks-reset: "a reset"
  seen: nothing
--- drain: "one drain event"
  seen: two
"""


def test_a_run_that_passed_is_counted() -> None:
    assert platforms.read("running 1 test\n269 scenarios passed\n", 0) == (269, {})


def test_a_run_that_failed_names_its_scenarios() -> None:
    count, failed = platforms.read(FAILED, 101)
    assert (count, list(failed)) == (269, ["socks-reset", "drain"])
    assert "two" in failed["drain"]


def test_a_run_without_a_count_is_no_run() -> None:
    with pytest.raises(RuntimeError, match="status 3 and no count"):
        platforms.read("wine: could not load", 3)


def test_what_fails_must_be_listed_and_what_is_listed_must_fail() -> None:
    lists = json.loads((platforms.HERE / "windows.json").read_text(encoding="utf-8"))
    as_listed = (269, dict.fromkeys(lists["fails"], "words"))
    assert platforms.judge("windows", {"one": as_listed, "other": as_listed}, is_whole=True) == []
    more = (269, {**as_listed[1], "drain": "two"})
    assert platforms.judge("windows", {"one": more}, is_whole=True) == ["one: drain: two"]
    first = next(iter(lists["fails"]))
    assert platforms.judge("windows", {"one": (269, {})}, is_whole=False) == []
    assert f"{first} passes" in "\n".join(platforms.judge("windows", {"one": (269, {})}, is_whole=True))


def test_the_lists_are_short_and_give_reasons() -> None:
    for file in (ROOT / "tests" / "platforms").glob("*.json"):
        if file.name == "results.json":
            continue
        lists = json.loads(file.read_text(encoding="utf-8"))
        listed = {**lists["fails"], **lists["may_fail"]}
        assert len(listed) <= 8, file
        assert listed.keys() <= SCENARIOS, file
        assert all(len(reason) > 20 for reason in listed.values()), file
