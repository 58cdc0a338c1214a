"""The snippets of the documentation as programs: how they are found, their surroundings, and their server.

It owns the marks that a page may put in a comment above a snippet, which no reader sees:

- `not run: REASON`: it is not run.
- `given: CODE`: code before the fragment, beside the code that every fragment gets.
- `in: open`: a fragment within the handler of `open`.
- `server: MODE`: the behaviour of the server.
  `closes` (the default): it says "ping", closes, and stays on the next connection.
  `listens`: it says "ping", reads one message and closes.
  `greets`: as `closes`, with the greeting of a server that requests a heartbeat.
  `answers`: it echoes, and says "welcome" to a login; `answers, stays`: the same, for a program that does not end by itself.

It must not know the pages.
"""

from __future__ import annotations

import ast
import inspect
import re
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

from conftest import ROOT, Process
from heartwire.testing import FaultServer

#: Here `import 'heartwire'` finds the package of the checkout, and `import 'ws'` that of the tests.
NODE_FOLDER = ROOT / "tests" / "node_modules" / ".snippets"
#: `js` and `ts` are the same here: no snippet has types.
PROGRAMS = {"python": "python", "js": "js", "ts": "js"}
BLOCK = re.compile(
    r"(?P<marks>(?:^ *<!-- [^\n]* -->\n)*)^(?P<indent> *)```(?P<language>\w+)(?P<info>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S
)

GIVEN = {
    "python": """
import asyncio, json, logging, os
import heartwire, heartwire.sync
from heartwire import MessageEvent, WebSocket
url = next_url = resume_url = "wss://im.example/ws"
token = TOKEN = "secret"
chat_id = "room"
async def fresh_token() -> str: return "secret"
def answer(message): return "answer"
""",
    "js": """
import { WebSocket } from 'heartwire'
const url = 'wss://im.example/ws', nextUrl = url, resumeUrl = url, TOKEN = 'secret', chatId = 'room'
const freshToken = async () => 'secret'
const createClient = ({ url, webSocketImpl }) => new webSocketImpl(url)
""",
}
#: Runs a fragment, and then the socket `ws` that it made: in a loop if it awaits something, else without one.
AROUND = """
import ast, asyncio, inspect
from heartwire import WebSocket
_code = compile(_FRAGMENT, "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
async def _main():
    await eval(_code, globals())
    if isinstance(globals().get("ws"), WebSocket):
        await ws.wait_closed()
if _code.co_flags & inspect.CO_COROUTINE:
    asyncio.run(_main())
else:
    eval(_code)
    if isinstance(globals().get("ws"), WebSocket) and ws._hub is None:
        ws.run_forever()
"""
CLOSES = {"connections": [[{"do": "accept"}, {"do": "send", "text": "ping"}, {"do": "close", "code": 1000}], [{"do": "accept"}]]}
LOGIN = {"do": "reply", "json": {"op": "login"}, "with": {"op": "welcome"}}
ANSWERS = [{"do": "accept"}, LOGIN, {"do": "echo"}]
LISTENS = {"connections": [[{"do": "accept"}, {"do": "send", "text": "ping"}, {"do": "expect"}, {"do": "close", "code": 1000}], [{"do": "accept"}]]}
GREETS = [{"do": "accept"}, {"do": "send", "json": {"op": 10, "d": {"heartbeat_interval": 45000}}}, {"do": "close", "code": 1000}]
MODES = {"closes": CLOSES, "listens": LISTENS, "greets": GREETS, "answers": ANSWERS, "answers, stays": ANSWERS}


@dataclass
class Snippet:
    """A block of code on a page."""

    page: str
    line: int
    language: str
    title: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_whole(self) -> bool:
        """Whether it is a program: it imports what it needs."""
        return re.search(r"^(import|from) |^const \w+ = require\(|^module\.exports", self.text, re.M) is not None


