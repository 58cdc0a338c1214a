"""What the documentation shows is true: snippets run, the site builds strictly, the tutorial works as written, figures are those measured."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import snippets
from conftest import ROOT, Process
from heartwire.testing import FaultServer
from snippets import PROGRAMS, Snippet
from websockets.sync.client import ClientConnection, connect

pytestmark = pytest.mark.timeout(600)  # the first test with the site installs its tools

DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("README*.md"))]
EVERY = [snippet for page in PAGES for snippet in snippets.of_page(page)]
TRANSLATED = [("README.md", "README.zh.md"), ("docs/tutorial.md", "docs/zh/tutorial.md"), ("docs/cookbook/index.md", "docs/zh/cookbook.md")]
TUTORIALS = ["docs/tutorial.md", "docs/zh/tutorial.md"]
RUN = [one for one in EVERY if one.language in PROGRAMS and "not run" not in one.marks and one.page not in TUTORIALS]
#: Why these cannot run here. A page that marks another one adds its reason.
NOT_RUN = {
    "a bundler's configuration",
    "needs an SDK; tests/compat plays the SDKs",
    "needs Node 24; bindings-node/test/docs.test.mjs compiles and runs it",
    "needs Rust; core/src/testing has it as a test of its own",
    "PM2's configuration; tests/runners starts bots under PM2",
    "the SDK is not there; bindings-node/test/opentelemetry.test.mjs does the same",
}
#: The languages of the pages. Rust, Dockerfiles and samples of output are not run; of the others below, data is parsed and commands are looked up.
KINDS = {"python", "js", "ts", "sh", "json", "yaml", "ini", "dockerfile", "text", "rust"}
COMMANDS = {"bash", "cargo", "docker", "make", "node", "npm", "npx", "pip", "pyinstaller", "python", "python3", ".", "./dist/bot"}


def docs_python() -> Path:
    """The interpreter of the site's environment, made by `make docs`."""
    return ROOT / ".venvs" / "docs" / "bin" / "python"


