"""An echo bot: somebody says "echo hello", it says "hello".

Start the chat server (`cargo run -p heartwire-chat-server`), then: python echo_bot.py [URL]
"""

import contextlib
import json
import os
import sys

from heartwire import WebSocket

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CHAT_URL", "ws://127.0.0.1:9605/ws")
HEARTBEAT = float(os.environ.get("CHAT_HEARTBEAT", "60"))  # seconds

ws = WebSocket(
    URL + "?name=python-echo",
    reconnect=True,
    heartbeat={
        "message": {"url": "/chat/heart-beat"},
        "interval": HEARTBEAT,
        "response": {"url": "/chat/heart-beat"},
        "timeout": 5,
    },
)


@ws.on("message")
def reply(event):
    heard = event.json()
    if heard["url"] == "/chat/message" and heard["text"].startswith("echo "):
        ws.send(json.dumps({"url": "/chat/send", "text": heard["text"][len("echo ") :]}))


def show(*words):
    print(*words, flush=True)


ws.onopen = lambda event: show("open")
ws.onheartbeat = lambda event: show("heartbeat", event.kind)
ws.onerror = lambda event: show("error", event.error)
ws.onclose = lambda event: show("close", event.code, event.reason, "- will come back" if event.will_reconnect else "")
ws.onreconnecting = lambda event: show(f"reconnecting in {event.delay:.1f} s, attempt {event.attempt}")

with contextlib.suppress(KeyboardInterrupt):  # Ctrl+C ends it without a traceback
    ws.run_forever()  # Ctrl+C, SIGTERM, exit: the server gets Close 1001 first
