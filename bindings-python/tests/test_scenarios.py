"""The scenarios of `tests/scenarios`, played through the Python face: on an asyncio loop, in run_forever() and after
start(), under both drivers.

That folder's README describes the format; this runner has no expectations. SCENARIO=part plays those whose name has the part.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from heartwire import WebSocket, WebSocketError
from heartwire.testing import FaultServer

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "scenarios"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if os.environ.get("SCENARIO", "") in path.stem)
SIDE_BY_SIDE = 8
QUIET = 0.1  # how long silence must last after the last expected event
BOUND = 30  # how long the server's records may take
CHATTY = ("ping", "pong", "heartbeat", "drain")
KINDS = ("open", "message", "error", "close", "reconnecting", "ping", "pong", "heartbeat", "drain", "dropped", "ready", "throttled")
Seen = dict[str, Any]


class Planned(RuntimeError):
    """The exception of a handler, as the scenario demands."""

    def __init__(self, stage: Stage) -> None:
        super().__init__("as planned")
        self.stage = stage


class PlannedAnswer(RuntimeError):
    """The exception of a function given as an option; the core's error reports it."""


MATCHERS: dict[str, Callable[[Any, Any], bool]] = {
    "min": lambda bound, value: isinstance(value, (int, float)) and value >= bound,
    "max": lambda bound, value: isinstance(value, (int, float)) and value <= bound,
    "contains": lambda part, value: isinstance(value, str) and part in value,
    "any": lambda _, value: value is not None,
    "not": lambda pattern, value: not matches(pattern, value),
}


