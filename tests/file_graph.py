"""Which file of a folder names which: read from the imports of Rust, Python and JavaScript, without running anything.

It owns the reading and finds the circles; the rules are in test_architecture.py. Of Rust it reads `use` and paths that begin with
`crate`, `super`, `self` or a module declared in the file; a name that a file only passes on (`pub use`) belongs to the file that defines it.
Code under `#[cfg(test)]` and files of tests are no part of the graph.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

Graph = dict[Path, dict[Path, int]]
"""For each file those that it names, with the line where it first does."""

STRINGS_AND_COMMENTS = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"', re.S)


def circles(graph: Graph) -> list[list[Path]]:
    """The groups of files that reach each other (Tarjan), each in order of name."""
    index: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    found: list[list[Path]] = []

    def visit(node: Path) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph.get(node, {}):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            at = stack.index(node)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def edges_of(graph: Graph, circle: Iterable[Path]) -> Iterator[tuple[Path, int, Path]]:
    """The edges that make a circle: file, line, the file that is named."""
    members = set(circle)
    for source in sorted(members):
        for target, line in graph[source].items():
            if target in members:
                yield source, line, target


# Rust


@dataclass
class Module:
    """A file of a crate: its place in the tree of modules, and the names that it passes on."""

    path: Path
    place: tuple[str, ...]
    code: str
    uses: list[tuple[tuple[str, ...], int, bool]] = field(default_factory=list)  # path, line, passed on
    passed: dict[str, tuple[str, ...]] = field(default_factory=dict)


def rust(folder: Path) -> Graph:
    """The graph of a crate, whose `src` is `folder`."""
    modules: dict[tuple[str, ...], Module] = {}
    for path in sorted(folder.rglob("*.rs")):
        parts = list(path.relative_to(folder).with_suffix("").parts)
        if "tests" in parts:
            continue
        if parts[-1] == "mod" or parts == ["lib"]:
            parts.pop()
        modules[tuple(parts)] = Module(path, tuple(parts), _rust_code(path.read_text()))
    for module in modules.values():
        _read_rust(module, modules)
    graph: Graph = {module.path: {} for module in modules.values()}
    for module in modules.values():
        for named, line, passed_on in module.uses:
            target = _resolve(named, modules)
            # A file that only passes names of its parts on does not lean on them.
            if target and target is not module and not passed_on:
                graph[module.path].setdefault(target.path, line)
    return graph


def _rust_code(text: str) -> str:
    """The code of a file without its tests, its comments and its strings; lines keep their numbers."""
    text = STRINGS_AND_COMMENTS.sub(lambda found: '""' + "\n" * found[0].count("\n") if found[0][0] == '"' else "", text)
    # `pub(in crate::dial)` says who may see a name, not who is named.
    text = re.sub(r"\(in [\w:]+\)", "()", text)
    # Cuts a module of tests, from its attribute to the end of the file.
    at = re.search(r"^#\[cfg\(test\)\]\n(?:#\[[^\n]*\n)*mod tests \{", text, re.M)
    return text[: at.start()] if at else text


def _read_rust(module: Module, modules: dict[tuple[str, ...], Module]) -> None:
    children = {place[-1] for place in modules if place and place[:-1] == module.place}
    code = module.code

    def absolute(path: tuple[str, ...]) -> tuple[str, ...] | None:
        first, rest = path[0], path[1:]
        if first == "crate":
            return rest
        if first == "self":
            return module.place + rest
        if first == "super":
            here = module.place[:-1]
            while rest and rest[0] == "super":
                here, rest = here[:-1], rest[1:]
            return here + rest
        return module.place + path if first in children else None

    for found in re.finditer(r"^[ \t]*(pub(?:\([^)]*\))? )?use ([^;]+);", code, re.M):
        line = code.count("\n", 0, found.start()) + 1
        for path, name in _use_tree(found[2]):
            target = absolute(path)
            if target is None:
                continue
            passed_on = bool(found[1]) and _is_below(target, module.place)
            if found[1]:
                module.passed[name] = target
            module.uses.append((target, line, passed_on))
    rest = re.sub(r"^[ \t]*(?:pub(?:\([^)]*\))? )?use [^;]+;", lambda use: "\n" * use[0].count("\n"), code, flags=re.M)
    for found in re.finditer(r"(?<![\w:$.])((?:crate|self|super|[a-z_][a-z0-9_]*)(?:::\w+)+)", rest):
        target = absolute(tuple(found[1].split("::")))
        if target is not None:
            module.uses.append((target, rest.count("\n", 0, found.start()) + 1, False))


def _use_tree(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The paths of a `use`, each with the name that it brings."""
    text = text.strip()
    before, brace, group = text.partition("{")
    if not brace:
        whole, _, alias = text.partition(" as ")
        parts = tuple(part.strip() for part in whole.split("::"))
        yield parts, alias.strip() or parts[-1]
        return
    prefix = tuple(part.strip() for part in before.split("::") if part.strip())
    depth, start, inner = 0, 0, group.rstrip()[:-1]
    for at, letter in enumerate(inner + ","):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            if part := inner[start:at].strip():
                for path, name in _use_tree(part):
                    yield (prefix if path == ("self",) else prefix + path), (prefix[-1] if path == ("self",) and prefix else name)
            start = at + 1


