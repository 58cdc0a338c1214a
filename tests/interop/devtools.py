"""Lets a browser open a page and report its title, by the blocking face: `devtools.py URL PAGE`."""

from __future__ import annotations

import json
import sys
from typing import Any

import heartwire.sync

url, page = sys.argv[1:]

with heartwire.sync.connect(url) as ws:
    calls = 0
    events: list[str] = []

    def hear() -> dict[str, Any]:
        message: dict[str, Any] = json.loads(ws.recv(timeout=30))
        if "method" in message:
            events.append(message["method"])
        return message

    def call(method: str, session: dict[str, str] | None = None, **parameters: object) -> dict[str, Any]:
        global calls
        calls += 1
        ws.send_json({"id": calls, "method": method, "params": parameters, **(session or {})})
        while (answer := hear()).get("id") != calls:
            pass
        result: dict[str, Any] = answer["result"]
        return result

    def evaluate(expression: str) -> Any:
        return call("Runtime.evaluate", session, expression=expression)["result"]["value"]

    target = call("Target.createTarget", url="about:blank")["targetId"]
    session = {"sessionId": call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
    call("Page.enable", session)
    call("Page.navigate", session, url=page)
    while "Page.loadEventFired" not in events:
        hear()
    seen = {"title": evaluate("document.title"), "large": len(evaluate(f"'{'x' * 2**20}'.toUpperCase()"))}
    call("Target.closeTarget", targetId=target)

print(json.dumps(seen))
