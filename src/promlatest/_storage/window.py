"""The scrapes that are kept of a source, column by column.

A *block* is a set of series that were scraped together: their labels once, and for each
scrape a column with one value a series. Over one layout a column is one pick out of a
vector. Where series came or went between two scrapes, a map from the places of the one
layout to those of the other is made once, and kept with the newer layout; the series that
went make blocks of their own. So does what failed scrapes left to be seen (`up`): to every
other series they are gaps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

from promlatest._interfaces import Block
from promlatest._matching.labels import Labels
from promlatest._samples import packed, picker
from promlatest._storage.cache import Cache
from promlatest._storage.layout import Layout
from promlatest._storage.plan import Plan
from promlatest._storage.scrape import Scrape

ColumnCache = Cache[Any, Any]
"""Columns that were picked, by layout, plan and scrape, weighed by values. Plans are keys
by identity: to hash and compare matchers took a tenth of a question of one series."""


_BLOCKS_KEPT: Final = 256  # questions between two scrapes of a source


class Scrapes(tuple[Scrape, ...]):
    """The scrapes that are kept of a source, oldest first, and the blocks that were made
    of them: with the next scrape both are others.

    What every question asks of all scrapes is worked out here, at a commit, by C code:
    for 31 of them that took most of the first question about one series.

    Attributes:
        moments: when each was, in milliseconds.
        kinds: what tells their layouts apart, and a failed scrape from a good one.
        timed: whether a sample of theirs may have another timestamp than its scrape.
        blocks: those that were made, by plan and range.
    """

    def __init__(self, _: Iterable[Scrape] = ()) -> None:
        self.moments: Final = tuple(map(attrgetter("timestamp"), self))
        self.kinds: Final = tuple(map(attrgetter("kind"), self))
        self.timed: Final = any(map(attrgetter("timed"), self))
        self.blocks: Final[Cache[Any, Sequence[Block]]] = Cache(_BLOCKS_KEPT)

    def __reduce__(self) -> tuple[Any, ...]:
        return Scrapes, (tuple(self),)


def blocks_of(
    scrapes: Scrapes, plan: Plan, start: int, end: int, kept: ColumnCache
) -> Sequence[Block]:
    """The blocks of a source.

    O(series x layouts in between) the first time and after a scrape that changed the
    layout; O(scrapes) else, in C, and columns are picked when somebody looks. What is
    asked again before the next scrape costs a look-up, a quarter of a question of one
    series.

    Args:
        scrapes: those that are kept, oldest first.
        plan: which series.
        start: scrapes up to this moment are left out, in milliseconds.
        end: scrapes after it, too.
        kept: where columns are kept, and which series were there together.
    """
    begin, stop = bisect_right(scrapes.moments, start), bisect_right(scrapes.moments, end)
    if begin == stop:
        return ()
    key = (plan, begin, stop)
    blocks = scrapes.blocks.get(key)
    if blocks is None:
        blocks = _blocks(scrapes, slice(begin, stop), plan, kept)
        scrapes.blocks.keep(key, blocks)
    return blocks


def _blocks(
    scrapes: Scrapes, asked: slice, plan: Plan, kept: ColumnCache
) -> Sequence[Block]:
    chosen, moments = scrapes[asked], scrapes.moments[asked]
    key = (plan, *scrapes.kinds[asked])
    known: tuple[tuple[_Life, ...], int | None] | None = kept.get(key)
    if known is None:
        lives: tuple[_Life, ...] = ()
        if _may_be_in(chosen, plan):
            lives = (*_lives(chosen, plan, kept), *_reports(chosen, plan))
        good = (at for at, scrape in enumerate(chosen) if not scrape.failed)
        known = lives, next(good, None)
        kept.keep(key, known, 1 + sum(life.weight for life in lives))
    lives, place = known
    since, first = scrapes.moments[0], None if place is None else moments[place]
    timed = scrapes.timed
    return [
        _block(life, chosen, plan, kept, moments, since, first, timed) for life in lives
    ]


def _may_be_in(chosen: Sequence[Scrape], plan: Plan) -> bool:
    """Whether one of the scrapes has a metric that a plan asks for."""
    return plan.names is None or any(
        name in scrape.layout.tables for scrape in chosen for name in plan.names
    )


class _Life(NamedTuple):
    """Series that were all there for the same scrapes.

    It is kept, so it holds no scrape, but where each stood among those that were chosen.

    Attributes:
        key: what they are, beside the plan: the numbers of layouts.
        labels: of the series.
        last: the scrape that had them last.
        places: from that scrape back to the first, the place of each series in it, or
            None where the scrape failed.
    """

    key: tuple[int, ...]
    labels: tuple[Labels, ...]
    last: int
    places: tuple[Sequence[int] | None, ...]

    @property
    def weight(self) -> int:
        return len(self.labels) * len(set(map(id, self.places)))


def _lives(chosen: Sequence[Scrape], plan: Plan, kept: ColumnCache) -> Iterator[_Life]:
    """The series of the last good scrape, and, for each layout before it, those that the
    next one has no more."""
    newer: Layout | None = None
    for last in range(len(chosen) - 1, -1, -1):
        scrape = chosen[last]
        if scrape.failed:
            continue
        if newer is not scrape.layout:
            yield from _lives_until(chosen, last, newer, plan, kept)
        newer = scrape.layout


def _reports(chosen: Sequence[Scrape], plan: Plan) -> Iterator[_Life]:
    """What failed scrapes left to be seen: of each a life of its own."""
    for at, scrape in enumerate(chosen):
        if scrape.failed:
            selection = scrape.layout.select(plan).by_place
            if selection.labels:
                key = (scrape.kind,)
                yield _Life(key, selection.labels, at, (selection.places,))


def _lives_until(
    chosen: Sequence[Scrape], last: int, newer: Layout | None, plan: Plan, kept: ColumnCache
) -> Iterator[_Life]:
    """Those that were there in all scrapes before, and those that came later."""
    layout = chosen[last].layout
    selection = layout.select(plan).by_place
    labels, places = selection.labels, selection.places
    key = (layout.number, -1 if newer is None else newer.number)
    if newer is not None:
        left = _left(newer, layout, plan, kept)
        labels, places = _at(labels, left), _at(places, left)
    held: list[Sequence[int] | None] = []
    seen: set[int] = set()  # whose first scrape was passed
    for at in range(last, -1, -1):
        scrape = chosen[at]
        if scrape.layout is not layout and not scrape.failed:
            places = tuple(picker(places)(layout.places_in(scrape.layout)))
            layout = scrape.layout
            if places.count(-1) > len(seen):
                born = [
                    each
                    for each, place in enumerate(places)
                    if place < 0 and each not in seen
                ]
                seen.update(born)
                own = tuple([_held(each, born) for each in held])
                yield _Life((*key, layout.number, -2), _at(labels, born), last, own)
        if len(seen) == len(labels):
            return
        held.append(None if scrape.failed else places)
    if seen:
        stay = [each for each in range(len(labels)) if each not in seen]
        labels, held = _at(labels, stay), [_held(each, stay) for each in held]
    yield _Life((*key, layout.number), labels, last, tuple(held))


def _left(newer: Layout, layout: Layout, plan: Plan, kept: ColumnCache) -> Sequence[int]:
    """Which of a selection the next layout has no more; looked at once."""
    key = ("left", plan, newer.number, layout.number)
    left: Sequence[int] | None = kept.get(key)
    if left is None:
        there = set(newer.places_in(layout))
        places = layout.select(plan).by_place.places
        left = [at for at, place in enumerate(places) if place not in there]
        kept.keep(key, left, 1 + len(left))
    return left


def _at(items: Sequence[Any], chosen: Sequence[int]) -> tuple[Any, ...]:
    found: tuple[Any, ...] = picker(chosen)(items)
    return found


def _held(places: Sequence[int] | None, chosen: Sequence[int]) -> Sequence[int] | None:
    return None if places is None else _at(places, chosen)


class _Picked(Sequence[Any]):
    """Columns that are picked when somebody looks: what is asked about a moment looks at
    the last one only."""

    __slots__ = ("_length", "_pick")

    def __init__(self, length: int, pick: Callable[[int], Any]) -> None:
        self._length = length
        self._pick = pick

    def __len__(self) -> int:
        return self._length

    def __reduce__(self) -> tuple[type[list[Any]], tuple[list[Any]]]:
        """All of them are picked for another process."""
        return list, (list(self),)

    def __getitem__(self, at: Any) -> Any:
        places = range(self._length)[at]
        if isinstance(places, int):
            return self._pick(places)
        return [self._pick(place) for place in places]


def _block(
    life: _Life,
    chosen: Sequence[Scrape],
    plan: Plan,
    kept: ColumnCache,
    moments: Sequence[int],
    since: int,
    first: int | None,
    timed: bool,
) -> Block:
    """A block; behind the last scrape of its series stands that they are gone."""
    begin = life.last + 1 - len(life.places)
    end = life.last + 2
    places = life.places

    def pick(at: int) -> tuple[Sequence[float | None], Sequence[int] | None]:
        held = places[-1 - at] if at < len(places) else None
        if held is None:
            return [None] * len(life.labels), None
        scrape = chosen[begin + at]
        key = (plan, *life.key, scrape.number)
        return _column(scrape, held, key, kept)

    times = moments[begin:end]
    values = _Picked(len(times), lambda at: pick(at)[0])
    stamps = _Picked(len(times), lambda at: pick(at)[1]) if timed else None
    return Block(life.labels, times, values, stamps, since, first, moments)


def _column(
    scrape: Scrape, places: Sequence[int], key: tuple[Any, ...], kept: ColumnCache
) -> tuple[Sequence[float | None], Sequence[int] | None]:
    known = kept.get(key)
    if known is None:
        values = packed(picker(places)(scrape.folded().values))
        own = None
        if scrape.timed:
            own = [scrape.time(place) for place in places]
        known = (values, own)
        kept.keep(key, known, len(places) + 1)
    column: tuple[Sequence[float | None], Sequence[int] | None] = known
    return column
