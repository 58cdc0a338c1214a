"""Each cell of the matrix once, and the page that lists them all. `make exits` plays each twenty times, under load."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from all_rows import ROWS
from matrix import BEGIN, END, PAGE
from play import explain, namespaces_missing, play
from rows import WAYS, End, Row

CELLS = [pytest.param(row, way, id=f"{row.name}-{way}") for row in ROWS for way in WAYS if isinstance(row.end(way), End)]
NO_NAMESPACE = namespaces_missing()


@pytest.mark.parametrize(("row", "way"), CELLS)
def test_a_cell(row: Row, way: str) -> None:
    """The server saw the close code, and the program's status is the usual one."""
    if why := row.missing() or (NO_NAMESPACE if way == "PID 1" else None):
        pytest.skip(why)
    end = play(row, way)
    assert end == row.end(way), explain(row, way, end)


def test_the_page_tells_of_every_row_what_the_rows_say() -> None:
    """A cell begins with the end that its row demands, or is the reason why it cannot be."""
    found = re.search(re.escape(BEGIN) + r"\n(.*?)" + re.escape(END), PAGE.read_text(), re.DOTALL)
    assert found is not None
    lines = {line.split("|")[1].strip(): [text.strip() for text in line.strip("|").split("|")[1:]] for line in found[1].splitlines()[2:]}
    assert list(lines) == [row.name for row in ROWS]
    for row in ROWS:
        for way, text in zip(WAYS, lines[row.name]):
            assert text.startswith(str(row.end(way))), (row.name, way)
