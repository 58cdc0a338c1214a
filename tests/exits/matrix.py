"""The matrix of ways out: `matrix.py [--times 20] [--load 4] [--lanes 4] [--row NAME]... [--way WAY]... [--write]`, behind `make exits`.

Plays every cell so many times, beside so many processes that only compute, and prints the differences from the rows. `--write` puts
the result into docs/reliability.md; rows that were not played stay as they are. Owns the counting and the table; `play.py` owns a cell.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from all_rows import ROWS
from play import ROOT, Unlike, explain, namespaces_missing, play
from rows import HEADINGS, WAYS, End, Row

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- exits -->", "<!-- /exits -->"
BUSY = "while True: pass"


def cells(rows: Iterable[Row], ways: Iterable[str]) -> list[tuple[Row, str]]:
    """Give the cells that can be played here."""
    no_namespace = namespaces_missing()
    return [
        (row, way) for row in rows if row.missing() is None for way in ways if isinstance(row.end(way), End) and not (way == "PID 1" and no_namespace)
    ]


def outcome(row: Row, way: str) -> tuple[Row, str, str, str]:
    """Play a cell once. Gives the row, the way, its end in short, and the details of a wrong end."""
    try:
        end = play(row, way)
    except Unlike as unlike:
        return row, way, "neither", f"{row.name}, {way}: {unlike}"
    return row, way, str(end), "" if end == row.end(way) else explain(row, way, end)


def text_of(row: Row, way: str, ends: Counter[str]) -> str:
    """Give a cell as the table has it."""
    expected = row.end(way)
    if isinstance(expected, str):
        return expected
    if not ends:
        return "not played"
    right = ends[str(expected)]
    others = "; ".join(f"{end} ({count})" for end, count in ends.items() if end != str(expected))
    return f"{expected} ({right} of {sum(ends.values())})" + (f"; {others}" if others else "")


def table(page: str, results: dict[str, list[str]]) -> str:
    """Give the table with these rows, and the rows of `page` that are not among them."""
    found = re.search(re.escape(BEGIN) + r"\n(.*?)" + re.escape(END), page, re.DOTALL)
    known = {}
    for line in (found[1] if found else "").splitlines()[2:]:
        name, *texts = [text.strip() for text in line.strip().strip("|").split("|")]
        known[name] = texts
    known.update(results)
    order = [row.name for row in ROWS]
    names = sorted(known, key=lambda name: order.index(name) if name in order else len(order))
    lines = [f"| program | {' | '.join(HEADINGS[way] for way in WAYS)} |", f"|{'---|' * (len(WAYS) + 1)}"]
    lines += [f"| {name} | {' | '.join(known[name])} |" for name in names]
    return "\n".join(lines) + "\n"


def write(results: dict[str, list[str]]) -> None:
    """Put the result into the page."""
    page = PAGE.read_text()
    new = f"{BEGIN}\n{table(page, results)}{END}"
    PAGE.write_text(re.sub(re.escape(BEGIN) + r"\n.*?" + re.escape(END), lambda _: new, page, flags=re.DOTALL))


def main() -> int:
    """Play, print, and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--load", type=int, default=0, help="processes that only compute")
    parser.add_argument("--lanes", type=int, default=4, help="cells that are played beside each other")
    parser.add_argument("--row", action="append", help="only these; a part of the name is enough")
    parser.add_argument("--way", action="append", choices=list(WAYS))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    rows = [row for row in ROWS if not given.row or any(part in row.name for part in given.row)]
    if given.write and given.way:
        parser.error("--write wants whole rows, without --way")
    for row in rows:
        if why := row.missing():
            print(f"skipped: {row.name}: {why}")
    to_play = cells(rows, given.way or WAYS)
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(given.load)]
    ends: dict[tuple[str, str], Counter[str]] = {}
    wrong = 0
    start = time.monotonic()
    try:
        with ThreadPoolExecutor(given.lanes) as lanes:
            # Each cell once, then each once more: a fault that needs its time is found in every cell alike.
            for row, way, end, detail in lanes.map(lambda cell: outcome(*cell), to_play * given.times):
                ends.setdefault((row.name, way), Counter())[end] += 1
                if detail:
                    wrong += 1
                    print(detail, flush=True)
    finally:
        for process in busy:
            process.send_signal(signal.SIGKILL)
            process.wait()
    results = {row.name: [text_of(row, way, ends.get((row.name, way), Counter())) for way in WAYS] for row in rows if row.missing() is None}
    print(table("", results))
    runs = sum(count.total() for count in ends.values())
    print(f"{runs} runs in {time.monotonic() - start:.0f} s at a load of {os.getloadavg()[0]:.0f}: {wrong} ended otherwise")
    if given.write:
        write(results)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
