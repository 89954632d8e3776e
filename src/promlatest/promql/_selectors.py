"""Selectors at work: out of blocks, the newest samples of a moment or those of a range.

And coverage: a range that the scrapes kept do not reach never gives a number silently.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from promlatest._interfaces import Values
from promlatest._matching.labels import Labels
from promlatest._units import format_duration
from promlatest.promql._columns import LOOKBACK, Block
from promlatest.promql._series import any_twice, grouped, joined
from promlatest.promql._values import EMPTY, Kept, Span, VectorColumn, Window

Policy = Literal["any", "whole", "free", "noted"]
"""What a question does with a range that is known in part: the result is right all the
same; it needs the whole; it is right if taken over what is known; the same, and says so."""

# A range is reached if what is missing is no more than what rate extrapolates over.
_NEAR = 1.1


class Newest(NamedTuple):
    """The newest samples of one block: their values, and when they were taken (ms)."""

    labels: tuple[Labels, ...]
    values: Values
    times: Sequence[int] | int


class Newer:
    """Puts the newest samples of several blocks together, each series once."""

    def __init__(self) -> None:
        self._joined: Kept[tuple[Labels, ...]] = Kept(joined)
        self._groups = Kept(lambda labels: grouped(labels, lambda each: each))

    def __call__(self, found: Sequence[Newest], *, times: bool) -> VectorColumn:
        """The column of their values; or of their times, in seconds."""
        if not found:
            return EMPTY
        if len(found) == 1:
            [newest] = found
            return VectorColumn(newest.labels, _times(newest) if times else newest.values)
        labels = self._joined(*(newest.labels for newest in found))
        groups = self._groups(labels)
        values = [value for newest in found for value in newest.values]
        shown = [each for newest in found for each in _times(newest)] if times else values
        if len(groups.labels) == len(labels):
            return VectorColumn(labels, shown)
        taken = [each for newest in found for each in _times(newest)]
        picked: list[float | None] = []
        for places in groups.places:
            there = [place for place in places if values[place] is not None]
            best = max(there, key=lambda place: taken[place] or 0, default=None)
            picked.append(None if best is None else shown[best])
        return VectorColumn(groups.labels, picked)


def _times(newest: Newest) -> list[float | None]:
    times = newest.times
    if isinstance(times, int):
        return [None if value is None else times / 1000 for value in newest.values]
    pairs = zip(newest.values, times, strict=True)
    return [None if value is None else time / 1000 for value, time in pairs]


def newest(block: Block, moment: int) -> Newest | None:
    """The samples that are visible at a moment (Q-1): of the last scrape up to it, unless
    that is as old as the look-back; None if there is none."""
    if block.stamps is not None:
        return _newest_stamped(block, block.stamps, moment)
    at = bisect_right(block.times, moment) - 1
    if at < 0 or block.times[at] <= moment - LOOKBACK:
        return None
    values = block.values[at]
    return None if _all_away(values) else Newest(block.labels, values, block.times[at])


def _newest_stamped(
    block: Block, stamps: Sequence[Sequence[int] | None], moment: int
) -> Newest | None:
    """The same where samples carry timestamps of their own, which decide."""
    last = bisect_right(block.times, moment) - 1
    if last < 0:
        return None
    values: list[float | None] = []
    times: list[int] = []
    for place in range(len(block.labels)):
        value, time = _visible(block, stamps, place, last, moment)
        values.append(value)
        times.append(time)
    return Newest(block.labels, values, times)


def _visible(
    block: Block,
    stamps: Sequence[Sequence[int] | None],
    place: int,
    last: int,
    moment: int,
) -> tuple[float | None, int]:
    for at in range(last, -1, -1):
        value, own = block.values[at][place], stamps[at]
        if value is None:
            break  # gone
        time = block.times[at] if own is None else own[place]
        if time <= moment:
            return (value, time) if time > moment - LOOKBACK else (None, 0)
    return None, 0


def known_since(
    blocks: Sequence[Block], start: int, end: int
) -> dict[int | None, int | None]:
    """From when on a range is known, by `Block.since`, which tells sources apart; None
    where all of it is.

    A range is reached, too, if what is missing is no more than what lies between two
    scrapes of the source, give or take what Prometheus allows there.
    """
    times: dict[int | None, set[int]] = {None: set()}
    for block in blocks:
        own = times.setdefault(block.since, set())
        if block.since is not None:
            moments = block.times if block.scrapes is None else block.scrapes
            first, last = bisect_right(moments, start), bisect_right(moments, end)
            own.update(moments[first:last])
    return {
        since: None
        if since is None or since - start <= _NEAR * _mean_distance(own)
        else since
        for since, own in times.items()
    }


def _mean_distance(times: set[int]) -> float:
    return (max(times) - min(times)) / (len(times) - 1) if len(times) > 1 else 0.0


def too_short(start: int, end: int, since: int) -> str:
    """What is wrong with a range that is known in part."""
    known = max(0, end - since)
    return (
        f"the scrapes kept cover {format_duration(known)} of the"
        f" {format_duration(end - start)} asked for: keep more of them (history=), ask for"
        " a shorter range, or take the answer over what is covered (partial=True)"
    )


class Ranges:
    """Puts the samples of several blocks over a range together, each series once."""

    def __init__(self) -> None:
        self._twice: Kept[bool] = Kept(any_twice)

    def __call__(
        self,
        blocks: Sequence[Block],
        start: int,
        end: int,
        partly: Callable[[int], int],
    ) -> Window:
        """The window; `partly` says from when on one counts that is known in part."""
        spans = []
        since = {
            each: start if known is None else partly(known)
            for each, known in known_since(blocks, start, end).items()
        }
        for block in blocks:
            known = since[block.since]
            if block.stamps is not None:
                spans += _stamped_spans(block, block.stamps, start, end, known)
                continue
            first, last = bisect_right(block.times, start), bisect_right(block.times, end)
            # Of two scrapes of one moment the later one counts.
            columns = {
                time: column
                for time, column in zip(
                    block.times[first:last], block.values[first:last], strict=True
                )
                if not _all_away(column)
            }
            if columns:
                spans.append(Span(block.labels, [*columns], [*columns.values()], known))
        if len(spans) > 1 and self._twice(*(span.labels for span in spans)):
            spans = _merged(spans)
        return Window(spans, start, end)


def _all_away(column: Values) -> bool:
    """Whether a scrape failed: ranges reach over it."""
    return not column or (column[0] is None and list(column).count(None) == len(column))


def _merged(spans: Sequence[Span]) -> list[Span]:
    """One span a series, of all its samples by time; of two at a time the first."""
    samples: dict[Labels, dict[int, float]] = {}
    known: dict[Labels, int] = {}
    for span in spans:
        for place, labels in enumerate(span.labels):
            own = samples.setdefault(labels, {})
            known[labels] = min(span.start, known.get(labels, span.start))
            for time, column in zip(span.times, span.columns, strict=True):
                value = column[place]
                if value is not None:
                    own.setdefault(time, value)
    return [_single(labels, own, known[labels]) for labels, own in samples.items()]


def _single(labels: Labels, samples: dict[int, float], known: int) -> Span:
    times = sorted(samples)
    return Span((labels,), times, [(samples[time],) for time in times], known)


def _stamped_spans(
    block: Block, stamps: Sequence[Sequence[int] | None], start: int, end: int, known: int
) -> list[Span]:
    """One span a series, by the samples' own timestamps."""
    spans = []
    for place, labels in enumerate(block.labels):
        samples: dict[int, float] = {}
        for time, column, own in zip(block.times, block.values, stamps, strict=True):
            value = column[place]
            stamp = time if own is None else own[place]
            if value is not None and start < stamp <= end:
                samples.setdefault(stamp, value)
        if samples:
            spans.append(_single(labels, samples, known))
    return spans