def matches(pattern: Any, value: Any) -> bool:
    if isinstance(pattern, dict) and pattern and pattern.keys() <= MATCHERS.keys():
        return all(MATCHERS[name](part, value) for name, part in pattern.items())
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(key in value and matches(part, value[key]) for key, part in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and len(pattern) == len(value) and all(map(matches, pattern, value))
    return (type(pattern) is not bool and type(value) is not bool and pattern == value) or pattern is value


def compare(expected: list[Any], seen: list[Seen]) -> int | bool:
    """True: all events came. False: right so far. A number (as `~index`): the event at this index is wrong."""

    def reach(states: set[int]) -> set[int]:
        for state in sorted(states):
            while state < len(expected) and expected[state].get("optional"):
                state += 1
                states.add(state)
        return states

    def fits(position: int, event: Seen) -> bool:
        pattern = {key: part for key, part in expected[position].items() if key not in ("many", "optional")}
        return matches(pattern, event)

    states = reach({0})
    for index, event in enumerate(seen):
        after = {state + 1 for state in states if state < len(expected) and fits(state, event)}
        after |= {state for state in states if state > 0 and expected[state - 1].get("many") and fits(state - 1, event)}
        if not after:
            return ~index
        states = reach(after)
    return len(expected) in states


def fill(value: Any, places: dict[str, str]) -> Any:
    if isinstance(value, str):
        for place, text in places.items():
            value = value.replace(place, text)
        return value
    if isinstance(value, list):
        return [fill(item, places) for item in value]
    if isinstance(value, dict):
        return {key: fill(item, places) for key, item in value.items()}
    return value


def one_by_one(expected: list[Any]) -> list[Any]:
    """Each event that has `times` so many times, `{i}` being its number."""
    spelled = []
    for pattern in expected:
        times = pattern.get("times")
        bare = {key: part for key, part in pattern.items() if key != "times"}
        spelled += [bare] if times is None else [fill(bare, {"{i}": str(number)}) for number in range(times)]
    return spelled


def functions(value: Any) -> Any:
    """Turn every `$sequence` into a function."""
    if isinstance(value, list):
        return [functions(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$sequence" not in value:
        return {key: functions(item) for key, item in value.items()}
    items = list(value["$sequence"])

    def call(*_: object) -> Any:
        item = items.pop(0) if len(items) > 1 else items[0]
        if isinstance(item, dict) and "$raise" in item:
            raise PlannedAnswer(item["$raise"])
        return item

    async def call_async(*arguments: object) -> Any:
        await asyncio.sleep(0)
        return call(*arguments)

    return call_async if value.get("async") else call


def show(event: Any) -> Seen:
    seen: Seen = {"event": event.type, "ready_state": event.target.ready_state}

    def message(data: str | bytes) -> Any:
        return data if isinstance(data, str) else {"binary": data.hex()}

    def code(error: WebSocketError | None) -> str | None:
        return None if error is None else error.code

    if event.type == "open":
        seen.update(protocol=event.target.protocol, extensions=event.target.extensions, url=event.target.url)
    elif event.type == "message" and isinstance(event.data, str):
        seen.update(data=event.data, size=len(event.data.encode()))
    elif event.type == "message":
        seen.update(binary=event.data.hex(), size=len(event.data))
    elif event.type == "error":
        error = event.error
        seen.update(code=error.code, phase=error.phase, message=error.message, status=error.status, retryable=error.retryable)
        seen.update(headers=dict(error.headers), body=error.body.decode(errors="replace"))
        seen.update(shown="".join(traceback.format_exception(type(error), error, error.__traceback__)) + repr(error))
    elif event.type == "close":
        seen.update(code=event.code, reason=event.reason, was_clean=event.was_clean, error=code(event.error))
        seen.update(will_reconnect=event.will_reconnect, retry_in=event.retry_in, unsent=event.unsent)
        seen.update(phase=event.error and event.error.phase, message=event.error and event.error.message)
    elif event.type == "reconnecting":
        seen.update(attempt=event.attempt, delay=event.delay, capped=event.capped, cause=code(event.cause))
    elif event.type in ("ping", "pong"):
        seen.update(payload=event.payload.decode(errors="replace"))
        if event.type == "pong":
            seen.update(latency=event.latency)
    elif event.type == "heartbeat":
        seen.update(kind=event.kind, latency=event.latency, missed=event.missed)
    elif event.type == "throttled":
        seen.update(delay=event.delay, waiting=event.waiting)
    elif event.type == "dropped":
        seen.update(reason=event.reason, messages=[message(data) for data in event.messages])
    return seen


class Stage:
    """What the bot, its server triggers and the runner share."""

    def __init__(self, scenario: dict[str, Any], server: FaultServer, driver: str) -> None:
        self.scenario = scenario
        self.driver = driver
        self.started = 0.0
        self.server = server
        self.rules = scenario.get("client", [])
        self.matched = [0] * len(self.rules)
        self.seen: list[Seen] = []
        self.faults: list[str] = []
        self.threads: list[threading.Thread] = []

    def open(self) -> WebSocket:
        scenario = self.scenario
        url = functions(scenario.get("url", self.server.url))
        options = {"driver": self.driver, **functions(scenario.get("options", {}))}
        self.started = time.monotonic()
        ws = WebSocket(url, functions(scenario.get("protocols", ())), **options)
        for kind in KINDS:
            ws.add_event_listener(kind, self.handle)  # type: ignore[arg-type]
        for rule in self.rules:
            if rule["on"] == "start":
                self.act(ws, rule)
            elif "server" in rule["on"]:
                self.threads.append(threading.Thread(target=self.wait_and_act, args=(ws, rule)))
                self.threads[-1].start()
        return ws

    def wait_and_act(self, ws: WebSocket, rule: Any) -> None:
        try:
            self.server.wait_for(rule["on"]["server"], BOUND)
            self.act(ws, rule)
        except TimeoutError as error:
            self.faults.append(str(error))

    def handle(self, event: Any) -> None:
        seen = {**show(event), "elapsed": time.monotonic() - self.started}
        self.seen.append(seen)
        for index, rule in enumerate(self.rules):
            if isinstance(rule["on"], dict) and "event" in rule["on"] and matches(rule["on"], seen):
                self.matched[index] += 1
                if rule.get("nth", self.matched[index]) == self.matched[index]:
                    self.act(event.target, rule)

    def act(self, ws: WebSocket, rule: Any) -> None:
        for action in rule["do"]:
            expected = action.get("throws")
            try:
                self.act_once(ws, action)
            except WebSocketError as error:
                if error.code != expected:
                    self.faults.append(f"{action} raised {error!r}")
            else:
                if expected is not None:
                    self.faults.append(f"{action} did not raise {expected}")

    def act_once(self, ws: WebSocket, action: Any) -> None:
        ((name, argument),) = ((name, argument) for name, argument in action.items() if name != "throws")
        if name == "send" and isinstance(argument, str):
            ws.send(argument)
        elif name == "send" and "binary" in argument:
            ws.send(bytes.fromhex(argument["binary"]))
        elif name == "send":
            alphabet = "abcdefghijklmnopqrstuvwxyz"
            ws.send((alphabet * (argument["size"] // 26 + 1))[: argument["size"]])
        elif name == "send_parts":
            parts = (part if isinstance(part, str) else bytes.fromhex(part["binary"]) for part in argument["parts"])
            ws.send(parts, text=argument.get("text"))
        elif name == "close":
            ws.close(**argument)
        elif name == "terminate":
            ws.terminate()
        elif name == "set_heartbeat":
            ws.set_heartbeat(argument)
        elif name == "reconnect":
            ws.reconnect(**argument)
        elif name == "pause":
            ws.pause() if argument else ws.resume()
        elif name in ("ping", "pong"):
            getattr(ws, name)(argument)
        elif name == "server":
            getattr(self.server, argument)()
        elif name == "observe":
            self.seen.append({"event": "observed", **{prop: getattr(ws, prop) for prop in argument}})
        elif name == "block":
            if isinstance(argument, dict):
                self.server.wait_for(argument["server"], BOUND)
            else:
                time.sleep(argument)  # time is the subject
        elif name == "not_recorded":
            found = [record for record in self.server.records() if matches(argument, record)]
            self.faults += [f"{action}: the server recorded {record}" for record in found]
        elif name == "raise":
            raise Planned(self)
        else:
            raise AssertionError(f"{action} is no action")

    def verdict(self, ws: WebSocket) -> Iterator[str | None]:
        """None: wait on. "": all is well. Otherwise the fault."""
        scenario = self.scenario
        expected = one_by_one(scenario["expect"])
        deadline = time.monotonic() + scenario.get("within", 60)
        complete_since, complete_count = 0.0, -1
        never = list(scenario.get("server_never", []))
        if not any(pattern.get("event") == "failed" for pattern in scenario.get("server_saw", [])):
            never.append({"event": "failed"})
        while True:
            if self.faults:
                yield self.faults[0]
            counted = [seen for seen in list(self.seen) if seen["event"] not in CHATTY or seen["event"] in scenario.get("also", [])]
            standing = compare(expected, counted)
            if standing is not True and standing is not False:
                yield f"event {~standing} is not as expected: {counted[~standing]}"
            if not standing:
                complete_count = -1
            elif complete_count != len(counted):
                complete_since, complete_count = time.monotonic(), len(counted)
            records = self.server.records()
            for pattern in never:
                for record in records:
                    if matches(pattern, record):
                        yield f"the server recorded what it must not: {record}"
            rest = iter(records)
            missing = [part for part in scenario.get("server_saw", []) if not any(matches(part, record) for record in rest)]
            state_fits = ws.ready_state == scenario.get("ready_state", ws.ready_state)
            if complete_count >= 0 and time.monotonic() - complete_since >= QUIET and not missing and state_fits:
                yield ""
            if time.monotonic() >= deadline:
                if complete_count < 0:
                    yield "not all events came in time"
                yield f"the server did not record {missing[0]}" if missing else f"ready_state is {ws.ready_state}"
            yield None

    def report(self, words: str) -> str:
        lines = [words, "seen:", *self.seen, "expected:", *self.scenario["expect"], "the server recorded:", *self.server.records()]
        return "\n  ".join(str(line)[:1000] for line in lines)


def watch(stage: Stage, ws: WebSocket) -> str:
    for words in stage.verdict(ws):
        if words is not None:
            return words
        time.sleep(0.01)  # the runner may still wait for the server's records, or for silence
    raise AssertionError


def on_a_thread(stage: Stage) -> str:
    ws = stage.open()
    ws.start(daemon=True)
    try:
        return watch(stage, ws)
    finally:
        ws.terminate()
        assert ws.join(BOUND)


def in_run_forever(stage: Stage) -> str:
    ws = stage.open()
    runner = threading.Thread(target=ws.run_forever)
    runner.start()
    try:
        return watch(stage, ws)
    finally:
        ws.terminate()
        runner.join()


def on_a_loop(stage: Stage, run: Callable[[Coroutine[Any, Any, str]], str] = asyncio.run) -> str:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: caught(context["exception"]))
        ws = stage.open()
        try:
            for words in stage.verdict(ws):
                if words is not None:
                    return words
                await asyncio.sleep(0.01)  # as above
            raise AssertionError
        finally:
            ws.terminate()
            await ws.wait_closed()

    return run(main())


def run_on_selector(coroutine: Coroutine[Any, Any, str]) -> str:
    """Run on a selector loop: on Windows the default is a proactor loop."""
    loop = asyncio.SelectorEventLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


FACES: dict[str, Callable[[Stage], str]] = {"asyncio": on_a_loop, "run_forever": in_run_forever, "start": on_a_thread}
if sys.platform == "win32":
    FACES["selector"] = lambda stage: on_a_loop(stage, run_on_selector)


def caught(error: BaseException | None) -> None:
    if isinstance(error, Planned):
        error.stage.seen.append({"event": "uncaught"})
    elif not isinstance(error, PlannedAnswer):
        raise AssertionError(f"uncaught: {error!r}") from error


def play(face: str, driver: str, name: str) -> str:
    scenario = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    with FaultServer(scenario.get("server", [{"do": "accept"}])) as server:
        places = {"{url}": server.url, "{port}": str(server.port), "{ca}": server.ca_pem or ""}
        stage = Stage({key: part if key == "server" else fill(part, places) for key, part in scenario.items()}, server, driver)
        if "throws" in scenario:
            try:
                stage.open()
            except WebSocketError as error:
                return "" if error.code == scenario["throws"] else f"the constructor raised {error!r}"
            return f"the constructor did not raise {scenario['throws']}"
        words = FACES[face](stage)
        for thread in stage.threads:
            thread.join()
        return words and stage.report(words)


@pytest.fixture(scope="module")
def results() -> Iterator[Callable[[str, str, str], str]]:
    """Plays all scenarios of a face under a driver side by side, at the first request: most of their time is waiting."""
    before, threading.excepthook = threading.excepthook, lambda args: caught(args.exc_value)
    played: dict[tuple[str, str, str], str] = {}

    def result(face: str, driver: str, name: str) -> str:
        if (face, driver, name) not in played:
            with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                for played_name, words in zip(NAMES, pool.map(lambda name: play(face, driver, name), NAMES)):
                    played[face, driver, played_name] = words
        return played[face, driver, name]

    yield result
    threading.excepthook = before


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("driver", ["host", "background"])
@pytest.mark.parametrize("face", list(FACES))
def test_scenario(results: Callable[[str, str, str], str], face: str, driver: str, name: str) -> None:
    words = results(face, driver, name)
    assert not words, words
