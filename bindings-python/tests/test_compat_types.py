"""The types of the drop-in surfaces: strict mypy takes a program of each as it is, and finds the mistakes in another one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TYPING = Path(__file__).with_name("typing")


@pytest.mark.timeout(300)
def test_mypy_takes_programs_of_the_old_libraries_and_finds_mistakes(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    programs = [TYPING / "compat_good.py", TYPING / "compat_bad.py"]
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), *map(str, programs)]
    report = subprocess.run(command, capture_output=True, text=True, cwd=TYPING.parents[1]).stdout
    lines = (TYPING / "compat_bad.py").read_text().splitlines()
    mistakes = {("compat_bad.py", number) for number, line in enumerate(lines, 1) if line.endswith("# error")}
    found = {(Path(line.split(":")[0]).name, int(line.split(":")[1])) for line in report.splitlines() if ": error:" in line}
    assert found == mistakes, report
