"""The snippet that started it all: a browser's script, line by line in Python.

var ws = new WebSocket("ws://127.0.0.1:9605/ws");               ws = WebSocket("ws://127.0.0.1:9605/ws")
ws.onopen = function (event) { ws.send("hello"); };             ws.onopen = lambda event: ws.send("hello")
setInterval(() => ws.send('{"url":"/chat/heart-beat"}'), 60000) heartbeat={"message": ..., "interval": 60}
window.onbeforeunload = function () { ws.close(); };            nothing: it is the default
"""

import contextlib
import os
import sys

from heartwire import WebSocket

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CHAT_URL", "ws://127.0.0.1:9605/ws")

ws = WebSocket(URL, heartbeat={"message": '{"url":"/chat/heart-beat"}', "interval": 60})


def onopen(event):
    print("open")
    ws.send("hello")


def onmessage(event):
    print("message", event.data)


def onerror(event):
    print("error", event.error)


def onclose(event):
    print("close", event.code, event.reason)


ws.onopen = onopen
ws.onmessage = onmessage
ws.onerror = onerror
ws.onclose = onclose

with contextlib.suppress(KeyboardInterrupt):  # Ctrl+C ends it without a traceback
    ws.run_forever()  # every way out closes the socket first
