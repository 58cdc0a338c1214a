#!/usr/bin/env python3
"""Bots of every face, and a server that fails at random, is killed, and is cut off; for MINUTES (20). At the end every message is accounted for.

`supervise.py [FACE ...]`; faces are asyncio, run_forever, start, node and rust. SEED=n gives the same server again. `make soak` runs it.
It owns the processes, and the faults that need a process or a network for themselves: kill -9, SIGSTOP, and, as root, a network namespace.
What the bots' logs mean is in accounts.py.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import accounts

HERE = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target"))
PYTHON = [sys.executable, str(HERE / "client.py")]
FACES = {
    "asyncio": [*PYTHON, "asyncio"],
    "run_forever": [*PYTHON, "run_forever"],
    "start": [*PYTHON, "start"],
    "node": ["node", "--expose-gc", str(HERE / "client.mjs")],
    "rust": [str(TARGET / "debug" / "examples" / "soak")],
}
BOTS = 8  # of each face
SETTLE = 90.0  # seconds, when the faults are over


class Network:
    """A network namespace with one wire to it, which can be cut: for root on Linux."""

    def __init__(self) -> None:
        self.name = f"soak{os.getpid()}"
        third, fourth = random.randrange(1, 255), 4 * random.randrange(1, 63)
        self.ours, self.host = f"10.200.{third}.{fourth + 1}", f"10.200.{third}.{fourth + 2}"

    def start(self) -> str | None:
        """Starts it, or gives the reason why not."""
        if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
            return "needs Linux, root and `ip`"
        commands = [
            f"netns add {self.name}",
            f"link add {self.name} type veth peer name wire netns {self.name}",
            f"addr add {self.ours}/30 dev {self.name}",
            f"link set {self.name} up",
            f"-n {self.name} addr add {self.host}/30 dev wire",
            f"-n {self.name} link set wire up",
            f"-n {self.name} link set lo up",
        ]
        for command in commands:
            done = subprocess.run(["ip", *command.split()], capture_output=True, text=True)
            if done.returncode != 0:
                self.stop()
                return f"ip {command}: {done.stderr.strip()}"
        return None

    def stop(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)
        subprocess.run(["ip", "link", "del", self.name], capture_output=True)

    def wire(self, state: str) -> None:
        subprocess.run(["ip", "-n", self.name, "link", "set", "wire", state], check=True)

    @property
    def inside(self) -> list[str]:
        return ["ip", "netns", "exec", self.name]


class Server:
    """The server's processes, one after the other, on one port."""

    def __init__(self, inside: list[str], host: str, seed: int, journal: Path) -> None:
        self.inside, self.host, self.seed, self.journal = inside, host, seed, journal
        self.generation, self.port = 0, 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.generation += 1
        arguments = [self.host, self.port, self.generation, self.seed, self.journal]
        line = [*self.inside, sys.executable, HERE / "server.py", *arguments]
        self.process = subprocess.Popen([str(word) for word in line], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def soak(faces: list[str], minutes: float, seed: int, folder: Path, bots: int = BOTS) -> list[str]:
    """Runs the soak, and gives the faults."""
    chance = random.Random(seed)
    journal = folder / "journal"
    with ExitStack() as ends:
        network = Network()
        missing = network.start()
        if missing:
            print(f"the network is not cut: {missing}", flush=True)
        else:
            ends.callback(network.stop)
        server = Server([] if missing else network.inside, "127.0.0.1" if missing else network.host, seed, journal)
        ends.callback(server.kill)
        server.start()
        clients: dict[str, subprocess.Popen[bytes]] = {}
        for face in faces:
            log = ends.enter_context(open(folder / face, "wb"))
            words = ends.enter_context(open(folder / f"{face}.err", "wb"))  # warnings of slow handlers, mostly
            line = [*FACES[face], face, f"ws://{server.host}:{server.port}", str(minutes * 60), str(bots)]
            clients[face] = subprocess.Popen(line, stdout=log, stderr=words, cwd=HERE)
            ends.callback(clients[face].kill)
        done = harass(clients, server, None if missing else network, chance, minutes * 60)
        print(f"{', '.join(f'{count} {what}' for what, count in done.items())}; now the bots settle", flush=True)
        server.signal(signal.SIGUSR1)
        faults = [fault for face, client in clients.items() for fault in settle(face, client)]
        server.kill()
    written = journal.read_text().splitlines(keepends=True)
    for face in faces:
        wrong, counts = accounts.judge((folder / face).read_text().splitlines(), [line for line in written if f" {face}-" in line])
        faults += [f"{face}: {fault}" for fault in wrong]
        print(f"{face}: {', '.join(f'{count} {what}' for what, count in counts.items())}", flush=True)
    return faults


def harass(
    clients: dict[str, subprocess.Popen[bytes]], server: Server, network: Network | None, chance: random.Random, seconds: float
) -> dict[str, int]:
    """Faults from outside, one at a time, until the time is over or a client is dead."""
    done = {"kill -9": 0, "cuts of the network": 0, "stops of a client": 0, "stops of the server": 0}
    end = time.monotonic() + seconds
    while True:
        pause = chance.uniform(2, 10)
        if time.monotonic() + pause + 6 > end or any(client.poll() is not None for client in clients.values()):
            break
        time.sleep(pause)
        fault = chance.choice(list(done))
        if fault == "kill -9":
            server.kill()
            time.sleep(chance.uniform(0, 2))
            server.start()
        elif fault == "cuts of the network" and network is not None:
            network.wire("down")
            time.sleep(chance.uniform(0.2, 5))
            network.wire("up")
        elif fault == "stops of a client":
            client = clients[chance.choice(list(clients))]
            client.send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0.2, 4))
            client.send_signal(signal.SIGCONT)
        elif fault == "stops of the server":
            server.signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0.2, 4))
            server.signal(signal.SIGCONT)
        else:
            continue
        done[fault] += 1
    time.sleep(max(0, end - time.monotonic()))
    return done


def settle(face: str, client: subprocess.Popen[bytes]) -> list[str]:
    try:
        status = client.wait(timeout=SETTLE)
    except subprocess.TimeoutExpired:
        client.kill()
        return [f"{face}: did not end"]
    return [f"{face}: ended with status {status}"] if status else []


def main() -> int:
    minutes = float(os.environ.get("MINUTES", "20"))
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    faces = sys.argv[1:] or [face for face in FACES if face != "rust" or Path(FACES[face][0]).exists()]
    print(f"SEED={seed} MINUTES={minutes:g} {' '.join(faces)}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="soak"))
    faults = soak(faces, minutes, seed, folder)
    print("\n".join(faults[:50]) or "every message is accounted for")
    if faults:
        print(f"logs and journal: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the network goes, too
    sys.exit(main())
