"""The Discord bot of examples/python/discord_bot.py, on `websockets`: what that bot leaves to Heartwire is done by hand here, and as shortly."""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import deque

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

GATEWAY = sys.argv[1] if len(sys.argv) > 1 else "wss://gateway.discord.gg"
TOKEN = os.environ["DISCORD_TOKEN"]
INTENTS = 1 << 9 | 1 << 15  # messages in guilds, and their content
STATUS = {"!busy": "dnd", "!free": "online"}
FATAL = {4004, 4010, 4011, 4012, 4013, 4014}

session: dict = {}  # what a connection needs to go on where the last one ended


class Connection:
    def __init__(self, ws):
        self.ws = ws
        self.sent = deque()  # when messages left in the last 60 s
        self.waiting = deque()
        self.released = asyncio.Event()
        self.acknowledged = True

    async def send_now(self, message):
        self.sent.append(time.monotonic())
        await self.ws.send(json.dumps(message))

    def send(self, message):
        self.waiting.append(message)
        self.released.set()

    async def drain(self):  # 108 of the 120 messages of a minute; the others are for heartbeats and logins
        while True:
            await self.released.wait()
            while self.sent and self.sent[0] < time.monotonic() - 61:
                self.sent.popleft()
            if len(self.sent) >= 108:
                await asyncio.sleep(self.sent[0] + 61 - time.monotonic())
            elif self.waiting:
                await self.send_now(self.waiting.popleft())
            else:
                self.released.clear()

    async def beat(self, interval):
        await asyncio.sleep(interval * random.random())
        while self.acknowledged:
            self.acknowledged = False
            await self.send_now({"op": 1, "d": session.get("seq")})
            await asyncio.sleep(interval)
        await self.ws.close(4000)

    async def greet(self):  # answers HELLO
        if session:
            resume = {"token": TOKEN, "session_id": session["session_id"], "seq": session["seq"]}
            await self.send_now({"op": 6, "d": resume})
        else:
            properties = {"os": "linux", "browser": "websockets", "device": "websockets"}
            await self.send_now({"op": 2, "d": {"token": TOKEN, "intents": INTENTS, "properties": properties}})

    async def hear(self, message):
        op, kind, data = message["op"], message["t"], message["d"]
        if op == 10:
            self.beating = asyncio.create_task(self.beat(data["heartbeat_interval"] / 1000))
            await self.greet()
        elif op == 1:  # the gateway wants a heartbeat now
            await self.send_now({"op": 1, "d": session.get("seq")})
        elif op == 7:
            await self.ws.close(4000)
        elif op == 9:  # the session is lost, unless the gateway says that it is not
            if not data:
                session.clear()
            await self.ws.close(4000)
        elif op == 11:
            self.acknowledged = True
        elif kind == "READY":
            session.update(data, seq=message["s"])
            print("ready as", data["user"]["username"], flush=True)
        elif op == 0:
            session["seq"] = message["s"]
            if kind == "MESSAGE_CREATE" and data["content"] in STATUS:
                self.send({"op": 3, "d": {"since": None, "activities": [], "status": STATUS[data["content"]], "afk": False}})

    async def run(self):
        self.beating = None
        draining = asyncio.create_task(self.drain())
        try:
            async for message in self.ws:
                await self.hear(json.loads(message))
        finally:
            for task in filter(None, (draining, self.beating)):
                task.cancel()


async def main():
    failures = 0
    while True:
        began = time.monotonic()
        try:
            url = session.get("resume_gateway_url", GATEWAY) + "/?v=10&encoding=json"
            async with connect(url, proxy=None) as ws:
                try:
                    await Connection(ws).run()
                except asyncio.CancelledError:
                    await ws.close(1001)
                    raise
            if ws.close_code in FATAL:
                return
        except (OSError, WebSocketException, ConnectionClosed) as error:
            if getattr(getattr(error, "rcvd", None), "code", None) in FATAL:
                return
        if time.monotonic() - began > 60:
            failures = 0
        await asyncio.sleep(min(30, 0.5 * 2**failures) * random.random())
        failures += 1


async def leave(running):  # SIGTERM and Ctrl+C: the gateway is told
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def start():
    await leave(asyncio.create_task(main()))


asyncio.run(start())