def of_page(path: Path) -> list[Snippet]:
    page = path.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(page):
        marks = dict(re.findall(r"<!-- ([a-z ]+): (.*?) -->", match["marks"]))
        title = re.search(r'title="([^"]+)"', match["info"])
        line = page.count("\n", 0, match.start("indent")) + 1
        text = textwrap.dedent(match["text"])
        found.append(Snippet(str(path.relative_to(ROOT)), line, match["language"], title[1] if title else "", text, marks))
    return found


def _python(snippet: Snippet) -> str:
    if snippet.is_whole:
        code = compile(snippet.text, "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        awaits = code.co_flags & inspect.CO_COROUTINE
        return f"_FRAGMENT = {snippet.text!r}\n{AROUND}" if awaits else snippet.text
    text = snippet.text
    if snippet.marks.get("in") == "open":
        text = "@ws.on('open')\nasync def _opened(event):\n" + textwrap.indent(text, "    ")
    given = [snippet.marks.get("given", "")]
    if re.search(r"\bws\b", text) and not re.search(r"^ws = | as ws:|^class ", text + "\n" + given[0], re.M):
        given.append("ws = WebSocket(url, rate_limit={'messages': 100, 'per': 1})")
    fragment = "\n".join([*given, text])
    return f"{GIVEN['python']}\n_FRAGMENT = {fragment!r}\n{AROUND}"


def _javascript(snippet: Snippet) -> str:
    if snippet.is_whole:
        return snippet.text
    text = snippet.text
    given = [GIVEN["js"], snippet.marks.get("given", "")]
    if not re.search(r"\bws = new ", text + given[1]):
        given.append("const ws = new WebSocket(url, { rateLimit: { messages: 100, per: 1000 } })")
    if snippet.marks.get("in") == "open":
        text = f"ws.on('open', async () => {{\n{text}\n}})"
    if snippet.marks.get("server") == "answers":
        text += "\nws.close()\n"
    return "\n".join([*given, text])


def run(snippet: Snippet, folder: Path) -> str:
    """Runs it until it ends, or has lost a connection and come back; gives its output. It must end by itself or by SIGTERM, without an exception."""
    mode = snippet.marks.get("server", "closes")
    with FaultServer(MODES[mode]) as server:
        address = server.url.rstrip("/")
        is_python = PROGRAMS[snippet.language] == "python"
        name = re.sub(r"\W", "_", str(snippet))
        if is_python:
            path = folder / f"{name}.py"
        else:
            NODE_FOLDER.mkdir(parents=True, exist_ok=True)
            is_common = re.search(r"\brequire\(|^module\.exports", snippet.text, re.M) is not None
            path = NODE_FOLDER / f"{name}.{'cjs' if is_common else 'mjs'}"
        program = _python(snippet) if is_python else _javascript(snippet)
        path.write_text(re.sub(r"wss?://im\.example(?=/ws)", address, program), encoding="utf-8")
        process = Process(sys.executable if is_python else "node", path)
        try:
            return _watch(process, server, mode)
        finally:
            process.kill()
            if not is_python:
                path.unlink()


def _watch(process: Process, server: FaultServer, mode: str) -> str:
    came_back = {"event": "message"} if mode == "answers, stays" else {"event": "open", "connection": 1}
    status = None
    for _ in range(600):  # 30 s: the first of an end and a record, neither of which can be waited for together
        try:
            status = process.wait(0.05)
            break
        except subprocess.TimeoutExpired:
            if mode != "answers" and any(came_back.items() <= record.items() for record in server.records()):
                status = process.end(signal.SIGTERM)
                break
    said = "\n".join(process.lines)
    assert status is not None, f"it neither ended nor came back:\n{said}\n{server.records()}"
    assert status in (0, -signal.SIGTERM), f"status {status}:\n{said}"
    assert not re.search(r"Traceback|Uncaught|Error \[|^\w*Error: ", said, re.M), said
    failed = [record for record in server.records() if record["event"] in ("failed", "violation")]
    assert not failed, failed
    return said
