"""The goals and the results: a row for each claim, read from the samples. It must not know how they were taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.candidates import CANDIDATES
from harness.report import Results, figures, middle, number
from harness.scenarios import SCENARIOS

LOWER = frozenset({"cpu", "p50", "p99", "memory", "load"})  # less is better; of a rate, more is
NOISE = 1.05


@dataclass(frozen=True)
class Goal:
    """Our client's figure against that of its best rival, or against a number if it has no rivals."""

    face: str
    what: str
    scenario: str
    figure: str
    ours: str
    rivals: tuple[str, ...]
    bound: float
    scale: float = 1.0  # of a figure by itself, to the unit of the bound

    @property
    def sign(self) -> str:
        return "≤" if self.figure in LOWER else "≥"

    def reached(self, results: Results) -> float | None:
        """The ratio, or the figure by itself."""
        own = middle(results, self.scenario, self.ours, self.figure)
        if own is None or not self.rivals:
            return None if own is None else own * self.scale
        found = [value for rival in self.rivals if (value := middle(results, self.scenario, rival, self.figure))]
        if not found:
            return None
        return own / (min(found) if self.figure in LOWER else max(found))

    def holds(self, value: float) -> bool:
        return value <= self.bound if self.figure in LOWER else value >= self.bound


def _python() -> Iterable[Goal]:
    for loop in ("uvloop", "asyncio"):

        def against(what: str, scenario: str, figure: str, bound: float, loop: str = loop) -> Goal:
            return Goal("Python", f"{what}, {loop}", scenario, figure, f"heartwire-{loop}", (f"picows-{loop}",), bound)

        for size, name in (("32 B", "echo-32"), ("1 KiB", "echo-1k")):
            yield against(f"round trip {size}", name, "p50", 0.97)
            yield against(f"round trip {size}", name, "cpu", 0.92)
        for size, name in (("32 B", "flood-32"), ("512 B", "flood-512")):
            yield against(f"receive flood {size}", name, "cpu", 0.65)
            yield against(f"receive flood {size}", name, "rate", 1.8)
        yield against("receive flood 64 KiB binary", "flood-64k", "cpu", 1.0)
        yield against("receive flood 512 B, not ASCII", "flood-other-512", "cpu", 0.75)
        yield against("send 32 B, one by one", "send-32", "cpu", 0.85)
        yield against("send 32 B, 100 in one turn", "send-32-x100", "cpu", 0.1)
    for rival, bound in (("websockets-uvloop", 0.1), ("picows.websockets-uvloop", 0.35)):
        yield Goal("Python", "permessage-deflate, JSON of 300 B", "deflate-300", "cpu", "heartwire-uvloop", (rival,), bound)
    yield Goal("Python", "TLS round trip 32 B", "tls-echo-32", "cpu", "heartwire-uvloop", ("picows-uvloop",), 0.8)
    yield Goal("Python", "TLS receive flood 512 B", "tls-flood-512", "cpu", "heartwire-uvloop", ("picows-uvloop",), 0.55)
    for what, scenario, figure in (
        ("round trip 32 B", "echo-32", "p50"),
        ("receive flood 32 B", "flood-32", "cpu"),
        ("receive flood 512 B", "flood-512", "cpu"),
    ):
        yield Goal("Python", f"`run_forever()`, {what}", scenario, figure, "heartwire-run_forever", ("heartwire-uvloop",), NOISE)
    yield Goal("Python", "import, CPU ms", "import", "cpu", "heartwire-uvloop", (), 10, 1e-3)


def _node() -> Iterable[Goal]:
    ours, together, ws = "heartwire-node", "heartwire-node-sync", ("ws", "ws-events")
    for size, name in (("32 B", "echo-32"), ("1 KiB", "echo-1k")):
        yield Goal("Node", f"round trip {size}", name, "p50", ours, ws, 0.8)
        yield Goal("Node", f"round trip {size}", name, "cpu", ours, ws, 0.5)
    yield Goal("Node", "round trip 32 B", "echo-32", "p50", ours, ("bun-built-in",), 1.05)
    floods = (("32 B", "flood-32", 0.2, 0.8), ("512 B", "flood-512", 0.3, 0.6), ("512 B, not ASCII", "flood-other-512", 0.2, 0.4))
    for size, name, bound, _ in floods:
        yield Goal("Node", f"receive flood {size}, `allowSynchronousEvents`", name, "cpu", together, ws, bound)
    for size, name, _, bound in floods:
        yield Goal("Node", f"receive flood {size}", name, "cpu", ours, ws, bound)
    yield Goal("Node", "send flood 32 B, 100 in a turn", "send-32-x100", "rate", ours, ws, 10)
    yield Goal("Node", "permessage-deflate, JSON of 300 B", "deflate-300", "rate", ours, ws, 8)
    yield Goal("Node", "permessage-deflate, JSON of 300 B", "deflate-300", "cpu", ours, ws, 0.15)
    yield Goal("Node", "TLS round trip 1 KiB", "tls-echo-1k", "cpu", ours, ws, 0.3)


