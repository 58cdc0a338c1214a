"""The Web Platform Tests for WebSockets on the Node face, from a checkout of theirs, with their own server.

    WPT=/path/to/wpt python tests/wpt/suite.py [--worker] [--patience TIMES] [--save] [PATTERN ...]

PATTERN picks files, as globs such as `constructor/*`. HEARTWIRE_NODE names another Node; --worker runs the pages on a worker thread;
--patience gives each page so many times its time, for a busy machine. --save puts the result of this host into result.json, beside those of other
hosts. It owns the list of files, their variants and the expected failures (expected.json: a reason, and where it holds); page.mjs runs one page.
Nothing of the tests is in this repository.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import datetime
import fnmatch
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SAVED, EXPECTED = HERE / "result.json", HERE / "expected.json"
NODE = os.environ.get("HEARTWIRE_NODE", "node")
AT_ONCE = 3
SERVER_STARTS_WITHIN = 240

# `wpt serve` on free ports of loopback, with a certificate authority of its own.
ONCE = ("ws", "wss", "h2", "http-local", "http-public", "https-local", "https-public", "webtransport-h3")
PORTS = {"http": 2, "https": 2, **dict.fromkeys(ONCE, 1)}


@dataclass
class Page:
    """A file in one of its variants."""

    file: str
    variant: str
    seconds: int
    results: list[dict[str, str]] = field(default_factory=list)
    fault: str | None = None

    @property
    def path(self) -> str:
        return re.sub(r"\.(any|window)\.js$", r".\1.html", self.file) + self.variant


def pages(checkout: Path, patterns: list[str]) -> list[Page]:
    """Every page that is made for a window, but WebSocketStream's, which is no standard, and the variants over HTTP/2, which we do not speak."""
    found = []
    folder = checkout / "websockets"
    for path in sorted([*folder.rglob("*.any.js"), *folder.rglob("*.window.js"), *folder.rglob("*.html")]):
        file = str(path.relative_to(folder))
        text = path.read_text(encoding="utf-8", errors="replace")
        harness = path.suffix == ".js" or "/resources/testharness.js" in text
        if not harness or file.startswith("stream/") or (patterns and not any(fnmatch.fnmatch(file, each) for each in patterns)):
            continue
        variants = re.findall(r"^// META: variant=(\S*)", text, re.M) or re.findall(r'<meta name="?variant"? content="?([^">]*)"?', text) or [""]
        long = re.search(r"META: timeout=long|name=\"?timeout\"? content=\"?long", text)
        found += [Page(file, variant, 60 if long else 15) for variant in variants if "h2" not in variant]
    return found


def free_ports() -> dict[str, list[int]]:
    """Held together until all are known: the server's own choice may take one twice."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(sum(PORTS.values()))]
        ports = [each.getsockname()[1] for each in held]
        return {name: [ports.pop() for _ in range(count)] for name, count in PORTS.items()}


async def start_server(checkout: Path, folder: Path) -> tuple[asyncio.subprocess.Process, int]:
    """The server and its HTTP port."""
    config = {
        "browser_host": "localhost",
        "alternate_hosts": {"alt": "alternate.test"},
        "check_subdomains": False,
        "ports": free_ports(),
        "ssl": {"type": "openssl", "openssl": {"base_path": str(folder / "certificates")}},
    }
    (folder / "certificates").mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    server = await asyncio.create_subprocess_exec(
        sys.executable, "wpt", "serve", "--config", str(folder / "config.json"),
        cwd=checkout, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    wanted, port, said = {"http", "ws", "wss"}, 0, []

    async def ready() -> None:
        nonlocal port
        assert server.stdout is not None
        async for line in server.stdout:
            said.append(line.decode(errors="replace").rstrip())
            if started := re.search(r" (\S+) on port (\d+)\] INFO - (?:Starting|Listen)", said[-1]):
                wanted.discard(started[1])
                port = int(started[2]) if started[1] == "http" else port
            if not wanted:
                return
        raise EOFError

    try:
        await asyncio.wait_for(ready(), SERVER_STARTS_WITHIN)
    except (EOFError, asyncio.TimeoutError):
        await stop(server)
        sys.exit("\n".join([*said[-10:], "wpt: the server of the tests did not start"]))
    return server, port


async def stop(process: asyncio.subprocess.Process) -> None:
    """Ends the server, which ends its own processes on request. The others would keep its output open."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
        os.killpg(process.pid, signal.SIGKILL)


async def read_away(stream: asyncio.StreamReader | None) -> None:
    while stream is not None and await stream.read(65536):
        pass


