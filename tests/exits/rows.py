"""The rows of the matrix, and the ways out, which are its columns. Knows neither a language nor how a cell is played.

A program of a row gets the way as its last argument (and in `EXITS_WAY`) and a URL in `EXITS_URL`. It opens a WebSocket there, and sends
`ready <its process id>` when that is open. For a way that is no signal, it leaves in this way after a message `go`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Union

#: The columns: a way out, and the signal that is sent for it, if one is.
WAYS: dict[str, int | None] = {
    "return": None,
    "exit": None,
    "exception": None,
    "INT": signal.SIGINT,
    "TERM": signal.SIGTERM,
    "HUP": signal.SIGHUP,
    "PID 1": signal.SIGTERM,
}

#: What the columns are called in the docs.
HEADINGS = {
    "return": "return",
    "exit": "exit in a handler",
    "exception": "exception",
    "INT": "INT",
    "TERM": "TERM",
    "HUP": "HUP",
    "PID 1": "PID 1, TERM",
}


class End(NamedTuple):
    """The end of a program: the close code that the server got (None without a Close), and the exit status, negative for a signal."""

    code: int | None
    status: int

    def __str__(self) -> str:
        """As the table has it."""
        status = signal.Signals(-self.status).name[3:] if self.status < 0 else str(self.status)
        return f"{'no goodbye' if self.code is None else self.code}, {status}"


#: How a cell ends, or in a few words why it cannot be.
Cell = Union[End, str]


@dataclass(frozen=True)
class Row:
    """A kind of program."""

    name: str
    #: The command line without the way, which comes last.
    command: Sequence[str]
    #: The end of each way. A missing way has the end in `USUAL`.
    ends: dict[str, Cell] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    #: The way is in the command line; otherwise only in `EXITS_WAY`.
    is_told: bool = True
    #: How many connections the program makes.
    connections: int = 1
    #: Signals go to the process that has the socket, not to the one that was started. A terminal's Ctrl+C goes to all in any case.
    to_child: bool = False
    #: Names the missing tool of this machine, or None.
    missing: Callable[[], str | None] = lambda: None

    def end(self, way: str) -> Cell:
        """How a way ends."""
        return self.ends.get(way, USUAL[way])


#: How a program ends that does nothing about it.
USUAL: dict[str, Cell] = {
    "return": End(1001, 0),
    "exit": End(1001, 3),
    "exception": End(1001, 1),
    "INT": End(1001, -signal.SIGINT),
    "TERM": End(1001, -signal.SIGTERM),
    "HUP": End(1001, -signal.SIGHUP),
    "PID 1": End(1001, 128 + signal.SIGTERM),
}
