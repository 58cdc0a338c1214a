"""Makes the table of docs/compatibility.md from the JSON lines that both halves of the suite write: `table.py RESULTS.jsonl ...`.

A line is `{package, version, language, surface, scenario, stock, ours, note}`. It replaces the part of the page between the two marks. A
language without lines keeps its old rows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "compatibility.md"
BEGIN, END = "<!-- the table, made by `tests/compat/table.py` -->", "<!-- the end of the table -->"
HEAD = ["| package | on | scenarios that are the same | SIGTERM: the server sees | a handler blocks 6 s |", "|---|---|---|---|---|"]
#: Scenarios whose result must be better, with their columns.
BETTER = {"SIGTERM": 3, "a handler blocks 6 s": 4}


def row(lines: list[dict[str, Any]]) -> str:
    """The row of a package: the scenarios with the same result, and those with a better one."""
    first = lines[0]
    better = {line["scenario"]: f"{line['stock']} → {line['ours']}" for line in lines if line["scenario"] in BETTER}
    same = [line["scenario"] for line in lines if line["scenario"] not in BETTER and line["note"] != "FAILED"]
    failed = [line["scenario"] for line in lines if line["note"] == "FAILED"]
    words = f"{len(same)}: {', '.join(same)}" + (f"; **failed**: {', '.join(failed)}" if failed else "")
    notes = sorted({line["note"] for line in lines if line["note"] not in ("", "FAILED")})
    name = f"{first['package']} {first['version']}" + (f" ({'; '.join(notes)})" if notes else "")
    cells = [name, f"`{first['surface']}`", words, better.get("SIGTERM", "-"), better.get("a handler blocks 6 s", "-")]
    return f"| {' | '.join(cells)} |"


def table(lines: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The rows of each language, in the order of the lines."""
    packages: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        packages.setdefault((line["language"], line["package"]), []).append(line)
    rows: dict[str, list[str]] = {}
    for (language, _), some in packages.items():
        rows.setdefault(language, []).append(row(some))
    return rows


def old_rows(text: str) -> dict[str, list[str]]:
    """The rows of the page, by language."""
    rows: dict[str, list[str]] = {}
    language = ""
    for line in text.splitlines():
        if line.startswith("### "):
            language = line[4:]
        elif line.startswith("| ") and line not in HEAD:
            rows.setdefault(language, []).append(line)
    return rows


def main() -> int:
    lines = [json.loads(line) for path in sys.argv[1:] for line in Path(path).read_text().splitlines() if line.strip()]
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    inside, _, after = rest.partition(END)
    rows = {**old_rows(inside), **table(lines)}
    parts = [part for language in sorted(rows, reverse=True) for part in (f"### {language}", "", *HEAD, *rows[language], "")]
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(parts) + f"\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
