"""Subscribes to a topic of an MQTT 3.1.1 broker, publishes to it and hears it back, by handlers: `mqtt.py URL TOPIC`."""

from __future__ import annotations

import json
import os
import struct
import sys

from heartwire import MessageEvent, WebSocket

CONNECT, CONNACK, PUBLISH, SUBSCRIBE, SUBACK, DISCONNECT = 0x10, 0x20, 0x30, 0x82, 0x90, 0xE0
NAMES = {CONNACK: "connack", SUBACK: "suback", PUBLISH: "publish"}

url, topic = sys.argv[1:]
payloads = [b"hello", os.urandom(20_000)]
heard: list[bytes] = []
packets: list[str] = []
stream = bytearray()  # packets may be cut anywhere between messages


def text(value: str) -> bytes:
    return struct.pack("!H", len(value)) + value.encode()


def send(kind: int, body: bytes = b"") -> None:
    length, rest = bytearray(), len(body)
    while rest >= 0x80:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    ws.send(bytes([kind, *length, rest]) + body)


def take() -> tuple[int, bytes] | None:
    """The next whole packet of the stream."""
    length = 0
    for place, digit in enumerate(stream[1:5]):
        length |= (digit & 0x7F) << 7 * place
        start = place + 2
        if digit < 0x80 and len(stream) >= start + length:
            packet = stream[0], bytes(stream[start : start + length])
            del stream[: start + length]
            return packet
        if digit < 0x80:
            break
    return None


def hear(kind: int, body: bytes) -> None:
    packets.append(NAMES[kind])
    if kind == CONNACK:
        assert body == b"\0\0", "refused"
        send(SUBSCRIBE, struct.pack("!H", 1) + text(topic) + b"\0")
    elif kind == SUBACK:
        assert body == struct.pack("!HB", 1, 0), "refused"
        for payload in payloads:
            send(PUBLISH, text(topic) + payload)
    else:
        heard.append(body[len(text(topic)) :])
        if heard == payloads:
            send(DISCONNECT)
            ws.close()


ws = WebSocket(url, "mqtt")
# The broker hangs up at DISCONNECT, often before it has answered the Close: this is expected.
ws.onclose = lambda _: None


@ws.on("open")
def _(event: object) -> None:
    send(CONNECT, text("MQTT") + bytes([4, 0b10, 0, 60]) + text(topic))


@ws.on("message")
def _(event: MessageEvent) -> None:
    assert isinstance(event.data, bytes)
    stream.extend(event.data)
    while packet := take():
        hear(*packet)


ws.run_forever()
print(json.dumps({"protocol": ws.protocol, "packets": packets, "payloads": [len(payload) for payload in heard]}))
