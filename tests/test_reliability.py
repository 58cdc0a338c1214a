"""What the documentation says of our tests is true: each test that it names is there, and the fault table is what the scenarios demand."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import faults

ROOT = Path(__file__).resolve().parent.parent
RELIABILITY, CONTRACT, SECURITY = (ROOT / f"docs/{page}.md" for page in ("reliability", "contract", "security"))
BETWEEN = re.compile(r"(?<=<!-- faults -->\n).*(?=<!-- /faults -->)", re.S)
#: What stands for a test of this name in each language; of a JavaScript title that is made for each case, the beginning is enough.
KINDS = {".rs": r"fn {}\(", ".py": r"^(async )?def {}\(", ".mjs": r"test\(\s*['`]{}", ".js": r"test\(\s*['`]{}"}


def is_there(reference: str) -> bool:
    """Whether a scenario, or `FILE::NAME`, is a test of ours."""
    path, _, name = reference.partition("::")
    if not name:
        return (ROOT / "tests" / "scenarios" / f"{path}.json").exists()
    file = ROOT / path
    return file.exists() and re.search(KINDS[file.suffix].format(re.escape(name)), file.read_text(), re.M) is not None


def test_the_fault_table_is_what_the_scenarios_demand() -> None:
    text = RELIABILITY.read_text()
    wanted = "\n".join(faults.table()) + "\n"
    if os.environ.get("BLESS"):
        RELIABILITY.write_text(BETWEEN.sub(lambda _: wanted, text))
    found = BETWEEN.search(RELIABILITY.read_text())
    assert found
    assert found[0] == wanted, "BLESS=1 writes it anew"


@pytest.mark.parametrize("page", [RELIABILITY, CONTRACT], ids=["reliability", "contract"])
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    # The last column names tests, and nothing else is in backticks there.
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row.rstrip("| ").rpartition("|")[2])]
    assert len(named) > 40
    assert [name for name in named if not is_there(name)] == []


def test_every_test_that_the_security_page_names_is_there() -> None:
    named = re.findall(r"`((?:core|bindings-python|bindings-node|tests)/[\w./]+::[^`]+)`", SECURITY.read_text())
    assert len(named) > 15
    assert [name for name in named if not is_there(name)] == []


def test_a_test_that_is_gone_is_noticed() -> None:
    assert is_there("tcp-refused")
    assert not is_there("tcp-refused-politely")
    assert is_there("tests/test_reliability.py::test_a_test_that_is_gone_is_noticed")
    assert not is_there("tests/test_reliability.py::test_of_yesterday")
    assert not is_there("tests/test_yesterday.py::test_a_test_that_is_gone_is_noticed")
    assert not is_there("bindings-node/test/time.test.mjs::a title that is none")
