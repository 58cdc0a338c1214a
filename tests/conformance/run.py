"""Autobahn|Testsuite against the faces: the 517 client cases, run from the suite's own case files by PyPI's kosoku.

    python tests/conformance/run.py [--face rust|python|node|python-connect|python-sync ...] [--cases GLOB ...] [--all] [--save] [--wstest PROGRAM]

Without --all the long compression cases (12.* and 13.*) and limits cases (9.*) are sampled. --save writes the verdicts, with versions, to
autobahn.json. The bar is the original suite's: kosoku is too strict with two verdicts, which are set right in a copy of its case file (a
client may answer uncompressed, and what it then sends is bytes, which kosoku gives as Latin-1; a server may ask for
client_no_context_takeover unasked, RFC 7692 section 7.1.1.2), and too lenient with one, which is added: every frame of the client must be
masked, with no reserved bits but RSV1. A violation that a client ignores until the case's timer ends it fails, too.

With --wstest the original suite is the judge: `pip install autobahntestsuite==25.10.1` in a virtual environment of Python 2.7, whose
bin/wstest is the program.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SAVED = HERE / "autobahn.json"
SHORT = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
SAMPLED = ["9.1.3", "9.2.3", "9.3.1", "9.4.1", "9.5.1", "9.7.1", "12.1.1", "12.1.5", "12.3.11", "12.4.5", "12.5.7"]
SAMPLED += [f"13.{group}.{case}" for group in range(1, 8) for case in (1, 5)]
COMMANDS = {
    "rust": [str(ROOT / "target/debug/examples/autobahn")],
    "python": [os.environ.get("HEARTWIRE_PYTHON", sys.executable), str(HERE / "client.py")],
    "node": [os.environ.get("HEARTWIRE_NODE", "node"), str(HERE / "client.mjs")],
}
PULLING = {f"python-{face}": [*COMMANDS["python"], "{url}", face] for face in ("connect", "sync")}
COMMANDS |= PULLING
# An API over the same code: only the time at which an answer leaves differs.
SAMPLED_PULLING = ["1.1.1", "1.2.8", "3.*", "4.*", "5.*", "7.*", "12.1.1"]
CORRECTIONS = [
    ("offer.acceptNoContextTakeover", "True"),
    ("   m.update(msg)\n   received_hash", "   m.update(msg if isinstance(msg, bytes) else msg.encode('latin-1'))\n   received_hash"),
    ("      msg = msg.decode('utf-8')\n\n   if binary", "      msg = msg.decode('utf-8') if isinstance(msg, bytes) else msg\n\n   if binary"),
]


def use_corrected_kosoku(folder: pathlib.Path) -> str:
    """Puts a copy of kosoku with corrected cases first on the path. Returns kosoku's version."""
    import importlib.metadata
    import importlib.util

    spec = importlib.util.find_spec("kosoku")
    if spec is None or spec.origin is None:
        sys.exit("conformance: kosoku is missing: pip install -r requirements-dev.txt (Python 3.10 or later)")
    shutil.copytree(pathlib.Path(spec.origin).parent, folder / "kosoku")
    cases = folder / "kosoku" / "cases" / "case12_x_x.py"
    text = cases.read_text()
    for wrong, right in CORRECTIONS:
        if wrong not in text:
            sys.exit(f"conformance: kosoku's {cases.name} is not the one that the corrections are for: {wrong!r} is not in it")
        text = text.replace(wrong, right)
    cases.write_text(text)
    sys.path.insert(0, str(folder))
    return importlib.metadata.version("kosoku")


def verdict_of(result) -> str:
    """The verdict of one case, `OK`, `NON-STRICT`, `INFORMATIONAL`, or the fault."""
    for entry in result.wirelog:
        if entry[0] != "RF":
            continue
        _, (length, _payload), opcode, fin, reserved, masked, _mask = entry[:7]
        if not masked or reserved & 0b011 or (opcode >= 8 and (not fin or length > 125)) or opcode not in (0, 1, 2, 8, 9, 10):
            return f"FAILED: an illegal frame on the wire: {entry[1:7]}"
    if result.behavior_close.value not in ("OK", "INFORMATIONAL"):
        return f"{result.behavior_close.value}: {result.result_close}"
    if result.dropped_by_me and result.remote_close_code is None and not result.closed_by_me:
        return "FAILED: the violation was ignored until the case's timer ended it"
    return result.behavior.value


def command(face: str, url: str) -> list[str]:
    """The client of a face, for the server at that URL."""
    return [part.replace("{url}", url) for part in COMMANDS[face]] + ([] if "{url}" in COMMANDS[face] else [url])


