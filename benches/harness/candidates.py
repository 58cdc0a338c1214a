"""The clients that are measured: each with its program and its abilities. It must not know how a sample is taken."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / ".ci"))
import release
from harness.scenarios import Scenario

PROGRAMS = release.BENCHES / "clients"
UNITS = {"python": "points", "node": "utf16", "rust": "bytes"}


@dataclass(frozen=True)
class Candidate:
    """A client in one configuration. `lacks` names modes, or traits of a scenario, that it cannot play."""

    name: str
    face: str  # the language; its rivals have the same
    program: str
    variant: str = ""
    runtime: str = ""
    lacks: frozenset[str] = frozenset()
    module: str = ""  # what `import` loads

    @property
    def ours(self) -> bool:
        return self.name.startswith("heartwire")

    @property
    def unit(self) -> str:
        return UNITS[self.face]

    def plays(self, scenario: Scenario) -> bool:
        """Whether the scenario is for it."""
        if scenario.mode == "import":
            return bool(self.module)
        traits = {scenario.mode}
        traits |= {"tls"} if scenario.tls else set()
        traits |= {"deflate"} if scenario.deflate else set()
        traits |= {"turns"} if scenario.turn > 1 else set()
        return not traits & self.lacks

    def command(self, paths: dict[str, Path]) -> list[str]:
        """The program, to which the job is added. `paths` has the interpreters by name."""
        if self.face == "python":
            return [str(paths["python"]), str(PROGRAMS / "python" / self.program)]
        if self.face == "rust":
            return [str(paths["rust"] / self.program)]
        flags = {"bun": [], "deno": ["run", "-A", "--v8-flags=--expose-gc"]}.get(self.runtime, ["--expose-gc"])
        return [str(paths[self.runtime]), *flags, str(PROGRAMS / "node" / self.program)]


def _python() -> list[Candidate]:
    many = frozenset({"connect", "idle"})
    alone = many | {"turns"}  # no loop: every message is a turn of its own
    only_deflate = frozenset({"echo", "send", "tls", "connect", "idle", "blocked"})
    return [
        Candidate("heartwire-uvloop", "python", "heartwire_client.py", "uvloop", module="heartwire"),
        Candidate("heartwire-asyncio", "python", "heartwire_client.py", "asyncio"),
        Candidate("heartwire-run_forever", "python", "heartwire_client.py", "run_forever", lacks=alone | {"send"}),
        Candidate("heartwire-recv-uvloop", "python", "heartwire_pull_client.py", "uvloop", lacks=many),
        Candidate("heartwire-recv-sync", "python", "heartwire_pull_client.py", "sync", lacks=alone),
        Candidate("heartwire-recv-asyncio", "python", "heartwire_pull_client.py", "asyncio", lacks=many),
        Candidate("heartwire-compat.websockets-uvloop", "python", "compat_websockets_client.py", "uvloop", lacks=many),
        Candidate("heartwire-compat.websockets-asyncio", "python", "compat_websockets_client.py", "asyncio", lacks=many),
        Candidate("heartwire-compat.websockets-sync", "python", "compat_websockets_client.py", "sync", lacks=alone),
        Candidate("heartwire-compat.websocket_client", "python", "compat_websocket_client_client.py", "sync", lacks=alone | {"deflate"}),
        Candidate("picows-uvloop", "python", "picows_client.py", "uvloop", lacks=frozenset({"deflate"}), module="picows"),
        Candidate("picows-asyncio", "python", "picows_client.py", "asyncio", lacks=frozenset({"deflate"})),
        Candidate("picows.websockets-uvloop", "python", "picows_websockets_client.py", "uvloop", lacks=only_deflate),
        Candidate("websocket-rs-uvloop", "python", "websocket_rs_client.py", "uvloop", module="websocket_rs"),
        Candidate("websocket-rs-sync", "python", "websocket_rs_client.py", "sync", lacks=alone | {"tls", "deflate", "blocked"}),
        Candidate("aiohttp-uvloop", "python", "aiohttp_client.py", "uvloop", module="aiohttp"),
        Candidate("websockets-uvloop", "python", "websockets_client.py", "uvloop", module="websockets.asyncio.client"),
        Candidate("websockets-asyncio", "python", "websockets_client.py", "asyncio"),
        Candidate("websockets-sync", "python", "websockets_client.py", "sync", lacks=alone),
        Candidate("websocket-client", "python", "websocket_client_client.py", "sync", lacks=alone | {"deflate"}, module="websocket"),
    ]


def _node() -> list[Candidate]:
    events = frozenset({"connect", "idle", "blocked"})
    node, browser = "node", "browser.mjs"
    return [
        Candidate("heartwire-node", "node", browser, "heartwire", node),
        Candidate("heartwire-node-sync", "node", browser, "heartwire-sync", node, events | {"send"}),
        Candidate("heartwire-ws", "node", browser, "heartwire/ws", node, events),
        Candidate("heartwire-ws-events", "node", "ws-events.mjs", "heartwire/ws", node, events),
        Candidate("ws", "node", browser, "ws", node),
        Candidate("ws-events", "node", "ws-events.mjs", "ws", node, events),
        Candidate("undici", "node", browser, "undici", node),
        Candidate("node-built-in", "node", browser, "built-in", node),
        Candidate("bun-built-in", "node", browser, "built-in", "bun"),
        Candidate("deno-built-in", "node", browser, "built-in", "deno", frozenset({"deflate"})),
        Candidate("heartwire-bun", "node", browser, "heartwire", "bun"),
        Candidate("heartwire-deno", "node", browser, "heartwire", "deno"),
    ]


def _rust() -> list[Candidate]:
    compressing = frozenset({"tls", "blocked"})  # rustls for all; handlers are tasks and block nothing
    plain = compressing | {"deflate"}
    return [
        Candidate("heartwire-rust", "rust", "bench-heartwire", lacks=compressing),
        Candidate("heartwire-rust-sync", "rust", "bench-heartwire-sync", lacks=compressing),
        Candidate("heartwire-rust-events", "rust", "bench-heartwire-events", lacks=compressing),
        Candidate("tokio-tungstenite", "rust", "bench-tungstenite", lacks=plain),
        Candidate("fastwebsockets", "rust", "bench-fastwebsockets", lacks=plain),
        Candidate("tokio-websockets", "rust", "bench-tokio-websockets", lacks=plain),
        Candidate("yawc", "rust", "bench-yawc", lacks=compressing),
    ]


CANDIDATES = {candidate.name: candidate for candidate in [*_python(), *_node(), *_rust()]}
QUICK = ["heartwire-uvloop", "picows-uvloop", "websockets-uvloop", "heartwire-node", "heartwire-node-sync", "ws", "bun-built-in"]
QUICK += ["heartwire-rust", "tokio-tungstenite", "fastwebsockets"]


def prepare(candidates: list[Candidate]) -> dict[str, Path]:
    """Builds and installs what these clients need; the interpreters by name."""
    faces = {candidate.face for candidate in candidates}
    paths: dict[str, Path] = {}
    if "python" in faces:
        paths["python"] = release.python_face()
    if "node" in faces:
        modules = release.node_face()
        paths |= {"bun": modules / "@oven/bun-linux-x64/bin/bun", "deno": modules / "@deno/linux-x64-glibc/deno"}
        own = modules / "node-24/bin/node"
        paths["node"] = own if own.exists() else Path(shutil.which("node") or "node")
    if "rust" in faces:
        paths["rust"] = release.build_rust_clients()
    return paths


def present(candidate: Candidate, paths: dict[str, Path]) -> bool:
    """Whether its runtime is available for this platform."""
    return not candidate.runtime or (candidate.runtime in paths and os.access(paths[candidate.runtime], os.X_OK))
