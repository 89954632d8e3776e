"""Samples in columns: which series came, and a vector with a value for each.

The series of a source seldom change, only their numbers do. So the two travel apart: a
tuple of `Rows` says which series there are, and stays the same object for as long as they
do; `Samples` adds one `array` of values to it, in which every series has its place. A
scrape goes from text to what is held without an object for every sample, or every metric.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from struct import pack
from typing import Any, Final

import attrs

from promlatest._datapoint import Exemplar
from promlatest._matching.labels import METRIC_NAME, Labels

NO_TIME: Final = -(1 << 63)
"""Stands in `Samples.times` for a sample that came without a timestamp of its own."""


@attrs.frozen(eq=False)
class Rows:
    """Series of one metric with the same label names, in columns.

    Attributes:
        metric: the metric's name.
        names: the label names, sorted, less `__name__`.
        columns: for each name the values, one a row; "" where a row lacks the label.
        places: for each row the place of its sample among the values, rising. Of two
            rows of one series the one with the lower place came first.
        counted: False for series about the commit itself (`up` and its like): they are
            not counted as added or removed.
    """

    metric: str
    names: tuple[str, ...]
    columns: tuple[Sequence[str], ...]
    places: Sequence[int]
    counted: bool = True

    def __len__(self) -> int:
        return len(self.places)

    def row_keys(self) -> Sequence[tuple[str, ...]]:
        """The label values of every row."""
        return list(zip(*self.columns, strict=True)) if self.columns else [()] * len(self)

    def labels(self, rows: Sequence[int] | None = None) -> Iterator[Labels]:
        """The label sets of these rows, or of all, from columns without an empty cell.

        Names and values are zipped to flat tuples in C, 5 times as fast as a dict a row.
        """
        columns = self.columns
        if rows is not None:
            columns = tuple([column[row] for row in rows] for column in columns)
        size = len(self.places) if rows is None else len(rows)
        named = [(METRIC_NAME, repeat(self.metric, size)), *zip(self.names, columns)]  # noqa: B905
        named.sort(key=itemgetter(0))
        turns = [turn for name, column in named for turn in (repeat(name, size), column)]
        return map(Labels._from_flat, zip(*turns, strict=True))


@attrs.frozen(eq=False)
class Samples:
    """What came at one moment.

    Attributes:
        rows: which series; the same object as the last time where these did not change.
        values: the samples, by place; a place that no row names has no meaning.
        times: by place the timestamps that came with the samples, in milliseconds, or
            `NO_TIME`; None if no sample has one.
        exemplars: exemplars by place.
    """

    rows: tuple[Rows, ...]
    values: array[float]
    times: array[int] | None = None
    exemplars: Mapping[int, Exemplar] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.rows))


def take(rows: Rows, kept: Sequence[int]) -> Rows:
    """The rows of these numbers, in this order."""
    # Not attrs.evolve, which takes as long as picking 200 rows.
    return Rows(
        rows.metric,
        rows.names,
        tuple([[column[row] for row in kept] for column in rows.columns]),
        array("i", [rows.places[row] for row in kept]),
        rows.counted,
    )


def are_new(rows: Rows, cells: Sequence[tuple[str, ...]]) -> bool:
    """Whether series with these label values are not among rows, and none is there twice.

    Where a label has values that were not there, as the names of pods are, that is a
    look at each cell of one column, 20 ns.
    """
    if len(set(cells)) < len(cells):
        return False
    for column, fresh in zip(rows.columns, zip(*cells, strict=True)):  # noqa: B905 no cells
        if set(fresh).isdisjoint(column):
            return True
    return set(cells).isdisjoint(rows.row_keys())


def without_empty(rows: Rows) -> list[Rows]:
    """The rows in groups without an empty cell: a label without a value is one that is
    not there (L-1)."""
    holed = [at for at, column in enumerate(rows.columns) if "" in column]
    if not holed:
        return [rows]
    groups: dict[tuple[bool, ...], list[int]] = {}
    for row, cells in enumerate(zip(*(rows.columns[at] for at in holed), strict=True)):
        groups.setdefault(tuple(map(bool, cells)), []).append(row)
    return [_less_columns(take(rows, kept), holed, held) for held, kept in groups.items()]


def _less_columns(rows: Rows, holed: Sequence[int], held: Iterable[bool]) -> Rows:
    gone = {at for at, is_held in zip(holed, held, strict=True) if not is_held}
    left = [at for at in range(len(rows.names)) if at not in gone]
    return attrs.evolve(
        rows,
        names=tuple(rows.names[at] for at in left),
        columns=tuple(rows.columns[at] for at in left),
    )


def rows_of(series: Sequence[tuple[Labels, int]]) -> tuple[Rows, ...]:
    """Label sets and their places in columns, grouped by metric and label names."""
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[Labels, int]]] = {}
    for each in series:
        groups.setdefault((each[0].metric, each[0].flat[::2]), []).append(each)
    return tuple(_group(*key, group) for key, group in groups.items())


def _group(
    metric: str, names: tuple[str, ...], group: Sequence[tuple[Labels, int]]
) -> Rows:
    columns = zip(*(labels.flat[1::2] for labels, _ in group), strict=True)
    named = {n: list(c) for n, c in zip(names, columns, strict=True) if n != METRIC_NAME}
    places = array("i", [place for _, place in group])
    return Rows(metric, tuple(named), tuple(named.values()), places)


def joined(parts: Sequence[Samples]) -> Samples:
    """Several samples as one, the places of each behind those of the one before."""
    if len(parts) == 1:
        return parts[0]
    rows: list[Rows] = []
    exemplars: dict[int, Exemplar] = {}
    values: array[float] = array("d")
    times: array[int] = array("q")
    for part in parts:
        start = len(values)
        for each in part.rows:
            places = array("i", [start + place for place in each.places])
            rows.append(attrs.evolve(each, places=places))
        exemplars |= {start + place: each for place, each in part.exemplars.items()}
        values += part.values
        times += part.times or array("q", [NO_TIME]) * len(part.values)
    timed = any(part.times is not None for part in parts)
    return Samples(tuple(rows), values, times if timed else None, exemplars)


def packed(values: Sequence[float]) -> array[float]:
    """The values side by side: by way of bytes, 9 ns each; `array("d", …)` takes 12.

    Raises:
        struct.error: one is no number.
    """
    if isinstance(values, array):
        return values
    numbers = array("d")
    numbers.frombytes(pack(f"{len(values)}d", *values))
    return numbers


def picker(places: Sequence[int]) -> Callable[[Any], Any]:
    """What picks the items at these places out of a sequence, in C, always as a tuple;
    but a `range` of them as a slice, of the sequence's own kind."""
    if isinstance(places, range):
        part = slice(places.start, places.stop)
        return lambda items: items[part]
    if len(places) > 1:
        many: Callable[[Sequence[Any]], tuple[Any, ...]] = itemgetter(*places)
        return many
    return lambda items: tuple([items[place] for place in places])
