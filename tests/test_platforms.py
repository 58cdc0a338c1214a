"""The lanes of other platforms, as far as they need no compiler: how a run is read and judged, what is known to fail, and the results."""

from __future__ import annotations

import json
import re
from pathlib import Path

import platforms
import pytest
from conftest import ROOT
from lanes import common
from lanes.common import Outcome

FAILED = """
2 of 269 scenarios failed:
--- socks-reset: "a reset"
  seen: nothing
--- drain: "one drain event"
  seen: two
"""
LIBTEST = """
test a::b ... FAILED

failures:

---- a::b stdout ----
words

failures:
    a::b

test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s
"""
JUNIT = """<testsuites><testsuite>
<testcase name="one"/><testcase name="two"><failure message="words">more</failure></testcase><testcase name="three"><skipped/></testcase>
</testsuite></testsuites>"""


def outcome(*failed: str, count: int = 269) -> Outcome:
    return Outcome("rust", "wine", "scenarios", count, dict.fromkeys(failed, "words"))


def test_a_run_that_passed_is_counted() -> None:
    assert common.read("running 1 test\n269 scenarios passed\n", 0) == (269, {})
    assert common.read_libtest("test result: ok. 3 passed; 0 failed; 0 ignored;", 0) == (3, {})


def test_a_run_that_failed_names_what_failed(tmp_path: Path) -> None:
    count, failed = common.read(FAILED, 101)
    assert (count, list(failed)) == (269, ["socks-reset", "drain"])
    assert "two" in failed["drain"]
    count, failed = common.read_libtest(LIBTEST, 101)
    assert (count, list(failed)) == (4, ["a::b"])
    report = tmp_path / "junit.xml"
    report.write_text(JUNIT, encoding="utf-8")
    assert common.read_junit(report, "") == [("one", None), ("two", "words\nmore")]


def test_a_run_without_a_count_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="status 3 and no count"):
        common.read("wine: could not load", 3)
    with pytest.raises(RuntimeError, match="status 3 and no result"):
        common.read_libtest("wine: could not load", 3)
    with pytest.raises(RuntimeError, match="left no report"):
        common.read_junit(tmp_path / "none.xml", "wine: could not load")


def test_what_fails_must_be_listed_and_what_is_listed_must_fail() -> None:
    fails, _ = common.known("windows")
    assert platforms.judge("windows", [outcome(*fails)], is_whole=True) == []
    assert platforms.judge("windows", [outcome(*fails, "drain")], is_whole=True) == ["rust, scenarios: drain: words"]
    assert platforms.judge("windows", [outcome()], is_whole=False) == []
    assert f"{next(iter(fails))} passes" in "\n".join(platforms.judge("windows", [outcome()], is_whole=True))
    assert platforms.judge("windows", [outcome(count=0)], is_whole=False) == ["rust, scenarios: no test was run"]


@pytest.mark.parametrize("lane", platforms.LANES)
def test_the_lists_are_short_and_give_reasons(lane: str) -> None:
    fails, may_fail = common.known(lane)
    listed = {**fails, **may_fail}
    assert len(listed) <= 8
    assert all(len(reason) > 20 for reason in listed.values())
    scenarios = {path.stem for path in common.SCENARIOS.glob("*.json")}
    # Other names are those of tests of the core, and ways out: `python sync, ctrl-c`.
    assert [name for name in listed if re.fullmatch(r"[a-z0-9-]+", name) and name not in scenarios] == []


def test_every_lane_is_a_command_with_results() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {row["lane"] for row in platforms.results()} <= set(platforms.LANES)
    for lane in platforms.LANES:
        assert re.search(rf"^{lane}: .*\n\t.*platforms\.py {lane} ", makefile, re.M), lane
        assert re.search(rf"^platforms: .*\b{lane}\b", makefile, re.M), lane


def test_the_page_has_the_last_results() -> None:
    page = platforms.PAGE.read_text(encoding="utf-8")
    assert f"{platforms.BEGIN}\n{platforms.table(platforms.results())}{platforms.END}" in page
    for row in platforms.results():
        assert {"target", "runtime", "passed", "known_to_fail", "date", "commit"} <= row.keys()
        assert row["passed"] > 0, row


def test_the_scenarios_titles_tell_them_apart() -> None:
    assert len(common.titles()) == len(list(common.SCENARIOS.glob("*.json")))
    assert json.loads((common.SCENARIOS / "drain.json").read_text(encoding="utf-8"))["name"] in common.titles()
