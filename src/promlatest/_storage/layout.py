"""Which series a source has, and where each stands in its vectors of values.

A scrape that brings the same series again shares the layout of the one before it, with
everything that was built on it. Where series came or went, the tables in which none did
are shared, and a series that stayed keeps its place wherever the reader could follow it.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any, Final

import attrs
from sortedcontainers import SortedList

from promlatest._cached import cached_property
from promlatest._matching.labels import Labels
from promlatest._samples import Rows, picker, take, without_empty
from promlatest._storage.cache import Cache
from promlatest._storage.plan import Plan
from promlatest._storage.table import Table, with_prefix

# Selections of repeated questions are kept with their label sets, some 150 bytes a hit:
# of so many hits at the most, and not of more than there are series. One that is too large
# to be kept is made anew at each question, 3 µs a hit.
_HITS_KEPT: Final = 524_288
_HITS_LEAST: Final = 256

_numbers: Final = count()

Shape = tuple[str, tuple[str, ...]]
"""A metric's name and its label names."""


@attrs.frozen(eq=False, slots=False)
class Selection:
    """The series that fulfil some matchers, sorted by labels, and their places."""

    labels: tuple[Labels, ...]
    places: Sequence[int]
    take: Callable[[Any], tuple[Any, ...]] = attrs.field(init=False)
    """The items at these places out of a vector, picked by C code."""

    @take.default
    def _picker(self) -> Callable[[Any], tuple[Any, ...]]:
        return picker(self.places)

    @cached_property
    def by_place(self) -> Selection:
        """The same in the order of the places, which are a `range` where none is left
        out in between: then a column is a copy of memory, 5 µs for 5,000 series and not
        130."""
        order = sorted(range(len(self.places)), key=self.places.__getitem__)
        pick = picker(order)
        places: Sequence[int] = pick(self.places)
        if places and places[-1] - places[0] == len(places) - 1:
            places = range(places[0], places[-1] + 1)
        return Selection(pick(self.labels), places)

    def __reduce__(self) -> tuple[type[Selection], tuple[Any, ...]]:
        return Selection, (self.labels, self.places)


