"""Reads the closing lines of test runners: how many tests passed, and where the report of failures begins. It runs nothing."""

from __future__ import annotations

import re

COUNTS = {
    "passed": [
        r"^ *Summary .*?(\d+) passed",
        r"^test result: .*?(\d+) passed",
        r"^(?:#|\u2139) pass (\d+)",
        r"^=* ?.*?\b(\d+) passed\b.* in [\d.]+s",
        r"^(\d+) passed, \d+ failed$",
    ],
    "failed": [
        r"^ *Summary .*?(\d+) (?:failed|timed out)",
        r"^test result: .*?(\d+) failed",
        r"^(?:#|\u2139) (?:fail|cancelled) (\d+)",
        r"^=* ?.*?\b(\d+) failed\b.* in [\d.]+s",
        r"^=* ?.*?\b(\d+) errors?\b.* in [\d.]+s",
        r"^\d+ passed, (\d+) failed$",
    ],
    "skipped": [
        r"^ *Summary .*?(\d+) skipped",
        r"^test result: .*?(\d+) ignored",
        r"^(?:#|\u2139) skipped (\d+)",
        r"^=* ?.*?\b(\d+) skipped\b.* in [\d.]+s",
    ],
}

# The first line of a runner's report of failures. Runners without one end with the report.
FAILURES = re.compile(r"=+ (?:FAILURES|ERRORS) =+$|\u2716 failing tests:|failures:$")
LAST = 60  # lines of one that does not tell
MOST = 200  # lines of one that tells much


def counts(lines: list[str]) -> dict[str, int]:
    """How many tests passed, failed and were skipped."""
    return {
        kind: sum(int(found[1]) for line in lines for pattern in patterns if (found := re.match(pattern, line))) for kind, patterns in COUNTS.items()
    }


def failures(lines: list[str]) -> list[str]:
    """A runner's report of its failures."""
    begins = next((index for index, line in enumerate(lines) if FAILURES.match(line)), -LAST)
    return lines[begins:][-MOST:]
