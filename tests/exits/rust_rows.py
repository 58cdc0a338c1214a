"""The rows of Rust: its program is `core/examples/exits.rs`."""

from __future__ import annotations

import os
from pathlib import Path

from rows import End, Row

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "examples" / "exits"
#: A panic of the main thread.
PANIC = End(1001, 101)


def _missing() -> str | None:
    return None if PROGRAM.exists() else "missing: cargo build -p heartwire --example exits"


def _row(name: str, host: str) -> Row:
    return Row(name, (str(PROGRAM), host), {"exception": PANIC}, missing=_missing)


ROWS = [
    _row("Rust, stream of events", "stream"),
    _row("Rust, stream on a tokio runtime", "tokio"),
    _row("Rust, handler on a thread", "handler"),
]
