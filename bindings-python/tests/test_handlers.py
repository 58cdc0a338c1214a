"""Handlers that are allowed: methods of subclasses, functions without an argument, mocks, proxies, functools. Those that are refused."""

from __future__ import annotations

import asyncio
import functools
import threading
import xmlrpc.client
from typing import Any
from unittest import mock

import pytest

import heartwire
import heartwire.sync
from heartwire import WebSocket
from loops import in_thread
from raw_server import BOUND, RawServer


def one_message(server: RawServer, ws: WebSocket) -> None:
    """Runs a socket through open, one message and close."""
    ws.start()
    connection = server.connection()
    connection.send("hello")
    connection.close(1000)
    assert ws.join(BOUND)


class Recorder(WebSocket):
    """Records the arguments of its methods."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.seen: list[Any] = []
        super().__init__(*args, **options)


def test_methods_of_a_subclass_are_handlers_in_both_spellings(server: RawServer) -> None:
    class Bot(Recorder):
        def on_open(self, event: heartwire.OpenEvent) -> None:
            self.seen.append(event.type)

        def onmessage(self, event: heartwire.MessageEvent) -> None:
            self.seen.append(event.data)

        def on_close(self) -> None:
            self.seen.append("close")

    bot = Bot(server.url)
    one_message(server, bot)
    assert bot.seen == ["open", "hello", "close"]


@pytest.mark.parametrize("kind", ["open", "message", "error", "close", "reconnecting", "ping", "pong", "heartbeat", "drain", "dropped"])
@pytest.mark.parametrize("spelling", ["on{}", "on_{}"])
def test_every_event_has_its_method(kind: str, spelling: str) -> None:
    bot_class = type("Bot", (WebSocket,), {spelling.format(kind): lambda self, event: None})
    bot = bot_class("ws://127.0.0.1/")
    assert callable(getattr(bot, spelling.format(kind)))
    bot.close()


def test_a_method_may_call_the_one_that_it_overrides(server: RawServer) -> None:
    class Bot(Recorder):
        def on_message(self, event: heartwire.MessageEvent) -> None:
            self.seen.append(("first", event.data))

    class Better(Bot):
        def on_message(self, event: heartwire.MessageEvent) -> None:
            super().on_message(event)
            self.seen.append("second")

    bot = Better(server.url)
    one_message(server, bot)
    assert bot.seen == [("first", "hello"), "second"]


def test_a_mixin_brings_methods_and_the_nearest_spelling_counts(server: RawServer) -> None:
    class Mixin:
        seen: list[Any]

        def on_message(self, event: heartwire.MessageEvent) -> None:
            self.seen.append("mixin")

    class Bot(Mixin, Recorder): ...

    class Nearer(Bot):
        def onmessage(self, event: heartwire.MessageEvent) -> None:
            self.seen.append("nearer")

    for cls, seen in ((Bot, ["mixin"]), (Nearer, ["nearer"])):
        bot = cls(server.url)
        one_message(server, bot)
        assert bot.seen == seen


@pytest.mark.parametrize("name", ["onmessage", "on_message"])
def test_a_function_that_is_set_takes_the_place_of_the_method(server: RawServer, name: str) -> None:
    class Bot(Recorder):
        def on_message(self, event: heartwire.MessageEvent) -> None:
            self.seen.append("method")

    got: list[Any] = []
    bot = Bot(server.url)
    setattr(bot, name, lambda event: got.append(event.data))
    one_message(server, bot)
    assert (bot.seen, got) == ([], ["hello"])


def test_async_and_static_methods_and_patched_classes(server: RawServer) -> None:
    seen: list[Any] = []

    heard = threading.Event()

    class Bot(WebSocket):
        async def on_message(self, event: heartwire.MessageEvent) -> None:
            await asyncio.sleep(0)
            seen.append(event.data)
            heard.set()

        @staticmethod
        def on_open(event: heartwire.OpenEvent) -> None:
            seen.append("static")

        def on_close(self, event: heartwire.CloseEvent) -> None:
            seen.append("close")

    one_message(server, Bot(server.url))
    assert heard.wait(BOUND)
    assert seen[0] == "static"
    assert sorted(seen[1:]) == ["close", "hello"]
    with mock.patch.object(Bot, "on_close") as patched:
        one_message(server, Bot(server.url))
    assert patched.call_count == 1


def test_what_is_no_method_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match=r"Bot\.onmessage must be a method, which handles the event 'message', not int"):
        type("Bot", (WebSocket,), {"onmessage": 3})
    with pytest.raises(TypeError, match="two names of one handler"):
        type("Bot", (WebSocket,), {"onmessage": lambda self, event: 1, "on_message": lambda self, event: 2})


def test_functions_without_an_argument_are_called_without_the_event(server: RawServer) -> None:
    calls: list[str] = []
    done = threading.Event()

    def passes_on(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    @passes_on
    def decorated() -> None:
        calls.append("decorated")

    class Callable:
        def __call__(self) -> None:
            calls.append("object")

    queue: list[str] = ["x"]
    ws = WebSocket(server.url)
    ws.onopen = lambda: calls.append("lambda")
    ws.on("message", decorated)
    ws.on("message", Callable())
    ws.on("message", functools.partial(lambda word: calls.append(word), "partial"))
    ws.on("message", queue.clear)
    ws.once("message", lambda: calls.append("once"))
    ws.onclose = done.set
    one_message(server, ws)
    assert calls == ["lambda", "decorated", "object", "partial", "once"]
    assert queue == []
    assert done.is_set()


def test_functions_that_can_take_the_event_have_it(server: RawServer) -> None:
    seen: list[Any] = []
    ws = WebSocket(server.url)
    ws.on("message", seen.append)
    ws.on("message", lambda *args: seen.append(len(args)))
    ws.on("message", lambda event=None: seen.append(event is not None))
    one_message(server, ws)
    assert [seen[0].type, *seen[1:]] == ["message", 1, True]


def test_a_function_that_needs_more_is_refused_by_name_and_place() -> None:
    def on_message(ws: Any, message: Any) -> None: ...

    ws = WebSocket("ws://127.0.0.1/")
    for add in (lambda f: setattr(ws, "onmessage", f), lambda f: ws.on("message", f), lambda f: ws.addEventListener("message", f)):
        with pytest.raises(TypeError, match=r"the event alone, or without arguments; .*on_message \(.*test_handlers\.py:\d+\) needs 2"):
            add(on_message)
    ws.close()


def test_should_reconnect_may_take_nothing(server: RawServer) -> None:
    ws = WebSocket(server.url, reconnect={"should_reconnect": lambda: False})
    ws.onclose = lambda: None
    one_message(server, ws)


@pytest.mark.timeout(60)
def test_mocks_are_handlers_and_functions_for_options(server: RawServer) -> None:
    async def main() -> None:
        for handler, count in (
            (mock.Mock(return_value=None), lambda h: h.call_count),
            (mock.MagicMock(), lambda h: h.call_count),
            (mock.AsyncMock(), lambda h: h.await_count),
        ):
            ws = WebSocket(server.url, headers=mock.MagicMock(return_value={"X-A": "b"}))
            ws.onmessage = handler
            connection = await in_thread(server.connection)
            assert connection.header("x-a") == "b"
            connection.send("one")
            connection.send("two")
            connection.close(1000)
            await ws.wait_closed()
            await asyncio.sleep(0)
            assert count(handler) == 2

    asyncio.run(main())


def test_what_answers_to_every_name_is_no_coroutine_and_no_partial(server: RawServer) -> None:
    class Answers:
        """A proxy, as of an RPC library: it has every attribute."""

        calls = 0

        def __getattr__(self, name: str) -> Any:
            return self

        def __call__(self, *args: Any) -> Any:
            type(self).calls += 1
            return self

    ws = WebSocket(server.url)
    ws.onmessage = Answers()
    one_message(server, ws)
    assert Answers.calls == 1
    other = WebSocket("ws://127.0.0.1/", headers=Answers())
    other.on("message", xmlrpc.client.ServerProxy("http://127.0.0.1:1/").notify)
    other.close()


def test_the_handlers_of_the_socket_beneath_do_not_break_asyncio(server: RawServer) -> None:
    async def main() -> None:
        seen: list[str] = []
        opening = asyncio.ensure_future(heartwire.connect(server.url).__aenter__())
        connection = await in_thread(server.connection)
        ws = await opening
        for name in ("open", "message", "error", "close", "drain", "pong"):
            assert getattr(ws.socket, f"on{name}") is None
            setattr(ws.socket, f"on{name}", lambda event: seen.append(event.type))
        ws.socket.onclose = None
        ws.socket.onmessage = lambda event: seen.append(event.data)
        connection.send("hello")
        connection.close(1000)
        assert [message async for message in ws] == ["hello"]
        assert seen == ["hello"]

    asyncio.run(asyncio.wait_for(main(), BOUND))


def test_the_handlers_of_the_socket_beneath_do_not_break_the_blocking_api(server: RawServer) -> None:
    result: list[Any] = []

    def client() -> None:
        with heartwire.sync.connect(server.url) as ws:
            ws.socket.onmessage = ws.socket.onclose = ws.socket.onopen = result.append
            ws.socket.onclose = None
            result.extend(ws)

    thread = threading.Thread(target=client)
    thread.start()
    connection = server.connection()
    connection.send("hello")
    connection.close(1000)
    thread.join(BOUND)
    assert not thread.is_alive()
    assert "hello" in result