async def run_face(face: str, cases: list[str] | None, bound: float) -> dict[str, str]:
    from kosoku import FailureError, run_fuzzingserver

    async with run_fuzzingserver(cases=cases, port=0) as server:
        client = await asyncio.create_subprocess_exec(*command(face, f"ws://{server.address}:{server.port}"))
        try:
            status = await asyncio.wait_for(client.wait(), timeout=bound)
        except asyncio.TimeoutError:
            client.kill()
            sys.exit(f"conformance: the {face} client did not finish within {bound:.0f} s")
        if status != 0:
            sys.exit(f"conformance: the {face} client ended with status {status}")
        try:
            results = await asyncio.wait_for(server.get_result(), timeout=60)
        except FailureError as failure:
            results = failure.results
    return {result.case_id: verdict_of(result) for result in results}


async def run_original(wstest: str, face: str, cases: list[str] | None, bound: float) -> dict[str, str]:
    """As `run_face`, by the original suite's own server."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        url = f"ws://127.0.0.1:{port}"
        specification = pathlib.Path(folder) / "spec.json"
        specification.write_text(json.dumps({"url": url, "outdir": folder, "cases": cases or ["*"], "exclude-cases": []}))
        # -u 0: no web server beside it.
        fuzzing = [wstest, "-m", "fuzzingserver", "-s", specification, "-u", "0"]
        server = await asyncio.create_subprocess_exec(*fuzzing, cwd=folder, stdout=asyncio.subprocess.DEVNULL)
        try:
            for _ in range(300):
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    await asyncio.sleep(0.1)  # the program does not report when it listens
            client = await asyncio.create_subprocess_exec(*command(face, url))
            if await asyncio.wait_for(client.wait(), timeout=bound) != 0:
                sys.exit(f"conformance: the {face} client ended with status {client.returncode}")
        finally:
            server.kill()
            await server.wait()
        (results,) = json.loads((pathlib.Path(folder) / "index.json").read_text()).values()
    closes = ("OK", "INFORMATIONAL")
    return {
        case: result["behavior"] if result["behaviorClose"] in closes else f"{result['behaviorClose']}: closing" for case, result in results.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--face", action="append", choices=list(COMMANDS), help="which faces; all by default")
    parser.add_argument("--cases", action="append", help="which cases, as globs such as 6.*")
    parser.add_argument("--all", action="store_true", help="all 517 cases")
    parser.add_argument("--save", action="store_true", help="write the verdicts to autobahn.json")
    parser.add_argument("--bound", type=float, default=1800, help="seconds that a face may take")
    parser.add_argument("--wstest", help="the original suite's server, to judge instead of kosoku")
    arguments = parser.parse_args()
    failed, counts = 0, collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        kosoku = use_corrected_kosoku(pathlib.Path(folder))
        suite = "wstest of Autobahn|Testsuite" if arguments.wstest else f"kosoku {kosoku} (the cases of Autobahn|Testsuite 25.10.1)"
        version = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
        for face in arguments.face or COMMANDS:
            cases = arguments.cases or (None if arguments.all else SAMPLED_PULLING if face in PULLING else SHORT + SAMPLED)
            if arguments.wstest:
                verdicts = asyncio.run(run_original(arguments.wstest, face, cases, arguments.bound))
            else:
                verdicts = asyncio.run(run_face(face, cases, arguments.bound))
            tally = collections.Counter(verdict.split(":")[0] for verdict in verdicts.values())
            print(f"{face}: {len(verdicts)} cases: " + ", ".join(f"{count} {name}" for name, count in tally.most_common()), flush=True)
            # 7.1.6, 7.13.1 and 7.13.2 have no right answer; the suite calls every client's informational.
            wrong = {case: verdict for case, verdict in verdicts.items() if verdict not in ("OK", "INFORMATIONAL")}
            for case, verdict in wrong.items():
                print(f"  {case}: {verdict}")
            failed += len(wrong)
            counts["passed"] += len(verdicts) - len(wrong)
            if arguments.save:
                about = {"suite": suite, "date": f"{datetime.date.today()}", "heartwire": version, "host": host_of(face)}
                save(face, {**about, "tally": dict(tally), "verdicts": verdicts})
    print(f"{counts['passed']} passed, {failed} failed")
    return 1 if failed else 0


def save(face: str, result: dict[str, object]) -> None:
    """Puts the result of one face in the place of its last one."""
    saved = json.loads(SAVED.read_text()) if SAVED.exists() else {}
    saved[face] = result
    SAVED.write_text(json.dumps({name: saved[name] for name in COMMANDS if name in saved}, indent=1) + "\n")


def host_of(face: str) -> str:
    if face == "rust":
        return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split(" (")[0]
    if face == "node":
        return "node " + subprocess.run([COMMANDS["node"][0], "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
