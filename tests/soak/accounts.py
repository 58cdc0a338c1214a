"""The accounts of the soak: compares a client's log with the server's journal. It owns the rules; it starts and reads nothing.

A client's log, a line each, in the order in which it happened to a bot:

    O BOT                                 the connection is open
    E BOT                                 the event `error`
    C BOT CODE CLEAN WILL_RECONNECT WHY   it, or an attempt, is closed; WHY is the close's reason
    N BOT                                 the event `reconnecting`
    S BOT NUMBER o|q|?                    sent while open, queued while connecting, or while the state changed
    D BOT NUMBER                          the event `dropped` reported it
    A BOT NUMBER / R BOT NUMBER           the server's acknowledgement / a message of the server arrived
    X BOT WORDS                           the bot itself saw a fault
    T                                     a tick, 50 ms or more: the time that the client had: none passes while the process is stopped
    M KIB DESCRIPTORS THREADS OBJECTS     the resources of the process
    Z                                     the end: every bot is through

The server's journal, of a line that was written whole:

    U|W|K CONNECTION BOT NUMBER           received, sent, acknowledged by the bot
    C|G CONNECTION BOT NUMBER             ends the connection with a close, with garbage, behind the message NUMBER
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

TAIL = 150
"""Ticks, 7.5 s or more: the longest time that a message may be under way when its connection ends. With heartbeats each second, a silent
server is noticed after two; the rest is slack for earlier messages and a busy machine."""
ORDER = {"": "OE", "O": "MEC", "M": "MEC", "E": "C", "C": "NE", "N": "OE"}
"""The kinds that may follow each kind, of the standard's events and `reconnecting`; M is a message. After a final close nothing may follow."""


@dataclass
class Epoch:
    """One connection of a bot, as the bot saw it."""

    sent: list[int] = field(default_factory=list)
    """In order, with the messages queued before it."""
    either: set[int] = field(default_factory=set)
    """Those of `sent` that may also have been queued for the next one."""
    heard: list[int] = field(default_factory=list)
    code: int = 0
    clean: bool = False
    reason: str = ""
    last: bool = False
    """The bot closed it, and all was acknowledged."""
    opened: int = 0
    closed: int | None = None
    """Both in ticks."""


@dataclass
class Bot:
    """What a bot did and saw."""

    epochs: list[Epoch] = field(default_factory=list)
    open: bool = False
    queue: list[int] = field(default_factory=list)
    sent: dict[int, int] = field(default_factory=dict)
    """Number to tick."""
    dropped: set[int] = field(default_factory=set)
    acknowledged: list[int] = field(default_factory=list)
    when: dict[int, int] = field(default_factory=dict)
    """It was acknowledged."""
    event: str = ""
    """The last one."""
    through: bool = False


