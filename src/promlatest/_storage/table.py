"""One metric as a table: a row for each series, a column for each label.

A `Layout` is the part that a scrape seldom changes: which series there are. A `Table` is
a layout with one sample for each row. Both never change once made, so they need
no lock; what a layout builds on first use (an index of a column, the selection of a
repeated query) is the same whichever thread builds it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, Protocol

import attrs

from promlatest._datapoint import DataPoint, Exemplar
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher
from promlatest._rows import labels_of, picker
from promlatest._storage.rowmap import RowMap

# Selections of repeated queries are kept with their label sets, some 150 bytes a hit;
# more than this many hits in one layout are not, so that asking for everything does not
# double the memory of a large table.
_HITS_KEPT: Final = 4096

_new_tuple: Final = tuple.__new__


@attrs.frozen(eq=False)
class Selection:
    """The rows that fulfil some matchers, and their label sets, sorted by these."""

    rows: tuple[int, ...]
    labels: tuple[Labels, ...]
    take: Callable[[Any], tuple[Any, ...]] = attrs.field(init=False)
    """The items of these rows out of a column, picked by C code."""

    @take.default
    def _picker(self) -> Callable[[Any], tuple[Any, ...]]:
        return picker(self.rows)


_NOTHING: Final = Selection((), ())


class Layout:
    """Which series a metric has.

    Attributes:
        metric: the metric's name.
        names: the label names, sorted, less `__name__`; each is held by some row.
        columns: for each name the values, one a row; "" where a row lacks the label.
        size: how many rows there are.
    """

    __slots__ = (
        "_hits_kept",
        "_indexes",
        "_rowmap",
        "_selections",
        "columns",
        "histograms",
        "metric",
        "names",
        "series",
        "size",
    )

    def __init__(
        self,
        metric: str,
        names: tuple[str, ...],
        columns: tuple[Sequence[str], ...],
        size: int,
    ) -> None:
        self.metric: Final = metric
        self.names: Final = names
        self.columns: Final = columns
        self.size: Final = size
        self._indexes: dict[str, dict[str, array[int]]] = {}
        self._selections: dict[tuple[Matcher, ...], Selection] = {}
        self._hits_kept = 0
        self._rowmap: RowMap | None = None
        # Equal for two layouts exactly if one was made of the other with its series.
        self.series: object = object()
        # What `_assembly` keeps with the layout of a histogram's buckets.
        self.histograms: dict[Any, Any] = {}

    def same_series(self, other: Layout) -> bool:
        """Whether both have the same series in the same rows."""
        return (
            self.size == other.size
            and self.names == other.names
            and self.columns == other.columns
        )

    def with_columns(self, columns: tuple[Sequence[str], ...]) -> Layout:
        """The same layout over equal columns, with everything that was built for it."""
        twin = Layout(self.metric, self.names, columns, self.size)
        twin._indexes = self._indexes
        twin._selections = self._selections
        twin._hits_kept = self._hits_kept
        twin._rowmap = self._rowmap
        twin.series = self.series
        twin.histograms = self.histograms
        return twin

    def select(self, matchers: tuple[Matcher, ...]) -> Selection:
        """The rows that fulfil all matchers; those of `__name__` are not looked at."""
        kept = self._selections.get(matchers)
        if kept is not None:
            return kept
        selection = self._sorted(self.rows(matchers))
        if self._hits_kept + len(selection.rows) <= _HITS_KEPT:
            self._hits_kept += len(selection.rows) + 1
            self._selections[matchers] = selection
        return selection

    def rows(self, matchers: Iterable[Matcher]) -> Sequence[int]:
        """The rows that fulfil all matchers, in order; nothing of it is kept.

        The matcher that leaves the fewest rows is taken from its index; the others are
        asked about these rows only.
        """
        parts: list[tuple[int, str, frozenset[str]]] = []
        for matcher in matchers:
            if matcher.name == METRIC_NAME:
                continue
            if matcher.name not in self.names:
                if not matcher.matches(""):
                    return ()
                continue
            accepted = self._accepted(matcher)
            index = self.index(matcher.name)
            size = sum(len(index[value]) for value in accepted)
            if size < self.size:
                parts.append((size, matcher.name, accepted))
        if not parts:
            return range(self.size)
        parts.sort(key=lambda part: part[0])
        _, name, accepted = parts[0]
        index = self.index(name)
        rows: Sequence[int] = sorted(row for value in accepted for row in index[value])
        for _, name, accepted in parts[1:]:
            column = self.column(name)
            rows = [row for row in rows if column[row] in accepted]
        return rows

    def index(self, name: str) -> Mapping[str, Sequence[int]]:
        """The rows of each value that a label has, "" among them.

        It is built when somebody first asks, about 170 ns a row.
        """
        index = self._indexes.get(name)
        if index is None:
            index = {}
            for row, value in enumerate(self.column(name)):
                rows = index.get(value)
                if rows is None:
                    index[value] = array("i", (row,))
                else:
                    rows.append(row)
            self._indexes[name] = index
        return index

    def column(self, name: str) -> Sequence[str]:
        """The values of a label, one a row."""
        return self.columns[self.names.index(name)]

    def cells(self, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """The row that these labels would have; None if no row can have them."""
        cells = tuple(labels.get(name, "") for name in self.names)
        named = sum(1 for name in labels if name != METRIC_NAME)
        return cells if len(cells) - cells.count("") == named else None

    def find(self, cells: tuple[str, ...]) -> int:
        """The row with these label values; -1 if there is none."""
        if self._rowmap is None:
            self._rowmap = RowMap(self.columns, self.size)
        return self._rowmap.find(cells, self.columns)

    def keys(self) -> Sequence[tuple[str, ...]]:
        """The label values of every row."""
        if not self.columns:
            return [()] * self.size
        return list(zip(*self.columns, strict=True))

    def labels(self, rows: Sequence[int] | None = None) -> Iterator[Labels]:
        """The label sets of these rows, or of all."""
        columns = self.columns
        if rows is not None:
            columns = tuple([column[row] for row in rows] for column in columns)
        size = self.size if rows is None else len(rows)
        return labels_of(self.metric, self.names, columns, size)

    def _accepted(self, matcher: Matcher) -> frozenset[str]:
        """The values of the matcher's label that fulfil it."""
        index = self.index(matcher.name)
        if matcher.literals is not None:  # l="a", l=~"a|b"
            return frozenset(value for value in matcher.literals if value in index)
        return frozenset(filter(matcher.matches, index))

    def _sorted(self, rows: Sequence[int]) -> Selection:
        if not rows:
            return _NOTHING
        hits = sorted(
            zip(self.labels(rows), rows, strict=True), key=lambda hit: hit[0].flat
        )
        return Selection(tuple(row for _, row in hits), tuple(labels for labels, _ in hits))

    def _check(self) -> None:
        """Assert every promise that this class makes about itself."""
        assert list(self.names) == sorted(set(self.names)), self.names
        assert all(len(column) == self.size for column in self.columns), self.metric
        assert all(any(column) for column in self.columns), f"{self.names}: an empty one"
        assert len(set(self.keys())) == self.size, f"{self.metric}: a series twice"
        for name, index in self._indexes.items():
            column = self.column(name)
            rows = sorted(row for rows in index.values() for row in rows)
            assert rows == list(range(self.size)), f"{name}: rows of the index"
            for value, rows_of in index.items():
                assert all(column[row] == value for row in rows_of), f"{name}={value}"
        if self._rowmap is not None:
            self._rowmap._check(self.columns)


