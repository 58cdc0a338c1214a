"""The types: stubs against the binary; mypy, pyright and jedi on programs that use the package, and on the snippets of the guides; ruff."""

from __future__ import annotations

import ast
import json
import os
import pathlib
import pydoc
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

import heartwire

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = pathlib.Path(heartwire.__file__).parent

TYPING = pathlib.Path(__file__).with_name("typing")
REPOSITORY = ROOT.parent
PYRIGHT = REPOSITORY / "tests" / "node_modules" / ".bin" / "pyright"
PAGES = ["README.md", "bindings-python/README.md", "docs/python.md", "docs/testing.md"]
GIVEN = {
    "heartwire.": "import heartwire",
    "heartwire.sync.": "import heartwire.sync",
    "WebSocket(": "from heartwire import WebSocket",
    "url": 'url = "wss://im.example/ws"',
    "token": 'token = "x"',
    "answer": 'def answer(message: "str | bytes") -> str: return ""',
    "fresh_token": 'async def fresh_token() -> str: return ""',
}
"""What the snippets take for granted, by the word that needs it."""


def snippets() -> Iterator[tuple[str, str]]:
    """The snippets of the README and the guides, as programs."""
    for page in PAGES:
        blocks = re.findall(r"^```python\n(.*?)^```$", (REPOSITORY / page).read_text(), re.MULTILINE | re.DOTALL)
        for number, block in enumerate(blocks, 1):
            tree = compile(block, page, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            defined = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
            defined |= {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
            imports = bool(re.search(r"^(import|from) heartwire", block, re.MULTILINE))
            given = {word: line for word, line in GIVEN.items() if not (imports and "import" in line)}
            lines = [line for word, line in given.items() if word in block and word not in defined]
            awaits = any(isinstance(node, (ast.AsyncWith, ast.AsyncFor, ast.Await)) for node in tree.body)
            body = "async def main() -> None:\n" + textwrap.indent(block, "    ") if awaits else block
            yield re.sub(r"\W", "_", f"{page}_{number}"), "\n".join([*lines, "", body])


def write_snippets(folder: pathlib.Path) -> list[str]:
    names = []
    for name, text in snippets():
        (folder / f"{name}.py").write_text(text)
        names.append(str(folder / f"{name}.py"))
    assert len(names) >= 12
    return names


def pyright(folder: pathlib.Path, mode: str, *paths: str) -> list[tuple[str, int, str]]:
    """File, line and words of pyright's findings."""
    if not PYRIGHT.exists():
        pytest.skip("pyright is not installed: make tools")
    (folder / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": mode, "reportMissingModuleSource": False}))
    command = [str(PYRIGHT), "--outputjson", "-p", str(folder), "--pythonpath", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    found = json.loads(done.stdout)["generalDiagnostics"]
    assert json.loads(done.stdout)["summary"]["filesAnalyzed"] == len(paths), done.stdout
    errors = [one for one in found if one["severity"] == "error"]
    return [(pathlib.Path(one["file"]).name, one["range"]["start"]["line"] + 1, one["message"]) for one in errors]


def mistakes() -> set[tuple[str, int]]:
    lines = (TYPING / "bad.py").read_text().splitlines()
    return {("bad.py", number) for number, line in enumerate(lines, 1) if line.endswith("# error")}


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment})
    return done.stdout + done.stderr if done.returncode else ""


def mypy(*arguments: str) -> str:
    pytest.importorskip("mypy")
    return run(sys.executable, "-m", "mypy", *arguments)


@pytest.mark.timeout(180)
def test_the_package_is_strictly_typed() -> None:
    assert mypy("--config-file", "pyproject.toml") == ""


@pytest.mark.timeout(180)
def test_the_stubs_are_those_of_the_binary() -> None:
    pytest.importorskip("mypy")
    assert run(sys.executable, "-m", "mypy.stubtest", "heartwire._native", "--mypy-config-file", "pyproject.toml") == ""


@pytest.mark.timeout(300)
def test_mypy_knows_every_form_of_use_and_every_mistake(tmp_path: pathlib.Path) -> None:
    programs = [str(TYPING / "good.py"), str(TYPING / "bad.py"), *write_snippets(tmp_path)]
    report = mypy("--strict", "--cache-dir", str(tmp_path / "cache"), *programs)
    errors = {(pathlib.Path(line.split(":")[0]).name, int(line.split(":")[1])) for line in report.splitlines() if ": error:" in line}
    assert errors == mistakes(), report
    for words in ("(event: heartwire._native.MessageEvent)", '"int"', '"str | bytes"', "_aio.ClientConnection"):
        assert words in report.replace("builtins.", ""), report


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["basic", "strict"])
def test_pyright_knows_every_form_of_use_and_every_mistake(tmp_path: pathlib.Path, mode: str) -> None:
    paths = write_snippets(tmp_path)
    for name in ("good.py", "bad.py"):
        paths.append(shutil.copy(TYPING / name, tmp_path))
    found = pyright(tmp_path, mode, *paths)
    assert {(name, line) for name, line, _ in found} == mistakes(), found


def completions(text: str) -> set[str]:
    jedi = pytest.importorskip("jedi")
    lines = text.split("\n")
    return {completion.name for completion in jedi.Script(text).complete(len(lines), len(lines[-1]))}


def test_editors_complete() -> None:
    begin = "import heartwire\nimport heartwire.sync\n"
    connected = {"send", "recv", "ping", "close", "latency", "socket", "recv_json", "send_json", "close_code"}
    assert connected <= completions(begin + "async def main():\n    async with heartwire.connect('ws://x') as ws:\n        ws.")
    assert connected <= completions(begin + "async def main():\n    ws = await heartwire.connect('ws://x')\n    ws.")
    assert connected <= completions(begin + "with heartwire.sync.connect('ws://x') as ws:\n    ws.")
    socket = {"onmessage", "on_message", "on", "once", "send", "send_json", "run_forever", "start", "ready_state", "url", "close"}
    assert socket <= completions(begin + "ws = heartwire.WebSocket('ws://x')\nws.")
    assert {"connect", "sync", "WebSocket", "Error", "Options", "MessageEvent"} <= completions(begin + "heartwire.")
    assert {"data", "json", "type"} <= completions(begin + "def f(event: heartwire.MessageEvent):\n    event.")
    assert {"code", "phase", "status"} <= completions(begin + "def f(event: heartwire.ErrorEvent):\n    event.error.")


def test_help_names_every_option() -> None:
    shown = pydoc.render_doc(heartwire.WebSocket, renderer=pydoc.plaintext)
    options = heartwire.Options.__annotations__
    assert len(options) > 30
    assert [name for name in options if not re.search(rf"\b{name}\b", shown)] == []


def test_ruff() -> None:
    pytest.importorskip("ruff")
    assert run(sys.executable, "-m", "ruff", "check", "--no-cache", ".") == ""
    assert run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", ".") == ""
