"""When to scrape next while something is waited for. No clock, no I/O.

Short pauses at first and whenever something moves, longer ones while nothing does; never
so many that more than a fifth of the time is work; and the last scrape starts when the
time is over, so that nothing that came true in time is missed.
"""

from __future__ import annotations

from typing import Final

from promlatest._arguments import checked_seconds

SHORTEST: Final = 0.01  # seconds; the first pause, and after something has moved
LONGEST: Final = 0.25  # seconds; so that the truth is never seen much later
_LONGEST_REST: Final = 1.0  # seconds; after a scrape that itself waited
_GROWTH: Final = 1.5
_SLACK: Final = 0.001  # seconds; a sum of pauses is not exactly the time they took
# A pause is so many scrapes long, so that a fifth of the time is work at most.
_REST: Final = 4.0


class Pace:
    """The rhythm of one wait.

    Args:
        within: for how long it waits, in seconds.
        settle: for how long what was waited for must hold, in seconds.
    """

    def __init__(self, within: float, settle: float = 0.0) -> None:
        self.within: Final = checked_seconds("within", within)
        self.settle: Final = checked_seconds("settle", settle)
        self._calm = 0
        self._last = 0.0
        self._failed = False

    def note(self, at: float, *, moved: bool, failed: bool) -> None:
        """Take notice of a scrape that started at this time."""
        self._calm = 0 if moved else self._calm + 1
        self._last, self._failed = at, failed

    def pause(self, now: float, took: float, held_since: float | None) -> float | None:
        """For how long to pause before the next scrape; None: the time is over.

        Args:
            now: seconds since the wait began.
            took: how long the last scrape took, in seconds.
            held_since: since when it has held, if it does.
        """
        grown = SHORTEST * _GROWTH ** min(self._calm, 20)
        longest = max(SHORTEST, min(LONGEST, self.within / 10))
        calm = max(min(grown, longest), min(_REST * took, _LONGEST_REST))
        if held_since is not None and not self._failed:
            settled = held_since + self.settle - now
            return min(calm, settled + _SLACK) if settled > 0 else SHORTEST
        if self._last >= self.within - _SLACK:
            return None
        left = max(0.0, self.within - now)
        # One that would not be done in time waits until the time is over, and is the last.
        return left if calm + took > left else calm
