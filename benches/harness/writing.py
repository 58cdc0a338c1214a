"""The results of a run in its folder: the samples and their summary, in JSON and in Markdown. It must not know how they were taken."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from harness import goals, report
from harness.candidates import CANDIDATES
from harness.report import Results


def samples(results: Results, folder: Path) -> None:
    """Writes the samples, a line for each, with the significant digits only."""
    lines = []
    for sample in results["samples"]:
        shown = {name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in sample.items()}
        lines.append(json.dumps(shown))
    head = json.dumps({name: value for name, value in results.items() if name != "samples"}, indent=1)
    folder.mkdir(parents=True, exist_ok=True)
    text = head[:-2] + ',\n "samples": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
    partial = folder / "results.json.new"
    partial.write_text(text)
    os.replace(partial, folder / "results.json")


def add(results: Results, folder: Path, playing: set[tuple[str, str]]) -> None:
    """Adds results of an earlier run of the same commit, for other scenarios and faces: clients that are compared were measured in one run."""
    earlier = json.loads((folder / "results.json").read_text())
    if earlier["machine"]["commit"] != results["machine"]["commit"]:
        sys.exit(f"the results there are of {earlier['machine']['commit']}, these of {results['machine']['commit']}")

    def kept(scenario: str, client: str) -> bool:
        return (scenario, CANDIDATES[client].face) not in playing

    results["samples"] += [sample for sample in earlier["samples"] if kept(sample["scenario"], sample["client"])]
    results["broken"] |= {name: why for name, why in earlier["broken"].items() if kept(*name.split())}


def document(results: Results) -> str:
    """All that the samples say, in Markdown."""
    facts = results["machine"]
    about = f"{facts['cpu']}, {facts['cores']} cores, {facts['system']}; commit {facts['commit']}, {facts['date']}; load average {facts['load']}; "
    about += f"medians of {results['rounds']} rounds of about {results['seconds']} s, in brackets how many times our first figure it is."
    parts = ["# Heartwire and its peers", about, report.tables(results)]
    if claims := goals.table(results):
        parts += ["## Goals", claims]
    if any(sample["client"].startswith("heartwire-node") for sample in results["samples"]):
        parts += ["## Where a client on Node is ahead of us, by more than noise", goals.behind(results)]
    if results["broken"]:
        parts += ["## Broken", "\n".join(f"- {name}: `{' '.join(why.split())[-200:]}`" for name, why in results["broken"].items())]
    return "\n\n".join(parts)


def document_to(results: Results, folder: Path) -> None:
    """Writes it."""
    (folder / "results.md").write_text(document(results) + "\n")
