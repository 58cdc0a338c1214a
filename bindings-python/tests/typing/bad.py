"""Mistakes that type checkers find, each on its own line. Checked by test_types.py, never run."""

import heartwire
from heartwire import WebSocket, Options
ws = WebSocket("ws://im.example/")
ws.onmessage = 3  # error
ws.onmessage = lambda event: print(event.nothing)  # error
ws.onmessage = lambda ws, message: print(message)  # error
ws.on("mesage")  # error
ws.on("mesage", lambda event: None)  # error
ws.addEventListener("mesage", print)  # error
ws.on("message", 3)  # error
def of_close(event: heartwire.CloseEvent) -> None: ...
ws.onmessage = of_close  # error
ws.on("message", of_close)  # error
ws.once("message")(of_close)  # error
ws.addEventListener("message", of_close)  # error
ws.on("close", lambda event: print(event.data))  # error
WebSocket("ws://im.example/", reconect=True)  # error
WebSocket("ws://im.example/", heartbeat={"intervall": 3, "message": "x", "interval": 1})  # error
WebSocket("ws://im.example/", ping_interval="20")  # error
WebSocket(3)  # error
ws.send({})  # error
ws.send({"a": 1})  # error
ws.send(3)  # error
ws.send(None)  # error
ws.send([1, 2])  # error
ws.close("1000")  # error
ws.ready_state = 1  # error
options: Options = {"reconect": True}  # error
async def main() -> None:
    async with heartwire.connect("ws://im.example/") as connection:
        await connection.send({})  # error
        await connection.send(3)  # error
        await connection.recv(3)  # error
    heartwire.connect("ws://im.example/", reconect=True)  # error
ws.onclose = lambda event: print(event.error.code)  # error
