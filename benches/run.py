"""Speed: Heartwire and its peers in turn, in one run, against one neutral server. `run.py --help`; `make bench` runs everything.

It owns the order of the samples. The clients, the scenarios, the figures and the reports are in harness/.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import report, writing
from harness.candidates import CANDIDATES, Candidate, prepare, present
from harness.candidates import QUICK as QUICK_CANDIDATES
from harness.sampling import Broken, Server, import_cost
from harness.scenarios import QUICK as QUICK_SCENARIOS
from harness.scenarios import SCENARIOS, Scenario

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / ".ci"))
import checkout
import release


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=listed, default=[], help="faces: python, node, rust")
    parser.add_argument("--scenario", type=listed, default=[], help=f"{', '.join(SCENARIOS)}; or the beginning of several")
    parser.add_argument("--clients", type=listed, default=[], help=f"{', '.join(CANDIDATES)}; or the beginning of several")
    parser.add_argument("--rounds", type=int, help="samples of each client in each scenario (5; quick: 3)")
    parser.add_argument("--seconds", type=float, help="about how long a sample is measured (0.4; quick: 0.15)")
    parser.add_argument("--quick", action="store_true", help="few clients and scenarios, two minutes")
    parser.add_argument("--out", type=Path, help="a folder for the samples, the tables and the charts")
    parser.add_argument("--add", action="store_true", help="keep what is in --out of other scenarios and languages, measured at the same commit")
    parser.add_argument(
        "--dev", action="store_true", help="with the dev builds and the tests' peers: whether this program works, not how fast anything is"
    )
    return parser.parse_args()


def listed(text: str) -> list[str]:
    """The names in an argument."""
    return text.split(",")


def chosen(names: Sequence[str], wanted: Sequence[str], what: str) -> list[str]:
    """The names that equal a wanted one, or begin with it."""
    for want in wanted:
        if not any(name.startswith(want) for name in names):
            sys.exit(f"no {what} {want}; there are {', '.join(names)}")
    return [name for name in names if not wanted or name in wanted or any(name.startswith(want) for want in wanted if want not in names)]


def count_for(scenario: Scenario, trial: dict[str, Any], seconds: float) -> int:
    """How many messages take about so long, by a short trial."""
    fitting = int(seconds * trial["count"] / max(trial["wall"], 1e-6))
    return max(scenario.least, min(scenario.count, fitting))


class Run:
    """The samples of one run."""

    def __init__(self, paths: dict[str, Path], seconds: float, results: report.Results) -> None:
        self.paths, self.seconds = paths, seconds
        self.samples: list[dict[str, Any]] = results["samples"]
        self.broken: dict[str, str] = results["broken"]

    def scenario(self, server: Server, scenario: Scenario, candidates: list[Candidate], rounds: int) -> None:
        """Candidates in turn, from another one on in each round."""
        rounds = min(rounds, scenario.rounds or rounds)
        counts: dict[str, int] = {}
        if scenario.mode == "blocked":
            self._together(server, scenario, candidates)
            return
        for number in range(rounds):
            first = number % len(candidates)
            for candidate in candidates[first:] + candidates[:first]:
                if f"{scenario.name} {candidate.name}" in self.broken:
                    continue
                try:
                    if scenario.least and candidate.name not in counts:
                        counts[candidate.name] = self._calibrate(server, scenario, candidate)
                    result = self._sample(server, scenario, candidate, counts.get(candidate.name, 1))
                except Broken as why:
                    self._broke(scenario, candidate, why)
                    continue
                self.samples.append({"scenario": scenario.name, "client": candidate.name, "round": number, **result})

    def _together(self, server: Server, scenario: Scenario, candidates: list[Candidate]) -> None:
        """Runs samples whose time does not depend on the machine's load: one for each core at once."""

        def one(candidate: Candidate) -> None:
            try:
                result = self._sample(server, scenario, candidate, 1)
                self.samples.append({"scenario": scenario.name, "client": candidate.name, "round": 0, **result})
            except Broken as why:
                self._broke(scenario, candidate, why)

        with ThreadPoolExecutor(max(1, len(report.cores()))) as pool:
            list(pool.map(one, candidates))

    def _broke(self, scenario: Scenario, candidate: Candidate, why: Broken) -> None:
        name = f"{scenario.name} {candidate.name}"
        self.broken[name] = str(why)
        print(f"BROKEN {name}: {why}", file=sys.stderr, flush=True)

    def _calibrate(self, server: Server, scenario: Scenario, candidate: Candidate) -> int:
        if scenario.least == scenario.count:
            return scenario.count
        count = scenario.least
        while True:  # a short trial is cold: it underestimates a fast client, so a longer one follows
            fitting = count_for(scenario, self._sample(server, scenario, candidate, count), self.seconds)
            if fitting <= 2 * count:
                return fitting
            count = fitting

    def _sample(self, server: Server, scenario: Scenario, candidate: Candidate, count: int) -> dict[str, Any]:
        if scenario.mode == "import":
            return import_cost(self.paths["python"], candidate.module)
        return server.sample(scenario, candidate, self.paths, count, 2.0)