class AnyTable(Protocol):
    """A metric's series with a sample each, whoever holds them."""

    @property
    def layout(self) -> Layout: ...

    def points(self, selection: Selection) -> list[DataPoint]: ...


@attrs.frozen(eq=False)
class Table:
    """A layout with one sample for each row.

    Attributes:
        layout: the series.
        values: the samples, one a row.
        timestamp: when they were sampled, in milliseconds, where `times` is None.
        times: for each row when it was sampled, if they differ.
        exemplars: exemplars by row.
    """

    layout: Layout
    values: array[float]
    timestamp: int
    times: array[int] | None = None
    exemplars: Mapping[int, Exemplar] = attrs.field(factory=dict)

    def points(self, selection: Selection) -> list[DataPoint]:
        """The points of a selection, in its order, made by C code only."""
        take = selection.take
        times: Iterable[int] = (
            repeat(self.timestamp) if self.times is None else take(self.times)
        )
        points = zip(selection.labels, times, take(self.values))  # noqa: B905 repeat has no end
        return list(map(_new_tuple, repeat(DataPoint), points))

    def time(self, row: int) -> int:
        """When this row was sampled, in milliseconds."""
        return self.timestamp if self.times is None else self.times[row]

    def _check(self) -> None:
        self.layout._check()
        assert len(self.values) == self.layout.size, "values"
        assert self.times is None or len(self.times) == self.layout.size, "times"
