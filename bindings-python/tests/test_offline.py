"""Tests that need no server: arguments, listeners, errors, exports, the cost of the import."""

from __future__ import annotations

import ast
import gc
import pathlib
import pickle
import subprocess
import sys
import weakref

import pytest

import heartwire
from heartwire import InvalidStateError, OptionError, WebSocket, WebSocketError

URL = "ws://127.0.0.1:9/"
PACKAGE = pathlib.Path(heartwire.__file__).parent


def test_a_new_socket_is_connecting_and_shows_its_url() -> None:
    ws = WebSocket("http://user:secret@Example.COM:80/chat?token=hidden")
    assert ws.url == "ws://user:secret@example.com/chat?token=hidden"
    assert ws.readyState == ws.ready_state == WebSocket.CONNECTING == 0
    assert (WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED) == (1, 2, 3)
    assert ws.bufferedAmount == ws.buffered_amount == 0
    assert ws.protocol == ws.extensions == ""
    assert ws.latency is None
    assert repr(ws) == "<WebSocket ws://example.com/chat connecting>"


@pytest.mark.parametrize("url", ["", "no url", "ftp://example.com/", "ws://example.com/#part", "ws://"])
def test_a_bad_url_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - that it is a ValueError is the point
        WebSocket(url)
    assert isinstance(caught.value, OptionError)
    assert (caught.value.code, caught.value.phase) == ("invalid_url", "options")


@pytest.mark.parametrize("url", [None, 1, b"ws://example.com/"])
def test_a_url_of_another_type_is_a_type_error(url: object) -> None:
    with pytest.raises(TypeError, match="url must be a str"):
        WebSocket(url)  # type: ignore[arg-type]


def test_all_bad_options_are_reported_at_once_and_the_nearest_name_is_told() -> None:
    with pytest.raises(OptionError) as caught:
        WebSocket(URL, recconnect=True, ping_interval="soon", close_timeout=-1)  # type: ignore[call-arg, arg-type]
    assert caught.value.code == "invalid_option"
    words = str(caught.value)
    for part in ("recconnect", "reconnect", "ping_interval", "soon", "close_timeout", "-1"):
        assert part in words


@pytest.mark.parametrize("value", [{1, 2}, object(), 1j, float("nan"), 1 << 70, {1: 2}, "\ud800"])
def test_an_option_that_is_no_plain_value_is_refused_with_its_path(value: object) -> None:
    with pytest.raises(OptionError) as caught:
        WebSocket(URL, heartbeat={"interval": value})  # type: ignore[typeddict-item]
    rules = {path: rule for path, _, rule in caught.value.faults}
    assert "seconds" in rules["heartbeat.interval"]
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(OptionError, match="headers"):
        WebSocket(URL, headers=cycle)  # type: ignore[arg-type]


def test_what_python_has_for_paths_times_and_bytes_is_taken() -> None:
    import datetime

    WebSocket(
        URL,
        unix_socket=pathlib.Path("/tmp/none"),
        open_timeout=datetime.timedelta(seconds=3),  # type: ignore[arg-type]
        heartbeat={"message": b"\x00\xff", "interval": 5},
    )


@pytest.mark.parametrize("protocols", ["a b", ["x", "x"], [""], "a,b"])
def test_bad_subprotocols(protocols: object) -> None:
    with pytest.raises(OptionError) as caught:
        WebSocket(URL, protocols)  # type: ignore[arg-type]
    assert caught.value.code == "invalid_protocol"


def test_header_injection_is_refused() -> None:
    with pytest.raises(OptionError) as caught:
        WebSocket(URL, headers={"X-Name": "a\r\nX-Other: b"})
    assert caught.value.code == "invalid_header"


def test_send_while_connecting_is_an_invalid_state() -> None:
    ws = WebSocket(URL)
    for data in ("text", b"bytes", bytearray(b"x"), memoryview(b"x"), ["a", "b"]):
        with pytest.raises(InvalidStateError) as caught:
            ws.send(data)
        assert caught.value.code == "invalid_state"
    with pytest.raises(InvalidStateError):
        ws.ping()


@pytest.mark.parametrize("data", [None, 1, {"a": 1}, object()])
def test_data_of_another_type_is_a_type_error(data: object) -> None:
    with pytest.raises(TypeError):
        WebSocket(URL).send(data)  # type: ignore[arg-type]


