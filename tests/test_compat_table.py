"""The table of docs/compatibility.md is what `tests/compat/table.py` makes of the suite's lines, and old rows of another language stay."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "compat"))
import table


def line(scenario: str, stock: str, ours: str, **other: Any) -> dict[str, Any]:
    kind = {"package": "sdk", "version": "1.2", "language": "Python", "surface": "heartwire.compat.websockets", "note": ""}
    return {**kind, "scenario": scenario, "stock": stock, "ours": ours, **other}


LINES = [line("drop", "came back", "came back"), line("SIGTERM", "1006", "1001"), line("a handler blocks 6 s", "lost", "kept")]


def test_a_row_says_what_is_the_same_and_what_is_better() -> None:
    assert table.row(LINES) == "| sdk 1.2 | `heartwire.compat.websockets` | 1: drop | 1006 → 1001 | lost → kept |"
    assert "**failed**: kick" in table.row([*LINES, line("kick", "a", "b", note="FAILED")])


def test_the_page_keeps_what_is_around_and_the_other_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results.jsonl"
    page.write_text(f"before\n{table.BEGIN}\n\n### Node\n\n| old | row |\n\n### Python\n\n| gone | row |\n\n{table.END}\nafter\n")
    results.write_text("".join(json.dumps(entry) + "\n" for entry in LINES))
    monkeypatch.setattr(table, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["table.py", str(results)])
    assert table.main() == 0
    text = page.read_text()
    assert text.startswith(f"before\n{table.BEGIN}\n")
    assert text.endswith(f"{table.END}\nafter\n")
    assert "| old | row |" in text
    assert "| sdk 1.2 |" in text
    assert "gone" not in text


def test_the_page_tells_of_no_failure() -> None:
    inside = table.PAGE.read_text().partition(table.BEGIN)[2].partition(table.END)[0]
    rows = [text for text in inside.splitlines() if text.startswith("| ") and text not in table.HEAD]
    assert len(rows) >= 17
    assert [text for text in rows if "**failed**" in text or "→ lost" in text] == []
