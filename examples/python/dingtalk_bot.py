"""A DingTalk bot in stream mode: it answers messages. Each connection has a ticket; the server pings, and announces its end.

Usage: DINGTALK_CLIENT_ID=... DINGTALK_CLIENT_SECRET=... python dingtalk_bot.py [API]
"""

import contextlib
import json
import os
import sys
from urllib.parse import quote
from urllib.request import Request, urlopen

from heartwire import WebSocket

API = sys.argv[1] if len(sys.argv) > 1 else "https://api.dingtalk.com"
MESSAGES = "/v1.0/im/bot/messages/get"


def post(url, body):
    request = Request(url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as response:
        return json.load(response)


def next_url():
    """Asks for a ticket, which is good for one connection."""
    credentials = {"clientId": os.environ["DINGTALK_CLIENT_ID"], "clientSecret": os.environ["DINGTALK_CLIENT_SECRET"]}
    subscriptions = [{"type": "CALLBACK", "topic": MESSAGES}]
    given = post(f"{API}/v1.0/gateway/connections/open", {**credentials, "subscriptions": subscriptions})
    return f"{given['endpoint']}?ticket={quote(given['ticket'])}"


ws = WebSocket(next_url, reconnect={"on": {"headers": {"topic": "disconnect"}}, "overlap": True}, data_idle_timeout=120)


@ws.on("message")
def hear(event):
    message = event.json()
    topic = message["headers"]["topic"]
    if topic == "disconnect":
        return
    headers = {"messageId": message["headers"]["messageId"], "contentType": "application/json"}
    # A ping wants its own data back.
    ws.send_json({"code": 200, "message": "OK", "headers": headers, "data": message["data"] if topic == "ping" else "{}"})
    if topic == MESSAGES:
        said = json.loads(message["data"])
        text = f"{said['senderNick']}, you said: {said['text']['content']}"
        post(said["sessionWebhook"], {"msgtype": "text", "text": {"content": text}})


ws.onopen = lambda event: print("open", flush=True)
with contextlib.suppress(KeyboardInterrupt):  # Ctrl+C ends it without a traceback
    ws.run_forever()
