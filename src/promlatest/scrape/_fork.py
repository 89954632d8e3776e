"""What a child of `os.fork` has to begin anew.

In a child the threads of the parent are gone, and their locks and event loops are as they
were at that moment: whoever waits for one waits for ever. gunicorn's preload and celery's
prefork are how this happens.
"""

from __future__ import annotations

import os
from typing import Final, Protocol
from weakref import WeakSet

__all__ = ["reset_in_child"]


class _Resettable(Protocol):
    def reset_after_fork(self) -> None: ...


_alive: Final[WeakSet[_Resettable]] = WeakSet()


def reset_in_child(thing: _Resettable) -> None:
    """Have `reset_after_fork` called in the child of every fork, as long as it lives."""
    _alive.add(thing)


def _reset() -> None:
    for thing in list(_alive):
        thing.reset_after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_reset)
