"""Runs every test suite of this checkout: `run.py [--list] [SUITE ...]`, behind `make test`.

It owns the list of suites, the counting, the total, and the failures again at the end. A suite that fails, dies, hangs or runs no test is a
failure. A suite whose peer is not on this machine is skipped with a line that says so, unless CI=true, where that is a failure too. It must not
know how things are installed (.ci/).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / ".ci"))
import checkout
import closing_lines
from checkout import ROOT, TARGET, Missing

CI = os.environ.get("CI") == "true"
TESTS = ROOT / "tests"
HANGS_AFTER = 20 * 60  # seconds, for a whole suite
LANES = 3  # suites that run beside each other
PYTEST = ("-m", "pytest", "-q")


@dataclass
class Command:
    """One run of a test runner."""

    line: tuple[str | Path, ...]
    cwd: Path = ROOT
    env: dict[str, str] = field(default_factory=dict)


say = partial(print, flush=True)
PREPARING = threading.Lock()
RUNNING: set[subprocess.Popen[str]] = set()
ENDED = threading.Event()


@dataclass
class Suite:
    """A row of the result. `prepare` gives the commands, or raises `Missing`. One that `waits` more than it computes runs beside others."""

    name: str
    about: str
    prepare: Callable[[], list[Command]]
    waits: bool = False
    on_demand: bool = False
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    note: str = ""
    failures: list[str] = field(default_factory=list)

    def run(self, say: Callable[[str], None] = say) -> None:
        say(f"\n=== {self.name}: {self.about}")
        try:
            with PREPARING:
                start = time.monotonic()
                commands = self.prepare()
            for command in commands:
                self._run(command, say)
        except Missing as missing:
            self.note = str(missing)
            self.failed += CI
            self.skipped += not CI
            say(f"{'FAILED' if CI else 'skipped'}: {missing}")
        except (subprocess.CalledProcessError, OSError) as failure:
            self.failed += 1
            self.note = f"could not be prepared: {failure}"
            say(f"FAILED: {self.note}")
        self.seconds = time.monotonic() - start

    def run_beside_others(self) -> list[str]:
        """As `run`. What it says."""
        say(f"begins: {self.name}")
        said: list[str] = []
        self.run(said.append)
        return said

    def _run(self, command: Command, say: Callable[[str], None]) -> None:
        words = [str(part).replace(f"{ROOT}/", "") for part in command.line]
        say(" ".join(["+", *words]))
        lines, status = _watch(command, say)
        seen = closing_lines.counts(lines)
        if status is None:
            self.note = f"hung: ended after {HANGS_AFTER} s"
        elif status != 0 and not seen["failed"]:
            self.note = f"{words[0]} ended with status {status}"
        elif status == 0 and not seen["passed"] + seen["skipped"]:
            self.note = "ran no test"
        self.passed += seen["passed"]
        self.skipped += seen["skipped"]
        if failed := seen["failed"] or bool(self.note):
            self.failed += failed
            self.failures += closing_lines.failures(lines)


def _watch(command: Command, say: Callable[[str], None]) -> tuple[list[str], int | None]:
    """Runs it, and passes its output on. Gives its status, or None if it had to be ended."""
    process = subprocess.Popen(
        [str(part) for part in command.line],
        cwd=command.cwd,
        env={**os.environ, "NO_COLOR": "1", "CARGO_TERM_COLOR": "never", **command.env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        encoding="utf-8",
        errors="replace",
    )
    hung = threading.Event()

    def end() -> None:
        hung.set()
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(HANGS_AFTER, end)
    timer.start()
    RUNNING.add(process)
    if ENDED.is_set():  # while a lane prepared
        os.killpg(process.pid, signal.SIGKILL)
    lines = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.append(line.rstrip())
            say(lines[-1])
        status = process.wait()
    finally:  # also when this program itself is ended
        timer.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        RUNNING.discard(process)
    return lines, None if hung.is_set() else status


def run_all(suites: Iterable[Suite]) -> None:
    """Runs them in order; neighbours that mostly wait run in lanes. A suite in a lane prints its output at its end."""
    lanes = ThreadPoolExecutor(LANES)
    try:
        for waits, group in groupby(suites, lambda suite: suite.waits):
            together = list(group)
            if waits and len(together) > 1:
                for over in as_completed([lanes.submit(suite.run_beside_others) for suite in together]):
                    say("\n".join(over.result()))
            else:
                for suite in together:
                    suite.run()
    finally:  # also when this program itself is ended
        ENDED.set()
        lanes.shutdown(wait=False, cancel_futures=True)
        for process in RUNNING.copy():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


# The suites


def core() -> list[Command]:
    checkout.need_rust()
    packages = ("-p", "heartwire", "-p", "heartwire-proto", "-p", "heartwire-chat-server", "-p", "heartwire-node")
    if checkout.output("cargo", "nextest", "--version"):
        tests = Command(("cargo", "nextest", "run", *packages, "--no-fail-fast", "--status-level", "fail", "--final-status-level", "fail"))
    else:
        tests = Command(("cargo", "test", "--no-fail-fast", "--quiet", *packages, "--all-targets"))
    return [tests, Command(("cargo", "test", "--quiet", "--doc", "-p", "heartwire", "-p", "heartwire-proto"))]


def python(version: str | None) -> Callable[[], list[Command]]:
    def prepare() -> list[Command]:
        if version is None and checkout.output("node", "--version"):
            checkout.npm_install(ROOT / "tests")  # pyright
        return [Command((checkout.python_face(version), *PYTEST), cwd=ROOT / "bindings-python")]

    return prepare


def node_tests() -> list[str]:
    folder = checkout.NODE_PACKAGE / "test"
    return sorted(str(path.relative_to(checkout.NODE_PACKAGE)) for path in folder.glob("*.test.*js"))


def node(major: int | None) -> Callable[[], list[Command]]:
    def prepare() -> list[Command]:
        present = checkout.need_node()
        program: str | Path = "node"
        if major is not None and present != major:
            checkout.npm_install(TESTS)
            program = runtime(f"node-{major}/bin/node", f"Node {major}")
        elif major is not None:
            print(f"Node {major} is the Node at hand: see node")
            return []
        checkout.node_face()
        environment = {"PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"} if isinstance(program, Path) else {}
        # Node 18 has no bound for a test; there, the suite's own holds.
        # A file is a test, too, and the one of the scenarios takes five minutes where others work beside it.
        bound = ["--test-timeout=900000"] if (major or present) >= 20 else []
        return [Command((program, "--test", "--test-reporter=spec", *bound, *node_tests()), cwd=checkout.NODE_PACKAGE, env=environment)]

    return prepare


def runtime(path: str, name: str) -> Path:
    program = TESTS / "node_modules" / path
    if not program.exists():
        raise Missing(f"missing: {name} (its npm package is for Linux on x64 only)")
    return program


def smoke(name: str, path: str, *arguments: str) -> Callable[[], list[Command]]:
    def prepare() -> list[Command]:
        checkout.npm_install(TESTS)
        program = runtime(path, name)
        checkout.node_face()
        return [Command((program, *arguments, TESTS / "smoke.mjs"))]

    return prepare


def repository() -> list[Command]:
    interpreter = checkout.python_face()
    checkout.node_face()
    checkout.npm_install(TESTS)
    checkout.build_server()
    checkout.run("cargo", "build", "--quiet", "-p", "heartwire-bench-server")
    checkout.run("cargo", "build", "--quiet", "-p", "heartwire", "--example", "soak", "--example", "endurance")
    return [Command((interpreter, *PYTEST, "tests", "--ignore=tests/exits"))]


def exits() -> list[Command]:
    interpreter = checkout.exit_hosts()
    checkout.run("cargo", "build", "--quiet", "-p", "heartwire", "--example", "exits")
    if checkout.output("node", "--version"):
        checkout.node_face()
        checkout.npm_install(TESTS)
    return [Command((interpreter, *PYTEST, "tests/exits"))]


def compat() -> list[Command]:
    interpreter = checkout.sdk_hosts()
    folder = TESTS / "compat" / "python"
    return [*(Command((interpreter, folder / name)) for name in ("members.py", "peers_tests.py", "suite.py")), *compat_node()]


def compat_node(*files: str) -> list[Command]:
    checkout.need_node(20, " for the SDKs")
    checkout.node_face()
    folder = TESTS / "compat" / "node"
    checkout.npm_install(folder)
    names = files or ("members.test.mjs", "compat.test.mjs")
    return [Command(("node", "--test", "--test-reporter=spec", folder / name)) for name in names]


def bundlers() -> list[Command]:
    checkout.need_node(20, " for the bundlers")
    checkout.node_face()
    checkout.npm_install(TESTS / "bundlers")
    line = ("node", "--test", "--test-reporter=spec", "--test-timeout=300000", TESTS / "bundlers" / "bundlers.test.mjs")
    return [Command(line, env={"PYTHON": sys.executable})]


def web() -> list[Command]:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise Missing("missing: Chromium (apt-get install chromium)")
    checkout.need_node(20, " for playwright-core, which drives the browser")
    interpreter = checkout.python_face()
    checkout.node_face()
    checkout.npm_install(TESTS)
    checkout.build_server()
    checkout.run(sys.executable, ROOT / ".ci" / "docs.py", "build")
    environment = {"CHROMIUM": browser, "PYTHON": str(interpreter), "CHAT_SERVER": str(TARGET / "debug" / "chat-server")}
    pages = sorted((TESTS / "web").glob("*.test.mjs"))
    return [Command(("node", "--test", "--test-reporter=spec", "--test-timeout=600000", *pages), env=environment)]


def runners() -> list[Command]:
    checkout.need_node(20, " for jest and vitest")
    checkout.node_face()
    checkout.npm_install(TESTS)
    return [Command(("node", "--test", "--test-reporter=spec", "--test-timeout=300000", *sorted((TESTS / "runners").glob("*.test.mjs"))))]


def conformance() -> list[Command]:
    version, _ = checkout.default_python()
    if tuple(map(int, version.split("."))) < (3, 10):
        raise Missing(f"missing: Python 3.10 or later for Autobahn's cases (the tests run on {version})")
    interpreter = checkout.python_face()
    checkout.node_face()
    checkout.run("cargo", "build", "--quiet", "-p", "heartwire", "--example", "autobahn")
    return [Command((interpreter, TESTS / "conformance" / "run.py"))]


def wpt() -> list[Command]:
    if not (Path(os.environ.get("WPT", "")) / "websockets" / "handlers").is_dir():
        raise Missing("missing: a checkout of web-platform-tests (WPT=/path/to/wpt)")
    checkout.node_face()
    return [Command((sys.executable, TESTS / "wpt" / "suite.py"))]


def fuzz() -> list[Command]:
    checkout.need_rust()
    if not shutil.which("g++") and not shutil.which("c++"):
        raise Missing("missing: a C++ compiler, for libFuzzer (apt-get install g++)")
    return [Command((sys.executable, ROOT / "core" / "fuzz" / "run.py", "--seconds", "20"))]


def suites() -> list[Suite]:
    default = checkout.default_python()[0]
    others = [version for version in checkout.PYTHONS[:5] if version != default]
    return [
        Suite("core", "the crates of the core, their documentation and the chat server", core),
        Suite("python", f"the Python package on Python {default}", python(None), waits=True),
        *(Suite(f"python{version}", f"the abi3 wheel on Python {version}", python(version), waits=True) for version in others),
        Suite("node", "the Node package on the Node at hand", node(None), waits=True),
        *(Suite(f"node{major}", f"the Node package on Node {major}", node(major), waits=True) for major in (18, 20, 22, 24, 26)),
        Suite("bun", "smoke test on Bun", smoke("Bun", "@oven/bun-linux-x64/bin/bun")),
        Suite("deno", "smoke test on Deno", smoke("Deno", "@deno/linux-x64-glibc/deno", "run", "-A")),
        Suite("runners", "the Node package under jest, vitest, PM2 and signal-exit", runners),
        Suite("repository", "examples, the demonstration, README, versions, real peers", repository),
        Suite("exits", "every way out of a process, under servers, pools, notebooks and as process 1", exits, waits=True),
        Suite("compat", "published SDKs on their own transport and on ours, and the peers' own tests", compat),
        Suite("compat-node", "the Node half of compat; by name only", compat_node, on_demand=True),
        Suite("bundlers", "package managers and bundlers of JavaScript; by name only", bundlers, on_demand=True),
        Suite(
            "compat-install", "overrides and aliases from ws to heartwire/ws; by name only", partial(compat_node, "install.test.mjs"), on_demand=True
        ),
        Suite("conformance", "Autobahn's client cases through every face", conformance),
        Suite("fuzz", "libFuzzer on what peers send, on options, and on lives of a session and of a client, 20 s each", fuzz),
        Suite("web", "the chat page and the documentation site in headless Chromium", web),
        Suite("wpt", "the Web Platform Tests on the Node face; by name only", wpt, on_demand=True),
    ]


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell that started us in the background has us ignore Ctrl+C, and the tests of Ctrl+C with us.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        everything = suites()
    except Missing as missing:
        print(missing)
        return 1
    names = [suite.name for suite in everything]
    wanted = [name for name in sys.argv[1:] if name != "--list"]
    if unknown := sorted(set(wanted) - set(names)):
        print(f"no such suite: {', '.join(unknown)}; there are {', '.join(names)}")
        return 2
    if "--list" in sys.argv[1:]:
        print("\n".join(f"{suite.name:<12} {suite.about}" for suite in everything))
        return 0
    chosen = [suite for suite in everything if suite.name in wanted or (not wanted and not suite.on_demand)]
    run_all(chosen)
    for suite in chosen:
        if suite.failures:
            print("\n".join([f"\n=== {suite.name}: what failed, once more", *suite.failures]))
    print(f"\n{'suite':<12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for suite in chosen:
        print(f"{suite.name:<12} {suite.passed:>7} {suite.failed:>7} {suite.skipped:>8} {suite.seconds:>8.0f}  {suite.note}")
    failed = sum(suite.failed for suite in chosen)
    print(f"\n{sum(suite.passed for suite in chosen)} passed, {failed} failed, {sum(suite.skipped for suite in chosen)} skipped", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
