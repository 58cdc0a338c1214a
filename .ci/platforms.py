"""Builds for other platforms and runs their tests on this machine: `platforms.py LANE... [--face FACE] [--scenario PART] [--write]`, behind
`make windows`, `make musl`, `make arm64`, `make macos-check`, `make tsan` and `make platforms`, which is all of them.

It owns the verdict: which tests are known to fail in a lane (tests/platforms/<lane>.json, with reasons), and the results. A test that fails and
is not listed is a failure; so is a listed one that passes. `--write` puts the outcome of a whole lane into tests/platforms/results.json and the
table of docs/platforms.md. It must not know what a lane does: see lanes/.

Exit status: 0 passed, 1 failed, 2 something is missing (one line names it).
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from checkout import ROOT, Missing, output
from lanes.checks import Mac, Tsan
from lanes.common import HERE, Outcome, known, lane_target
from lanes.linux import Arm64, Musl
from lanes.windows import Windows

RESULTS = HERE / "results.json"
PAGE = ROOT / "docs" / "platforms.md"
BEGIN, END = "<!-- results -->", "<!-- /results -->"


class Lane(Protocol):
    """The interface of a lane."""

    triple: str
    faces: tuple[str, ...]

    def prepare(self) -> None:
        """Installs what is missing, or raises `Missing`."""

    def run(self, face: str, /) -> Iterator[Outcome]:
        """Builds a face and runs its tests."""


LANES: dict[str, Callable[[str], Lane]] = {"windows": Windows, "musl": Musl, "arm64": Arm64, "macos-check": Mac, "tsan": Tsan}


def judge(lane: str, outcomes: list[Outcome], is_whole: bool) -> list[str]:
    """The outcomes that differ from the lane's list."""
    fails, may_fail = known(lane)
    listed = {**fails, **may_fail}
    wrong = [
        f"{outcome.face}, {outcome.tests}: {name}: {words}" for outcome in outcomes for name, words in outcome.failed.items() if name not in listed
    ]
    wrong += [f"{outcome.face}, {outcome.tests}: no test was run" for outcome in outcomes if not outcome.count]
    if is_whole:
        passed = set(fails) - {name for outcome in outcomes for name in outcome.failed}
        wrong += [f"{name} passes: take it from tests/platforms/{lane}.json" for name in sorted(passed)]
    return wrong


def results() -> list[dict[str, Any]]:
    """The last results of all lanes."""
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    return found


def write(lane: str, triple: str, outcomes: list[Outcome]) -> None:
    """Puts a lane's outcomes into the results and the page, in the place of the last ones of the same tests."""
    commit, day = output("git", "rev-parse", "--short", "HEAD"), time.strftime("%Y-%m-%d", time.gmtime())
    rows = {(row["lane"], row["face"], row["tests"]): row for row in results()}
    for outcome in outcomes:
        counts = {"passed": outcome.count - len(outcome.failed), "known_to_fail": len(outcome.failed)}
        row = {"lane": lane, "target": triple, "runtime": outcome.runtime, "face": outcome.face, "tests": outcome.tests, **counts}
        rows[lane, outcome.face, outcome.tests] = {**row, "date": day, "commit": commit}
    order = list(LANES)
    ordered = sorted(rows.values(), key=lambda row: order.index(row["lane"]))
    RESULTS.write_text(json.dumps(ordered, indent=2) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(f"{BEGIN}\n.*?{END}", lambda _: f"{BEGIN}\n{table(ordered)}{END}", page, flags=re.S), encoding="utf-8")


def table(rows: list[dict[str, Any]]) -> str:
    """The results as docs/platforms.md has them."""
    lines = ["| command | target | runtime | language | tests | passed | known to fail | date | commit |", "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        command = f"`make {row['lane']}`"
        cells = [command, *(str(row[key]) for key in ("target", "runtime", "face", "tests", "passed", "known_to_fail", "date", "commit"))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def run(name: str, faces: list[str], part: str, to_write: bool) -> int:
    """Runs a lane; the exit status."""
    lane = LANES[name](part)
    chosen = [face for face in lane.faces if not faces or face in faces]
    outcomes: list[Outcome] = []
    try:
        lane.prepare()
        for face in chosen:
            for outcome in lane.run(face):
                outcomes.append(outcome)
                count, failed = outcome.count, outcome.failed
                print(
                    f"{name}, {outcome.runtime}, {outcome.face}, {outcome.tests}: {count - len(failed)} of {count} passed {' '.join(sorted(failed))}",
                    flush=True,
                )
    except Missing as missing:
        print(missing)
        return 2
    except subprocess.CalledProcessError as failure:
        print(f"{name}: failed with status {failure.returncode}: {' '.join(map(str, failure.cmd))}")
        return 1
    wrong = judge(name, outcomes, is_whole=not part and chosen == list(lane.faces))
    print(*wrong, sep="\n")
    if to_write and not part and not wrong:
        write(name, lane.triple, outcomes)
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("lane", nargs="+", choices=[*LANES, "all"])
    parser.add_argument("--face", action="append", default=[], help="only this language, or kind of tests")
    parser.add_argument("--scenario", default="", metavar="PART", help="only scenarios with this in their name")
    parser.add_argument("--write", action="store_true", help="put the outcome of whole lanes into tests/platforms/results.json and docs/platforms.md")
    parser.add_argument("--clean", action="store_true", help="take away what a lane has built, once it is over")
    arguments = parser.parse_args()
    status = 0
    for name in LANES if "all" in arguments.lane else arguments.lane:
        status = max(status, run(name, arguments.face, arguments.scenario, arguments.write))
        if arguments.clean:
            shutil.rmtree(lane_target(name), ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