class Layout:
    """Which series a source has.

    Attributes:
        number: of the whole process, for what must not hold the layout itself.
        rows: what it was made of.
        shapes: the tables of each metric and its label names.
        tables: the tables of each metric.
        size: how many series there are.
        length: how long a vector of values is at least.
        twins: places of samples of one series, for each series that came more than once;
            the first is the one that its table knows.
    """

    def __init__(
        self,
        rows: tuple[Rows, ...],
        shapes: Mapping[Shape, tuple[Table, ...]],
        length: int,
        twins: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        self.number: Final = next(_numbers)
        self.rows: Final = rows
        self.shapes: Final = shapes
        self.length: Final = length
        self.twins: Final = twins
        tables: dict[str, list[Table]] = {}
        for (metric, _), group in shapes.items():
            tables.setdefault(metric, []).extend(group)
        size = sum([len(t.places) for group in shapes.values() for t in group])
        self.tables: Final[Mapping[str, Sequence[Table]]] = tables
        self.size: Final = size
        most = min(_HITS_KEPT, size) + _HITS_LEAST
        self._selections: Cache[tuple[Any, ...], Selection] = Cache(2 * most)
        self._neighbour: tuple[int, array[int]] | None = None  # see `places_in`
        # What `histograms` keeps, weighed by buckets, some 50 bytes each: all of them, for
        # to assemble them anew takes 300 µs a histogram.
        self.histograms: Cache[Any, Any] = Cache(2 * (size + _HITS_LEAST))

    def select(self, plan: Plan) -> Selection:
        """The series that fulfil a plan."""
        kept = self._selections.get(plan.matchers)
        if kept is None:
            hits = [
                (labels, place)
                for table, rows in self.selected(plan)
                for labels, place in zip(
                    table.labels(rows), map(table.places.__getitem__, rows), strict=True
                )
            ]
            hits.sort(key=_by_labels)
            kept = Selection(tuple(map(_first, hits)), tuple(map(_second, hits)))
            self._selections.keep(plan.matchers, kept, len(hits) + 1)
        return kept

    def selected(self, plan: Plan) -> Iterator[tuple[Table, Sequence[int]]]:
        """The tables and their rows that fulfil a plan; no empty ones."""
        for table in self._candidates(plan):
            rows = table.select(plan.rest)
            if rows:
                yield table, rows

    def _candidates(self, plan: Plan) -> Iterable[Table]:
        """The tables whose metric fulfils the matchers of `__name__`, and more if not
        much more has to be asked."""
        if plan.names is not None:
            return chain.from_iterable(self.tables.get(name, ()) for name in plan.names)
        if plan.prefix:
            names = with_prefix(self.metrics, plan.prefix)
            kept = (self.tables[name] for name in names if plan.means(name))
            return chain.from_iterable(kept)
        if plan.present is not None:
            label, values = plan.present  # {l="a"} or {l=~"a|b"}, without a name
            by_value = self._by_label(label)
            found = {t.series: t for value in values for t in by_value.get(value, ())}
            return [table for table in found.values() if plan.means(table.metric)]
        kept = (group for name, group in self.tables.items() if plan.means(name))
        return chain.from_iterable(kept)

    @cached_property
    def reported(self) -> int:
        """How many series are about the commit itself; they stand in rows of their own."""
        return sum(len(rows) for rows in self.rows[-8:] if not rows.counted)

    @cached_property
    def metrics(self) -> SortedList[str]:
        """The names of the metrics, sorted."""
        return SortedList(self.tables)

    @cached_property
    def _labels(self) -> dict[str, dict[str, list[Table]]]:
        return {}

    def _by_label(self, label: str) -> Mapping[str, Sequence[Table]]:
        """The tables that have a series with a label, by its values. It is built when
        somebody first asks about the label without a name."""
        by_value = self._labels.get(label)
        if by_value is None:
            by_value = {}
            for table in chain.from_iterable(self.tables.values()):
                if label in table.names:
                    for value in set(table.column(label)):
                        by_value.setdefault(value, []).append(table)
            self._labels[label] = by_value
        return by_value

    def values_of(self, label: str) -> set[str]:
        """The values that a label has, O(series); not kept."""
        return {
            value
            for table in chain.from_iterable(self.shapes.values())
            if label in table.names
            for value in table.column(label)
        }

    def find(self, labels: Labels) -> int:
        """The place of a series; -1 if there is none."""
        metric, names, cells = labels._cut()
        for table in self.shapes.get((metric, names), ()):
            row = table.find(cells)
            if row >= 0:
                return table.places[row]
        return -1

    def series(self) -> Iterator[tuple[Labels, int]]:
        """Every series and its place."""
        for table in chain.from_iterable(self.shapes.values()):
            yield from zip(table.labels(), table.places, strict=True)

    def places_in(self, other: Layout) -> array[int]:
        """For each place where its series stands in another layout; -1: nowhere, and so at
        the end, where it stands for the place -1.

        It is kept for the last other one that was asked about: 100 ns a series in tables
        that differ, a copy for those that are shared.
        """
        known = self._neighbour
        if known is not None and known[0] == other.number:
            return known[1]
        found = array("i", [-1]) * (self.length + 1)
        for shape, group in self.shapes.items():
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
        self._neighbour = (other.number, found)
        return found

    def less(self, gone: Collection[int]) -> Layout:
        """A layout without the series at these places; the others stay where they are."""
        lost = set(gone)
        shapes: dict[Shape, tuple[Table, ...]] = {}
        for shape, group in self.shapes.items():
            left = [_less(table, lost) for table in group]
            kept = tuple(table for table in left if table is not None)
            if kept:
                shapes[shape] = kept
        rows = tuple(table.rows for group in shapes.values() for table in group)
        return Layout(rows, shapes, self.length, self.twins)

    def extended(self, rows: Iterable[Rows], length: int) -> Layout:
        """A layout with further series, none of which is there yet.

        They become tables of their own beside those there are, which keep what was built
        on them; of one shape a small table is put together with the next that is not much
        larger, so there are never more than a few of them. O(metrics + new series).
        """
        shapes = dict(self.shapes)
        for each in chain.from_iterable(map(without_empty, rows)):
            shape = (each.metric, each.names)
            group = shapes.get(shape, ())
            while group and len(group[-1]) <= 2 * len(each):
                each = _concatenated(group[-1].rows, each)
                group = group[:-1]
            shapes[shape] = (*group, Table(each))
        made_of = tuple(table.rows for group in shapes.values() for table in group)
        return Layout(made_of, shapes, length, self.twins)

    def _check(self) -> None:
        """Assert every promise that this class makes about itself."""
        places: set[int] = set()
        for (metric, names), group in self.shapes.items():
            keys: list[tuple[str, ...]] = []
            for table in group:
                assert (table.metric, table.names) == (metric, names)
                table._check()
                keys += table.rows.row_keys()
                assert places.isdisjoint(table.places), f"{metric}: a place twice"
                places.update(table.places)
            assert len(set(keys)) == len(keys), f"{metric}: a series twice"
        assert len(places) == self.size
        assert not places or max(places) < self.length


EMPTY: Final = Layout((), {}, 0)


def laid_out(rows: tuple[Rows, ...], length: int, before: Layout) -> Layout:
    """The layout of rows, sharing what it can with the one before it.

    About 100 ns a row of a table that is new or has changed; 0.5 µs for one that is the
    same as before.
    """
    groups: dict[Shape, list[Rows]] = {}
    for each in rows:
        for shaped in without_empty(each) if each.columns else (each,):
            if shaped.places:
                groups.setdefault((shaped.metric, shaped.names), []).append(shaped)
    shapes: dict[Shape, tuple[Table, ...]] = {}
    twins: list[tuple[int, ...]] = []
    for shape, group in groups.items():
        shapes[shape] = _tables(group, before.shapes.get(shape, ()), twins)
    return Layout(rows, shapes, length, tuple(twins))


def changes(before: Layout, after: Layout) -> tuple[int, int]:
    """How many series came and went; tables that are shared are passed by."""
    if before is after:
        return 0, 0
    if not before.size:
        return sum(len(t.places) for t in _counted(chain(*after.shapes.values()))), 0
    added = removed = 0
    for shape in before.shapes.keys() | after.shapes.keys():
        old = _counted(before.shapes.get(shape, ()))
        new = _counted(after.shapes.get(shape, ()))
        if [table.series for table in old] == [table.series for table in new]:
            continue
        others = new[0].others_than(old[0]) if len(old) == len(new) == 1 else None
        if others is not None:
            added += len(others)
            removed += len(others)
            continue
        had = set(chain.from_iterable(table.rows.row_keys() for table in old))
        has = set(chain.from_iterable(table.rows.row_keys() for table in new))
        both = len(had & has)
        added += len(has) - both
        removed += len(had) - both
    return added, removed


def _counted(group: Iterable[Table]) -> list[Table]:
    return [table for table in group if table.rows.counted]


def _is_of(table: Table, rows: Rows) -> bool:
    """Whether a table is of these very rows."""
    return table.rows is rows or (
        table.columns is rows.columns and table.places is rows.places
    )


def _tables(
    group: list[Rows], held: tuple[Table, ...], twins: list[tuple[int, ...]]
) -> tuple[Table, ...]:
    """The tables of rows of one shape; of a series that stands in them twice the first
    row stays, and the places of all are noted."""
    if len(group) == len(held):
        if all(map(_is_of, held, group)):
            return held
        pairs = list(zip(held, group, strict=True))
        if all(map(_alike, held, group)):
            return tuple(table.moved(rows) for table, rows in pairs)
        exchanged = held[0].exchanged(group[0]) if len(held) == 1 else None
        if exchanged is not None:
            return (exchanged,)
    if len(group) > 1 or len(group[0].places) > 1:  # most metrics have one series
        keys = [key for rows in group for key in rows.row_keys()]
        if len(set(keys)) < len(keys):
            group = _once(group, twins)
    return tuple([Table(rows) for rows in group])


def _alike(table: Table, rows: Rows) -> bool:
    """Whether a table has these series, in these rows."""
    return len(table) == len(rows) and table.columns == rows.columns


def _once(group: Sequence[Rows], twins: list[tuple[int, ...]]) -> list[Rows]:
    places: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for rows in group:
        for key, place in zip(rows.row_keys(), rows.places, strict=True):
            places[key].append(place)
    first = {min(each) for each in places.values()}
    twins += (tuple(sorted(each)) for each in places.values() if len(each) > 1)
    kept = [
        take(rows, [row for row, place in enumerate(rows.places) if place in first])
        for rows in group
    ]
    return [rows for rows in kept if len(rows)]


def _less(table: Table, lost: set[int]) -> Table | None:
    """A table less some rows; None if none is left."""
    if lost.isdisjoint(table.places):
        return table
    kept = [row for row, place in enumerate(table.places) if place not in lost]
    return Table(take(table.rows, kept)) if kept else None


def _concatenated(one: Rows, other: Rows) -> Rows:
    columns = zip(one.columns, other.columns, strict=True)
    return attrs.evolve(
        one,
        columns=tuple([*left, *right] for left, right in columns),
        places=array("i", [*one.places, *other.places]),
    )


def _by_labels(hit: tuple[Labels, int]) -> tuple[str, ...]:
    return hit[0]._flat


def _first(hit: tuple[Labels, int]) -> Labels:
    return hit[0]


def _second(hit: tuple[Labels, int]) -> int:
    return hit[1]
