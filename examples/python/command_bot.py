"""A command bot: somebody says "!time", "!roll 20" or "!help", it answers.

Start the chat server (`cargo run -p heartwire-chat-server`), then: python command_bot.py [URL]
"""

import contextlib
import json
import os
import random
import sys
from datetime import datetime

from heartwire import WebSocket

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CHAT_URL", "ws://127.0.0.1:9605/ws")

ws = WebSocket(
    URL + "?name=python-commands",
    reconnect=True,
    heartbeat={"message": '{"url":"/chat/heart-beat"}', "interval": 60},
)

commands: dict = {}


def command(name):
    """Makes a function the command of this name."""
    return lambda function: commands.setdefault(name, function)


@command("!help")
def list_commands(argument):
    return "I know " + ", ".join(sorted(commands))


@command("!roll")
def roll(argument):
    sides = int(argument) if argument.isdigit() and int(argument) > 0 else 6
    return f"{random.randint(1, sides)} of {sides}"


@command("!time")
def tell_time(argument):
    return f"it is {datetime.now():%H:%M:%S} here"


@ws.on("message")
def answer(event):
    heard = event.json()
    if heard["url"] == "/chat/message":
        name, _, argument = heard["text"].partition(" ")
        if name in commands:
            ws.send(json.dumps({"url": "/chat/send", "text": commands[name](argument)}))


ws.onclose = lambda event: print("close", event.code, event.reason, event.error or "", flush=True)
with contextlib.suppress(KeyboardInterrupt):  # Ctrl+C ends it without a traceback
    ws.run_forever()