@pytest.fixture(scope="session")
def site() -> Path:
    """The site, built as `make docs` does."""
    if sys.version_info < (3, 11):
        pytest.skip("the site needs Python 3.11")
    done = subprocess.run([sys.executable, ".ci/docs.py", "build"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "target" / "site"


def titled(page: str, name: str) -> str:
    (text,) = [one.text for one in EVERY if one.page == page and one.title == name]
    return text


@pytest.mark.parametrize("snippet", RUN, ids=str)
def test_a_snippet_runs(snippet: Snippet, tmp_path: Path) -> None:
    snippets.run(snippet, tmp_path)


def test_every_snippet_that_is_not_run_says_why() -> None:
    assert len(RUN) > 60
    assert {one.marks["not run"] for one in EVERY if "not run" in one.marks} <= NOT_RUN
    assert {one.language for one in EVERY} <= KINDS
    for one in EVERY:
        assert set(one.marks) <= {"not run", "given", "in", "server"}, one


def test_commands_are_known_and_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for one in EVERY:
        for line in one.text.splitlines() if one.language == "sh" else ():
            words = re.sub(r"^(\w+=\S+ )+", "", line.partition("#")[0]).split()
            if words:
                assert words[0] in COMMANDS, f"{one}: {line}"
                assert words[0] != "make" or words[1] in targets, f"{one}: {line}"


def test_data_can_be_parsed() -> None:
    for one in EVERY:
        if one.language == "json":
            value = json.loads(one.text)
            if one.page == "docs/testing.md":
                FaultServer(value).stop()
        elif one.language == "ini" and one.text.startswith("["):  # others are .env files
            parser = configparser.ConfigParser(strict=False, interpolation=None)
            parser.read_string(one.text)
            assert "Service" in parser


def test_the_site_is_built_strictly_and_needs_no_network(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=\"?(https?://[^\" >]+)", text)
        others = [url for url in loaded if not re.search(r'rel="?canonical', text[max(0, text.index(url) - 80) : text.index(url)])]
        assert others == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\([\"']?https?:", style.read_text(encoding="utf-8")), style
    search = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {re.sub("<[^>]+>", "", entry["title"]) for entry in search["docs"]}
    assert {"reconnect.max_retries · reconnect.maxRetries", "Shutdown", "Heartwire 中文首页"} <= found
    yaml = [one.text for one in EVERY if one.language == "yaml"]
    command = [str(docs_python()), "-c", "import json, sys, yaml; [yaml.safe_load(text) for text in json.load(sys.stdin)]"]
    subprocess.run(command, input=json.dumps(yaml), text=True, check=True)


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    import heartwire
    import heartwire.sync
    from heartwire import testing

    python = (site / "reference" / "python.html").read_text(encoding="utf-8")
    names = [f"heartwire.{name}" for name in heartwire.__all__ if not name.startswith("__")]
    names += [f"heartwire.sync.{name}" for name in heartwire.sync.__all__] + [f"heartwire.testing.{name}" for name in testing.__all__]
    names += [f"heartwire.WebSocket.{name}" for name in dir(heartwire.WebSocket) if not name.startswith("_")]
    assert [name for name in names if not re.search(rf"\bid=\"?{re.escape(name)}[\" >]", python)] == []
    node = (site / "reference" / "node" / "index.html").read_text(encoding="utf-8")
    types = (ROOT / "bindings-node" / "types.d.ts").read_text()
    exported = re.findall(r"^export (?:class|interface|type) (\w+)", types, re.MULTILINE)
    assert len(exported) > 15
    assert [name for name in exported if not re.search(rf"\bid=\"?{name.lower()}[\" >]", node)] == []


@pytest.mark.parametrize("wrong", ["[x](nowhere.md)", "[x](other.md#nothing)", "[x](../../nothing)"])
def test_a_wrong_link_fails_the_build(site: Path, tmp_path: Path, wrong: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# One\n\n{wrong}\n")
    (tmp_path / "docs" / "other.md").write_text("# Other\n")
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    config = re.sub(r"^nav:.*|^  - mkdocstrings:.*?(?=^hooks)", "", config, flags=re.M | re.S)
    config = config.replace("hooks: [", f"hooks: [{ROOT}/").replace(", .ci/site/hooks.py]", "]").replace("bindings-python/python", f"{ROOT}/docs")
    (tmp_path / "mkdocs.yml").write_text(config, encoding="utf-8")
    command = [str(docs_python()), "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert re.search(r"nowhere\.md|#nothing|\.\./\.\./nothing", done.stderr), done.stderr


# The tutorial, step by step


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Follower:
    """A reader who follows the tutorial in one language: writes its files, runs them, talks."""

    def __init__(self, page: str, language: str, port: int, folder: Path) -> None:
        self.page, self.port, self.is_python = page, port, language == "python"
        self.folder = folder if self.is_python else snippets.NODE_FOLDER / f"tutorial{port}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.running: list[Process] = []
        self.person: ClientConnection | None = None

    def start(self, name: str) -> Process:
        name = f"{name.replace('-', '_')}.py" if self.is_python else f"{name}.mjs"
        path = self.folder / name
        path.write_text(titled(self.page, name).replace("8765", str(self.port)), encoding="utf-8")
        self.running.append(Process(sys.executable if self.is_python else "node", path))
        return self.running[-1]

    def talk(self, text: str, awaited: str) -> None:
        with connect(f"ws://127.0.0.1:{self.port}", proxy=None) as person:
            person.send(text)
            while not re.search(awaited, str(person.recv(timeout=20))):
                pass

    def close(self) -> None:
        for process in self.running:
            process.kill()
        if not self.is_python:
            shutil.rmtree(self.folder)


@pytest.fixture
def follower(request: pytest.FixtureRequest, port: int, tmp_path: Path) -> Iterator[Follower]:
    page, language = request.param
    follower = Follower(page, language, port, tmp_path)
    yield follower
    follower.close()


@pytest.mark.parametrize("follower", [(page, language) for page in TUTORIALS for language in ("python", "js")], indirect=True, ids=str)
def test_the_tutorial_works_as_it_is_written(follower: Follower) -> None:
    server = follower.start("server")
    server.wait_for("^listening$")
    first = follower.start("first-bot")
    first.wait_for("^heard: hello, I am the bot$")
    assert first.end(signal.SIGINT) == -signal.SIGINT
    server.wait_for("^somebody left, code 1001$")

    bot = follower.start("bot")
    bot.wait_for("^connected$")
    follower.talk("!hello", "^Hello!$")
    follower.talk("!roll", "^You rolled [1-6]")
    server.end(signal.SIGINT)
    bot.wait_for("^lost, code (1001|1006) - comes back: [Tt]rue$")
    again = follower.start("server")
    again.wait_for("^somebody came$")
    follower.talk("!hello", "^Hello!$")
    assert bot.end(signal.SIGINT) == (0 if follower.is_python else -signal.SIGINT)
    assert not any("Traceback" in line for line in bot.lines), bot.lines


@pytest.mark.parametrize("page", TUTORIALS)
def test_the_test_of_the_tutorial_passes(page: str, tmp_path: Path) -> None:
    (tmp_path / "test_bot.py").write_text(titled(page, "test_bot.py"), encoding="utf-8")
    assert subprocess.run([sys.executable, "test_bot.py"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout == "ok\n"
    snippets.NODE_FOLDER.mkdir(parents=True, exist_ok=True)
    path = snippets.NODE_FOLDER / "tutorial.test.mjs"
    path.write_text(titled(page, "bot.test.mjs"), encoding="utf-8")
    subprocess.run(["node", "--test", str(path)], check=True, capture_output=True)
    path.unlink()


def test_a_bad_snippet_is_noticed(tmp_path: Path) -> None:
    bad = Snippet("x.md", 1, "python", "", "from heartwire import WebSocket\nws = WebSocket('wss://im.example/ws', recconect=True)\n")
    with pytest.raises(AssertionError, match="recconect"):
        snippets.run(bad, tmp_path)
    bad = Snippet("x.md", 1, "js", "", "import { WebSocket } from 'heartwire'\nnew WebSocket('wss://im.example/ws').onopen = () => nothing()\n")
    with pytest.raises(AssertionError, match="nothing is not defined"):
        snippets.run(bad, tmp_path)


# Figures, and the other language


def rows(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Label, unit and the figures by client of each row of the tables of figures."""
    label, columns = "", []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| | | heartwire"):
            columns = cells[2:]
        elif not line.startswith("|"):
            columns = []
        elif columns and not cells[0].startswith("-"):
            label = cells[0] or label
            yield label, cells[1], {name: cell.partition(" (")[0] for name, cell in zip(columns, cells[2:])}


def test_the_figures_of_the_comparison_are_those_measured() -> None:
    measured: dict[tuple[str, str], dict[str, str]] = {}
    for label, unit, figures in rows((ROOT / "benches" / "results" / "results.md").read_text()):
        measured.setdefault((label, unit), {}).update(figures)
    shown = list(rows((DOCS / "comparison.md").read_text()))
    assert len(shown) > 15
    for label, unit, figures in shown:
        for client, figure in figures.items():
            assert measured[label, unit][client] == figure, f"{label}, {unit}, {client}"


@pytest.mark.parametrize(
    ("english", "chinese"),
    [("README.md", "README.zh.md"), ("docs/tutorial.md", "docs/zh/tutorial.md"), ("docs/cookbook/index.md", "docs/zh/cookbook.md")],
)
def test_the_chinese_page_has_the_same_headings_and_code(english: str, chinese: str) -> None:
    def shape(page: str) -> list[object]:
        text = (ROOT / page).read_text(encoding="utf-8")
        outside = snippets.BLOCK.sub("", text)
        headings: list[object] = [len(level) for level in re.findall(r"^(#+) ", outside, re.MULTILINE)]
        return headings + [(one.language, one.title, one.marks, one.text) for one in snippets.of_page(ROOT / page) if one.language != "text"]

    assert shape(english) == shape(chinese)
