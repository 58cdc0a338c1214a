"""Programs of `websockets` and `websocket-client` on the surfaces, clean in strict mypy. Checked by test_compat_types.py, never run."""

from typing import Union

from heartwire.compat import websocket_client, websockets
from heartwire.compat.websocket_client import ABNF, WebSocketApp, WebSocketTimeoutException, create_connection
from heartwire.compat.websockets import ClientConnection, ConnectionClosed, ConnectionClosedOK, InvalidStatus, State, connect
from heartwire.compat.websockets import sync

websockets.install()
websocket_client.install()


async def with_asyncio() -> None:
    async with connect(
        "wss://im.example/ws",
        additional_headers={"Authorization": "Bot x"},
        subprotocols=["chat"],
        compression=None,
        max_size=None,
        ping_interval=None,
        proxy=None,
    ) as ws:
        await ws.send("text")
        await ws.send(b"bytes", text=True)
        await ws.send(["in ", "parts"])
        message: Union[str, bytes] = await ws.recv()
        print(message, ws.state is State.OPEN, ws.subprotocol, ws.latency, ws.close_code, ws.remote_address)
        pong = await ws.ping()
        seconds: float = await pong
        print(seconds, ws.response.headers["Server"] if ws.response else "")
        async for received in ws:
            print(received.upper())
        await ws.close(1000, "done")
    opened: ClientConnection = await connect("ws://im.example/ws")
    async for part in opened.recv_streaming():
        print(part)
    async for again in connect("ws://im.example/ws", open_timeout=3):
        try:
            await again.recv()
        except ConnectionClosedOK as closed:
            print(closed.rcvd.code if closed.rcvd else None, closed.reason)
        except ConnectionClosed as closed:
            print(closed.sent, closed.rcvd_then_sent)
        except InvalidStatus as refused:
            print(refused.response.status_code)


def with_threads() -> None:
    connection: sync.ClientConnection
    for connection in sync.reconnect("ws://im.example/ws", close_timeout=1):
        connection.send("text")
        print(connection.recv(timeout=3))
        if connection.ping().wait(1):
            connection.close(1001)
        for message in connection:
            print(message)


def on_message(app: WebSocketApp, message: str) -> None:
    app.send(message)
    app.send_text("text")
    app.close(status=1000, reason="done")


app = WebSocketApp("wss://im.example/ws", header={"X": "1"}, on_message=on_message, on_error=lambda app, error: print(error))
has_failed: bool = app.run_forever(ping_interval=30, ping_timeout=10, sslopt={"ca_certs": "ca.pem"}, reconnect=5)

ws = websocket_client.WebSocket(sslopt={"cert_reqs": 0})
ws.connect("wss://im.example/ws", timeout=3, header=["X: 1"])
opcode, frame = ws.recv_data_frame(True)
print(opcode == ABNF.OPCODE_TEXT, frame.data, ws.connected, ws.subprotocol, ws.getheaders(), ws.fileno())
length: int = ws.send("text") + ws.send_binary(b"bytes") + ws.send_frame(ABNF.create_frame("a", ABNF.OPCODE_TEXT, 0))
try:
    text: Union[str, bytes] = ws.recv()
    ws.settimeout(1.5)
    other: websocket_client.WebSocket = create_connection("ws://im.example/ws", timeout=3)
except WebSocketTimeoutException:
    ws.shutdown()
