"""Mistakes that a type checker must find, each marked. Checked by test_compat_types.py, never run."""

from heartwire.compat.websocket_client import WebSocket, WebSocketApp
from heartwire.compat.websockets import ClientConnection, connect

connect(7)  # error
connect("ws://a.example", ping_interval="20")  # error
connect("ws://a.example", subprotocols=7)  # error
WebSocketApp(7)  # error
WebSocketApp("ws://a.example").run_forever(ping_interval="1")  # error
WebSocketApp("ws://a.example").send(7)  # error
WebSocket().send({"a": 1})  # error
WebSocket().receive()  # error


async def main(ws: ClientConnection) -> None:
    await ws.send(7)  # error
    await ws.recv(decode="yes")  # error
    number: int = await ws.recv()  # error
    await ws.receive()  # error
    print(number)
