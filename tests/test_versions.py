"""One version for all: Cargo.toml's workspace states it, everything else agrees."""

from __future__ import annotations

import json
import re
from importlib import metadata

import heartwire
from conftest import ROOT

VERSION = re.search(r'^\[workspace\.package\]\nversion = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)


def test_the_workspace_states_the_version_and_no_crate_another() -> None:
    assert VERSION
    for manifest in ROOT.glob("*/**/Cargo.toml"):
        if "target" in manifest.parts or "node_modules" in manifest.parts or "fuzz" in manifest.parts:
            continue
        assert not re.search(r'^version = "', manifest.read_text().split("[dependencies]")[0], re.MULTILINE), manifest


def test_the_lock_file_agrees() -> None:
    assert VERSION
    locked = dict(re.findall(r'name = "(heartwire[^"]*)"\nversion = "([^"]+)"', (ROOT / "Cargo.lock").read_text()))
    members = re.search(r"^members = (\[.*\])", (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert members
    assert len(locked) == len(json.loads(members[1]))
    assert set(locked.values()) == {VERSION[1]}


def test_a_crate_asks_for_this_version_of_another() -> None:
    asked = re.findall(r'^heartwire.* version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert VERSION
    assert asked
    assert set(asked) == {VERSION[1]}


def test_the_packages_agree() -> None:
    assert VERSION
    assert metadata.version("heartwire") == VERSION[1]
    assert heartwire.__version__ == VERSION[1]
    assert json.loads((ROOT / "bindings-node/package.json").read_text())["version"] == VERSION[1]
    assert f"## {VERSION[1]}" in (ROOT / "CHANGELOG.md").read_text().replace("[", "").replace("]", "")
