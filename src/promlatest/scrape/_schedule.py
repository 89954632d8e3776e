"""When a target is scraped: at once, and then at its own phase of every interval."""

from __future__ import annotations

from math import ceil, floor
from typing import Final

__all__ = ["Schedule"]

_GOLDEN: Final = 0.618033988749895
# Many targets are scraped some at a time: of 500 at 5 s, each alone, every scrape finds the
# caches of the processor cold and costs 0.8 ms of CPU, and ten at a time 0.32 each.
_TOGETHER: Final = 0.1  # s between two such moments, of which an interval has
_MOMENTS: Final = 50  # at the least


class Schedule:
    """The ticks of one target, on a clock in seconds that never jumps.

    The first is immediate. The others keep a phase, so that many targets are spread over
    the interval: the fractional parts of multiples of the golden ratio are spread
    evenly however many there are. There are some moments of an interval at which targets
    are scraped, the same for all that have one clock, but for the first target, which has
    the phase 0.

    Args:
        now: the present moment.
        interval: in seconds.
        number: of the target, counted from 0.
    """

    def __init__(self, now: float, interval: float, number: int = 0) -> None:
        self.tick = now
        self.interval = interval
        phase = number * _GOLDEN % 1.0
        # Never two scrapes within half an interval.
        base = now + interval * (phase - 1 if phase >= 0.5 else phase)
        apart = min(_TOGETHER, interval / _MOMENTS)
        self._base = ceil(base / apart) * apart if number else base
        self._number = 0

    def advance(self, now: float) -> int:
        """Go on to the first tick after now; gives how many were missed.

        One that is past by a tenth of the interval or less is still kept: a target that
        uses up a timeout as long as its interval is tried at every tick.
        """
        passed = floor((now - self._base) / self.interval - 0.1)
        number = max(passed, self._number) + 1
        missed = number - self._number - 1
        self._number = number
        self.tick = self._base + number * self.interval
        return missed

    def lateness(self, now: float) -> float:
        """How late now is after the tick, if that is little enough to be overlooked:
        2 ms, and 1 % of the interval (C-6); else 0."""
        late = now - self.tick
        return late if 0 <= late <= min(0.002, self.interval / 100) else 0.0
