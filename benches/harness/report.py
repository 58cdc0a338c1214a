"""What the samples say: medians, ratios of a face's clients to ours, and tables in Markdown. It must not know how they were taken."""

from __future__ import annotations

import os
from collections.abc import Callable
from statistics import median
from typing import Any

from harness.candidates import CANDIDATES, Candidate
from harness.scenarios import SCENARIOS, Scenario

Results = dict[str, Any]
Sample = dict[str, Any]


def cores() -> set[int]:
    """The cores that this process may use."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


FIGURES: dict[str, Callable[[Sample], float]] = {
    "cpu": lambda sample: float(sample["cpu"]) / sample["count"] * 1e6,
    "rate": lambda sample: float(sample["count"] / sample["wall"]),
    "p50": lambda sample: float(sample["p50"]),
    "p99": lambda sample: float(sample["p99"]),
    "memory": lambda sample: float(sample["memory"]),
    "kept": lambda sample: float(sample["kept"]),
    "load": lambda sample: float(sample["cpu"] / sample["wall"] * 100),
}


def values(results: Results, scenario: str, client: str, figure: str) -> dict[int, float]:
    """A figure of each round."""
    found = [sample for sample in results["samples"] if sample["scenario"] == scenario and sample["client"] == client]
    return {sample["round"]: FIGURES[figure](sample) for sample in found}


def middle(results: Results, scenario: str, client: str, figure: str) -> float | None:
    """The median of a figure over the rounds."""
    found = values(results, scenario, client, figure)
    return median(found.values()) if found else None


def ratio(results: Results, scenario: str, client: str, rival: str, figure: str) -> float | None:
    """The ratio of the medians, of a client to its rival."""
    one, other = middle(results, scenario, client, figure), middle(results, scenario, rival, figure)
    return one / other if one is not None and other else None


def number(value: float) -> str:
    """Three digits, and thousands as they are spoken."""
    for limit, unit in ((1e6, " M"), (1e4, " k")):
        if abs(value) >= limit:
            return f"{value / (1e6 if unit == ' M' else 1e3):.3g}{unit}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def cell(value: float | None, base: float | None, figure: str) -> str:
    """A figure, and in brackets how many times the base it is."""
    if value is None:
        return ""
    if figure == "kept":
        return "yes" if value else "no"
    shown = number(value / 1024) if figure == "memory" else number(value)
    return f"{shown} ({value / base:.2f})" if base and value != base else shown


UNITS = {"cpu": "CPU µs", "p50": "p50 µs", "p99": "p99 µs", "rate": "per s", "memory": "KiB each", "kept": "line kept", "load": "CPU %"}


def figures(scenario: Scenario) -> list[str]:
    """The figures that the report shows for a scenario."""
    if scenario.mode == "idle":
        return ["memory", "load"]
    if scenario.pause or scenario.mode == "import":
        return ["cpu"]
    if scenario.figure == "p50":
        return ["p50", "cpu"] if scenario.mode == "connect" else ["p50", "p99", "cpu"]
    return [scenario.figure] if scenario.figure == "kept" else ["cpu", "rate"]


def tables(results: Results) -> str:
    """A table of each face: a row of each figure of each scenario, a column of each client."""
    seen = {sample["client"] for sample in results["samples"]}
    blocks = []
    for face in ("python", "node", "rust"):
        clients = [candidate for candidate in CANDIDATES.values() if candidate.face == face and candidate.name in seen]
        if clients:
            blocks.append(f"## {face.capitalize()}\n\n{_table(results, clients)}")
    return "\n\n".join(blocks)


def _table(results: Results, clients: list[Candidate]) -> str:
    lines = [f"| | | {' | '.join(client.name for client in clients)} |", f"|---|---|{'---:|' * len(clients)}"]
    for scenario in SCENARIOS.values():
        for figure in figures(scenario):
            row = [middle(results, scenario.name, client.name, figure) for client in clients]
            if any(value is not None for value in row):
                base = next((value for client, value in zip(clients, row) if client.ours and value is not None), None)
                cells = [cell(value, base, figure) for value in row]
                title = scenario.title if figure == figures(scenario)[0] else ""
                lines.append(f"| {title} | {UNITS[figure]} | {' | '.join(cells)} |")
    return "\n".join(lines)
