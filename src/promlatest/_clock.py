"""Time: the clock of the day, and long work that lets other threads have their turn.

Reading a large body holds the interpreter's lock for as long as Python lets one thread have
it, and a reader that only wants one number waits. So work is done in slices, and between
two slices the lock is offered. Among threads that never rest the reader waits 5 ms for each
of them before it has the lock again: a whole body read so took 839 ms in place of 29. So
there is a budget, and when it is used up, the lock is offered no more.

Between two slices is also where work ends whose time ran out: see `deadline`.
"""

from __future__ import annotations

import threading
from time import perf_counter, sleep, time_ns
from typing import Final

NEVER: Final = float("inf")
_BUDGET: Final = 0.03  # s of waiting that one piece of work spends at the most
# s of work between two turns. An offer costs 18 µs of CPU and 90 of waiting even if nobody
# waits (Linux, CPython 3.11), and select(), at 0.4, gives the lock back before a thread
# that waits for it has woken up.
_APART: Final = 0.0005

_local: Final = threading.local()
_Limit = tuple[float, threading.Event]  # when the work of a thread ends, at the latest
_ENDLESS: Final[_Limit] = (NEVER, threading.Event())


class deadline:  # said as those of contextlib, at a third of their cost
    """End the sliced work of this thread at its first turn after a moment.

    Args:
        moment: by `time.perf_counter`.
        ended: what ends it before, once it is set, where `check_deadline` is called.

    Raises:
        TimeoutError: the moment has passed, here or at the end of a slice.
    """

    __slots__ = ("_before", "_limit")

    def __init__(self, moment: float, ended: threading.Event = _ENDLESS[1]) -> None:
        self._limit: Final = (moment, ended)

    def __enter__(self) -> None:
        self._before: _Limit = getattr(_local, "limit", _ENDLESS)
        moment, ended = self._limit
        _local.limit = (min(moment, self._before[0]), ended)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                check_deadline()
        finally:
            _local.limit = self._before


def check_deadline() -> None:
    """Between two stages of work.

    Raises:
        TimeoutError: the time of this thread's work has run out.
    """
    moment, ended = getattr(_local, "limit", _ENDLESS)
    if perf_counter() > moment or ended.is_set():
        raise TimeoutError("the work took too long")


class Turns:
    """The turns that one piece of work offers to others."""

    __slots__ = ("_began", "_left", "_until")

    def __init__(self, budget: float = _BUDGET) -> None:
        self._left = budget
        self._began = perf_counter()
        self._until: float = getattr(_local, "limit", _ENDLESS)[0]

    def offer(self) -> None:
        """Let a thread that waits have its turn, if the last one is some work ago and
        the budget allows.

        Raises:
            TimeoutError: a `deadline` around this work has passed.
        """
        now = perf_counter()
        if now > self._until:
            raise TimeoutError("the work took too long")
        if now - self._began > _APART and self._left > 0:
            sleep(0)
            self._began = perf_counter()
            self._left -= self._began - now


def now_ms() -> int:
    """Now, in integer milliseconds since the epoch."""
    return time_ns() // 1_000_000
