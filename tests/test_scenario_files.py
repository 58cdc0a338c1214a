"""Every scenario has only keys that a runner understands: a misspelt key would be ignored in silence, and a misspelt record would never appear.

The words are those of the tables in tests/scenarios/README.md and docs/testing.md, so these tests check the tables, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "scenarios"
SCENARIOS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def table(page: Path, header: str) -> dict[str, set[str]]:
    """A table of Markdown by its header: the names in the first column, each with all names in backticks beside it."""
    rows = page.read_text().split(f"\n{header}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    cells = [re.split(r"(?<!\\)\|", row.strip("|"), maxsplit=1) for row in rows]
    return {name: set(re.findall(r"`(\w+)`", rest)) for first, rest in cells for name in re.findall(r"`(?:\{\")?(\w+)", first)}


KEYS = set(table(FOLDER / "README.md", "| key | meaning |"))
ACTIONS = set(table(FOLDER / "README.md", "| action | |"))
EVENTS = table(FOLDER / "README.md", "| event | fields |")
RECORDS = table(ROOT / "docs" / "testing.md", "| event | fields |")
OF_EVENTS = {"event", "ready_state", "elapsed"}
OF_EXPECTED = {"many", "optional", "times"}
OF_RECORDS = {"event", "connection", "at", "count"}


def actions(scenario: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for rule in scenario.get("client", []):
        yield from rule["do"]


def events(scenario: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from scenario.get("expect", [])
    yield from (rule["on"] for rule in scenario.get("client", []) if rule["on"] != "start" and "server" not in rule["on"])


def records(scenario: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from scenario.get("server_saw", [])
    yield from scenario.get("server_never", [])
    yield from (rule["on"]["server"] for rule in scenario.get("client", []) if "server" in rule["on"])
    for action in actions(scenario):
        if "not_recorded" in action:
            yield action["not_recorded"]
        if isinstance(action.get("block"), dict):
            yield action["block"]["server"]


def nonsense(scenario: dict[str, Any]) -> list[Any]:
    """The parts that no runner understands."""
    rules = [rule for rule in scenario.get("client", []) if not rule.keys() <= {"on", "do", "nth"}]
    acts = [action for action in actions(scenario) if not action.keys() - {"throws"} <= ACTIONS]
    seen = [event for event in events(scenario) if event["event"] != "observed" and not event.keys() <= fields_of(event)]
    recorded = [record for record in records(scenario) if not record.keys() <= RECORDS.get(record.get("event", ""), set()) | OF_RECORDS]
    kinds = [record for record in records(scenario) if record.get("event", "end") not in RECORDS]
    return [*(scenario.keys() - KEYS), *rules, *acts, *seen, *recorded, *kinds]


def fields_of(event: dict[str, Any]) -> set[str]:
    return EVENTS.get(event["event"], set()) | OF_EVENTS | OF_EXPECTED


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_says_only_what_is_understood(name: str) -> None:
    scenario = SCENARIOS[name]
    assert nonsense(scenario) == []
    assert {"name", "rule"} < scenario.keys()
    assert ("throws" in scenario) != ("expect" in scenario)


@pytest.mark.parametrize(
    "scenario",
    [
        {"server_nevr": []},
        {"server_never": [{"event": "conect"}]},
        {"server_never": [{"event": "request", "header": {}}]},
        {"server_saw": [{"text": "of which event?"}]},
        {"client": [{"on": "start", "do": [{"snd": "x"}]}]},
        {"client": [{"on": {"event": "message"}, "do": [], "nht": 1}]},
        {"client": [{"on": {"event": "open"}, "do": [{"not_recorded": {"event": "makr"}}]}]},
        {"expect": [{"event": "close", "clean": True}]},
    ],
)
def test_what_is_misspelt_is_noticed(scenario: dict[str, Any]) -> None:
    assert len(nonsense(scenario)) == 1
