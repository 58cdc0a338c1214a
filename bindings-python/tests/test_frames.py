"""The logger `heartwire.frames`, and that no secret comes into a log, a `repr` or the stats, wherever it stands."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest

import heartwire
from heartwire import WebSocket
from heartwire.testing import FaultServer

SECRET = "s3cret-0123456789"
LOGIN = f"AUTH {SECRET}"
TOKEN = f'{{"token":"{SECRET}","op":2}}'


def frames(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().partition(": ")[2] for record in caplog.records if record.name == "heartwire.frames"]


def test_every_frame_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "heartwire.frames")
    script = [
        {"do": "accept"},
        {"do": "send", "text": "hello" * 30},
        {"do": "ping", "payload": "1", "wait": True},
        {"do": "expect", "text": "two\nlines"},
        {"do": "expect", "binary": "00ff"},
        {"do": "close", "code": 4000, "reason": "enough"},
    ]
    with FaultServer(script) as server:
        ws = WebSocket(server.url)
        ws.onmessage = lambda: (ws.send("two\nlines"), ws.send(b"\x00\xff"))
        ws.run_forever()
    told = frames(caplog)
    assert sorted(told) == sorted(
        [
            f"< text, 150 bytes: {'hello' * 16}…",
            "< ping, 1 bytes",
            "> pong, 1 bytes",
            "> text, 9 bytes: two\\nlines",
            "> binary, 2 bytes",
            "< close, 8 bytes: 4000 enough",
            "> close, 2 bytes: 4000",
        ]
    )
    assert told.index("< ping, 1 bytes") + 1 == told.index("> pong, 1 bytes")
    place = server.url.partition("?")[0]
    assert all(record.getMessage().startswith(f"{place}: ") for record in caplog.records)


def test_nothing_is_kept_while_nobody_wants_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with FaultServer() as server, heartwire.sync.connect(server.url) as ws:
        ws.send("hi")
        ws.recv()
    assert frames(caplog) == []
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == ["open", "closed, 1000"]


def test_no_secret_is_shown_wherever_it_stands(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    script: list[Any] = [
        [
            {"do": "accept", "protocol": SECRET},
            {"do": "expect", "text": LOGIN},
            {"do": "send", "text": "welcome"},
            {"do": "expect", "within": 30},
            {"do": "expect", "within": 30},
            {"do": "send", "text": f"your header was {SECRET}"},
            {"do": "reset"},
        ],
        [{"do": "refuse", "status": 401, "body": f"bad token {SECRET}"}],
    ]
    shown: list[str] = []
    with FaultServer(script) as server:
        place = server.url.replace("://", f"://bot:{SECRET}@")
        options: Any = {
            "headers": {"X-Api-Key": f"Bearer {SECRET}", "X-Other": SECRET},
            "cookies": {"session": SECRET},
            "heartbeat": {"message": f"beat {SECRET}", "interval": 0.05},
            "ready": {"send": LOGIN, "expect": "welcome"},
            "reconnect": {"min_delay": 0.01, "max_delay": 0.02},
            "proxy": None,
        }
        ws = WebSocket(f"{place}chat?token={SECRET}&name=bot", [SECRET], **options)
        ws.onready = lambda: ws.send(TOKEN)
        ws.onmessage = lambda: shown.append(repr(ws))
        ws.onclose = lambda event: shown.append(f"{event.error} {event.error!r} {ws.stats} {heartwire.stats()}")
        ws.run_forever()
        refused = WebSocket(server.url, proxy=f"http://user:{SECRET}@127.0.0.1:{server.port}")
        refused.onclose = lambda event: shown.append(f"{event.error!r} {refused!r}")
        refused.run_forever()
    told = "\n".join([*shown, caplog.text])
    assert SECRET not in told
    assert base64.b64encode(f"bot:{SECRET}".encode()).decode() not in told
    assert "> text, 36 bytes: " in told
    assert len(shown) >= 4
