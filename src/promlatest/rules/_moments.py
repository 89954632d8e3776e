"""Scrapes of one process, oldest first, as PromQL reads them.

It knows what a Prometheus adds that the process does not expose: that what was scraped is
`up`, what recording rules made, and the target's labels, which a rule's matchers may name
and which are taken to fit. To what a store keeps of `up` nothing is added.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol, runtime_checkable

from promlatest._arguments import checked_queryable
from promlatest._datapoint import DataPoint
from promlatest._interfaces import Block, Columnar, Queryable
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher, fulfils

__all__ = ["Moments", "moments_of"]

_EVER: Final = 1 << 62  # ms
_SCRAPERS: Final = frozenset(("job", "instance"))
_UP: Final = Labels({METRIC_NAME: "up"})


@runtime_checkable
class KeptScrapes(Columnar, Queryable, Protocol):
    """A moment of a store, with the scrapes that it keeps."""

    @property
    def timestamp(self) -> int: ...


@runtime_checkable
class Moving(Protocol):
    """What goes on, and can be held still: a store."""

    def snapshot(self) -> Queryable: ...


def moments_of(given: Sequence[Queryable], target_labels: Iterable[str]) -> Moments:
    """What an evaluation asks: several scrapes, or those that one store keeps."""
    still = [
        each.snapshot() if isinstance(each, Moving) else checked_queryable(each)
        for each in given
    ]
    if len(still) == 1 and isinstance(still[0], KeptScrapes):
        return ScrapeMoments(still[0], target_labels, scraped=still[0] is given[0])
    return Moments(still, target_labels)


class Moments:
    """Several scrapes of one process: what an evaluation asks.

    Args:
        snapshots: what was exposed, the oldest first; at least one.
        target_labels: labels that the target has and the process does not expose.
    """

    def __init__(
        self, snapshots: Sequence[Queryable], target_labels: Iterable[str]
    ) -> None:
        self.last: Final = snapshots[-1]
        self._snapshots: Final = tuple(snapshots)
        self.times: Final = _apart([_moment_of(each) for each in snapshots])
        self._target_labels: Final = frozenset(target_labels)
        self._recorded: Final[list[DataPoint]] = []
        self._kept: Final[dict[tuple[Matcher, ...], list[Block]]] = {}

    @property
    def now(self) -> int:
        """The moment of the evaluation: the last one, in milliseconds."""
        return self.times[-1]

    @property
    def covered(self) -> int:
        """How long it is from the first to the last, in milliseconds."""
        return self.now - self.times[0]

    def record(self, points: Iterable[tuple[Labels, float]]) -> None:
        """Add what a recording rule made, at the last moment."""
        now = self.now
        self._recorded.extend(DataPoint(labels, now, value) for labels, value in points)
        self._kept.clear()

    def series(self, matchers: Sequence[Matcher]) -> list[Block]:
        """The series that match at any moment, with all moments.

        The same objects at every call: whoever asks keeps what it finds out by them.
        """
        key = tuple(matchers)
        if key not in self._kept:
            own = self._own(key)
            exposed = self._exposed(own)
            added = () if exposed else self._added(own)
            self._kept[key] = [*exposed, *added, *self._made(own)]
        return self._kept[key]

    def columns(
        self, matchers: Sequence[Matcher], start: int, end: int, /
    ) -> Sequence[Block]:
        """The series that match, with the moments after `start`, up to `end` (ms)."""
        return [_between(block, start, end) for block in self.series(matchers)]

    def _own(self, matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
        """The matchers without those of the target's labels, unless the process exposes
        such a label itself. `job` and `instance` are there in a store that a scraper
        fills, and are its own names for the target."""
        foreign = {each.name for each in matchers} & self._target_labels
        if not foreign:
            return matchers
        named = [each for each in matchers if each.name == METRIC_NAME]
        foreign -= set(self.last.label_names(*named)) - _SCRAPERS
        return tuple(each for each in matchers if each.name not in foreign)

    def _exposed(self, matchers: tuple[Matcher, ...]) -> Sequence[Block]:
        found = [
            {point.labels: point.value for point in snapshot.match(matchers)}
            for snapshot in self._snapshots
        ]
        labels = tuple(sorted(set().union(*found)))
        values = [[points.get(each) for each in labels] for points in found]
        whole = Block(labels, self.times, values, since=self.times[0])
        return [whole] if labels else []

    def _added(self, matchers: tuple[Matcher, ...]) -> Sequence[Block]:
        """What a Prometheus adds to a scrape: that its target is up."""
        if not fulfils(_UP, matchers):
            return ()
        values = [(1.0,) for _ in self.times]
        return [Block((_UP,), self.times, values, since=self.times[0])]

    def _made(self, matchers: tuple[Matcher, ...]) -> Iterator[Block]:
        """What recording rules made."""
        made = [p for p in self._recorded if fulfils(p.labels, matchers)]
        if made:
            column = [[point.value for point in made]]
            labels = tuple(point.labels for point in made)
            yield Block(labels, (self.now,), column, since=self.now)


class ScrapeMoments(Moments):
    """The scrapes that a store keeps: ranges mean what they mean to a Prometheus.

    Args:
        kept: a moment of the store, which has the scrapes before it, too.
        target_labels: as of `Moments`.
        scraped: whether it stands for one scrape of one target, which is up then; in a
            store `up` is there if something wrote it, as a scraper does.
    """

    def __init__(
        self, kept: KeptScrapes, target_labels: Iterable[str], *, scraped: bool
    ) -> None:
        super().__init__([kept], target_labels)
        self._window: Final = kept
        self._scraped: Final = scraped

    def columns(
        self, matchers: Sequence[Matcher], start: int, end: int, /
    ) -> Sequence[Block]:
        """The series that match, with the scrapes after `start`, up to `end` (ms)."""
        own = self._own(tuple(matchers))
        kept = self._window.columns(own, start, end)
        added = () if kept else self._added(own)
        return [*kept, *(_between(b, start, end) for b in (*added, *self._made(own)))]

    def _added(self, matchers: tuple[Matcher, ...]) -> Sequence[Block]:
        return super()._added(matchers) if self._scraped else ()

    def _exposed(self, matchers: tuple[Matcher, ...]) -> Sequence[Block]:
        return self._window.columns(matchers, -_EVER, self.now)


def _between(block: Block, start: int, end: int) -> Block:
    first, behind = bisect_right(block.times, start), bisect_right(block.times, end)
    if first == 0 and behind == len(block.times):
        return block
    times, values = block.times[first:behind], block.values[first:behind]
    return Block(block.labels, times, values, since=block.since)


def _moment_of(snapshot: Queryable) -> int:
    """When it was scraped: what it says, or else the time that most of its samples have."""
    if isinstance(snapshot, KeptScrapes):
        return snapshot.timestamp
    times = Counter(point.timestamp for point in snapshot.match(()))
    return times.most_common(1)[0][0] if times else 0


def _apart(times: Sequence[int]) -> tuple[int, ...]:
    """The times, each after the one before it; two scrapes may share a millisecond."""
    apart: list[int] = []
    for time in times:
        apart.append(max(time, apart[-1] + 1) if apart else time)
    return tuple(apart)
