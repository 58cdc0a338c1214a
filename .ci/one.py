"""Builds what one test needs and runs it: `one.py TEST`, behind `make one T=...`.

TEST is a test of Rust (`keeper::both_may_race`, `session::tests::rate`), a node id of pytest
(`bindings-python/tests/test_bot.py::test_x`), a file of Node's tests with a part of a name (`bot.test.mjs::a reply`), a scenario
(`blocked-handler`), or the bare name of a test in any language. A scenario is played in all three languages; FACES="node rust" plays it in some.

It owns finding the test and the shortest build. Python sources are used where they lie (an editable install), and so is JavaScript; a native
module is built only if a source of Rust is newer. It must not know how things are installed: see checkout.py.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import checkout
from checkout import ROOT

SCENARIOS = ROOT / "tests" / "scenarios"
CRATES = {"heartwire": "core", "heartwire-proto": "core/proto", "heartwire-chat-server": "examples/chat-server", "heartwire-node": "bindings-node"}
FACES = ("rust", "python", "node")


@dataclass
class Run:
    """A command that runs a test, and the face that must be built before."""

    face: str
    line: list[str]
    cwd: Path = ROOT
    env: dict[str, str] = field(default_factory=dict)


# Finding


def scenario(name: str, faces: list[str]) -> Iterator[Run]:
    env = {"SCENARIO": name}
    runs = {
        "rust": lambda: rust("heartwire", "--test", "scenarios"),
        "python": lambda: pytest("bindings-python/tests/test_scenarios.py"),
        "node": lambda: node("scenarios.test.mjs"),
    }
    for face in faces:
        run = runs[face]()
        run.env = env
        yield run


def rust(package: str, *arguments: str) -> Run:
    if checkout.output("cargo", "nextest", "--version"):
        command = ["cargo", "nextest", "run", "--cargo-quiet", "--hide-progress-bar", "--failure-output", "final"]
    else:
        command = ["cargo", "test", "--quiet"]
    return Run("rust", [*command, "-p", package, *arguments])


def pytest(identity: str) -> Run:
    file, _, rest = identity.partition("::")
    path = next((folder / file for folder in (ROOT, ROOT / "bindings-python", ROOT / "bindings-python/tests") if (folder / file).exists()), None)
    if path is None:
        raise LookupError(f"there is no file {file}")
    cwd = ROOT / "bindings-python" if (ROOT / "bindings-python") in path.parents else ROOT
    face = "python" if cwd != ROOT else "all"
    return Run(face, ["-m", "pytest", "-q", "::".join([str(path), *filter(None, [rest])])], cwd)


def node(identity: str) -> Run:
    file, _, name = identity.partition("::")
    path = next((folder / file for folder in (ROOT, checkout.NODE_PACKAGE, checkout.NODE_PACKAGE / "test") if (folder / file).exists()), None)
    if path is None:
        raise LookupError(f"there is no file {file}")
    pattern = [f"--test-name-pattern={re.escape(name)}"] if name else []
    face = "node" if checkout.NODE_PACKAGE in path.parents else "all"
    return Run(face, ["node", "--test", "--test-reporter=spec", *pattern, str(path)], checkout.NODE_PACKAGE if face == "node" else ROOT)


def rust_path(path: str) -> Run:
    """`test_file::name` of an integration test, or the path of a test within a crate."""
    first, _, rest = path.partition("::")
    for package, folder in CRATES.items():
        tests = ROOT / folder / "tests"
        if (tests / f"{first}.rs").exists() or (tests / first / "main.rs").exists():
            return rust(package, "--test", first, rest)
    for package, folder in CRATES.items():
        if (ROOT / folder / "src" / f"{first}.rs").exists() or (ROOT / folder / "src" / first).is_dir():
            return rust(package, "--lib", path)
    raise LookupError(f"no crate has a test or module {first}")


NAMED = re.compile(r"""^\s*(?:async )?(?:fn|def) (\w+)\(|^\s*(?:it|test)\(\s*(['"`])(.*?)\2""", re.M)


def tests() -> Iterator[tuple[Path, str]]:
    """Every test with its file; functions beside tests as well."""
    listed = checkout.output("git", "ls-files", "-co", "--exclude-standard", "*.rs", "*.py", "*.mjs", "*.cjs").splitlines()
    for path in map(Path, listed):
        if "test" in str(path) or path.suffix == ".rs":
            text = (ROOT / path).read_text()
            for found in NAMED.finditer(text):
                name = found[1] or found[3]
                if path.suffix != ".py" or name.startswith("test_"):
                    yield path, name


def by_name(name: str) -> list[Run]:
    every = list(tests())
    runs = []
    for path in sorted({path for path, found in every if found == name}):
        if path.suffix == ".py":
            runs.append(pytest(f"{path}::{name}"))
        elif path.suffix != ".rs":
            runs.append(node(f"{path}::{name}"))
        else:
            package, folder = max(((p, f) for p, f in CRATES.items() if path.is_relative_to(f)), key=lambda crate: len(crate[1]))
            parts = path.relative_to(folder).parts
            where = ["--test", parts[1].removesuffix(".rs")] if parts[0] == "tests" else ["--lib"]
            runs.append(rust(package, *where, name))
    if not runs:
        names = sorted({found for _, found in every} | {path.stem for path in SCENARIOS.rglob("*.json")})
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        raise LookupError(f"no test has the name {name!r}" + (f"; near it: {', '.join(near)}" if near else ""))
    return runs


def find(test: str, faces: list[str]) -> list[Run]:
    stem = Path(test).name.removesuffix(".json")
    if any(path.stem == stem for path in SCENARIOS.rglob("*.json")):
        return list(scenario(stem, faces))
    if re.search(r"\.py(::|$)", test):
        return [pytest(test)]
    if re.search(r"\.[mc]js(::|$)", test):
        return [node(test)]
    if re.fullmatch(r"\w+(::\w+)+", test):
        return [rust_path(test)]
    return by_name(test)


# Building


def is_newer(built: Path, *folders: str) -> bool:
    """Whether a source of Rust is newer than its product."""
    if not built.exists():
        return True
    then = built.stat().st_mtime_ns
    sources = [ROOT / "Cargo.toml", ROOT / "Cargo.lock"]
    for folder in ("core/src", "core/proto/src", *folders):
        sources += [path for path in (ROOT / folder).rglob("*") if path.suffix in (".rs", ".toml")]
    return any(source.stat().st_mtime_ns > then for source in sources)


def build_python() -> Path:
    interpreter = checkout.editable_python()
    module = next(iter((ROOT / "bindings-python/python/heartwire").glob("_native*.so")), Path("/none"))
    if is_newer(module, "bindings-python/src"):
        checkout.develop(interpreter)
    return interpreter


def build_node() -> None:
    checkout.npm_install(checkout.NODE_PACKAGE)
    addon = next(iter(checkout.NODE_PACKAGE.glob("heartwire.*.node")), Path("/none"))
    if is_newer(addon, "bindings-node/src"):
        checkout.node_face()


def run(test: Run) -> int:
    line = test.line
    if test.face in ("python", "all"):
        interpreter = build_python()
        line = [str(interpreter), *line] if line[0] == "-m" else line
    if test.face in ("node", "all"):
        build_node()
    if test.face == "all":
        checkout.npm_install(ROOT)
        checkout.npm_install(ROOT / "tests")
        checkout.build_server()
    print("+", *(part.replace(f"{ROOT}/", "") for part in line), flush=True)
    return subprocess.run(line, cwd=test.cwd, env={**os.environ, **test.env}).returncode


def main() -> int:
    if len(sys.argv) != 2 or not sys.argv[1]:
        print(__doc__)
        return 2
    faces = os.environ.get("FACES", "").split() or list(FACES)
    try:
        if unknown := set(faces) - set(FACES):
            raise LookupError(f"no such face: {', '.join(sorted(unknown))}; there are {', '.join(FACES)}")
        return max([run(test) for test in find(sys.argv[1], faces)])
    except (LookupError, checkout.Missing) as problem:
        print(problem, file=sys.stderr)
    except subprocess.CalledProcessError as failure:
        print(f"failed with status {failure.returncode}: {' '.join(map(str, failure.cmd))}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