def dev_builds() -> tuple[dict[str, Path], Path]:
    """The interpreters and the server that the tests have made."""
    return {"python": Path(sys.executable), "node": Path(shutil.which("node") or "node")}, checkout.TARGET / "debug" / "bench-server"


def machine() -> dict[str, Any]:
    """The machine and the commit of the figures."""
    model = checkout.output("sed", "-nE", "s/^model name.*: (.*)/\\1/p;T;q", "/proc/cpuinfo") or platform.processor()
    measured = ("core", "bindings-python", "bindings-node", "Cargo.toml", "Cargo.lock")
    commit = checkout.output("git", "log", "-1", "--format=%h", "--", *measured)
    commit += "-dirty" if checkout.output("git", "status", "--porcelain", "--", *measured) else ""
    facts = {"cpu": model, "cores": len(report.cores()), "system": platform.platform(), "commit": commit, "date": time.strftime("%Y-%m-%d")}
    return {**facts, "load": round(os.getloadavg()[0], 1)}


def main() -> int:
    options = arguments()
    rounds = options.rounds or (3 if options.quick else 5)
    seconds = options.seconds or (0.15 if options.quick else 0.4)
    names = chosen(list(CANDIDATES), options.clients or (QUICK_CANDIDATES if options.quick else []), "client")
    scenarios = [SCENARIOS[name] for name in chosen(list(SCENARIOS), options.scenario or (QUICK_SCENARIOS if options.quick else []), "scenario")]
    candidates = [CANDIDATES[name] for name in names if not options.only or CANDIDATES[name].face in options.only]
    try:
        paths, server = dev_builds() if options.dev else (prepare(candidates), release.build_server())
    except (checkout.Missing, subprocess.CalledProcessError) as failure:
        print(failure, file=sys.stderr)
        return 1
    candidates = [candidate for candidate in candidates if present(candidate, paths)]
    results: report.Results = {"machine": machine(), "rounds": rounds, "seconds": seconds, "broken": {}, "samples": []}
    if options.add:
        writing.add(results, options.out, {(scenario.name, candidate.face) for scenario in scenarios for candidate in candidates})
    run = Run(paths, seconds, results)
    start = time.monotonic()
    with Server.run(server) as serving:
        for scenario in scenarios:
            playing = [candidate for candidate in candidates if candidate.plays(scenario)]
            if playing:
                print(f"{time.monotonic() - start:5.0f} s  {scenario.title}", file=sys.stderr, flush=True)
                run.scenario(serving, scenario, playing, rounds)
                if options.out:
                    writing.samples(results, options.out)
    print(writing.document(results))
    if options.out:
        writing.document_to(results, options.out)
        if not options.dev:
            charts = Path(__file__).with_name("charts.py")
            subprocess.run([release.python_peers(), charts, options.out / "results.json", options.out], check=True)
    return 1 if results["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
