#!/usr/bin/env python3
"""Breaks the hand-over between host and background in one place at a time: `mutants.py [NAME ...]`. The model checker (tests.rs) must
find each. A test of the keeper must find those that depend on time. Run it by hand, after a change of the hand-over or of the model; the tree
is as before afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# name: file, the present code, its replacement
MUTANTS = {
    "was_kept: the background is not told that the host is back": ("host.rs", "tasked && (was_kept || turn.finished)", "tasked && turn.finished"),
    "again: what is left in the queue waits for another wake": ("../client/turn.rs", "            again: true,", "            again: false,"),
    "deadline: a host that takes what was read in its stead leaves none": (
        "../client/turn.rs",
        "            deadline: inner.next_deadline(),\n            ..Turn::default()",
        "            ..Turn::default()",
    ),
    "queue: the host reads before it has taken what was read": (
        "host.rs",
        "let queued = !shared.queue.is_empty() && shared.queue.take(batch);",
        "let queued = false;",
    ),
    "turn: the host's turn does not exclude the background's": (
        "host.rs",
        "let was_kept = hosted.is_kept();",
        "drop(held); let mut held = Held::default(); let was_kept = hosted.is_kept();",
    ),
    "held: a batch is handed over after the turn": (
        "background.rs",
        "    hosted.add_orders(&mut turn);\n    let pushed",
        "    hosted.add_orders(&mut turn);\n    drop(held);\n    let mut held = super::host::Held::default();\n    let pushed",
    ),
    "pushed: the host is not woken for what was read in its stead": ("background.rs", "    if pushed {", "    if pushed && false {"),
    "kept: the background is not told what it has to do in the host's stead": ("mod.rs", "if hosted.is_kept() {", "if hosted.is_kept() && false {"),
}
CHECK = ["cargo", "test", "--quiet", "-p", "heartwire", "--lib", "--test", "keeper", "--", "driver::tests", "another_thread_may_close"]


def is_found(path: Path, old: str, new: str) -> bool:
    before = path.read_text()
    assert before.count(old) == 1, f"{path.name}: {old!r} stands there {before.count(old)} times"
    try:
        path.write_text(before.replace(old, new))
        done = subprocess.run(CHECK, cwd=HERE, capture_output=True, text=True)
    finally:
        path.write_text(before)
    assert "could not compile" not in done.stderr, done.stderr
    return done.returncode != 0


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with the tree as before
    chosen = {name: mutant for name, mutant in MUTANTS.items() if not sys.argv[1:] or name.split(":")[0] in sys.argv[1:]}
    missed = 0
    for name, (file, old, new) in chosen.items():
        found = is_found(HERE / file, old, new)
        missed += not found
        print(f"{'found ' if found else 'MISSED'}  {name}", flush=True)
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
