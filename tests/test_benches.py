"""The benches work: the runner plays every kind of scenario with clients of both packages, no broken run has figures, and the tables are right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benches"))
from conftest import ROOT, TARGET
from harness import goals, report, samples
from harness.scenarios import SCENARIOS

MODES = ["echo-32", "echo-64k", "flood-other-512", "send-32-x100", "deflate-300", "tls-echo-32", "connect"]
CLIENTS = ["heartwire-asyncio", "websockets-asyncio", "websockets-sync", "heartwire-node"]


def test_the_runner_plays_all_modes_with_both_packages(tmp_path: Path) -> None:
    arguments = ["--dev", "--rounds=1", "--seconds=0.01", f"--scenario={','.join(MODES)}", f"--clients={','.join(CLIENTS)}", f"--out={tmp_path}"]
    run = subprocess.run([sys.executable, ROOT / "benches/run.py", *arguments], capture_output=True, text=True, timeout=110)
    assert run.returncode == 0, run.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    played = {(sample["scenario"], sample["client"]) for sample in results["samples"]}
    missing = {(mode, client) for mode in MODES for client in CLIENTS} - played
    assert missing == {("connect", "websockets-sync"), ("send-32-x100", "websockets-sync")}
    assert all(sample["cpu"] > 0 and sample["wall"] > 0 for sample in results["samples"])
    table = (tmp_path / "results.md").read_text()
    assert all(SCENARIOS[mode].title in table for mode in MODES)


def test_a_client_that_gets_less_than_it_should_is_broken(tmp_path: Path) -> None:
    samples.write("text-32", tmp_path)
    with subprocess.Popen([TARGET / "debug" / "bench-server", tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        port = json.loads(process.stdout.readline())["ws"]
        job = {
            "mode": "flood",
            "url": f"ws://127.0.0.1:{port}/flood?sample=text-32&batches=1,10",
            "variant": "asyncio",
            "batches": [1, 10],
            "expected": 321,
            "turn": 1,
            "seconds": 0,
            "ca": None,
            "deflate": False,
            "payload": str(tmp_path / "text-32"),
            "binary": False,
        }
        client = str(ROOT / "benches/clients/python/heartwire_client.py")
        run = subprocess.run([sys.executable, client, json.dumps(job)], capture_output=True, text=True, timeout=30)
        process.stdin.close()
    assert run.returncode == 1
    assert "messages of 321 together should have come, not 320" in run.stderr


def test_lengths_are_counted_as_each_language_counts() -> None:
    assert [samples.length("other-512", 1, unit) for unit in ("bytes", "points", "utf16")] == [512, 280, 288]
    assert samples.length("json", 257, "bytes") == samples.length("json", 256, "bytes") + len(samples.sample("json")[0])


def test_ratios_are_those_of_medians_and_goals_know_their_direction() -> None:
    figures = {"heartwire-node": [(1.0, 2.0), (3.0, 1.0), (2.0, 4.0)], "ws": [(8.0, 9.0), (16.0, 8.0), (4.0, 7.0)]}
    results = {
        "samples": [
            {"scenario": "deflate-300", "client": client, "round": number, "count": 1_000_000, "cpu": cpu, "wall": wall}
            for client, rounds in figures.items()
            for number, (cpu, wall) in enumerate(rounds)
        ]
    }
    assert report.middle(results, "deflate-300", "heartwire-node", "cpu") == pytest.approx(2.0)
    rate, cpu = (goal for goal in goals.goals() if goal.face == "Node" and goal.scenario == "deflate-300")
    assert rate.figure == "rate"
    assert rate.reached(results) == pytest.approx(4.0)
    assert cpu.reached(results) == pytest.approx(0.25)
    assert not rate.holds(7.9)
    assert rate.holds(8.1)
    assert cpu.holds(0.1)
    assert not cpu.holds(0.2)
    assert "| heartwire-node | ws | ≥ 8× | 4× | **no** |" in goals.table(results)
