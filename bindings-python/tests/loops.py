"""The loops of the asyncio tests: asyncio's own, uvloop if it is installed, and one that cannot watch descriptors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def _without_readers(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """A loop that cannot watch descriptors, as Windows' proactor loop."""

    class Loop(asyncio.SelectorEventLoop):
        def add_reader(self, *_: Any) -> None:  # type: ignore[override]
            raise NotImplementedError

        def remove_reader(self, *_: Any) -> bool:
            raise NotImplementedError

        def _add_reader(self, *_: Any) -> Any:
            return super()._add_reader(*_)  # type: ignore[misc]

    loop = Loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def _uvloop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    uvloop = pytest.importorskip("uvloop")
    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


LOOPS: dict[str, Run] = {"asyncio": asyncio.run, "uvloop": _uvloop, "without_readers": _without_readers}


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)
