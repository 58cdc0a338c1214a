"""Puts faults into the core, one at a time, and reports which test finds each. `make mutants`.

All faults are compiled into one copy of the sources, each behind a condition that an environment variable sets. So the tests are built once, and the
processes that they start have the fault too. For each fault the tests named beside it run first, then all others. A test counts as the finder only if
it fails again with the fault, alone, and passes alone without it.

    python3 core/mutants/run.py [--keep] [WORD ...]

With words, only the faults whose names contain one of them are tried, and their rows of `result.json` are renewed. `--keep` keeps what was built.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import faults_core
import faults_proto
from fault import PROTO, Fault

FAULTS = [*faults_proto.FAULTS, *faults_core.FAULTS]
ROOT = Path(__file__).resolve().parents[2]
RESULT = Path(__file__).with_name("result.json")
WORK = ROOT / "target" / "mutants"
TREE = WORK / "tree"
VARIABLE = "HEARTWIRE_FAULT"
SWITCH = f"""
/// Which fault is switched on.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod mutants {{
    pub fn is_in(number: usize) -> bool {{
        static NUMBER: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
        *NUMBER.get_or_init(|| std::env::var("{VARIABLE}").ok()?.parse().ok()) == Some(number)
    }}
}}
"""
#: They read the sources, or measure.
NOT_ASKED = ("architecture", "reference", "endurance", "fuzz", "options")
#: Seconds for the tests of a binary: a fault may make one wait for ever.
PATIENCE = 120
#: How many of the tests that failed are tried alone.
SUSPECTS = 4


def copy_with_faults() -> None:
    """Copy what git knows of the tree, with every fault in it behind its condition."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.run(("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), cwd=ROOT, check=True, capture_output=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        source = ROOT / name
        if source.is_file() and not source.is_symlink():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, TREE / name)
    changed: dict[str, str] = {}
    for number, fault in enumerate(FAULTS):
        text = changed.get(fault.file) or (ROOT / fault.file).read_text(encoding="utf-8")
        if text.count(fault.right) != 1:
            sys.exit(f"mutants: {fault.name}: {fault.file} has {text.count(fault.right)} times, not once: {fault.right!r}")
        crate = "crate" if fault.file.startswith(PROTO) else "heartwire_proto"
        changed[fault.file] = text.replace(fault.right, fault.wrong.replace("FAULT", f"{crate}::mutants::is_in({number})"))
    library = PROTO + "lib.rs"
    changed[library] = (changed.get(library) or (ROOT / library).read_text(encoding="utf-8")) + SWITCH
    for name, text in changed.items():
        (TREE / name).write_text(text, encoding="utf-8")


def build() -> dict[str, tuple[Path, Path]]:
    """Build the tests of the copy. Give each binary's path, and the folder in which it runs."""
    # A target folder of its own: the copy's crates have the same hashes as the checkout's.
    environment = os.environ | {"CARGO_TARGET_DIR": str(WORK / "target"), "CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_INCREMENTAL": "0"}
    command = ("cargo", "test", "--no-run", "--quiet", "-p", "heartwire-proto", "-p", "heartwire", "--message-format", "json-render-diagnostics")
    built = subprocess.run(command, cwd=TREE, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    tests = [message for message in messages if message.get("executable") and message["profile"]["test"]]
    return {test["target"]["name"].replace("-", "_"): (Path(test["executable"]), Path(test["manifest_path"]).parent) for test in tests}


def play(binary: tuple[Path, Path], arguments: tuple[str, ...], number: int | None) -> list[str]:
    """Run tests with one fault, or with none. Give the names of those that failed, or did not end."""
    program, folder = binary
    environment = os.environ | {"RUST_BACKTRACE": "0", "CARGO_MANIFEST_DIR": str(folder)}
    environment.pop(VARIABLE, None)
    if number is not None:
        environment[VARIABLE] = str(number)
    process = subprocess.Popen(
        (program, *arguments), cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    )
    try:
        output = process.communicate(timeout=PATIENCE)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        output = process.communicate()[0]
    text = output.decode(errors="replace")
    passed = set(re.findall(r"^test (\S+) .*\.\.\. .*(?:ok|ignored)", text, re.MULTILINE))
    failed = re.findall(r"^test (\S+) .*FAILED$", text, re.MULTILINE) + re.findall(r"^    (\S+)$", text.rpartition("failures:")[2], re.MULTILINE)
    if process.returncode == 0:
        return []
    if failed:
        return list(dict.fromkeys(failed))
    listed = subprocess.run((program, *arguments, "--list"), cwd=folder, stdout=subprocess.PIPE, text=True, check=False).stdout
    return [name for name in re.findall(r"^(\S+): test$", listed, re.MULTILINE) if name not in passed]


def finder(binaries: dict[str, tuple[Path, Path]], number: int, fault: Fault) -> str | None:
    """Give the name of a test that fails because of the fault."""
    others = tuple((name, "") for name in binaries if name not in NOT_ASKED and (name, "") not in fault.tests)
    for name, part in fault.tests + others:
        arguments = (part,) if part else ()
        for test in play(binaries[name], arguments, number)[:SUSPECTS]:
            alone = ("--exact", test)
            if play(binaries[name], alone, number) and not play(binaries[name], alone, None):
                return f"{name}::{test}"
    return None


def main() -> int:
    """Try all faults, or those whose names contain one of the words."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--keep", action="store_true", help="keep what was built for the next run")
    asked = parser.parse_args()
    chosen = [(number, fault) for number, fault in enumerate(FAULTS) if not asked.words or any(word in fault.name for word in asked.words)]
    copy_with_faults()
    binaries = build()
    before: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))["faults"] if asked.words and RESULT.exists() else {}
    rows: dict[str, dict[str, str | None]] = {fault.name: before[fault.name] for fault in FAULTS if fault.name in before}
    commit = subprocess.run(("git", "describe", "--always", "--dirty"), cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    for number, fault in chosen:
        found = finder(binaries, number, fault)
        today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        rows[fault.name] = {"file": fault.file, "found by": found, "commit": commit, "date": today}
        if fault.equivalent:
            rows[fault.name]["equivalent"] = fault.equivalent
        print(f"{found or ('equivalent' if fault.equivalent else 'MISSED'):70} {fault.name}", flush=True)
    counted = [row for row in rows.values() if "equivalent" not in row]
    found_ones = sum(row["found by"] is not None for row in counted)
    summary = {"found": found_ones, "of": len(counted), "equivalent": len(rows) - len(counted)}
    print(json.dumps(summary))
    RESULT.write_text(json.dumps({**summary, "faults": rows}, indent=1) + "\n", encoding="utf-8")
    if not asked.keep:
        shutil.rmtree(WORK)
    return 0 if found_ones >= 0.95 * len(counted) else 1


if __name__ == "__main__":
    sys.exit(main())
