"""An asyncio bot: it welcomes each newcomer, and does work of its own beside it.

Start the chat server (`cargo run -p heartwire-chat-server`), then: python asyncio_bot.py [URL]
"""

import asyncio
import contextlib
import json
import os
import sys

import heartwire

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CHAT_URL", "ws://127.0.0.1:9605/ws")


def say(text):
    return json.dumps({"url": "/chat/send", "text": text})


async def remind(ws):
    """Says something every ten minutes, also between messages."""
    while True:
        await asyncio.sleep(600)
        await ws.send(say("Ten minutes have passed."))


async def main():
    async with heartwire.connect(
        URL + "?name=python-greeter",
        heartbeat={"message": '{"url":"/chat/heart-beat"}', "interval": 60},
    ) as ws:
        reminder = asyncio.create_task(remind(ws))
        async for message in ws:
            heard = json.loads(message)
            if heard["url"] == "/chat/join":
                await ws.send(say(f"Welcome, {heard['name']}!"))
        reminder.cancel()
    print("close", ws.close_code, ws.close_reason, flush=True)


with contextlib.suppress(KeyboardInterrupt):  # Ctrl+C ends it without a traceback
    asyncio.run(main())
