"""Heartwire in Python."""

import sys
import time

from heartwire import WebSocket

url, mode = sys.argv[1:]
ws = WebSocket(url, reconnect=mode == "return")


@ws.on("message")
def act(event):
    if mode == "exit":
        sys.exit(0)
    if mode == "raise":
        raise RuntimeError("of the handler")
    if mode == "compute":
        end = time.monotonic() + 5
        while time.monotonic() < end:
            pass


ws.onclose = lambda event: print("closed", flush=True)
ws.run_forever()
