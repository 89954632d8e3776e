"""The last samples of each series of a metric: trends, and rates that know resets.

What the series of a metric were at a moment is kept once, however many moments had the
same; the samples are kept as arrays beside it. A row on the screen then costs a look-up
for each moment, and a row that is not on the screen costs nothing.
"""

from __future__ import annotations

import itertools
from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from promlatest._matching.labels import Labels
from promlatest.tui.model.history import History, Moment, Owner, owner_of


@attrs.frozen(eq=False)
class _Taken:
    """The samples of a metric's series at one moment."""

    timestamp: int
    restarted: frozenset[Owner]
    foreign: bool
    series: Sequence[Labels]
    places: Mapping[Labels, int]
    values: array[float]

    def value(self, labels: Labels) -> float | None:
        place = self.places.get(labels)
        return None if place is None else self.values[place]


@attrs.frozen
class Rate:
    """How fast a counter grew.

    Attributes:
        per_second: None: not known yet.
        resets: how often it began again in that time.
    """

    per_second: float | None = None
    resets: int = 0


class Trends:
    """The samples of some metrics over the moments of a history.

    Args:
        metrics: names of series.
        history: whose moments; it may grow, see `catch_up`.
    """

    def __init__(self, metrics: Sequence[str], history: History) -> None:
        self.metrics: Final = tuple(metrics)
        self._history: Final = history
        self._taken: deque[_Taken] = deque()
        self._seen = 0
        self.catch_up()

    def catch_up(self) -> None:
        """Take the moments that have come since."""
        fresh = self._history.taken - self._seen
        if fresh > 0:
            moments = list(self._history)[-fresh:]
            for moment in moments:
                self._taken.append(self._take(moment))
        self._seen = self._history.taken
        while len(self._taken) > len(self._history):
            self._taken.popleft()

    def _take(self, moment: Moment) -> _Taken:
        state = moment.state
        points = [each for name in self.metrics for each in state.query(name)]
        series = [point.labels for point in points]
        values = array("d", (point.value for point in points))
        held = self._taken[-1] if self._taken else None
        if held is not None and held.series == series:
            return _taken(moment, held.series, held.places, values)
        return _taken(
            moment, series, {labels: n for n, labels in enumerate(series)}, values
        )

    def values(self, labels: Labels, most: int = 60) -> list[float | None]:
        """The last samples of a series, the newest last."""
        last = list(self._taken)[-most:]
        return [each.value(labels) for each in last]

    def growth(self, labels: Labels, most: int = 60) -> list[float | None]:
        """How much a counter grew a second from each scrape to the next, the newest last;
        after a reset that is all it holds. A pause makes no peak."""
        last = list(self._taken)[-most - 1 :]
        return [_growth(*pair, labels) for pair in itertools.pairwise(last)]

    def change(self, labels: Labels) -> float | None:
        """How the last sample differs from the one before; None: it is not known."""
        if len(self._taken) < 2:
            return None
        before, now = self._taken[-2].value(labels), self._taken[-1].value(labels)
        return None if before is None or now is None else now - before

    def rate(self, labels: Labels, seconds: float) -> Rate:
        """How fast a counter grew in the last seconds.

        What it gained from each scrape to the next is added up, so that a reset between
        any two is known: after one, all that it holds is new.
        """
        window = self._window(seconds)
        known = [(each, each.value(labels)) for each in window]
        held = [(each, value) for each, value in known if value is not None]
        if len(held) < 2:
            return Rate()
        gained, resets = 0.0, 0
        for (_, before), (taken, now) in itertools.pairwise(held):
            reset = now < before or (before > 0 and owner_of(labels) in taken.restarted)
            gained += now if reset else now - before
            resets += reset
        passed = (held[-1][0].timestamp - held[0][0].timestamp) / 1000
        return Rate(gained / passed if passed > 0 else None, resets)

    def _window(self, seconds: float) -> list[_Taken]:
        found: list[_Taken] = []
        since = (self._taken[-1].timestamp if self._taken else 0) - seconds * 1000
        for taken in reversed(self._taken):
            found.append(taken)
            if taken.foreign or (len(found) > 1 and taken.timestamp <= since):
                break
        return found[::-1]


def _growth(before: _Taken, now: _Taken, labels: Labels) -> float | None:
    was, holds = before.value(labels), now.value(labels)
    seconds = (now.timestamp - before.timestamp) / 1000
    if was is None or holds is None or now.foreign or seconds <= 0:
        return None
    return (holds if holds < was else holds - was) / seconds


def _taken(
    moment: Moment,
    series: Sequence[Labels],
    places: Mapping[Labels, int],
    values: array[float],
) -> _Taken:
    return _Taken(
        moment.timestamp, moment.restarted, moment.foreign, series, places, values
    )
