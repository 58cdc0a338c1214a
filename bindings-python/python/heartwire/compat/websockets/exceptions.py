"""The exceptions: those of the package `websockets` if it is installed, so that `except` finds them by either name; else our own."""

from __future__ import annotations

from . import _own_exceptions
from ._data import MultipleValuesError
from ._own_exceptions import *  # noqa: F403

__all__ = ["MultipleValuesError"]
__all__ += _own_exceptions.__all__

TYPE_CHECKING = False
if not TYPE_CHECKING:
    try:
        import websockets.exceptions as theirs
    except ImportError:
        pass
    else:
        # An older version of the package lacks some of them.
        globals().update({name: getattr(theirs, name) for name in _own_exceptions.__all__ if hasattr(theirs, name)})
