#!/usr/bin/env python3
"""How often a real server sees sockets that it refuses, kicks or loses: `polite.py [--seconds 60]`, part of `make endurance`.

The server is that of `websockets`; sockets of Python and Node meet it with `reconnect: true` and nothing else. A table of docs/reliability.md is its
output; the status is 1 if a bound is broken. core/proto/src/session/tests/manners.rs shows the effects of chance, in simulated time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import sys
from asyncio.subprocess import DEVNULL
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

ROOT = Path(__file__).resolve().parent.parent.parent
SOCKETS = 20  # of each face, at each server
WAVE = 100  # sockets that lose one server
FORKS = 4  # processes that they share
TENTHS = 6  # of a second: the first delay is up to 0.5 s

PYTHON = """
import asyncio, sys
from heartwire import WebSocket
async def main():
    kept = [WebSocket(f"{sys.argv[1]}/{number}", reconnect=True) for number in range(int(sys.argv[2]))]
    await asyncio.get_running_loop().create_future()
asyncio.run(main())
"""
NODE = """
import { WebSocket } from 'heartwire'
for (let number = 0; number < Number(process.argv[2]); number++) new WebSocket(`${process.argv[1]}/${number}`, { reconnect: true })
setInterval(() => {}, 1000)
"""
# Children of a process that has had a socket: they share their parent's memory, and no chance.
FORKED = """
import asyncio, os, sys
from heartwire import WebSocket
first = WebSocket(sys.argv[1] + "/parent")
first.onopen = lambda event: first.close(1000)
first.run_forever()
for child in range(int(sys.argv[3])):
    if os.fork() == 0:
        break
else:
    for _ in range(int(sys.argv[3])):
        os.wait()
    sys.exit()
async def main():
    each = int(sys.argv[2]) // int(sys.argv[3])
    kept = [WebSocket(f"{sys.argv[1]}/{child * each + number}", reconnect=True) for number in range(each)]
    await asyncio.get_running_loop().create_future()
asyncio.run(main())
"""
FACES = {
    "Python": [sys.executable, "-c", PYTHON],
    "Node": ["node", "--input-type=module", "-e", NODE],
    "Python, forked": [sys.executable, "-c", FORKED],
}


@dataclass
class Trial:
    """A server that does one thing, and when it saw which socket."""

    name: str
    refuses: HTTPStatus | None = None
    retry_after: int | None = None
    kicks_after: float | None = None
    most: int = 20
    seen: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    open: set[ServerConnection] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_for(self, count: Callable[[], int], least: int) -> None:
        while count() < least:
            self.changed.clear()
            await self.changed.wait()

    def ask(self, connection: ServerConnection, request: Request) -> Response | None:
        self.seen[request.path].append(asyncio.get_running_loop().time())
        self.changed.set()
        if self.refuses is None:
            return None
        response = connection.respond(self.refuses, "")
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(self.retry_after)
        return response

    async def have(self, connection: ServerConnection) -> None:
        self.open.add(connection)
        self.changed.set()
        if self.kicks_after == 0:
            await connection.close(4000)
        elif self.kicks_after is not None:
            await asyncio.sleep(self.kicks_after)  # a part of this server's behaviour, not a wait
            connection.transport.abort()
        await connection.wait_closed()
        self.open.discard(connection)

    def gaps(self) -> list[float]:
        return [later - earlier for times in self.seen.values() for earlier, later in zip(times, times[1:])]


@asynccontextmanager
async def serving(trial: Trial, *faces: str, sockets: int) -> AsyncIterator[None]:
    """The server, and a process of each language with so many sockets; the path names the socket."""
    server: Server
    async with serve(trial.have, "127.0.0.1", 0, process_request=trial.ask, ping_interval=None) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        commands = [[*FACES[face], f"{url}/{face[0]}", str(sockets), str(FORKS)] for face in faces]
        quiet = partial(asyncio.create_subprocess_exec, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True, cwd=ROOT / "tests")
        processes = [await quiet(*command) for command in commands]
        try:
            yield
        finally:
            for process in processes:
                with suppress(ProcessLookupError):  # it has died: the failed wait reports that
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


async def minute(trial: Trial, seconds: float) -> list[str]:
    """One row for each face."""
    async with serving(trial, "Python", "Node", sockets=SOCKETS):
        await trial.wait_for(lambda: len(trial.seen), 2 * SOCKETS)
        await asyncio.sleep(seconds)
    rows = []
    for face in ("Python", "Node"):
        times = {path: times for path, times in trial.seen.items() if path.startswith(f"/{face[0]}/")}
        counts = [len(one) for one in times.values()]
        first = times[f"/{face[0]}/0"]
        delays = ", ".join(f"{later - earlier:.1f}" for earlier, later in zip(first, first[1:])) or "no second attempt"
        rows.append(f"| {trial.name} | {face} | {min(counts)}, {statistics.median(counts):.0f}, {max(counts)} | {delays} |")
        assert len(counts) == SOCKETS, rows[-1]
        assert max(counts) <= trial.most, rows[-1]
    assert trial.retry_after is None or all(gap >= trial.retry_after for gap in trial.gaps()), trial.name
    return rows


async def wave(face: str) -> list[int]:
    """All sockets lose the server at the same moment: how many have reconnected in each tenth of a second, and later."""
    trial = Trial("loses them")
    async with serving(trial, face, sockets=WAVE):
        await trial.wait_for(lambda: len(trial.open), WAVE)
        trial.seen.clear()
        lost = asyncio.get_running_loop().time()
        for connection in list(trial.open):
            connection.transport.abort()
        await trial.wait_for(lambda: len(trial.seen), WAVE)
    back = [int((times[0] - lost) * 10) for times in trial.seen.values()]
    counts = [back.count(tenth) for tenth in range(TENTHS - 1)]
    counts.append(len(back) - sum(counts))
    return counts


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long each server is met")
    seconds = parser.parse_args().seconds
    trials = [
        Trial("refuses for ever with 401", refuses=HTTPStatus.UNAUTHORIZED, most=1),
        Trial("answers 503 with `Retry-After: 5`", refuses=HTTPStatus.SERVICE_UNAVAILABLE, retry_after=5, most=12),
        Trial("answers 503 without a word", refuses=HTTPStatus.SERVICE_UNAVAILABLE),
        Trial("accepts and kicks at once with 4000", kicks_after=0),
        Trial("flaps: accepts, and is gone after a second", kicks_after=1),
    ]
    print(f"| a server that | face | attempts in {seconds:.0f} s: fewest, median, most | delays of one socket, in seconds |\n|---|---|---|---|")
    for rows in await asyncio.gather(*(minute(trial, seconds) for trial in trials)):
        print("\n".join(rows))
    tenths = " | ".join(f"{tenth / 10} to {(tenth + 1) / 10} s" for tenth in range(TENTHS - 1))
    print(f"\n| a hundred sockets lose one server | {tenths} | later |\n|---{'|---' * TENTHS}|")
    for face in FACES:
        counts = await asyncio.wait_for(wave(face), 120)
        print(" | ".join([f"| {face}", *map(str, counts)]), "|")
        assert max(counts) <= WAVE // 2, counts


if __name__ == "__main__":
    asyncio.run(main())
