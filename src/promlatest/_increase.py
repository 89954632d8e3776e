"""What moved between scrapes: increases and rates of counters that know of resets.

Every scrape in between counts, as in Prometheus: a counter that fell, or whose process or
series was started anew (`process_start_time_seconds` or its `_created` moved), counts
from 0 from there on. Nothing is extrapolated: an increase is over the seconds that it
says. A counter that was not there at first counts from 0 where it is known to have begun
since then, and is not known otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain, compress, pairwise
from operator import attrgetter, gt
from typing import Final, TypeVar

import attrs

from promlatest._interfaces import Block, Queryable
from promlatest._matching.labels import Labels
from promlatest._matching.matcher import LabelValue, Matcher

START_TOLERANCE: Final = 1.0
"""Seconds by which a start time may move without a restart: some runtimes work it out
anew from an uptime at each look, and it trembles then."""

PROCESS_START: Final = "process_start_time_seconds"

_COUNTED: Final = ("_total", "_bucket", "_sum", "_count")

K = TypeVar("K")

TimedValues = Sequence[tuple[int, float]]
"""Timestamps in milliseconds and values, oldest first."""


@attrs.frozen
class Movement:
    """What one counter did in a window.

    Attributes:
        labels: the series.
        value: its increase, or its rate a second; None: not known, `note` says why.
        seconds: what is really covered, from the first sample to the last.
        resets: how often it began anew.
        note: why the value is not known; "" where it is.
    """

    labels: Labels
    value: float | None
    seconds: float
    resets: int = 0
    note: str = ""

    @property
    def rate(self) -> Movement:
        """The same as a rate a second."""
        if self.value is None:
            return self
        if not self.seconds:
            note = "all of it was seen at one moment"
            return attrs.evolve(self, value=None, note=note)
        return attrs.evolve(self, value=self.value / self.seconds)


@attrs.frozen
class StartTimes:
    """When counters began, as far as it is exposed.

    Attributes:
        starts: of each target (`job`, `instance`) the start time of its process at each
            scrape, in seconds since the epoch.
        created: the same of the `_created` of each series, by its labels.
    """

    starts: Mapping[tuple[str, str], TimedValues] = attrs.field(factory=dict)
    created: Mapping[Labels, TimedValues] = attrs.field(factory=dict)

    def of(self, labels: Labels) -> list[TimedValues]:
        """What tells when a series began, and began anew."""
        target = self.starts.get(target_of(labels))
        own = self.created.get(bare(labels)) if self.created else None
        return [each for each in (target, own) if each]


def created_name(metric: str) -> str:
    """The name of the series that tells when a counter or histogram was created."""
    for suffix in _COUNTED:
        if metric.endswith(suffix):
            return metric.removesuffix(suffix) + "_created"
    return metric + "_created"


def start_times_of(starts: Iterable[Block], created: Iterable[Block]) -> StartTimes:
    """What the blocks of both kinds of series tell."""
    return StartTimes(_samples_by(target_of, starts), _samples_by(bare, created))


def _samples_by(
    key: Callable[[Labels], K], blocks: Iterable[Block]
) -> dict[K, list[tuple[int, float]]]:
    found: dict[K, list[tuple[int, float]]] = {}
    for block in blocks:
        for labels, samples in _series(block, range(len(block.labels))):
            found.setdefault(key(labels), []).extend(samples)
    for each in found.values():
        each.sort()
    return found


def between(
    earlier: Queryable,
    now: Queryable,
    metric: str,
    *matchers: Matcher,
    **labels: LabelValue,
) -> list[Movement]:
    """What each series did from one moment to another, of which nothing else is known.

    Some 5 µs a series.
    """
    samples = _in_both(earlier, now, metric, *matchers, **labels)
    starts = _in_both(earlier, now, PROCESS_START)
    created = _in_both(earlier, now, created_name(metric))
    start_times = StartTimes(
        {target_of(each): seen for each, seen in starts.items()},
        {bare(each): seen for each, seen in created.items()},
    )
    first = _first_look(earlier, metric)
    return [
        movement(each, samples[each], first or samples[each][0][0], start_times.of(each))
        for each in sorted(samples, key=attrgetter("_flat"))
    ]


def _in_both(
    earlier: Queryable,
    now: Queryable,
    metric: str,
    *matchers: Matcher,
    **labels: LabelValue,
) -> dict[Labels, list[tuple[int, float]]]:
    found: dict[Labels, list[tuple[int, float]]] = {}
    for moment in (earlier, now):
        for series, time, value in moment.query(metric, *matchers, **labels):
            seen = found.setdefault(series, [])
            # Two moments of one time come one after the other all the same.
            seen.append((max(time, seen[-1][0] + 1) if seen else time, value))
    return found


def _first_look(earlier: Queryable, metric: str) -> int | None:
    """When the earlier moment was; None if it tells of nothing."""
    for name in (metric, PROCESS_START):
        for point in earlier.query(name):
            return point.timestamp
    return getattr(earlier, "timestamp", None)


def movements(blocks: Sequence[Block], start_times: StartTimes) -> list[Movement]:
    """What each series of some blocks did, sorted by labels.

    O(series x scrapes) in C where nothing was reset, and some 5 µs a series elsewhere.
    """
    found: list[Movement] = []
    again: dict[Labels, list[tuple[int, float]]] = {}
    firsts: dict[Labels, int] = {}
    split = _in_several(blocks)
    # Each start time of a target is looked at: one may rise and fall again.
    restarted = start_times.created or any(map(_moves, start_times.starts.values()))
    for block in blocks:
        if restarted:  # every series is looked at by itself
            _take_all(block, again)
        else:
            found += _steady(block, split, again)
        first = _first(block)
        for labels in block.labels:
            firsts[labels] = min(first, firsts.get(labels, first))
    for labels, samples in again.items():
        samples.sort()
        found.append(movement(labels, samples, firsts[labels], start_times.of(labels)))
    return sorted(found, key=lambda each: each.labels.flat)


def movement(
    labels: Labels, samples: TimedValues, first: int, start_times: Sequence[TimedValues]
) -> Movement:
    """What one series did.

    Args:
        labels: the series.
        samples: what was seen of it, oldest first.
        first: when its source was looked at first, in milliseconds.
        start_times: start times that hold for it.
    """
    start = samples[0][0]
    gained, resets = samples[-1][1] - samples[0][1], 0
    seconds = (samples[-1][0] - start) / 1000
    if start > first:
        if not any(_since(each, first, start) for each in start_times):
            note = "it was not there at first, and nothing tells when it began"
            return Movement(labels, None, seconds, 0, note)
        gained, seconds = samples[-1][1], (samples[-1][0] - first) / 1000
    elif len(samples) < 2:
        return Movement(labels, None, 0.0, 0, "it was seen once only")
    # A target seldom restarts: to look up each scrape's start took most of the time.
    moving = [each for each in start_times if _moves(each)]
    for (then, before), (now, value) in pairwise(samples):
        if value < before or any(_began_anew(each, then, now) for each in moving):
            resets += 1
            gained += before
    return Movement(labels, gained, seconds, resets)


def began_anew(before: float | None, now: float | None) -> bool:
    """Whether a start time, in seconds since the epoch, tells of a new start."""
    return before is not None and now is not None and now - before > START_TOLERANCE


def _moves(start_times: TimedValues) -> bool:
    return any(began_anew(one, other) for (_, one), (_, other) in pairwise(start_times))


def _in_several(blocks: Sequence[Block]) -> set[Labels]:
    """The series that stand in several blocks: those that went and came back."""
    if len(blocks) < 2:
        return set()
    times = Counter(chain.from_iterable(block.labels for block in blocks))
    return {labels for labels, number in times.items() if number > 1}


def _steady(
    block: Block,
    split: Set[Labels],
    again: dict[Labels, list[tuple[int, float]]],
) -> list[Movement]:
    """The movements of the series that never fell, each between the first column and the
    last; the samples of the others, and of those in `split`, are put into `again`."""
    columns = [
        (time, column)
        for time, column in zip(block.times, block.values, strict=True)
        if len(column) and column[0] is not None
    ]
    whole = len(columns) > 1 and block.stamps is None
    if not whole or columns[0][0] > _first(block):
        _take_all(block, again)
        return []
    numbered = range(len(block.labels))
    odd: set[int] = set()
    if split:  # to hash all labels costs more than the rest
        odd.update(compress(numbered, map(split.__contains__, block.labels)))
    for (_, old), (_, new) in pairwise(columns):
        odd.update(compress(numbered, map(gt, old, new)))  # type: ignore[arg-type]
    if odd:
        _take_all(block, again, odd)
    (first, old), (last, new) = columns[0], columns[-1]
    seconds = (last - first) / 1000
    pairs = zip(block.labels, old, new, strict=True)
    return [
        Movement(labels, value - before, seconds)  # type: ignore[operator]
        for at, (labels, before, value) in enumerate(pairs)
        if at not in odd
    ]


def _first(block: Block) -> int:
    """When the source of a block was looked at first."""
    return next(iter(block.times), 0) if block.first is None else block.first


def _take_all(
    block: Block,
    again: dict[Labels, list[tuple[int, float]]],
    chosen: Iterable[int] | None = None,
) -> None:
    numbers = range(len(block.labels)) if chosen is None else chosen
    for labels, samples in _series(block, numbers):
        if samples:
            again.setdefault(labels, []).extend(samples)


def _series(
    block: Block, numbers: Iterable[int]
) -> Iterator[tuple[Labels, list[tuple[int, float]]]]:
    """The samples of some series of a block."""
    stamps = block.stamps or [None] * len(block.times)
    columns = list(zip(block.times, block.values, stamps, strict=True))  # picked once
    for at in numbers:
        yield (
            block.labels[at],
            [
                (time if own is None else own[at], value)
                for time, column, own in columns
                if (value := column[at]) is not None
            ],
        )


def _at(samples: TimedValues, time: int) -> float | None:
    """The value at a moment, or the next one before it."""
    return next((value for when, value in reversed(samples) if when <= time), None)


def _since(start_times: TimedValues, first: int, now: int) -> bool:
    born = _at(start_times, now)
    return born is not None and born * 1000 > first - START_TOLERANCE * 1000


def _began_anew(start_times: TimedValues, then: int, now: int) -> bool:
    return began_anew(_at(start_times, then), _at(start_times, now))


def target_of(labels: Labels) -> tuple[str, str]:
    """Who exposed a series: the labels that a scrape gives."""
    return labels.get("job", ""), labels.get("instance", "")


def bare(labels: Labels) -> Labels:
    """What the parts of a counter or histogram have in common with its `_created`."""
    return labels.without("__name__", "le", "quantile")
