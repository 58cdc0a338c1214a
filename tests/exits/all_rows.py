"""The rows of the matrix, in the order of the table. A language adds its own in a file of its own."""

from __future__ import annotations

import node_rows
import python_rows
import rust_rows
from rows import Row

ROWS: list[Row] = [*python_rows.ROWS, *rust_rows.ROWS, *node_rows.ROWS]
