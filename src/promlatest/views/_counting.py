"""Counters and histograms since an earlier moment: what they hold, how fast they grow.

What a counter gained is the answer of `promlatest._increase`, for each series by itself
and then added up, as Prometheus does it, so that one series that began again does not
hide in a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

import attrs

from promlatest._arguments import checked_queryable, checked_seconds
from promlatest._histogram import Histogram
from promlatest._increase import (
    PROCESS_START,
    Movement,
    began_anew,
    between,
    target_of,
)
from promlatest._interfaces import Queryable
from promlatest._matching.labels import Labels
from promlatest._storage.snapshot import Snapshot
from promlatest.exceptions import UsageError
from promlatest.views._json import Row, number

K = TypeVar("K", str, tuple[str, str])


@attrs.frozen
class Count(Row):
    """What a counter holds.

    Attributes:
        total: the counter, added up over its series.
        per_second: how fast it grew since the earlier moment; None: not known.
        reset: whether it began again since then; the rate then leaves out what came
            between the last look before the reset and the reset.
    """

    total: float | None
    per_second: float | None = None
    reset: bool = False


def everything(labels: Labels) -> str:
    """The key under which all series are one."""
    return ""


class Counters:
    """Reads counters and histograms of a moment, beside an earlier one if there is one.

    Args:
        now: the moment. A snapshot that keeps all scrapes since the earlier one counts the
            resets in between.
        earlier: the one from which on rates are; None: no rates.
        seconds: the time from there to now; None: as the points' timestamps say.
        since_start: whether histograms are those since the process started all the same.

    Raises:
        UsageError: the seconds are not above 0.
    """

    def __init__(
        self,
        now: Queryable,
        earlier: Queryable | None = None,
        seconds: float | None = None,
        *,
        since_start: bool = False,
    ) -> None:
        if seconds is not None:
            checked_seconds("seconds", seconds, above=True)
        self.now: Final = checked_queryable(now)
        self.earlier: Final = earlier
        self._seconds = seconds
        self._since_start = since_start
        self._restarted = set(self._restarts())

    def total(self, metric: str) -> Count | None:
        """All series of a counter together; None if it has none."""
        return self.by(metric, everything).get("")

    def by(self, metric: str, key: Callable[[Labels], K]) -> dict[K, Count]:
        """A counter's series, grouped by what the key says of their labels, sorted."""
        moved = self._movements(metric)
        groups: dict[K, list[tuple[float, Movement | None]]] = {}
        for point in self.now.query(metric):
            each = (point.value, moved.get(point.labels))
            groups.setdefault(key(point.labels), []).append(each)
        return {name: self._added(groups[name]) for name in sorted(groups)}

    def observed(self, metric: str) -> tuple[list[Histogram], float | None]:
        """A metric's histograms since the earlier moment, and how many seconds that is.

        Without an earlier moment, or if nothing was known of the metric then, they are
        those since the process started, and the seconds are None. One that began again
        counts from there.
        """
        now = self.now.histograms(metric)
        earlier = None if self._since_start else self.earlier
        then = [] if earlier is None else earlier.histograms(metric)
        if not now or not then:
            return now, None
        before = {each.labels: each for each in then}
        seconds = self._seconds or (now[0].timestamp - then[0].timestamp) / 1000
        return [self._grown(each, before.get(each.labels)) for each in now], seconds

    def _grown(self, now: Histogram, before: Histogram | None) -> Histogram:
        if before is None or target_of(now.labels) in self._restarted:
            return now
        try:
            return now.since(before)
        except UsageError:  # another version has other buckets
            return now

    def _movements(self, metric: str) -> dict[Labels, Movement]:
        """What each series did since the earlier moment."""
        now, earlier = self.now, self.earlier
        if earlier is None:
            return {}
        if isinstance(now, Snapshot) and isinstance(earlier, Snapshot):
            found = now.increase(metric, since=earlier)
        else:
            found = between(earlier, now, metric)
        return {moved.labels: moved for moved in found}

    def _added(self, grown: Iterable[tuple[float, Movement | None]]) -> Count:
        total, known, reset = 0.0, [], False
        for value, moved in grown:
            total += value
            if moved is not None and moved.value is not None:
                reset = reset or moved.resets > 0
                seconds = self._seconds or moved.seconds
                if seconds * 1000 >= 2:  # else it is one moment
                    known.append(moved.value / seconds)
        return Count(number(total), number(sum(known)) if known else None, reset)

    def _restarts(self) -> Iterator[tuple[str, str]]:
        """The targets whose process is another than at the earlier moment."""
        if self.earlier is not None:
            before = {each.labels: each.value for each in self.earlier.query(PROCESS_START)}
            for labels, _, value in self.now.query(PROCESS_START):
                if began_anew(before.get(labels), value):
                    yield target_of(labels)
