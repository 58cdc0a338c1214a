"""A OneBot v11 bot over a forward WebSocket (NapCat, go-cqhttp and others): somebody writes "ping", it answers "pong".

Usage: ONEBOT_TOKEN=... python onebot_bot.py [URL]
"""

import asyncio
import contextlib
import json
import os
import sys

import heartwire

URL = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:3001"


async def answer(ws, event):
    """Answers in the group or to the person, and says so if that is refused."""
    place = {key: event[key] for key in ("message_type", "group_id", "user_id") if key in event}
    try:
        sent = await ws.request({"action": "send_msg", "params": {**place, "message": "pong"}})
        print("sent as", sent["data"]["message_id"], flush=True)
    except heartwire.WebSocketError as error:
        print("refused:", error.code, json.loads(error.body).get("wording") if error.body else "", flush=True)


async def main():
    async with heartwire.connect(
        URL,
        headers={"Authorization": f"Bearer {os.environ['ONEBOT_TOKEN']}"},
        reconnect=True,
        request={"id": "/echo", "error": {"status": "failed"}, "timeout": 10},
    ) as ws:
        me = await ws.request({"action": "get_login_info"})
        print("I am", me["data"]["nickname"], flush=True)
        async for message in ws:
            event = json.loads(message)
            if event["post_type"] == "message" and event["raw_message"] == "ping":
                await answer(ws, event)


with contextlib.suppress(KeyboardInterrupt):  # Ctrl+C ends it without a traceback
    asyncio.run(main())
