"""picows: its listener, on asyncio and on uvloop. aiofastnet is installed, so picows uses it.

The kind of the messages is known, so the client does not read it from each frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from common import Batches, Job, blocked, clock, fail, kept, many, sender
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

job = Job.read()
TEXT = WSMsgType.TEXT
KIND = WSMsgType.BINARY if job.binary else TEXT
payload = job.payload.encode() if isinstance(job.payload, str) else job.payload
tls = job.tls()
over = False


class Player(WSListener):
    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not over:
            fail("disconnected")


def echo(end: Callable[[], None]) -> type[WSListener]:
    stamps = job.stamps
    left = length = 0

    class Echo(Player):
        def on_ws_connected(self, transport: WSTransport) -> None:
            nonlocal left
            self.batches = Batches(job, lambda _: transport.send(KIND, payload), end)
            left = self.batches.begin()

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            nonlocal left, length
            length += len(frame.get_payload_as_utf8_text())
            stamps.append(clock())
            left -= 1
            if left:
                transport.send(KIND, payload)
            else:
                left, length = self.batches.next(length), 0

    class Binary(Echo):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            nonlocal left, length
            length += len(frame.get_payload_as_bytes())
            stamps.append(clock())
            left -= 1
            if left:
                transport.send(KIND, payload)
            else:
                left, length = self.batches.next(length), 0

    return Binary if job.binary else Echo


def flood(end: Callable[[], None]) -> type[WSListener]:
    left = length = 0

    class Flood(Player):
        def on_ws_connected(self, transport: WSTransport) -> None:
            nonlocal left
            self.batches = Batches(job, lambda _: transport.send(TEXT, b"go"), end)
            left = self.batches.begin()

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            nonlocal left, length
            length += len(frame.get_payload_as_utf8_text())
            left -= 1
            if not left:
                left, length = self.batches.next(length), 0

    class Binary(Flood):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            nonlocal left, length
            length += len(frame.get_payload_as_bytes())
            left -= 1
            if not left:
                left, length = self.batches.next(length), 0

    return Binary if job.binary else Flood


def send(end: Callable[[], None]) -> type[WSListener]:
    loop = asyncio.get_running_loop()

    class Send(Player):
        def on_ws_connected(self, transport: WSTransport) -> None:
            job.payload = payload
            self.batches = Batches(job, sender(job, partial(transport.send, KIND), loop), end)
            self.batches.begin()

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            self.batches.answered(frame.get_payload_as_utf8_text())

    return Send


def block(_: Callable[[], None]) -> type[WSListener]:
    class Blocked(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.get_payload_as_utf8_text() == "go":
                blocked()
            else:
                kept(True)

        def on_ws_disconnected(self, transport: WSTransport) -> None:
            kept(False)

    return Blocked


PLAYS = {"echo": echo, "flood": flood, "send": send, "blocked": block}


async def connect() -> WSTransport:
    transport, _ = await ws_connect(WSListener, job.url, ssl_context=tls)
    return transport


async def close(transport: WSTransport) -> None:
    transport.send_close(WSCloseCode.OK)
    await transport.wait_disconnected()


async def main() -> None:
    global over
    if job.mode in ("connect", "idle"):
        await many(job, connect, close)
        return
    done = asyncio.Event()
    transport, _ = await ws_connect(PLAYS[job.mode](done.set), job.url, ssl_context=tls)
    await done.wait()
    over = True
    transport.disconnect()  # the server answers a Close with a frame that does not belong to the job


job.run(main())
