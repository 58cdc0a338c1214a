"""The soak itself: a short one, and that its accounts see each thing that may go wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "soak"))
import accounts
import supervise

# Two connections of a bot: the first is cut while 3 is under way; 4 is sent before the bot hears of it, and waits for the second as 5 does, 6 waited
# too long; the bot closes the second.
LOG = """
O b
R b 101
S b 1 o
S b 2 o
A b 1
A b 2
S b 3 o
S b 4 o
C b 1006 0 1 -
N b
S b 5 q
S b 6 q
D b 6
O b
R b 103
S b 7 o
A b 4
A b 5
A b 7
C b 1000 1 0 -
Z
"""
JOURNAL = """
W 11 b 101
U 11 b 1
U 11 b 2
K 11 b 101
W 11 b 102
W 12 b 103
U 12 b 4
U 12 b 5
K 12 b 103
U 12 b 7
"""
SILENCE = "T\n" * (accounts.TAIL + 1)
# A fault, and the changes of the two that cause it.
WRONG = {
    "the server received twice": [("U 12 b 4", "U 12 b 4\nU 12 b 4")],
    "the server received out of order": [("U 12 b 4\nU 12 b 5", "U 12 b 5\nU 12 b 4")],
    "the bot received out of order or twice": [("R b 103", "R b 101")],
    "1 is lost, though 2": [("U 11 b 1\n", "")],
    "5 is lost, though 7": [("U 12 b 5\n", "")],
    "7 is lost, though the bot closed": [("U 12 b 7\n", "")],
    "the server received what was never sent": [("S b 7 o\n", "")],
    "the bot received what was never sent": [("W 12 b 103\n", "")],
    "acknowledged, and not received": [("U 11 b 2\n", "")],
    "acknowledgements out of order or twice": [("A b 2", "A b 1")],
    "told, and not received by the bot": [("R b 103\n", "")],
    "dropped, and sent all the same": [("D b 6", "D b 5")],
    "the server sent [104, 103]..., the bot received [103]": [("W 12 b 103", "W 12 b 104\nW 12 b 103")],
    "is not closed for good": [("C b 1000 1 0 -\n", "")],
    "queued, and neither sent nor reported": [("C b 1000 1 0 -", "C b 1000 1 0 -\nS b 8 q")],
    "102 was received before the end": [("C b 1006 0 1 -", "C b 1002 0 1 -"), ("W 11 b 102", "W 11 b 102\nG 11 b 102")],
    "102 was received before the end (1012)": [("C b 1006 0 1 -", "C b 1012 1 1 102"), ("W 11 b 102", "W 11 b 102\nC 11 b 102")],
    "a clean close 1000 9 that the server did not send": [("C b 1006 0 1 -", "C b 1000 1 1 9")],
    "b saw something": [("\nZ", "\nX b saw something\nZ")],
    "O after O": [("O b\nR b 101", "O b\nO b\nR b 101")],
    "C after C": [("C b 1006 0 1 -", "C b 1006 0 1 -\nC b 1006 0 1 -")],
    "C after the close for good": [("\nZ", "\nC b 1000 1 0 -\nZ")],
    "A after the close for good": [("A b 7\nC b 1000 1 0 -", "C b 1000 1 0 -\nA b 7")],
    "O after C": [("N b\n", "")],
    "R after C": [("R b 101\n", ""), ("C b 1006 0 1 -", "C b 1006 0 1 -\nR b 101")],
    "R after nothing": [("O b\nR b 101", "R b 101\nO b")],
    "A after E": [("A b 2", "E b\nA b 2")],
    "N after N": [("N b\n", "N b\nN b\n")],
    "3 was sent 151 ticks before the end, and never acknowledged": [("C b 1006 0 1 -", f"{SILENCE}C b 1006 0 1 -")],
    "2 was sent 151 ticks before the end, and never acknowledged": [("A b 2\n", ""), ("C b 1006 0 1 -", f"{SILENCE}C b 1006 0 1 -")],
    "4 was sent 151 ticks before the end, and never acknowledged": [("A b 4\n", ""), ("C b 1000 1 0 -", f"{SILENCE}C b 1000 1 0 -")],
    "the client did not come to its end": [("\nZ", "")],
    "what the process holds grew": [("\nZ", "".join(f"\nM {20_000 + 50_000 * index} 10 3 1000" for index in range(7)) + "\nZ")],
}


def judge(log: str, journal: str) -> tuple[list[str], dict[str, int]]:
    return accounts.judge(log.strip().splitlines(), [*journal.lstrip().splitlines(keepends=True), "U 13 b"])


def test_accounts_of_a_good_run() -> None:
    faults, counts = judge(LOG, JOURNAL)
    assert faults == []
    assert counts["sent"] == 7
    assert counts["dropped with an event"] == 1
    assert counts["under way when a connection ended"] == 1


def test_what_is_under_way_for_a_while_or_waits_for_the_next_connection_is_no_fault() -> None:
    while_open = LOG.replace("C b 1006", "T\n" * accounts.TAIL + "C b 1006")
    while_waiting = LOG.replace("N b\n", f"{SILENCE}N b\n{SILENCE}")
    for log in (while_open, while_waiting):
        assert judge(log, JOURNAL)[0] == []


@pytest.mark.parametrize("fault", WRONG)
def test_accounts_see(fault: str) -> None:
    both = f"{LOG}==={JOURNAL}"
    for old, new in WRONG[fault]:
        assert both.count(old) == 1
        both = both.replace(old, new)
    log, journal = both.split("===")
    faults, _ = judge(log, journal)
    assert any(fault in each for each in faults), faults


@pytest.mark.timeout(300)
def test_a_short_soak(tmp_path: Path) -> None:
    assert supervise.soak(list(supervise.FACES), 0.25, 1, tmp_path, bots=2) == []
