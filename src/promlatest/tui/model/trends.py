"""The last samples of single series, for trends and changes.

Only series that are on the screen are looked up, each once for each scrape, however often
the screen is drawn: what a table of 100,000 series costs is what its forty rows cost.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Final

from promlatest._histogram import Histogram
from promlatest._interfaces import Queryable
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher
from promlatest.tui.model.history import Moment, Past

_MOST_SERIES: Final = 2000  # whose samples are kept; rows of some dozen screens


@lru_cache(maxsize=4096)
def matchers_of(labels: Labels) -> tuple[Matcher, ...]:
    """The matchers that only series with these labels, or more, pass."""
    return tuple(
        Matcher(name, "=", value) for name, value in labels.items() if name != METRIC_NAME
    )


def value_of(state: Queryable, labels: Labels) -> float | None:
    """The sample of exactly this series; None if it is not there. A look-up by indexes,
    50 µs among 100,000 series."""
    found = state.query(labels.metric, *matchers_of(labels))
    return next((point.value for point in found if point.labels == labels), None)


def histogram_of(state: Queryable, labels: Labels) -> Histogram | None:
    """The histogram with exactly these labels; None if it is not there."""
    found = state.histograms(labels.metric, *matchers_of(labels))
    return next((each for each in found if each.labels == labels), None)


class Trends:
    """The samples of series over a target's scrapes, kept from one look to the next."""

    def __init__(self) -> None:
        self._held: dict[Labels, dict[int, float | None]] = {}
        self._histograms: dict[int, Histogram | None] = {}
        self._of: Labels | None = None  # of which they are

    def value(self, moment: Moment, labels: Labels) -> float | None:
        """The sample of a series in one scrape."""
        held = self._held.get(labels)
        if held is None:
            if len(self._held) >= _MOST_SERIES:
                self._held.clear()
            held = self._held[labels] = {}
        if moment.timestamp not in held:
            held[moment.timestamp] = value_of(moment.state, labels)
        return held[moment.timestamp]

    def forget(self, past: Past) -> None:
        """Let go of samples of scrapes that are kept no longer."""
        oldest = past[0].timestamp if past else 0
        for held in self._held.values():
            for timestamp in [each for each in held if each < oldest]:
                del held[timestamp]

    def values(self, past: Past, labels: Labels, most: int = 60) -> list[float | None]:
        """The last samples of a series, the newest last."""
        return [self.value(moment, labels) for moment in past[-most:]]

    def histograms(self, past: Past, labels: Labels) -> list[Histogram | None]:
        """A histogram at each of these scrapes, looked up once in each; those of one are
        kept."""
        known = self._histograms if labels == self._of else {}
        self._of = labels
        self._histograms = {
            moment.timestamp: known[moment.timestamp]
            if moment.timestamp in known
            else histogram_of(moment.state, labels)
            for moment in past
        }
        return list(self._histograms.values())

    def growth(self, past: Past, labels: Labels, most: int = 60) -> list[float | None]:
        """How much a counter grew a second from each scrape to the next, the newest last;
        after a reset that is all it holds. A pause makes no peak."""
        pairs = itertools.pairwise(past[-most - 1 :])
        return [self._growth(before, now, labels) for before, now in pairs]

    def _growth(self, before: Moment, now: Moment, labels: Labels) -> float | None:
        was, holds = self.value(before, labels), self.value(now, labels)
        seconds = (now.timestamp - before.timestamp) / 1000
        if was is None or holds is None or now.foreign or seconds <= 0:
            return None
        return (holds if holds < was else holds - was) / seconds

    def change(self, past: Past, labels: Labels) -> float | None:
        """How the last sample differs from the one before; None: it is not known."""
        if len(past) < 2:
            return None
        before, now = self.value(past[-2], labels), self.value(past[-1], labels)
        return None if before is None or now is None else now - before