async def run_page(page: Page, port: int, where: list[str], environment: dict[str, str]) -> None:
    address = f"http://localhost:{port}/websockets/{page.path}"
    child = await asyncio.create_subprocess_exec(
        NODE, "--expose-gc", "--no-warnings", str(HERE / "page.mjs"), address, str(page.seconds), *where,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(child.communicate(), page.seconds + 15)
    except asyncio.TimeoutError:
        page.fault = "hung"
        return
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
    lines = [line for line in out.decode().splitlines() if line.startswith("{")]
    if not lines:
        page.fault = f"ended with status {child.returncode} and no result: {err.decode(errors='replace').strip()[-300:]}"
        return
    report = json.loads(lines[0])
    page.results, page.fault = report["tests"], report["fault"]


async def run_all(checkout: Path, chosen: list[Page], where: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server, port = await start_server(checkout, Path(folder))
        reader = asyncio.ensure_future(read_away(server.stdout))
        environment = {**os.environ, "NODE_EXTRA_CA_CERTS": f"{folder}/certificates/cacert.pem"}
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(page: Page) -> None:
            async with slots:
                await run_page(page, port, where, environment)

        try:
            await asyncio.gather(*map(one, chosen))
        finally:
            await stop(server)
            await reader


def expectations() -> list[tuple[str, str]]:
    """Pairs of a pattern for `file?variant: subtest` and the reason."""
    given: dict[str, list[str]] = json.loads(EXPECTED.read_text())
    return [(pattern, reason) for reason, patterns in given.items() for pattern in patterns]


def judge(chosen: list[Page]) -> tuple[collections.Counter[str], dict[str, dict[str, int]], dict[str, list[str]], list[str]]:
    """The tally, the counts of each file, the expected failures by reason, and the faults."""
    known = expectations()
    tally: collections.Counter[str] = collections.Counter()
    counts: dict[str, collections.Counter[str]] = {}
    reasons: dict[str, list[str]] = {}
    wrong = []
    for page in chosen:
        rows = [(f"{page.file}{page.variant}: {each['name']}", each["status"], each["message"]) for each in page.results]
        if page.fault or not rows:
            rows.append((f"{page.file}{page.variant}: the page", "FAIL", page.fault or "no subtest"))
        for name, status, message in rows:
            reason = next((reason for pattern, reason in known if fnmatch.fnmatchcase(name, pattern)), None)
            kind = "passed" if status == "PASS" else "expected failures" if reason else "failed"
            tally[kind] += 1
            counts.setdefault(page.file, collections.Counter())[kind] += 1
            if kind == "expected failures":
                reasons.setdefault(str(reason), []).append(name)
            elif kind == "failed":
                wrong.append(f"{name}: {status} {message}")
    return tally, {file: dict(count) for file, count in counts.items()}, reasons, wrong


def save(checkout: Path, worker: bool, result: dict[str, object]) -> None:
    """Puts the result of this host beside the others."""
    date = subprocess.run(["git", "log", "-1", "--format=%cs"], cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()
    node = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    host = f"node {node}{', worker thread' if worker else ''}"
    saved = json.loads(SAVED.read_text())["hosts"] if SAVED.exists() else {}
    saved[host] = {"tests": f"web-platform-tests of {date}", "date": f"{datetime.date.today()}", **result}
    SAVED.write_text(json.dumps({"hosts": dict(sorted(saved.items()))}, indent=1) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("patterns", nargs="*", help="which files, as globs such as constructor/*")
    parser.add_argument("--worker", action="store_true", help="run the pages on a worker thread")
    parser.add_argument("--patience", type=int, default=1, metavar="TIMES", help="how many times its time each page gets")
    parser.add_argument("--save", action="store_true", help="put the result into result.json")
    arguments = parser.parse_args()
    checkout = Path(os.environ.get("WPT", ""))
    if not os.environ.get("WPT") or not (checkout / "websockets" / "handlers").is_dir():
        print("missing: a checkout of the Web Platform Tests (WPT=/path/to/wpt)")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = pages(checkout, arguments.patterns)
    for page in chosen:
        page.seconds *= arguments.patience
    asyncio.run(run_all(checkout, chosen, ["worker"] if arguments.worker else []))
    tally, counts, reasons, wrong = judge(chosen)
    print(*wrong, sep="\n")
    for reason, names in reasons.items():
        print(f"expected: {len(names)}: {reason}")
    if arguments.save:
        save(checkout, arguments.worker, {"pages": arguments.patterns or "all", "tally": dict(tally), "expected failures": reasons, "files": counts})
    print(f"{tally['expected failures']} failed as expected.json says")
    print(f"{tally['passed']} passed, {tally['failed']} failed")
    return 1 if tally["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
