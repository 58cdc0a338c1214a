"""The public API of the crate `heartwire` is the one that core/public-api.txt lists: a change there is one that users notice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.timeout(900)
def test_the_public_api_is_as_listed() -> None:
    done = subprocess.run([sys.executable, ROOT / ".ci" / "public_api.py"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_users_need_one_module_for_the_face_that_blocks() -> None:
    listed = (ROOT / "core" / "public-api.txt").read_text().splitlines()
    modules = [line for line in listed if line.startswith("pub mod ")]
    assert modules == ["pub mod heartwire", "pub mod heartwire::sync", "pub mod heartwire::testing"]
    assert not [line for line in listed if "heartwire_proto::" in line]