#: A drop-in surface, the face that it stands on, and what it replaces.
SURFACES = [
    ("Python", "heartwire-compat.websockets-uvloop", "heartwire-recv-uvloop", "websockets-uvloop"),
    ("Python", "heartwire-compat.websockets-asyncio", "heartwire-recv-asyncio", "websockets-asyncio"),
    ("Python", "heartwire-compat.websockets-sync", "heartwire-recv-sync", "websockets-sync"),
    ("Python", "heartwire-compat.websocket_client", "heartwire-recv-sync", "websocket-client"),
    ("Node", "heartwire-ws", "heartwire-node-sync", "ws"),
    ("Node", "heartwire-ws-events", "heartwire-node-sync", "ws-events"),
]


def _surfaces() -> Iterable[Goal]:
    figures = [("round trip 32 B", "echo-32", "p50"), ("round trip 32 B", "echo-32", "cpu"), ("receive flood 512 B", "flood-512", "cpu")]
    for face, surface, native, peer in SURFACES:
        for what, scenario, figure in figures:
            yield Goal(face, what, scenario, figure, surface, (native,), 1.25)
            yield Goal(face, what, scenario, figure, surface, (peer,), 1.0)


def goals() -> list[Goal]:
    """All goals, in the order in which they were set."""
    found = [*_python(), *_node(), *_surfaces()]
    for face, ours, bound in (("Python", "heartwire-uvloop", 5), ("Node", "heartwire-node", 7)):
        for name in ("idle-1000", "idle-5000"):
            found.append(Goal(face, f"{SCENARIOS[name].title}, KiB each", name, "memory", ours, (), bound, 1 / 1024))
    for face, ours in (("Python", "heartwire-uvloop"), ("Node", "heartwire-node")):
        rivals = tuple(name for name, candidate in CANDIDATES.items() if candidate.face == face.lower() and not candidate.ours)
        found.append(Goal(face, "connect, against the fastest", "connect", "p50", ours, rivals, 1.2))
    return found


def table(results: Results) -> str:
    """The goals that the samples can judge."""
    lines = ["| | figure | ours | against | goal | reached | |", "|---|---|---|---|---:|---:|---|"]
    for goal in goals():
        if (value := goal.reached(results)) is not None:
            against = "" if not goal.rivals else goal.rivals[0] if len(goal.rivals) < 3 else "every peer"
            times = "×" if goal.rivals else ""
            verdict = "yes" if goal.holds(value) else "**no**"
            lines.append(
                f"| {goal.face}: {goal.what} | {goal.figure} | {goal.ours} | {against} | {goal.sign} {goal.bound:g}{times} "
                f"| {number(value)}{times} | {verdict} |"
            )
    return "\n".join(lines) if len(lines) > 2 else ""


def behind(results: Results) -> str:
    """Where a peer on Node is ahead of us by more than noise, with either order of events."""
    peers = [name for name, candidate in CANDIDATES.items() if candidate.runtime == "node" and not candidate.ours]
    lines = []
    for scenario in SCENARIOS.values():
        for figure in figures(scenario):
            if figure in ("kept", "p99", "load"):
                continue
            for ours in ("heartwire-node", "heartwire-node-sync"):
                ratio = Goal("Node", "", scenario.name, figure, ours, tuple(peers), 1).reached(results)
                factor = ratio if ratio is None or figure in LOWER else 1 / ratio
                if factor is not None and factor > NOISE:
                    lines.append(f"- {scenario.title}, {figure}, {ours}: {factor:.2f} times worse than the best peer")
    return "\n".join(lines) or "Nowhere."
