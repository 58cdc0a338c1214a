"""The documentation is right about our tests: each test that it names exists, and the fault table matches the scenarios."""

from __future__ import annotations

import json
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
#: The pattern of a test with this name in each language. For a JavaScript title that is made for each case, the beginning is enough.
KINDS = {".rs": r"fn {}\(", ".py": r"^(async )?def {}\(", ".mjs": r"test\(\s*['`]{}", ".js": r"test\(\s*['`]{}"}


def is_there(reference: str) -> bool:
    """Whether a scenario (`a-*` is any of them), or `FILE::NAME`, is a test of ours."""
    path, _, name = reference.partition("::")
    if not name:
        return any(faults.SCENARIOS.glob(f"{path}.json"))
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


def test_the_scenarios_of_a_row_agree_in_what_it_shows() -> None:
    assert faults.disagreeing() == {}


def test_the_scenarios_of_a_row_demand_codes_phases_and_causes() -> None:
    assert faults.vague() == []


def test_what_is_noticed_at_once_is_demanded_before_any_deadline() -> None:
    assert faults.late() == []


def test_a_secret_that_must_not_be_shown_is_given() -> None:
    for path in faults.SCENARIOS.glob("*.json"):
        scenario = json.loads(path.read_text())
        demanded = json.dumps(scenario.pop("expect", []))
        assert "s3cret" not in demanded or "s3cret" in json.dumps(scenario), path.stem


@pytest.mark.parametrize("page", [RELIABILITY, CONTRACT], ids=["reliability", "contract"])
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    # The last column names tests, and nothing else is in backticks there.
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row.rstrip("| ").rpartition("|")[2])]
    assert len(named) > 40
    assert [name for name in named if not is_there(name)] == []


def named_in_words(text: str) -> tuple[list[str], list[str]]:
    """The tests and the files that running text names: `FILE::NAME`, "scenarios `a`, `b-*`", `core/{a,b}.rs`, and where its links lead."""
    paths = re.findall(r"`((?:core|bindings-python|bindings-node|tests)/[^`]+)`", text)
    lists = re.findall(r"scenarios? ((?:`[^`]+`(?:, | and )?)+)", text)
    scenarios = [name for names in lists for name in re.findall(r"`([^`]+)`", names)]
    files = re.findall(r"\]\(\.\./([^)#]+)", text)
    for path in (path for path in paths if "::" not in path):
        before, brace, rest = path.partition("{")
        inner, _, after = rest.partition("}")
        files += [before + part + after for part in inner.split(",")] if brace else [path]
    return [path for path in paths if "::" in path] + scenarios, files


def test_every_test_and_file_that_the_security_page_names_is_there() -> None:
    tests, files = named_in_words(SECURITY.read_text())
    assert len(tests) > 30
    assert len(files) > 8
    assert [name for name in tests if not is_there(name)] == []
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_a_test_that_is_gone_is_noticed() -> None:
    assert is_there("tcp-refused")
    assert is_there("tcp-*")
    assert not is_there("tcp-refused-politely")
    assert not is_there("udp-*")
    assert is_there("tests/test_reliability.py::test_a_test_that_is_gone_is_noticed")
    assert not is_there("tests/test_reliability.py::test_of_yesterday")
    assert not is_there("tests/test_yesterday.py::test_a_test_that_is_gone_is_noticed")
    assert not is_there("bindings-node/test/time.test.mjs::a title that is none")


def test_running_text_is_read_for_what_it_names() -> None:
    text = "scenario `a`; `core/b.rs::c d`; the scenarios `e-*`, `f` and `g`: `no_test`, [core/h](../core/h#i), `tests/{j,k}.py`, `core/l.rs`"
    assert named_in_words(text) == (["core/b.rs::c d", "a", "e-*", "f", "g"], ["core/h", "tests/j.py", "tests/k.py", "core/l.rs"])
