"""Counters and histograms between two moments: what they hold, and how fast they grow.

A rate is worked out for each series by itself and then added up, as Prometheus does it, so
that one series that began again does not hide in a sum. A counter that fell, or whose
process was started anew, counts from zero: its rate is that of the new value, and `reset`
says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

import attrs

from promlatest._datapoint import DataPoint
from promlatest._histogram import Histogram
from promlatest._interfaces import Queryable
from promlatest._matching.labels import Labels
from promlatest._movement import PROCESS_START, began_anew
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
            between the earlier moment and the reset.
    """

    total: float | None
    per_second: float | None = None
    reset: bool = False


class _Target(NamedTuple):
    """Who exposed a series: the labels that a scrape gives."""

    job: str
    instance: str


class _Grown(NamedTuple):
    """What one series did between the two moments."""

    value: float
    per_second: float | None
    reset: bool


def everything(labels: Labels) -> str:
    """The key under which all series are one."""
    return ""


class Counters:
    """Reads counters of a moment, beside an earlier one if there is one.

    Args:
        now: the moment.
        earlier: the one before; None: no rates.
        seconds: the time between them; None: as the points' timestamps say.

    Raises:
        UsageError: the seconds are not above 0.
    """

    def __init__(
        self, now: Queryable, earlier: Queryable | None, seconds: float | None
    ) -> None:
        if seconds is not None and not seconds > 0:
            raise UsageError(f"expected seconds above 0 between two moments, not {seconds}")
        self._now = now
        self._earlier = earlier
        self._seconds = seconds
        self._restarted = set(self._restarts())

    def total(self, metric: str) -> Count | None:
        """All series of a counter together; None if it has none."""
        return self.by(metric, everything).get("")

    def by(self, metric: str, key: Callable[[Labels], K]) -> dict[K, Count]:
        """A counter's series, grouped by what the key says of their labels, sorted."""
        before = {point.labels: point for point in self._before(metric)}
        known = {_target(labels): then.timestamp for labels, then in before.items()}
        groups: dict[K, list[_Grown]] = {}
        for point in self._now.query(metric):
            step = self._step(point, before.get(point.labels), known)
            groups.setdefault(key(point.labels), []).append(step)
        return {name: _added(groups[name]) for name in sorted(groups)}

    def observed(self, metric: str) -> tuple[list[Histogram], float | None]:
        """A metric's histograms since the earlier moment, and how many seconds that is.

        Without an earlier moment, or if nothing was known of the metric then, they are
        those since the process started, and the seconds are None. One that began again
        counts from there.
        """
        now = self._now.histograms(metric)
        then = [] if self._earlier is None else self._earlier.histograms(metric)
        if not now or not then:
            return now, None
        before = {each.labels: each for each in then}
        seconds = self._seconds or (now[0].timestamp - then[0].timestamp) / 1000
        return [self._grown(each, before.get(each.labels)) for each in now], seconds

    def _grown(self, now: Histogram, before: Histogram | None) -> Histogram:
        if before is None or _target(now.labels) in self._restarted:
            return now
        try:
            return now.since(before)
        except UsageError:  # another version has other buckets
            return now

    def _before(self, metric: str) -> list[DataPoint]:
        return self._earlier.query(metric) if self._earlier is not None else []

    def _step(
        self, now: DataPoint, then: DataPoint | None, known: Mapping[_Target, int]
    ) -> _Grown:
        """What a series did; `known` says when the metric of each target was sampled."""
        target = _target(now.labels)
        if then is None:
            # A series that appears where others of its metric were before began at 0:
            # that is how a counter gets a label value it has not had yet.
            return _Grown(now.value, self._rate(now.value, now, known.get(target)), False)
        reset = now.value < then.value or target in self._restarted
        increase = now.value if reset else now.value - then.value
        return _Grown(now.value, self._rate(increase, now, then.timestamp), reset)

    def _rate(self, increase: float, now: DataPoint, since: int | None) -> float | None:
        if since is None:
            return None
        seconds = self._seconds or (now.timestamp - since) / 1000
        return number(increase / seconds) if seconds > 0 else None

    def _restarts(self) -> Iterator[_Target]:
        """The targets whose process is another than at the earlier moment."""
        before = {point.labels: point.value for point in self._before(PROCESS_START)}
        for labels, _, value in self._now.query(PROCESS_START):
            if began_anew(before.get(labels), value):
                yield _target(labels)


def _target(labels: Labels) -> _Target:
    return _Target(labels.get("job", ""), labels.get("instance", ""))


def _added(steps: Iterable[_Grown]) -> Count:
    values, rates, resets = zip(*steps, strict=True)
    known = [rate for rate in rates if rate is not None]
    return Count(number(sum(values)), sum(known) if known else None, any(resets))
