"""A Discord gateway bot: it identifies, keeps its heartbeat, resumes its session, and stays within 120 messages a minute.

When somebody writes "!busy" or "!free" it shows that as its status. Usage: DISCORD_TOKEN=... python discord_bot.py [GATEWAY]
"""

import contextlib
import os
import sys

from heartwire import WebSocket

GATEWAY = sys.argv[1] if len(sys.argv) > 1 else "wss://gateway.discord.gg"
TOKEN = os.environ["DISCORD_TOKEN"]
INTENTS = 1 << 9 | 1 << 15  # messages in guilds, and their content
STATUS = {"!busy": "dnd", "!free": "online"}

session: dict = {}  # the data for resuming on the next connection

ws = WebSocket(
    lambda: session.get("resume_gateway_url", GATEWAY) + "/?v=10&encoding=json",
    reconnect={"on": {"op": 7}, "close_code": 4000, "fatal_close_codes": [4004, 4010, 4011, 4012, 4013, 4014], "max_auth_failures": 1},
    rate_limit={"messages": 120, "per": 60},
)


def greet(every):  # answers HELLO: the heartbeat as the gateway wants it, then the login or the resumption
    beat, ack = {"op": 1, "d": session.get("seq")}, {"op": 11}
    ws.set_heartbeat({"message": beat, "fill": {"/d": "/s"}, "interval": every, "jitter": 1, "response": ack, "timeout": every, "close_code": 4000})
    if session:
        resume = {"token": TOKEN, "session_id": session["session_id"], "seq": session["seq"]}
        ws.send_json({"op": 6, "d": resume}, urgent=True)
    else:
        properties = {"os": "linux", "browser": "heartwire", "device": "heartwire"}
        ws.send_json({"op": 2, "d": {"token": TOKEN, "intents": INTENTS, "properties": properties}}, urgent=True)


@ws.on("message")
def hear(event):
    message = event.json()
    op, kind, data = message["op"], message["t"], message["d"]
    if op == 10:
        greet(data["heartbeat_interval"] / 1000)
    elif op == 1:  # the gateway wants a heartbeat now
        ws.send_json({"op": 1, "d": session.get("seq")}, urgent=True)
    elif op == 9:  # the session is lost, unless the gateway says that it is not
        if not data:
            session.clear()
        ws.reconnect(code=4000)
    elif kind == "READY":
        session.update(data, seq=message["s"])
        print("ready as", data["user"]["username"], flush=True)
    elif op == 0:
        session["seq"] = message["s"]
        if kind == "MESSAGE_CREATE" and data["content"] in STATUS:
            ws.send_json({"op": 3, "d": {"since": None, "activities": [], "status": STATUS[data["content"]], "afk": False}})


with contextlib.suppress(KeyboardInterrupt):  # Ctrl+C ends it without a traceback
    ws.run_forever()
