"""The store once more, slow and obvious: a dict for each source, and a linear scan.

It shares no code with the store but `compile_pattern` (which has its own tests) and
`assemble`. Series are frozensets of pairs, so that nothing rests on an order or a hash of
ours; conditions are asked of every series, one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from promlatest import Counts, DataPoint, Histogram, Labels
from promlatest._assemble import assemble
from promlatest._matching.regex import compile_pattern

Series = frozenset[tuple[str, str]]
Sample = tuple[int, float]
Samples = dict[Series, Sample]
# name, operator, value; the operators that only keywords have are "in" and "python"
Condition = tuple[str, str, str | frozenset[str] | re.Pattern[str]]

TEN_MINUTES = 600_000
FIVE_MINUTES = 300_000
# What may stand behind the name of a family of each type.
SUFFIXES = {
    "histogram": ("_bucket", "_sum", "_count", "_created"),
    "counter": ("_total", "_created"),
    "gauge": (),
    "unknown": (),
}


class TooManyError(Exception):
    """More series than the limit allows."""


def series_of(labels: Mapping[str, str]) -> Series:
    """A label without a value is one that is not there (L-1)."""
    return frozenset((name, value) for name, value in labels.items() if value != "")


def fulfils(series: Series, conditions: Iterable[Condition]) -> bool:
    """A label that is not there is matched as the empty text (M-1)."""
    labels = dict(series)
    return all(
        _holds(labels.get(name, ""), operator, wanted)
        for name, operator, wanted in conditions
    )


def _holds(value: str, operator: str, wanted: object) -> bool:
    match operator, wanted:
        case "=", str():
            return value == wanted
        case "!=", str():
            return value != wanted
        case "=~", str():
            return compile_pattern(wanted).matches(value)
        case "!~", str():
            return not compile_pattern(wanted).matches(value)
        case "in", frozenset():
            return value in wanted
        case "python", re.Pattern():
            return wanted.fullmatch(value) is not None
    raise AssertionError(operator)


@dataclass(frozen=True)
class Moment:
    """What some sources show at one moment, in their order."""

    parts: tuple[Samples, ...] = ()
    metadata: tuple[Mapping[str, str], ...] = ()

    def match(self, conditions: Iterable[Condition] = ()) -> list[DataPoint]:
        """Of a series in two sources the newest, of equally new ones the first."""
        wanted = list(conditions)
        newest: Samples = {}
        for part in self.parts:
            for series, sample in part.items():
                if fulfils(series, wanted) and (
                    series not in newest or newest[series][0] < sample[0]
                ):
                    newest[series] = sample
        found = [(sorted(series), sample) for series, sample in newest.items()]
        return [
            DataPoint(Labels(dict(pairs)), t, v)
            for pairs, (t, v) in sorted(found, key=lambda pair: pair[0])
        ]

    def histograms(self, metric: str, conditions: Iterable[Condition]) -> list[Histogram]:
        """Each from one source only, the newest of those that have it."""
        wanted = list(conditions)
        found: dict[Labels, Histogram] = {}
        for part in self.parts:
            matching = Moment((part,)).match(wanted)
            names = [metric + suffix for suffix in ("_bucket", "_sum", "_count")]
            points = [point for point in matching if point.metric in names]
            for histogram in assemble(points, metric):
                other = found.get(histogram.labels)
                if other is None or other.timestamp < histogram.timestamp:
                    found[histogram.labels] = histogram
        return [
            found[labels] for labels in sorted(found, key=lambda each: sorted(each.items()))
        ]

    def label_names(self, conditions: Iterable[Condition] = ()) -> list[str]:
        return sorted({name for point in self.match(conditions) for name in point.labels})

    def label_values(self, name: str, conditions: Iterable[Condition] = ()) -> list[str]:
        return sorted(
            {point.labels[name] for point in self.match(conditions) if name in point.labels}
        )

    def types(self) -> dict[str, str]:
        """The type of each family; the first source that names one counts."""
        told: dict[str, str] = {}
        for metadata in self.metadata:
            for family, kind in metadata.items():
                told.setdefault(family, kind)
        families = {self._family(point.metric, told) for point in self.match()}
        return {family: told.get(family, "unknown") for family in sorted(families)}

    def _family(self, metric: str, told: Mapping[str, str]) -> str:
        if metric in told:
            return metric
        for family, kind in told.items():
            if metric in [family + suffix for suffix in SUFFIXES[kind]]:
                return family
        return metric

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)


def increase_of(samples: list[Sample], there_at_first: bool) -> float | None:
    """What a counter gained: from first to last, and what it had before each step down."""
    if not there_at_first or len(samples) < 2:
        return None
    lost = sum(was for (_, was), (_, now) in pairwise(samples) if now < was)
    return samples[-1][1] - samples[0][1] + lost


@dataclass(frozen=True)
class NaiveSource:
    """The two slots of a source, and what it had before it failed."""

    current: Samples = field(default_factory=dict)
    previous: Samples = field(default_factory=dict)
    last_known: Samples | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    known_types: Mapping[str, str] = field(default_factory=dict)
    at: int = 0  # the moment of the last good commit
    last: int = 0  # that of the last of all, good or failed
    history: tuple[Samples | None, ...] = ()  # None: a scrape that failed
    moments: tuple[int, ...] = ()  # beside each, when it was

    def increases(self) -> dict[Series, float | None]:
        """By how much each series increased over the scrapes that are kept."""
        scrapes = zip(self.moments, self.history, strict=True)
        good = [(when, samples) for when, samples in scrapes if samples is not None]
        found = {}
        for series in {each for _, samples in good for each in samples}:
            # By their own time, which may be another order than that of the scrapes.
            seen = sorted(
                (samples[series] for _, samples in good if series in samples),
                key=lambda sample: sample[0],
            )
            # Two scrapes may be of one moment: in either it was there at first.
            found[series] = increase_of(seen, seen[0][0] <= good[0][0])
        return found

    @property
    def newest(self) -> Samples:
        return self.current if self.last_known is None else self.last_known


class NaiveStore:
    """What a store does, in the order in which it is told to."""

    def __init__(self, limit: int, keep: int = 2) -> None:
        self.limit = limit
        self.keep = keep
        self.now = 0
        self.live: Samples = {}
        self.sources: dict[str, NaiveSource] = {}
        self.counts = Counts()

    def moment(self, *, stale: bool = False) -> Moment:
        parts = [(self.live, {})]
        parts += [(source.current, source.types) for source in self.sources.values()]
        if stale:
            parts += [
                (source.last_known, source.known_types)
                for source in self.sources.values()
                if source.last_known is not None
            ]
        return Moment(
            tuple(dict(part) for part, _ in parts), tuple(types for _, types in parts)
        )

    def append(self, labels: Mapping[str, str], t: int, v: float) -> None:
        """Write at once; what is refused is counted."""
        series = series_of(labels)
        if t > self.now + TEN_MINUTES:
            self.counts.out_of_bounds += 1
            return
        held = self.live.get(series)
        if held is None:
            self._check_limit(self.sources, 1)
        if held is None or t > held[0]:
            self.live[series] = (t, v)
        elif t < held[0]:
            self.counts.out_of_order += 1
        elif not _same(held[1], v):
            self.counts.duplicates += 1

    def commit(
        self,
        name: str,
        samples: Iterable[tuple[Mapping[str, str], int | None, float]],
        *,
        replacing: bool,
        timestamp: int | None = None,
        types: Mapping[str, str] = {},
        lookback: bool = False,
    ) -> Counts:
        """A whole state is settled in itself first, and then with what is held; what an
        update brings comes to what is held one by one."""
        counts = Counts()
        source = self.sources.get(name, NaiveSource())
        moment = max(self.now, source.last + 1) if timestamp is None else timestamp
        if replacing and moment < source.last:
            counts.out_of_order = len(list(samples))
            self._put(name, source, counts)
            return counts
        oldest = moment - FIVE_MINUTES if lookback else None
        before = source.newest
        known = source.types if source.last_known is None else source.known_types
        after: Samples = {} if replacing else dict(before)
        for labels, own, v in samples:
            t = moment if own is None else own
            series = series_of(labels)
            held = after.get(series)
            if t > self.now + TEN_MINUTES:
                counts.out_of_bounds += 1
            elif oldest is not None and t < oldest:
                counts.too_old += 1
            elif held is None or t > held[0]:
                counts.samples += 1
                after[series] = (t, v)
            elif t < held[0]:
                counts.out_of_order += 1
            elif replacing or not _same(held[1], v):
                counts.duplicates += 1
        if replacing and moment > source.at:
            _settle(after, before, counts)
        counts.added = len(after.keys() - before.keys())
        counts.removed = len(before.keys() - after.keys())
        told = dict(types) if replacing else {**known, **types}
        history = (*source.history, after)[-self.keep :]
        at = max(source.last, moment)  # an update may be of an earlier moment
        moments = (*source.moments, at)[-self.keep :]
        now = NaiveSource(after, before, None, told, {}, at, at, history, moments)
        self._put(name, now, counts)
        return counts

    def fail(self, name: str, report: Mapping[Series, float], when: int) -> None:
        source = self.sources.get(name, NaiveSource())
        known = source.types if source.last_known is None else source.known_types
        when = max(when, source.last)
        shown = {series: (when, v) for series, v in report.items()}
        counts = Counts()
        history = (*source.history, None)[-self.keep :]
        moments = (*source.moments, when)[-self.keep :]
        before, newest = source.previous, source.newest
        failed = NaiveSource(
            shown, before, newest, {}, known, source.at, when, history, moments
        )
        self._put(name, failed, counts)

    def remove(self, name: str) -> None:
        source = self.sources.pop(name, None)
        if source is not None:
            self.counts.removed += len(source.newest)

    def drop(self, conditions: Iterable[Condition]) -> int:
        wanted = list(conditions)

        def left(samples: Samples) -> Samples:
            return {
                series: sample
                for series, sample in samples.items()
                if not fulfils(series, wanted)
            }

        gone = len(self.live) - len(left(self.live))
        self.live = left(self.live)
        for name, source in self.sources.items():
            newest = source.history[-1:]
            if newest and newest[0] is not None:
                newest = (left(newest[0]),)
            history = (*source.history[:-1], *newest)
            kept = replace(source, current=left(source.current), history=history)
            removed = len(source.current) - len(kept.current)
            if source.last_known is not None:
                kept = replace(kept, last_known=left(source.last_known))
                removed += len(source.newest) - len(kept.newest)
            self.sources[name] = kept
            self.counts.removed += removed
            gone += removed
        return gone

    def _put(self, name: str, source: NaiveSource, counts: Counts) -> None:
        sources = {**self.sources, name: source}
        self._check_limit(sources, 0)
        self.sources = sources
        self.counts._add(counts)

    def _check_limit(self, sources: Mapping[str, NaiveSource], extra: int) -> None:
        size = len(self.live) + extra
        size += sum(len(source.current) for source in sources.values())
        if size > self.limit:
            raise TooManyError(size)


def _settle(after: Samples, before: Samples, counts: Counts) -> None:
    """A sample of its own time that is not newer than the one held leaves that there,
    unless it says the same."""
    for series, (t, v) in after.items():
        held = before.get(series)
        if held is None or t > held[0]:
            continue
        counts.samples -= 1
        if t == held[0] and _same(held[1], v):
            continue
        after[series] = held
        if t < held[0]:
            counts.out_of_order += 1
        else:
            counts.duplicates += 1


def _same(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)
