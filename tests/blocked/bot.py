"""A bot whose `open` handler blocks its thread until a file appears: `python bot.py URL FILE`.

Login, heartbeat and their deadlines are the options' work. It prints when the handler begins and ends, and at last what it was told, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from heartwire import WebSocket

told: list[Any] = []
ws = WebSocket(
    sys.argv[1],
    proxy=None,
    ready={"send": {"op": "login"}, "expect": {"op": "welcome"}, "timeout": 1},
    heartbeat={"message": {"op": 1, "d": None}, "fill": {"/d": "/s"}, "interval": 1, "response": {"op": 11}, "timeout": 1, "close_code": 4000},
)


@ws.on("open")
def block(_: object) -> None:
    print("blocked", flush=True)
    while not Path(sys.argv[2]).exists():
        time.sleep(0.05)  # the handler blocks until the test frees it
    print("free", flush=True)


@ws.on("message")
def hear(event: Any) -> None:
    told.append(event.json().get("s"))


ws.on("ready", lambda event: told.append("ready"))
ws.on("error", lambda event: told.append(event.error.code))
ws.on("close", lambda event: told.append(event.code))
ws.run_forever()
print(json.dumps(told), flush=True)
