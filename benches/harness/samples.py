"""The messages that the benches send: chat as bots see it. A sample is a list of messages, one to a line in its file. It must not know scenarios."""

from __future__ import annotations

import json
import random
from functools import lru_cache
from pathlib import Path

TEXT = "the bot says hello to everyone in this room and waits for an answer that never comes while someone types another long line"
WORDS = TEXT.split()
OTHER_WORDS = ["привет", "всем", "こんにちは", "世界", "你好", "schöne", "Grüße", "مرحبا", "안녕하세요", "naïve", "😀", "🎉"]


def _chat(size: int, words: list[str]) -> str:
    """A message of exactly so many bytes of UTF-8."""
    head, tail = '{"user":"anna","text":"', '"}'
    room, text, index = size - len(head) - len(tail), "", 0
    while len((text + words[index % len(words)] + " ").encode()) <= room:
        text += words[index % len(words)] + " "
        index += 1
    return head + text + "." * (room - len(text.encode())) + tail


def _json() -> list[str]:
    """Messages of about 300 bytes, similar as a server's messages are, but not equal."""
    rng = random.Random(7)
    return [
        json.dumps(
            {
                "type": "message",
                "id": rng.randrange(10**12),
                "channel": f"room-{rng.randrange(40)}",
                "user": {"id": rng.randrange(10**6), "name": rng.choice(WORDS)},
                "text": " ".join(rng.choices(WORDS, k=rng.randint(18, 30))),
                "timestamp": 1_790_000_000 + number,
                "mentions": [],
            },
            separators=(",", ":"),
        )
        for number in range(256)
    ]


def _binary(size: int) -> bytes:
    return bytes(random.Random(7).choices([byte for byte in range(256) if byte != ord("\n")], k=size))


@lru_cache(maxsize=None)
def sample(name: str) -> list[str] | list[bytes]:
    """A sample: `text-N`, `other-N` (not ASCII), `binary-N` of N bytes, or `json`."""
    kind, _, size = name.partition("-")
    if kind == "json":
        return _json()
    if kind == "binary":
        return [_binary(int(size))]
    return [_chat(int(size), WORDS if kind == "text" else OTHER_WORDS)]


def write(name: str, folder: Path) -> Path:
    """Writes a sample to a file of its name."""
    path = folder / name
    messages = [message if isinstance(message, bytes) else message.encode() for message in sample(name)]
    path.write_bytes(b"\n".join(messages))
    return path


def length(name: str, count: int, unit: str) -> int:
    """The length of so many messages of the sample, in the unit in which a language counts: `bytes`, `points` or `utf16`."""

    def one(message: str | bytes) -> int:
        if isinstance(message, bytes) or unit == "points":
            return len(message)
        return len(message.encode()) if unit == "bytes" else len(message.encode("utf-16-le")) // 2

    lengths = [one(message) for message in sample(name)]
    rounds, rest = divmod(count, len(lengths))
    return sum(lengths) * rounds + sum(lengths[:rest])
