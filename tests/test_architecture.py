"""The files of each crate and package lean on each other in one direction, and none is too long: what CONTRIBUTING.md asks for, read from the code.

`KNOWN` and `LONG` name the present exceptions. They may only get shorter: an entry that is no longer needed fails, too.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import file_graph
import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 400

GRAPHS: dict[str, Callable[[], file_graph.Graph]] = {
    "core": lambda: file_graph.rust(ROOT / "core/src"),
    "core/proto": lambda: file_graph.rust(ROOT / "core/proto/src"),
    "bindings-python, Rust": lambda: file_graph.rust(ROOT / "bindings-python/src"),
    "bindings-python, Python": lambda: file_graph.python(ROOT / "bindings-python/python/heartwire"),
    "bindings-node, Rust": lambda: file_graph.rust(ROOT / "bindings-node/src"),
    "bindings-node, JavaScript": lambda: file_graph.javascript((ROOT / "bindings-node").glob("lib/**/*.*js")),
}

#: Edges that close a circle, by the step that takes them away.
KNOWN: dict[str, list[tuple[str, str]]] = {
    "the `Connection` API leaves driver/mod.rs, `Shared` gets a file": [
        ("core/src/driver/attempt.rs", "core/src/driver/mod.rs"),
        ("core/src/driver/background.rs", "core/src/driver/host.rs"),
        ("core/src/driver/background.rs", "core/src/driver/mod.rs"),
        ("core/src/driver/exit.rs", "core/src/driver/mod.rs"),
        ("core/src/driver/host.rs", "core/src/driver/mod.rs"),
        ("core/src/driver/keeper.rs", "core/src/driver/mod.rs"),
        ("core/src/driver/signals.rs", "core/src/driver/exit.rs"),
    ],
    "`exports` on top hands callbacks in; `Alarms` and `Turn` generic": [
        ("bindings-node/src/alarms.rs", "bindings-node/src/delivery.rs"),
        ("bindings-node/src/delivery.rs", "bindings-node/src/environment.rs"),
        ("bindings-node/src/delivery.rs", "bindings-node/src/socket.rs"),
        ("bindings-node/src/goodbye.rs", "bindings-node/src/environment.rs"),
        ("bindings-node/src/goodbye.rs", "bindings-node/src/exports.rs"),
        ("bindings-node/src/instance.rs", "bindings-node/src/environment.rs"),
        ("bindings-node/src/instance.rs", "bindings-node/src/exports.rs"),
        ("bindings-node/src/instance.rs", "bindings-node/src/goodbye.rs"),
        ("bindings-node/src/place.rs", "bindings-node/src/environment.rs"),
        ("bindings-node/src/socket.rs", "bindings-node/src/environment.rs"),
        ("bindings-node/src/testing.rs", "bindings-node/src/environment.rs"),
        ("bindings-node/src/turn.rs", "bindings-node/src/environment.rs"),
        ("bindings-node/src/warnings.rs", "bindings-node/src/environment.rs"),
    ],
}
KNOWN_EDGES = {edge for edges in KNOWN.values() for edge in edges}

#: Files over the limit, with the split that is planned.
LONG: dict[str, str] = {
    "bindings-node/lib/socket.js": "what the core asks and shows leaves it",
    "bindings-node/test/scenarios.test.mjs": "the player apart from the tests",
    "bindings-python/python/heartwire/_delivery.py": "delivery to coroutines leaves it",
    "bindings-python/src/socket.rs": "arguments of the constructor leave it",
    "bindings-python/tests/test_keeper.py": "the watchdog and the asyncio loop apart",
    "bindings-python/tests/test_scenarios.py": "the player apart from the tests",
    "bindings-python/tests/test_threads.py": "start() and run_forever() apart",
    "core/fuzz/src/client/world.rs": "the servers leave it",
    "core/fuzz/src/session/model.rs": "what is expected of the end leaves it",
    "core/proto/src/address.rs": "its second half leaves it",
    "core/proto/src/session/mod.rs": "its second half leaves it",
    "core/proto/src/session/tests/reconnect.rs": "budgets and delays apart",
    "core/proto/tests/options.rs": "its second half leaves it",
    "core/src/client.rs": "the actions of the session leave it",
    "core/src/client/link.rs": "progress of the peer leaves it",
    "core/src/driver/host.rs": "the state of a hosted socket leaves it",
}


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", GRAPHS)
def test_the_files_of_a_folder_lean_on_each_other_in_one_direction(name: str) -> None:
    graph = GRAPHS[name]()
    assert len(graph) > 5
    allowed = {
        source: {target: line for target, line in named.items() if (short(source), short(target)) not in KNOWN_EDGES}
        for source, named in graph.items()
    }
    faults = [
        f"{short(source)}:{line} names {short(target)}, which leads back to it"
        for circle in file_graph.circles(allowed)
        for source, line, target in file_graph.edges_of(allowed, circle)
    ]
    assert not faults, "\n".join(faults)


def test_known_circles_are_still_there() -> None:
    graphs = [graph() for graph in GRAPHS.values()]
    in_circles = {
        (short(source), short(target))
        for graph in graphs
        for circle in file_graph.circles(graph)
        for source, _, target in file_graph.edges_of(graph, circle)
    }
    assert [edge for edge in sorted(KNOWN_EDGES) if edge not in in_circles] == [], "gone: take it off the list"


def written_by_hand() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    made = ("bindings-python/python/heartwire/_options.py", "bindings-node/options.d.ts")
    endings = (".rs", ".py", ".js", ".mjs", ".cjs", ".ts", ".mts")
    return [path for path in listed.splitlines() if path.endswith(endings) and path not in made and (ROOT / path).exists()]


def test_no_file_is_longer_than_the_limit() -> None:
    lines = {path: len((ROOT / path).read_text().splitlines()) for path in written_by_hand()}
    assert len(lines) > 200
    assert f"under {LONGEST} lines" in (ROOT / "CONTRIBUTING.md").read_text()
    assert {path: count for path, count in lines.items() if count > LONGEST and path not in LONG} == {}
    assert [path for path in LONG if lines.get(path, 0) <= LONGEST] == [], "short enough: take it off the list"


#: The one file of the core that knows languages by their names.
DIALECT = "core/proto/src/options/dialect.rs"
LANGUAGES = re.compile(r"python|javascript|typescript|\bnode\b", re.IGNORECASE)


def test_the_core_names_a_language_only_where_it_spells_options() -> None:
    assert LANGUAGES.search((ROOT / DIALECT).read_text())
    files = [path for path in written_by_hand() if path.startswith(("core/src/", "core/proto/src/")) and path.endswith(".rs")]
    files = [path for path in files if "test" not in path and path != DIALECT]
    assert len(files) > 80
    code = {path: (ROOT / path).read_text().partition("#[cfg(test)]\nmod tests {")[0] for path in files}
    assert {path: words for path, text in code.items() if (words := LANGUAGES.findall(text))} == {}


def test_the_pure_crate_is_built_without_a_runtime() -> None:
    command = ("cargo", "tree", "--locked", "-p", "heartwire-proto", "-e", "normal,dev", "--prefix", "none", "--format", "{p}")
    tree = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    crates = {line.split()[0] for line in tree.splitlines() if " v" in line}
    assert "heartwire-proto" in crates
    assert len(crates) < 80
    assert crates.isdisjoint({"tokio", "mio", "socket2", "rustls", "hyper", "http", "futures-core"})


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def edges(graph: file_graph.Graph) -> list[tuple[str, str]]:
    return sorted((source.name, target.name) for source, named in graph.items() for target in named)


def test_every_form_of_use_is_an_edge(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "lib.rs": "mod a;\nmod b;\nmod c;\npub use b::B;\n",
            "a.rs": "//! use crate::c;\nuse crate::{B as Other, c::{self, C}};\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n",
            "b/mod.rs": "mod d;\nmod e;\npub(crate) use d::D;\nfn f() -> super::c::C { e::g() }\n",
            "b/d.rs": "use super::super::c::C;\n",
            "b/e.rs": "use super::D;\n",
            "c.rs": "struct C;\n",
        },
    )
    assert edges(file_graph.rust(folder)) == [
        ("a.rs", "c.rs"),
        ("a.rs", "mod.rs"),
        ("d.rs", "c.rs"),
        ("e.rs", "d.rs"),
        ("mod.rs", "c.rs"),
        ("mod.rs", "e.rs"),
    ]


def test_every_form_of_import_is_an_edge(tmp_path: Path) -> None:
    package = write(
        tmp_path / "heartwire",
        {
            "__init__.py": "from . import a, native\n",
            "a.py": "def f():\n    from .sub.b import B\n    import heartwire.sub.c\n",
            "native.pyi": "from .a import f\n",
            "sub/__init__.py": "",
            "sub/b.py": "from ..a import f\nfrom heartwire.sub import c\n",
            "sub/c.py": "import os\n",
        },
    )
    found = file_graph.python(package)
    assert edges(found) == [
        ("__init__.py", "a.py"),
        ("__init__.py", "native.pyi"),
        ("a.py", "b.py"),
        ("a.py", "c.py"),
        ("b.py", "a.py"),
        ("b.py", "c.py"),
    ]
    assert [[path.name for path in circle] for circle in file_graph.circles(found)] == [["a.py", "b.py"]]
    lib = write(
        tmp_path / "lib",
        {
            "a.js": "const b = require('./b.js')\n",
            "b.js": "/** @type {import('./c.mjs').C} */\n",
            "c.mjs": "import { x } from './a.js'\nimport 'y'\n",
        },
    )
    assert edges(file_graph.javascript(lib.iterdir())) == [("a.js", "b.js"), ("b.js", "c.mjs"), ("c.mjs", "a.js")]
