"""The JSON of requests and their replies. A leaf: `json` is imported when it is used."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def text_of(value: object) -> str:
    """Return the JSON text of a request."""
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parsed(reply: str | None) -> Any:
    """Return the parsed JSON of the reply."""
    import json

    return None if reply is None else json.loads(reply)