def _is_below(path: tuple[str, ...], place: tuple[str, ...]) -> bool:
    return len(path) > len(place) and path[: len(place)] == place


def _resolve(path: tuple[str, ...], modules: dict[tuple[str, ...], Module]) -> Module | None:
    """The file that a path of the crate leads to."""
    for _ in range(8):  # names that are passed on, and on
        place = next(path[:length] for length in range(len(path), -1, -1) if path[:length] in modules)
        module = modules[place]
        name = path[len(place)] if len(path) > len(place) else None
        if name is None or name not in module.passed or module.passed[name] == path[: len(place) + 1]:
            return module
        path = module.passed[name] + path[len(place) + 1 :]
    return None


# Python


def python(folder: Path) -> Graph:
    """The graph of a package, whose folder is `folder`. Imports for type checkers count: a circle of types is one, too.
    A stub stands for a module that is no Python and names nothing."""
    files = {_python_name(path, folder): path for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.pyi")])}
    graph: Graph = {path: {} for path in files.values()}
    for path in (path for path in files.values() if path.suffix == ".py"):
        package = path.relative_to(folder).parent.parts
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else None
                base = tuple(node.module.split(".")) if node.module else ()
                if above is not None:
                    base = above + base
                elif base[:1] == (folder.name,):
                    base = base[1:]
                else:
                    continue
                for alias in node.names:
                    target = files.get((*base, alias.name)) or files.get(base)
                    if target and target != path:
                        graph[path].setdefault(target, node.lineno)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    parts = tuple(alias.name.split("."))
                    target = files.get(parts[1:]) if parts[0] == folder.name else None
                    if target and target != path:
                        graph[path].setdefault(target, node.lineno)
    return graph


def _python_name(path: Path, folder: Path) -> tuple[str, ...]:
    parts = path.relative_to(folder).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


# JavaScript


def javascript(files: Iterable[Path]) -> Graph:
    """The graph of these files."""
    graph: Graph = {path: {} for path in files}
    for path in graph:
        text = path.read_text()
        for found in re.finditer(r"""(?:\brequire\(|\bfrom |\bimport\(|\bimport )\s*['"](\.[^'"]+)['"]""", text):
            named = (path.parent / found[1]).resolve()
            choices = [named, *(named.with_name(named.name + end) for end in (".js", ".mjs", ".cjs")), named / "index.js"]
            target = next((choice for choice in choices if choice in graph), None)
            if target and target != path:
                graph[path].setdefault(target, text.count("\n", 0, found.start()) + 1)
    return graph
