"""Headers, requests, responses and close frames of `websockets`, for programs without that package. Knows no connection."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Union

Data = Union[str, bytes]
#: The forms of given headers: a mapping, or pairs.
HeadersLike = Union[Mapping[str, str], Iterable["tuple[str, str]"]]


class MultipleValuesError(LookupError):
    """A header has several values, and the caller wants one."""


class Headers(MutableMapping[str, str]):
    """Headers in order, with names that ignore case. Setting a name adds a value."""

    def __init__(self, *headers: HeadersLike, **named: str) -> None:
        self._pairs: list[tuple[str, str]] = []
        for some in (*headers, named):
            for name, value in some.items() if isinstance(some, Mapping) else some:
                self[name] = value

    def get_all(self, key: str) -> list[str]:
        """Return all values of a name."""
        return [value for name, value in self._pairs if name.lower() == key.lower()]

    def raw_items(self) -> Iterator[tuple[str, str]]:
        """Return names and values in order."""
        return iter(self._pairs)

    def __getitem__(self, key: str) -> str:
        values = self.get_all(key)
        if len(values) > 1:
            raise MultipleValuesError(key)
        if not values:
            raise KeyError(key)
        return values[0]

    def __setitem__(self, key: str, value: str) -> None:
        self._pairs.append((key, value))

    def __delitem__(self, key: str) -> None:
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != key.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._pairs))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._pairs})

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"


@dataclass
class Request:
    """The upgrade request."""

    path: str
    headers: Headers


@dataclass
class Response:
    """The server's answer."""

    status_code: int
    reason_phrase: str
    headers: Headers
    body: bytes = b""


class State(enum.IntEnum):
    """The state of a connection."""

    CONNECTING, OPEN, CLOSING, CLOSED = range(4)


class CloseCode(enum.IntEnum):
    """The close codes of RFC 6455 and its registry."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RCVD = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015


#: The meaning of a code in words, if they are not those of its name.
_WORDS = {
    1000: "OK",
    1005: "no status received [internal]",
    1006: "connection closed abnormally [internal]",
    1007: "invalid frame payload data",
    1015: "TLS handshake failure [internal]",
}
CLOSE_CODE_EXPLANATIONS: dict[int, str] = {code: _WORDS.get(code, code.name.lower().replace("_", " ")) for code in CloseCode}


@dataclass
class Close:
    """The content of a Close frame."""

    code: int
    reason: str

    def __str__(self) -> str:
        words = "registered" if 3000 <= self.code < 4000 else "private use" if 4000 <= self.code < 5000 else "unknown"
        text = f"{self.code} ({CLOSE_CODE_EXPLANATIONS.get(self.code, words)})"
        return f"{text} {self.reason}" if self.reason else text
