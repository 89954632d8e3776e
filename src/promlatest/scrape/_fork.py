"""What a child of `os.fork` has to begin anew.

In a child the threads of the parent are gone, and their locks and event loops are as they
were at that moment: whoever waits for one waits for ever. gunicorn's preload and celery's
prefork are how this happens.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["in_child"]

T = TypeVar("T")

_resets: Final[WeakKeyDictionary[Any, Callable[[Any], None]]] = WeakKeyDictionary()


def in_child(thing: T, reset: Callable[[T], None]) -> None:
    """Have a function called with a thing in the child of every fork, while it lives."""
    _resets[thing] = reset


def _reset() -> None:
    for thing, reset in list(_resets.items()):
        reset(thing)


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_reset)
