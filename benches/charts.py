"""Draws the charts of a result: `charts.py RESULTS FOLDER`, with the Python of the benches, for its matplotlib. Legible on light and dark."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from harness.candidates import CANDIDATES
from harness.report import UNITS, Results, middle, number
from harness.scenarios import SCENARIOS
from matplotlib.axes import Axes

OURS, THEIRS, INK = "#e8590c", "#8c959f", "#7d8590"
PANELS = [
    ("echo-32", "p50"),
    ("flood-32", "cpu"),
    ("flood-512", "cpu"),
    ("flood-other-512", "cpu"),
    ("send-32-x100", "cpu"),
    ("deflate-300", "cpu"),
    ("tls-flood-512", "cpu"),
    ("connect", "p50"),
    ("idle-5000", "memory"),
]
SHORT = {
    "heartwire-uvloop": "heartwire",
    "heartwire-node": "heartwire",
    "heartwire-node-sync": "heartwire, synchronous",
    "heartwire-rust": "heartwire",
}
LEFT_OUT = ("-asyncio", "-sync", "-recv-uvloop", "-run_forever", "ws-events", "-bun", "-deno")  # variants of who is there


def _panel(axes: Axes, results: Results, face: str, scenario: str, figure: str) -> bool:
    """Bars of one scenario, the best on top; whether there are any."""
    found: list[tuple[float, str]] = []
    for name, candidate in CANDIDATES.items():
        shown = name == "heartwire-node-sync" or not name.endswith(LEFT_OUT)
        if candidate.face == face and shown and (value := middle(results, scenario, name, figure)) is not None:
            found.append((value / 1024 if figure == "memory" else value, name))
    found.sort(reverse=True)
    names = [SHORT.get(name, name.removesuffix("-uvloop")) for _, name in found]
    colours = [OURS if CANDIDATES[name].ours else THEIRS for _, name in found]
    bars = axes.barh(names, [value for value, _ in found], color=colours, height=0.7)
    axes.bar_label(bars, [number(value) for value, _ in found], padding=3, fontsize=8, color=INK)
    axes.set_title(f"{SCENARIOS[scenario].title}\n{UNITS[figure]}", fontsize=9, color=INK, loc="left")
    axes.set_xlim(0, max((value for value, _ in found), default=1) * 1.18)
    axes.xaxis.set_visible(False)
    axes.tick_params(axis="y", length=0, labelsize=8, labelcolor=INK)
    for side in axes.spines.values():
        side.set_visible(False)
    return bool(found)


def draw(results: Results, face: str, path: Path) -> None:
    """All panels of a language; no file if the language was not measured."""
    present = [panel for panel in PANELS if any(middle(results, panel[0], name, panel[1]) for name, c in CANDIDATES.items() if c.face == face)]
    if not present:
        return
    rows = (len(present) + 2) // 3
    figure, grid = plt.subplots(rows, 3, figsize=(12, 2.3 * rows), squeeze=False, layout="constrained")
    for axes, panel in zip(grid.flat, present):
        _panel(axes, results, face, *panel)
    for axes in grid.flat[len(present) :]:
        axes.set_visible(False)
    figure.supxlabel("less is better", fontsize=8, color=INK)
    figure.savefig(path, transparent=True, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    results, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "heartwire", "font.family": ["sans-serif"]})
    for face in ("python", "node", "rust"):
        draw(results, face, folder / f"{face}.svg")


if __name__ == "__main__":
    main()
