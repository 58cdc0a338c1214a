"""What a release publishes, as far as it is made without a compiler: the npm package `heartwire`, the list of parts, and the checks themselves."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import artefacts
import distribution
import pytest
import weigh
from conftest import ROOT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(distribution, "DIST", tmp_path)
    return tmp_path


def manifest_of(package: Path) -> dict[str, object]:
    with tarfile.open(package) as archive:
        file = archive.extractfile("package/package.json")
        assert file is not None
        manifest: dict[str, object] = json.load(file)
        return manifest


def test_the_main_npm_package_holds_what_it_needs_and_nothing_that_runs(folder: Path) -> None:
    distribution.npm_main()
    (package,) = folder.glob("npm/*.tgz")
    assert not list(artefacts.check_npm(package))
    manifest = manifest_of(package)
    assert manifest["optionalDependencies"] == {f"@heartwire/{target.npm}": manifest["version"] for target in distribution.TARGETS}
    assert "devDependencies" not in manifest


def test_the_loader_knows_every_package() -> None:
    loader = (ROOT / "bindings-node/lib/addon.js").read_text()
    assert sorted(re.findall(r"require\('@heartwire/([\w-]+)'\)", loader)) == sorted(target.npm for target in distribution.TARGETS)


def test_the_release_workflow_builds_every_target() -> None:
    workflow = (ROOT / ".github/workflows/release.yml").read_text()
    assert {target.triple for target in distribution.TARGETS} <= set(re.findall(r"[\w]+-[\w]+-[\w-]+", workflow))


def test_a_wrong_part_is_refused_with_the_right_ones() -> None:
    done = subprocess.run([sys.executable, ROOT / ".ci/distribution.py", "weel"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "no such part: weel; there are sdist, wheel:x86_64-unknown-linux-gnu" in done.stderr


def test_each_fault_of_an_npm_package_is_found(tmp_path: Path) -> None:
    package = tmp_path / "heartwire-0.tgz"
    manifest = {"name": "heartwire", "scripts": {"postinstall": "x"}, "exports": {".": "./lib/gone.js"}}
    home = str(Path.home() / "secret").encode()
    with tarfile.open(package, "w:gz") as archive:
        for name, content in {"package.json": json.dumps(manifest).encode(), "a.node": home}.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    faults = "\n".join(artefacts.check_npm(package))
    for words in ("lacks LICENSE-MIT", "lacks README.md", "has scripts", "holds an addon", "exports ./lib/gone.js", "names the folder of the user"):
        assert words in faults


def test_each_fault_of_a_wheel_is_found(tmp_path: Path) -> None:
    wheel = tmp_path / "heartwire-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("heartwire-0.dist-info/METADATA", "Name: heartwire\n\nSee [docs](docs/x.md).")
        archive.writestr("big", bytes(range(256)) * 10_000)
    faults = "\n".join(artefacts.check_wheel(wheel, Path(sys.executable)))
    for words in ("at most 2500000", "lacks LICENSE-MIT", "lacks THIRD-PARTY", "has no SBOM", "lacks License-Expression", "cannot follow: docs/x.md"):
        assert words in faults


def test_the_fault_server_weighs_little() -> None:
    addons = sorted((ROOT / "bindings-node").glob("heartwire.linux-*-gnu.node"))
    if not addons:
        pytest.skip("no addon with symbols is built here")
    share = weigh.share(addons[0])
    assert share is not None
    assert 0.01 < share < weigh.LARGEST_SHARE
