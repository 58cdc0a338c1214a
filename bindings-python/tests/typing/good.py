"""A program with every form of use: clean in mypy and pyright, strict. Checked by test_types.py, never run."""

import asyncio
import heartwire
import heartwire.sync
from heartwire import Options, WebSocket

ws = WebSocket("wss://im.example/ws", ["chat"], reconnect=True, heartbeat={"message": {"url": "/beat"}, "interval": 60})
ws.onopen = lambda event: ws.send("hello")
ws.on_open = lambda: ws.send("hello")
ws.onmessage = lambda event: print(event.json(), event.data)
ws.onerror = lambda event: print(event.error.code, event.error.status)
ws.onclose = lambda event: print(event.code, event.reason, event.error.message if event.error else "")
ws.onreconnecting = lambda event: print(event.attempt, event.cause)
ws.on("close", lambda event: print(event.code))
ws.once("open", lambda event: print(event.headers))
ws.addEventListener("pong", lambda event: print(event.latency), once=True)
ws.ondrain = None

@ws.on("message")
def reply(event: heartwire.MessageEvent) -> None:
    ws.send(event.data)

@ws.on("message")
async def later(event: heartwire.MessageEvent) -> None:
    await asyncio.sleep(1)

@ws.once("close")
def bare() -> None: ...

ws.on("close", bare)

class Bot(WebSocket):
    def on_message(self, event: heartwire.MessageEvent) -> None:
        self.send(event.data)
    async def onclose(self, event: heartwire.CloseEvent) -> None: ...
    def on_open(self) -> None: ...


async def main() -> None:
    async with heartwire.connect(lambda: "ws://im.example/", open_timeout=3) as connection:
        await connection.send(b"x")
        await connection.send(["a", "b"])
        await connection.send(part for part in ("a", "b"))
        async for message in connection:
            reveal_type(message)
    connected = await heartwire.connect("ws://im.example/", {"a", "b"})
    reveal_type(connected)

with heartwire.sync.connect("ws://im.example/") as connection:
    reveal_type(connection.recv(timeout=1.5))
options: Options = {"reconnect": {"min_delay": 1}}
reveal_type(ws.onmessage)
reveal_type(ws.readyState)
