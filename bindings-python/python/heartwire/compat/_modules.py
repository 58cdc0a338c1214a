"""Modules that stand under the names of another package, and which modules hold something of that package already. Knows no surface."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any


class Stand(ModuleType):
    """A module under a name of another package. `words` end the error for a name that is not there."""

    __path__: list[str] = []  # noqa: RUF012 - this makes it a package

    def __init__(self, name: str, names: dict[str, Any], surface: str, words: str = "") -> None:
        super().__init__(name, f"{name}, on Heartwire: {surface}")
        self.__dict__.update(names)
        self.__all__ = sorted(names)
        self.__missing = f"is not there: {surface} stands under this name{words}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"{self.__name__}.{name} {self.__missing}")


def holders(package: str, values: Iterable[object]) -> list[str]:
    """Return the modules outside of a package that hold one of its values already."""
    known = {id(value) for value in values if value is not None}
    found = []
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in (package, "heartwire") and any(
            id(held) in known for held in list(getattr(module, "__dict__", {}).values())
        ):
            found.append(name)
    return sorted(found)


def announce(words: str, package: str, early: list[str]) -> None:
    """Say in the log what was installed, and warn of the modules that were imported too early."""
    logger = logging.getLogger("heartwire")
    logger.info("%s", words)
    if early:
        logger.warning("imported before install(), and so still on %s: %s", package, ", ".join(early))