@dataclass
class Journal:
    """What the server did with a bot."""

    received: list[tuple[int, int]] = field(default_factory=list)
    sent: dict[int, int] = field(default_factory=dict)
    """Number to connection."""
    on: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Connection to numbers, in order."""
    told: list[int] = field(default_factory=list)
    ended: dict[int, tuple[str, int]] = field(default_factory=dict)


def judge(log: Iterable[str], journal: Iterable[str]) -> tuple[list[str], dict[str, int]]:
    """The faults, and how many there were of each kind of event."""
    faults: list[str] = []
    bots, memory, ended = _read_log(log, faults)
    theirs = _read_journal(journal)
    counts: dict[str, int] = defaultdict(int)
    counts["ticks until the slowest acknowledgement, or the end"] = 0
    if not ended:
        faults.append("the client did not come to its end")
    for name, bot in bots.items():
        faults += [f"{name}: {fault}" for fault in _judge_bot(bot, theirs[name], counts)]
    faults += _judge_memory(memory, len(bots))
    return faults, dict(counts)


def _read_log(log: Iterable[str], faults: list[str]) -> tuple[dict[str, Bot], list[list[int]], bool]:
    bots: dict[str, Bot] = defaultdict(Bot)
    memory: list[list[int]] = []
    ended = False
    tick = 0
    for line in log:
        kind, *words = line.split()
        if kind == "T":
            tick += 1
        elif kind == "M":
            memory.append([int(word) for word in words])
        elif kind == "Z":
            ended = True
        elif kind == "X":
            faults.append(" ".join(words))
        else:
            faults += [f"{words[0]}: {fault}" for fault in _order(bots[words[0]], kind)]
            _follow(bots[words[0]], kind, words[1:], tick)
    return bots, memory, ended


def _order(bot: Bot, kind: str) -> list[str]:
    """The fault, if this event may not follow the one before."""
    event = {"A": "M", "R": "M"}.get(kind, kind)
    if event not in ORDER:
        return []
    before, bot.event = bot.event, event
    if bot.through:
        return [f"{kind} after the close for good"]
    return [] if event in ORDER[before] else [f"{kind} after {before or 'nothing'}"]


def _follow(bot: Bot, kind: str, words: list[str], tick: int) -> None:
    """A line of a bot's log. The lock of its state is not ours, so `q` while open is of the next connection: its close is on the way."""
    if kind == "O":
        bot.open = True
        bot.epochs.append(Epoch(sent=bot.queue, opened=tick))
        bot.queue = []
    elif kind == "C":
        epoch = bot.epochs[-1] if bot.open else None
        if epoch is not None:
            epoch.code, epoch.clean, epoch.reason = int(words[0]), words[1] == "1", " ".join(words[3:])
            epoch.closed = tick
        if words[2] == "0":
            bot.through = True
            if epoch is not None:
                epoch.last = True
        bot.open = False
    elif kind == "S":
        number, state = int(words[0]), words[1]
        bot.sent[number] = tick
        if state != "q" and bot.open:
            bot.epochs[-1].sent.append(number)
            if state == "?":
                bot.epochs[-1].either.add(number)
        else:
            bot.queue.append(number)
    elif kind == "D":
        bot.dropped.add(int(words[0]))
    elif kind == "A":
        bot.acknowledged.append(int(words[0]))
        bot.when[int(words[0])] = tick
    elif kind == "R" and bot.epochs:
        bot.epochs[-1].heard.append(int(words[0]))


def _read_journal(journal: Iterable[str]) -> dict[str, Journal]:
    theirs: dict[str, Journal] = defaultdict(Journal)
    for line in journal:
        if not line.endswith("\n"):
            continue  # the server was killed while it wrote, and has not done it
        kind, connection, name, number = line.split()
        bot = theirs[name]
        if kind == "U":
            bot.received.append((int(number), int(connection)))
        elif kind == "W":
            bot.sent[int(number)] = int(connection)
            bot.on[int(connection)].append(int(number))
        elif kind == "K":
            bot.told.append(int(number))
        else:
            bot.ended[int(connection)] = (kind, int(number))
    return theirs


def _judge_bot(bot: Bot, theirs: Journal, counts: dict[str, int]) -> list[str]:
    faults = []
    received = [number for number, _ in theirs.received]
    arrived = set(received)
    heard = [number for epoch in bot.epochs for number in epoch.heard]
    if not bot.through:
        faults.append("is not closed for good")
    # Nothing is doubled, nothing overtakes, nothing is made up. A connection that stalled may still be read when the next one is.
    if len(received) != len(arrived):
        faults.append(f"the server received twice: {[each for each in arrived if received.count(each) > 1][:5]}")
    by_connection = sorted(theirs.received, key=lambda each: each[1])
    if any(before > after for (before, on), (after, then) in zip(by_connection, by_connection[1:]) if on == then):
        faults.append("the server received out of order")
    if heard != sorted(set(heard)):
        faults.append(f"the bot received out of order or twice: {_where(heard)}")
    for what, some, of in (
        ("the server received what was never sent", arrived, set(bot.sent)),
        ("the bot received what was never sent", set(heard), set(theirs.sent)),
        ("acknowledged, and not received", set(bot.acknowledged), arrived),
        ("told, and not received by the bot", set(theirs.told), set(heard)),
        ("dropped, and sent all the same", bot.dropped & arrived, set()),
    ):
        if wrong := sorted(some - of):
            faults.append(f"{what}: {wrong[:5]}")
    if bot.acknowledged != sorted(set(bot.acknowledged)):
        faults.append(f"acknowledgements out of order or twice: {_where(bot.acknowledged)}")
    # Only messages under way at the end of a connection are lost.
    _carry_over(bot.epochs, theirs)
    for number, epoch in enumerate(bot.epochs):
        faults += [f"connection {number}: {fault}" for fault in _judge_epoch(epoch, bot, theirs, arrived) + _judge_tail(epoch, bot, counts)]
        counts["connections"] += 1
        counts["under way when a connection ended"] += sum(each not in arrived and each not in bot.dropped for each in epoch.sent)
    if left := [each for each in bot.queue if each not in bot.dropped]:
        faults.append(f"queued, and neither sent nor reported: {left[:5]}")
    for key, value in (("sent", len(bot.sent)), ("received by the server", len(arrived)), ("dropped with an event", len(bot.dropped))):
        counts[key] += value
    counts["sent by the server"] += len(theirs.sent)
    counts["received by the bots"] += len(heard)
    counts["acknowledged"] += len(bot.acknowledged)
    return faults


