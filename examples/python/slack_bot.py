"""A Slack bot in Socket Mode: it answers the slash command /echo. When Slack announces the end of a connection the next one is opened first.

Usage: SLACK_APP_TOKEN=xapp-... python slack_bot.py [API]
"""

import contextlib
import json
import os
import sys
from urllib.request import Request, urlopen

from heartwire import WebSocket

API = sys.argv[1] if len(sys.argv) > 1 else "https://slack.com/api"
HEADERS = {"Authorization": f"Bearer {os.environ['SLACK_APP_TOKEN']}"}


def next_url():
    """Asks Slack for a URL, which is good for one connection."""
    with urlopen(Request(f"{API}/apps.connections.open", method="POST", headers=HEADERS), timeout=10) as response:
        answer = json.load(response)
    if not answer["ok"]:
        raise RuntimeError(answer["error"])
    return answer["url"]


ws = WebSocket(
    next_url,
    reconnect={"on": {"type": "disconnect"}, "overlap": True},
    ready={"expect": {"type": "hello"}},
)


@ws.on("message")
def hear(event):
    envelope = event.json()
    if envelope["type"] == "slash_commands":
        said = envelope["payload"]
        reply = {"text": f"{said['user_name']} said: {said['text']}"}
        ws.send_json({"envelope_id": envelope["envelope_id"], "payload": reply})
    elif "envelope_id" in envelope:
        ws.send_json({"envelope_id": envelope["envelope_id"]})


ws.on("ready", lambda event: print("ready", flush=True))
with contextlib.suppress(KeyboardInterrupt):  # Ctrl+C ends it without a traceback
    ws.run_forever()
