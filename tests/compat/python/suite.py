"""The published SDKs of Python on the stock transport and on ours: `suite.py [SDK ...]`. Each scenario must have the same result on both.

Three are ours alone: after a SIGTERM the server must get 1001, a handler that blocks for 6 s must not cost the connection to a server that
drops a client after 3 s of silence. It owns the list of SDKs and what counts as the same. It writes a JSON line for each package and scenario
(`--out`), from which `tests/compat/table.py` makes the table.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import protocols
from server import BOUND, Connection, Server

HERE = Path(__file__).resolve().parent
TRANSPORTS = ("stock", "ours")
LANES = 3

#: Scenarios whose outcome on our transport is given; on the stock one it is only shown.
OURS = {"SIGTERM": "1001", "a handler blocks 6 s": "kept"}


@dataclass
class Sdk:
    """A package, the program that uses it, and the protocol of its server."""

    name: str
    package: str
    program: str
    surface: str
    protocol: type[protocols.Protocol]
    #: The driver of NoneBot2 on our side; on the stock one it is `websockets`.
    driver: str = ""
    #: Whether the program ends its connection by itself when it hears `close`.
    closes: bool = True
    note: str = ""


WEBSOCKETS, THREADS = "heartwire.compat.websockets", "heartwire.compat.websocket_client"
SDKS = [
    Sdk("dingtalk-stream", "dingtalk-stream", "dingtalk_stream_", WEBSOCKETS, protocols.DingTalk),
    Sdk("lark-oapi", "lark-oapi", "lark_oapi_", WEBSOCKETS, protocols.Lark),
    Sdk("wecom-aibot-python-sdk", "wecom-aibot-python-sdk", "wecom_aibot", WEBSOCKETS, protocols.WeCom),
    Sdk("google-genai live", "google-genai", "google_genai", WEBSOCKETS, protocols.Gemini),
    Sdk("nonebot2 ~websockets", "nonebot2", "onebot", WEBSOCKETS, protocols.OneBot, "websockets", closes=False),
    Sdk("nonebot2 driver", "nonebot2", "onebot", "heartwire.nonebot", protocols.OneBot, "heartwire", closes=False),
    Sdk("nonebot2 driver + fastapi", "nonebot2", "onebot", "heartwire.nonebot", protocols.OneBot, "both", closes=False),
    Sdk("slack_sdk (asyncio)", "slack_sdk", "slack_async", WEBSOCKETS, protocols.Slack),
    Sdk("realtime", "realtime", "realtime_", WEBSOCKETS, protocols.Phoenix),
    Sdk("python-binance", "python-binance", "python_binance", WEBSOCKETS, protocols.Protocol),
    Sdk("openai (asyncio)", "openai", "openai_async", WEBSOCKETS, protocols.OpenAI),
    Sdk("openai (blocking)", "openai", "openai_sync", WEBSOCKETS + ".sync", protocols.OpenAI),
    Sdk("slack_sdk (threads)", "slack_sdk", "slack_threads", THREADS, protocols.Slack),
    Sdk("selenium BiDi", "selenium", "selenium_bidi", THREADS, protocols.BiDi),
    Sdk("smartapi-python", "smartapi-python", "smartapi", THREADS, protocols.Quotes),
    Sdk("binance-connector", "binance-connector", "binance_connector", THREADS, protocols.Protocol),
    Sdk("kubernetes exec", "kubernetes", "kubernetes_exec", THREADS, protocols.Kubernetes),
]


class Program:
    """A running program, and its reports."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: list[str] = []
        self.errors: list[str] = []
        self._readers = [asyncio.create_task(self._read()), asyncio.create_task(self._complain())]

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                kind, text = json.loads(line)
                self.told.append(f"{kind} {text}".strip())

    async def _complain(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.errors = [*self.errors[-30:], line.decode(errors="replace").rstrip()]

    def take(self) -> str:
        """The reports since the last time, each once."""
        told, self.told = list(dict.fromkeys(self.told)), []
        return ", ".join(told)

    def again(self) -> None:
        """The server takes connections again: what a program waits for that connects by itself."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"again\n")

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await asyncio.gather(*self._readers)


@contextlib.asynccontextmanager
async def playing(sdk: Sdk, transport: str, server: Server) -> Any:
    """The program of an SDK, started against the server."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "programs" / f"{sdk.program}.py"),
        server.url,
        transport,
        sdk.driver if transport == "ours" else "websockets",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    program = Program(process)
    try:
        yield program
    finally:
        await program.stop()


async def bounded(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, BOUND)


async def connected(server: Server) -> Connection:
    connection: Connection = await bounded(server.connections.get())
    await bounded(connection.ready.wait())
    return connection


async def exchange(server: Server, connection: Connection, text: str) -> str:
    await connection.ws.send_bytes(wrapped) if isinstance(wrapped := server.protocol.wrap(text), bytes) else await connection.ws.send_str(wrapped)
    return str(await bounded(connection.said.get()))


async def life(sdk: Sdk, transport: str) -> dict[str, str]:
    """Refused, connected, dropped, kicked, and closed by the bot: the outcome of each."""
    outcome: dict[str, str] = {}
    async with Server(sdk.protocol()) as server, contextlib.AsyncExitStack() as stack:
        server.refuses = True
        program = await stack.enter_async_context(playing(sdk, transport, server))
        try:
            await bounded(server.refused.wait())
            server.refuses = False
            program.again()
            connection = await connected(server)
            outcome["refused upgrade"] = f"came back; {program.take()}"
            outcome["connect, exchange"] = await exchange(server, connection, "hello")
            connection.drop()
            program.again()
            connection = await connected(server)
            outcome["drop"] = f"came back; {program.take()}"
            outcome["reconnect"] = await exchange(server, connection, "again")
            await connection.ws.close(code=4001, message=b"kicked")
            await bounded(connection.ended.wait())
            program.again()
            if sdk.closes or sdk.program == "onebot":
                connection = await connected(server)
                outcome["kick"] = f"came back; {program.take()}"
                outcome["exchange after the kick"] = await exchange(server, connection, "more")
            if sdk.closes:
                wrapped = server.protocol.wrap("close")
                await (connection.ws.send_bytes(wrapped) if isinstance(wrapped, bytes) else connection.ws.send_str(wrapped))
                await bounded(connection.ended.wait())
                outcome["close, as the server sees it"] = str(connection.code)
        except Exception as error:
            outcome["failed"] = f"{type(error).__name__} {error}; told: {program.take()}; {program.errors[-8:]}"
    return outcome


async def trouble(sdk: Sdk, transport: str) -> dict[str, str]:
    """A handler that blocks, and a SIGTERM."""
    outcome: dict[str, str] = {}
    async with Server(sdk.protocol()) as server, contextlib.AsyncExitStack() as stack:
        server.patience = 3
        program = await stack.enter_async_context(playing(sdk, transport, server))
        try:
            connection = await connected(server)
            try:
                answer = await exchange_or_end(server, connection)
                outcome["a handler blocks 6 s"] = "kept" if answer else "lost"
            except asyncio.TimeoutError:
                outcome["a handler blocks 6 s"] = "no answer"
            if connection.ended.is_set():
                program.again()
                connection = await connected(server)
            program.process.send_signal(signal.SIGTERM)
            await bounded(connection.ended.wait())
            outcome["SIGTERM"] = str(connection.code)
        except Exception as error:
            outcome["failed"] = f"{type(error).__name__} {error}; told: {program.take()}; {program.errors[-8:]}"
    return outcome


async def exchange_or_end(server: Server, connection: Connection) -> bool:
    """Whether the bot answers before its connection ends."""
    answer = asyncio.create_task(exchange(server, connection, "block"))
    end = asyncio.create_task(connection.ended.wait())
    try:
        done, _ = await asyncio.wait((answer, end), return_when=asyncio.FIRST_COMPLETED)
        return end not in done
    finally:
        answer.cancel()
        end.cancel()


def judge(sdk: Sdk, outcomes: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    """A line for each scenario, with the result on both, and whether it is right."""
    names = list(dict.fromkeys(name for outcome in outcomes.values() for name in outcome))
    lines = []
    for name in names:
        stock, ours = (outcomes[transport].get(name, "-") for transport in TRANSPORTS)
        right = ours == OURS[name] if name in OURS else ours == stock and ours != "-" and name != "failed"
        lines.append(
            {
                "package": sdk.name,
                "version": version(sdk.package),
                "language": "Python",
                "surface": sdk.surface,
                "scenario": name,
                "stock": stock,
                "ours": ours,
                "note": sdk.note if right else "FAILED",
            }
        )
    return lines


async def play(sdk: Sdk, lanes: asyncio.Semaphore) -> list[dict[str, Any]]:
    outcomes: dict[str, dict[str, str]] = {}
    for transport in TRANSPORTS:
        async with lanes:
            outcomes[transport] = {**await life(sdk, transport), **await trouble(sdk, transport)}
    lines = judge(sdk, outcomes)
    for line in lines:
        mark = "ok" if line["note"] != "FAILED" else "FAILED"
        print(f"{mark:<7} {line['package']:<26} {line['scenario']:<30} stock: {line['stock']} | ours: {line['ours']}", flush=True)
    return lines


async def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, help="where the JSON lines go")
    parser.add_argument("sdks", nargs="*", help="names, or parts of them; all unless given")
    arguments = parser.parse_args()
    chosen = [sdk for sdk in SDKS if not arguments.sdks or any(part in f"{sdk.name} {sdk.program}" for part in arguments.sdks)]
    lanes = asyncio.Semaphore(LANES)
    played = dict(zip((sdk.name for sdk in chosen), await asyncio.gather(*(play(sdk, lanes) for sdk in chosen))))
    for sdk in chosen:
        if any(line["note"] == "FAILED" for line in played[sdk.name]):
            print(f"once more, alone: {sdk.name}")
            played[sdk.name] = await play(sdk, lanes)
    lines = [line for some in played.values() for line in some]
    if arguments.out:
        arguments.out.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    failed = sum(line["note"] == "FAILED" for line in lines)
    print(f"{len(lines) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