def _carry_over(epochs: list[Epoch], theirs: Journal) -> None:
    """Messages sent between the loss of a connection and its `close` event were queued: they belong to the next connection."""
    arrived_on = dict(theirs.received)
    on = [theirs.sent.get(epoch.heard[0]) if epoch.heard else None for epoch in epochs]
    for index, (epoch, following) in enumerate(zip(epochs, epochs[1:])):
        for place, number in enumerate(epoch.sent):
            connection = arrived_on.get(number)
            if connection is not None and (connection != on[index] if on[index] is not None else connection == on[index + 1]):
                following.sent[:0] = epoch.sent[place:]
                following.either |= epoch.either
                del epoch.sent[place:]
                break


def _judge_epoch(epoch: Epoch, bot: Bot, theirs: Journal, arrived: set[int]) -> list[str]:
    faults = []
    lost = None
    for number in epoch.sent:
        if number in bot.dropped or number in epoch.either:
            continue
        if number not in arrived:
            lost = lost or number
        elif lost:
            faults.append(f"{lost} is lost, though {number}, sent after it, arrived")
            break
    if epoch.last and lost:
        faults.append(f"{lost} is lost, though the bot closed cleanly")
    if not epoch.heard:
        return faults
    connection = theirs.sent.get(epoch.heard[0], 0)
    sent, last = theirs.on[connection], epoch.heard[-1]
    if sent[: len(epoch.heard)] != epoch.heard:
        faults.append(f"the server sent {sent[:3]}..., the bot received {epoch.heard[:3]}...: {_where(epoch.heard)}")
    how, end = theirs.ended.get(connection, ("", 0))
    if epoch.clean and not epoch.last and (how != "C" or epoch.reason != str(end)):
        faults.append(f"a clean close {epoch.code} {epoch.reason} that the server did not send")
    if end != last and ((how == "C" and epoch.clean and not epoch.last) or (how == "G" and epoch.code in (1002, 1007))):
        faults.append(f"{end} was received before the end ({epoch.code}), and only {last} delivered")
    return faults


def _judge_tail(epoch: Epoch, bot: Bot, counts: dict[str, int]) -> list[str]:
    """Neither side is silent for long on a live connection: messages are acknowledged, or the connection ends."""
    if epoch.closed is None:
        return []
    for number in epoch.sent:
        if number in bot.dropped or number in epoch.either:
            continue
        waited = min(bot.when.get(number, epoch.closed), epoch.closed) - max(bot.sent[number], epoch.opened)
        slowest = "ticks until the slowest acknowledgement, or the end"
        counts[slowest] = max(counts[slowest], waited)
        if waited > TAIL and bot.when.get(number, epoch.closed + 1) > epoch.closed:
            return [f"{number} was sent {waited} ticks before the end, and never acknowledged"]
    return []


def _judge_memory(memory: list[list[int]], bots: int) -> list[str]:
    """Flat: compares the end with the time when all had begun. After thirty seconds every path has been used."""
    if len(memory) < 7:
        return []
    (kib, descriptors, threads, objects), late = memory[2], memory[-3:]
    least = [min(sample[figure] for sample in late) for figure in range(4)]
    grown = least[0] > kib * 1.5 + 30_000 or least[1] > descriptors + 2 * bots + 20 or least[2] > threads + 5 or least[3] > objects * 1.5 + 20_000
    return [f"what the process holds grew: {memory[2]} to {least}"] if grown else []


def _where(numbers: list[int]) -> str:
    """The first place that is not one more than the one before."""
    for before, after in zip(numbers, numbers[1:]):
        if after != before + 1:
            return f"{after} after {before}"
    return "nowhere"
