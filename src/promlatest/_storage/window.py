"""The scrapes that are kept of a source, column by column.

A *block* is a set of series that were scraped together: their labels once, and for each
scrape a column with one value a series. Over one layout a column is one pick out of a
vector. Where series came or went between two scrapes, a map from the places of the one
layout to those of the other is made once, and kept with the newer layout; the series that
went make blocks of their own.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, overload

import attrs

from promlatest._interfaces import Block
from promlatest._matching.labels import Labels
from promlatest._rows import picker
from promlatest._storage.cache import Cache
from promlatest._storage.layout import Layout
from promlatest._storage.plan import Plan
from promlatest._storage.scrape import Scrape

Columns = Cache[Any, Any]
"""Columns that were picked, by layout, matchers and scrape, weighed by values."""


def blocks_of(
    scrapes: Sequence[Scrape], plan: Plan, start: int, end: int, kept: Columns
) -> list[Block]:
    """The blocks of a source.

    O(series x scrapes in between) the first time, and O(series) after another scrape.

    Args:
        scrapes: those that are kept, oldest first.
        plan: which series.
        start: scrapes up to this moment are left out, in milliseconds.
        end: scrapes after it, too.
        kept: where columns are kept.
    """
    since = scrapes[0].timestamp if scrapes else None
    chosen = [each for each in scrapes if start < each.timestamp <= end]
    first = next((each.timestamp for each in chosen if not each.failed), None)
    blocks: list[Block] = []
    newer: Scrape | None = None
    for at in range(len(chosen) - 1, -1, -1):
        scrape = chosen[at]
        if scrape.failed:
            continue
        if newer is None or newer.layout is not scrape.layout:
            gone = chosen[at + 1].timestamp if at + 1 < len(chosen) else None
            for group in _groups(chosen[: at + 1], newer, plan):
                blocks.append(_block(group, gone, plan, kept, since, first))
        newer = scrape
    return blocks


@attrs.frozen(eq=False)
class _Group:
    """Series that were all there for the same scrapes.

    Attributes:
        key: what they are, beside the plan: the numbers of layouts.
        labels: of the series.
        steps: the scrapes from the last to the first, and the place of each series in
            it, or None where the scrape failed.
    """

    key: tuple[int, ...]
    labels: tuple[Labels, ...]
    steps: tuple[tuple[Scrape, Sequence[int] | None], ...]


def _groups(
    scrapes: Sequence[Scrape], newer: Scrape | None, plan: Plan
) -> Iterator[_Group]:
    """The series of the last of some scrapes that the next good one has no more: those
    that were there in all scrapes before it, and those that came later one by one."""
    layout = scrapes[-1].layout
    selection = layout.select(plan)
    labels: tuple[Labels, ...] = selection.labels
    places: Sequence[int] = selection.places
    key = (layout.number, -1 if newer is None else newer.layout.number)
    if newer is not None:
        there = set(place_map(newer.layout, layout))
        left = [at for at, place in enumerate(places) if place not in there]
        labels = tuple([labels[at] for at in left])
        places = [places[at] for at in left]
    steps: list[tuple[Scrape, Sequence[int] | None]] = []
    for scrape in reversed(scrapes):
        if not labels:
            return
        if scrape.failed:
            steps.append((scrape, None))
            continue
        if scrape.layout is not layout:
            found = place_map(layout, scrape.layout)
            places = [found[place] for place in places]
            layout = scrape.layout
            born = [at for at, place in enumerate(places) if place < 0]
            if born:
                yield from _born(key, labels, steps, born, layout.number)
                stay = [at for at, place in enumerate(places) if place >= 0]
                labels = tuple([labels[at] for at in stay])
                places = [places[at] for at in stay]
                steps = [(each, _at(held, stay)) for each, held in steps]
        steps.append((scrape, places))
    if labels:
        yield _Group((*key, layout.number), labels, tuple(steps))


def _born(
    key: tuple[int, ...],
    labels: tuple[Labels, ...],
    steps: Sequence[tuple[Scrape, Sequence[int] | None]],
    born: Sequence[int],
    number: int,
) -> Iterator[_Group]:
    """The series that came with the oldest of these steps."""
    mine = tuple((scrape, _at(places, born)) for scrape, places in steps)
    yield _Group((*key, number, -2), tuple([labels[at] for at in born]), mine)


def _at(places: Sequence[int] | None, chosen: Sequence[int]) -> Sequence[int] | None:
    return None if places is None else [places[at] for at in chosen]


class _Picked(Sequence[Any]):
    """Columns that are picked when somebody looks: what is asked about a moment looks at
    the last one only."""

    __slots__ = ("_length", "_pick")

    def __init__(self, length: int, pick: Callable[[int], Any]) -> None:
        self._length = length
        self._pick = pick

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Any]: ...
    def __getitem__(self, at: int | slice) -> Any:
        places = range(self._length)[at]
        if isinstance(places, int):
            return self._pick(places)
        return [self._pick(place) for place in places]


def _block(
    group: _Group,
    gone: int | None,
    plan: Plan,
    kept: Columns,
    since: int | None,
    first: int | None,
) -> Block:
    """A block; `gone` is when the next scrape did not bring the series any more."""
    labels, steps = group.labels, group.steps[::-1]
    nothing: Sequence[float | None] = [None] * len(labels)

    def pick(at: int) -> tuple[Sequence[float | None], Sequence[int] | None]:
        scrape, places = steps[at] if at < len(steps) else (None, None)
        if scrape is None or places is None:
            return nothing, None
        return _column(scrape, places, (plan.matchers, *group.key, scrape.number), kept)

    times = [scrape.timestamp for scrape, _ in steps]
    if gone is not None:
        times.append(gone)
    values = _Picked(len(times), lambda at: pick(at)[0])
    stamps = _Picked(len(times), lambda at: pick(at)[1])
    timed = any(_timed(scrape) for scrape, places in steps if places is not None)
    return Block(labels, times, values, stamps if timed else None, since, first)


def _timed(scrape: Scrape) -> bool:
    """Whether a sample may have another timestamp than its scrape."""
    return scrape.times is not None or bool(scrape.patch)


def _column(
    scrape: Scrape, places: Sequence[int], key: tuple[Any, ...], kept: Columns
) -> tuple[Sequence[float | None], Sequence[int] | None]:
    known = kept.get(key)
    if known is None:
        values = array("d", picker(places)(scrape.folded().values))
        own = None
        if _timed(scrape):
            own = [scrape.time(place) for place in places]
        known = (values, own)
        kept.keep(key, known, len(places) + 1)
    column: tuple[Sequence[float | None], Sequence[int] | None] = known
    return column


def place_map(layout: Layout, other: Layout) -> array[int]:
    """For each place of a layout where its series stands in another one; -1: nowhere.

    It is kept with the first layout for the last other one that was asked about: 100 ns a
    series in tables that differ, a copy for those that are shared.
    """
    known = layout.neighbour
    if known is not None and known[0] == other.number:
        return known[1]
    found = array("i", [-1]) * layout.length
    for shape, group in layout.shapes.items():
        there = other.shapes.get(shape, ())
        if [table.series for table in group] == [table.series for table in there]:
            for table, same in zip(group, there, strict=True):
                for place, place_there in zip(table.places, same.places, strict=True):
                    found[place] = place_there
            continue
        by_key = dict(
            chain.from_iterable(
                zip(table.rows.row_keys(), table.places, strict=True) for table in there
            )
        )
        for table in group:
            for key, place in zip(table.rows.row_keys(), table.places, strict=True):
                found[place] = by_key.get(key, -1)
    layout.neighbour = (other.number, found)
    return found