def test_a_lone_surrogate_cannot_be_sent() -> None:
    with pytest.raises(OptionError) as caught:
        WebSocket(URL).send("\ud800")
    assert caught.value.code == "invalid_data"
    assert isinstance(caught.value.__cause__, UnicodeEncodeError)


@pytest.mark.parametrize(("code", "reason"), [(0, ""), (1001, ""), (1005, ""), (2999, ""), (5000, ""), (-1, ""), (70000, "")])
def test_bad_close_codes(code: int, reason: str) -> None:
    with pytest.raises(OptionError) as caught:
        WebSocket(URL).close(code, reason)
    assert caught.value.code == "invalid_close"
    assert str(code) in caught.value.message


def test_a_close_reason_is_at_most_123_bytes() -> None:
    with pytest.raises(OptionError) as caught:
        WebSocket(URL).close(1000, "ä" * 62)
    assert caught.value.code == "invalid_close"


def test_handlers_are_functions_or_none() -> None:
    ws = WebSocket(URL)
    assert ws.onmessage is None
    ws.onmessage = print
    assert ws.onmessage is ws.on_message is print
    ws.on_message = None
    assert ws.onmessage is None
    with pytest.raises(TypeError, match="must be a function"):
        ws.onopen = 3  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        ws.onmesage = print  # type: ignore[attr-defined]


def test_an_unknown_event_is_named_with_those_there_are() -> None:
    ws = WebSocket(URL)
    with pytest.raises(OptionError, match="reconnecting"):
        ws.addEventListener("mesage", print)  # type: ignore[arg-type]


def test_on_and_once_are_decorators_that_give_the_function_back() -> None:
    ws = WebSocket(URL)

    @ws.on("message")
    def first(event: object) -> None: ...

    @ws.once("close")
    def second(event: object) -> None: ...

    assert callable(first)
    assert callable(second)
    assert ws.on("open", first) is first


def test_a_subclass_may_have_other_arguments() -> None:
    class Bot(WebSocket):
        def __init__(self, name: str) -> None:
            super().__init__(URL)
            self.name = name

    assert repr(Bot("x")).startswith("<Bot ws://")

    class Broken(WebSocket):
        def __init__(self) -> None:
            pass

    with pytest.raises(RuntimeError, match="super"):
        Broken().send("x")


def test_errors_survive_pickling() -> None:
    error = WebSocketError("words", code="http_refused", phase="http", status=404, headers=[("a", "b")], body=b"no")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.status, copy.headers, copy.body) == (
        WebSocketError,
        str(error),
        404,
        [("a", "b")],
        b"no",
    )


def test_a_socket_in_a_cycle_is_collected() -> None:
    ws = WebSocket(URL)

    def handler(event: object, ws: WebSocket = ws) -> None: ...

    ws.onmessage = handler
    ws.addEventListener("close", handler)
    gone = weakref.ref(handler)
    del ws, handler
    gc.collect()
    assert gone() is None


def test_everything_public_is_exported() -> None:
    public: set[str] = set()
    for name in ("_websocket", "_errors", "_aio", "_delivery"):
        tree = ast.parse((PACKAGE / f"{name}.py").read_text())
        public |= {node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}
    public -= {"ThreadHub", "LoopHub"}
    public |= {name for name in dir(heartwire._native) if name.endswith("Event")}
    assert public <= set(heartwire.__all__)
    for name in heartwire.__all__:
        assert getattr(heartwire, name) is not None
    with pytest.raises(AttributeError):
        _ = heartwire.nothing  # type: ignore[attr-defined]


def test_the_version_is_the_workspaces() -> None:
    cargo = (pathlib.Path(__file__).resolve().parents[2] / "Cargo.toml").read_text()
    assert f'version = "{heartwire.__version__}"' in cargo


def test_the_import_is_light() -> None:
    code = """
import sys
before = set(sys.modules)
import heartwire
print(*sorted(set(sys.modules) - before))
"""
    run = subprocess.run([sys.executable, "-I", "-c", _path() + code], capture_output=True, text=True, check=True)
    names = (
        "_bot",
        "_delivery",
        "_ending",
        "_errors",
        "_handlers",
        "_json",
        "_listening",
        "_log",
        "_native",
        "_process",
        "_shutdown",
        "_websocket",
    )
    ours = ["heartwire", *(f"heartwire.{name}" for name in names)]
    assert run.stdout.split() == ["__future__", *ours]


def _path() -> str:
    return f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
