"""The series of one metric that have the same label names, as a table.

A row for each series, a column for each label, no empty cell. A table holds no values: it
knows for each row its place in the vectors of values. It never changes once made,
so it needs no lock; what it builds on first use (an index of a column, the map from
label values to a row) is the same whichever thread builds it.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, compress, count
from operator import is_not
from typing import Any, Final

from sortedcontainers import SortedDict

from promlatest._matching.labels import Labels
from promlatest._matching.matcher import Matcher
from promlatest._samples import Rows, are_new
from promlatest._storage.rowmap import RowMap

# Up to so many rows asking each, 50 ns, costs less than an index, 400 ns a row, for all the
# different questions that are likely to come.
_FEW: Final = 128


class Columns:
    """Series of one metric with the same label names, a row each: which fulfil matchers.

    Attributes:
        metric: the metric's name.
        names: the label names, sorted, less `__name__`.
        columns: for each name the values, one a row.
    """

    __slots__ = ("_indexes", "columns", "metric", "names")

    def __init__(
        self, metric: str, names: tuple[str, ...], columns: tuple[Sequence[str], ...]
    ) -> None:
        self.metric: Final = metric
        self.names: Final = names
        self.columns: Final = columns
        self._indexes: dict[str, Any] = {}

    def __len__(self) -> int:
        """How many rows hold a series."""
        raise NotImplementedError

    def rows_held(self) -> Sequence[int]:
        """The rows that hold a series. O(rows)."""
        raise NotImplementedError

    def select(self, matchers: Iterable[Matcher]) -> Sequence[int]:
        """The rows that fulfil all matchers; none of them is of `__name__`.

        The matcher that is likely to leave the fewest rows picks them from the index of
        its label; the others are asked about these rows only. Up to 170 ns a row for
        the first question about a label, which builds the index.
        """
        asked: list[Matcher] = []
        for matcher in matchers:
            if matcher.name in self.names:
                asked.append(matcher)
            elif not matcher.matches(""):
                return ()
        if asked and len(self) > _FEW:
            asked.sort(key=_cost)
            rows = self._found(asked.pop(0))
        else:
            rows = self.rows_held()
        for matcher in asked:
            column, only = self.column(matcher.name), matcher.literals
            # To ask a new matcher takes 0.4 µs a value; one that lists them need not be.
            fits = matcher._verdicts.__getitem__ if only is None else only.__contains__
            rows = [row for row in rows if fits(column[row])]
        return rows

    def index(self, name: str) -> Mapping[str, Collection[int]]:
        """The rows of each value that a label has, sorted by value.

        It is built when somebody first asks, about 200 ns a row.
        """
        index = self._indexes.get(name)
        if index is None:
            index = self._indexes[name] = SortedDict(self._by_value(self.column(name)))
        known: Mapping[str, Collection[int]] = index
        return known

    def column(self, name: str) -> Sequence[str]:
        """The values of a label, one a row."""
        return self.columns[self.names.index(name)]

    def _by_value(self, column: Sequence[str]) -> Mapping[str, Collection[int]]:
        raise NotImplementedError

    def _found(self, matcher: Matcher) -> Sequence[int]:
        index = self.index(matcher.name)
        found = [index[value] for value in values_that_match(index, matcher)]
        if len(found) == 1 and isinstance(found[0], array):
            return found[0]
        return sorted(chain.from_iterable(found))

    def _check_indexes(self) -> None:
        held = sorted(self.rows_held())
        for name, index in self._indexes.items():
            column = self.column(name)
            assert sorted(index) == list(index), f"{name}: the order of the index"
            rows = sorted(row for rows in index.values() for row in rows)
            assert rows == held, f"{name}: rows of the index"
            for value, rows_of in index.items():
                assert all(column[row] == value for row in rows_of), f"{name}={value}"


class Table(Columns):
    """Series that came as a whole; it never changes.

    Attributes:
        rows: the series in columns, without an empty cell, none twice.
        places: for each row its place in a vector of values.
        series: equal for two tables exactly if one was made of the other with its series.
        others: in which rows other series stand than in the table before, whose `series`
            stands beside them; None where it was not made of that one.
    """

    __slots__ = ("_rowmap", "others", "places", "rows", "series")

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows.metric, rows.names, rows.columns)
        self.rows: Final = rows
        self.places: Final = rows.places
        self.series: object = object()
        self.others: tuple[object, Sequence[int]] | None = None
        self._rowmap: RowMap | None = None

    def __len__(self) -> int:
        return len(self.places)

    def rows_held(self) -> Sequence[int]:
        """All rows."""
        return range(len(self.places))

    def moved(self, rows: Rows) -> Table:
        """The same series at other places, with everything that was built for them."""
        twin = Table(rows)
        twin.series = self.series
        twin._indexes = self._indexes
        twin._rowmap = self._rowmap
        return twin

    def exchanged(self, rows: Rows) -> Table | None:
        """The table of rows in which, at the same places, some series are others; None if
        these have other places, or one is there already.

        25 ns for each row of a column in which something changed.
        """
        if rows.places is not self.places:
            return None
        differ: set[int] = set()
        for old, new in zip(self.columns, rows.columns, strict=True):
            if old is not new:
                differ.update(compress(count(), map(is_not, old, new)))
        others = sorted(differ)
        if not are_new(
            self.rows, [tuple([c[row] for c in rows.columns]) for row in others]
        ):
            return None
        twin = Table(rows)
        twin.others = (self.series, others)
        return twin

    def others_than(self, before: Table) -> Sequence[int] | None:
        """In which rows other series stand than in a table that this one was made of."""
        made_of, others = self.others or (None, ())
        return others if made_of is before.series else None

    def find(self, cells: tuple[str, ...]) -> int:
        """The row with these label values; -1 if there is none."""
        if self._rowmap is None:
            self._rowmap = RowMap(self.columns, len(self))
        return self._rowmap.find(cells, self.columns)

    def labels(self, rows: Sequence[int] | None = None) -> Iterator[Labels]:
        """The label sets of these rows, or of all."""
        return self.rows.labels(rows)

    def _by_value(self, column: Sequence[str]) -> Mapping[str, Collection[int]]:
        found: dict[str, array[int]] = {}
        for row, value in enumerate(column):
            rows = found.get(value)
            if rows is None:
                found[value] = array("i", (row,))
            else:
                rows.append(row)
        return found

    def _check(self) -> None:
        """Assert every promise that this class makes about itself."""
        size = len(self)
        assert size, f"{self.metric}: an empty table"
        assert list(self.names) == sorted(set(self.names)), self.names
        assert all(len(column) == size for column in self.columns), self.metric
        assert not any("" in column for column in self.columns), f"{self.names}: a hole"
        assert len(set(self.rows.row_keys())) == size, f"{self.metric}: a series twice"
        self._check_indexes()
        if self._rowmap is not None:
            self._rowmap._check(self.columns)


def values_that_match(index: Any, matcher: Matcher) -> list[str]:
    """The values of a sorted index that fulfil a matcher: those that it lists, or those
    in the range of its prefix, or each that is asked."""
    if matcher.literals is not None:  # l="a", l=~"a|b"
        return [value for value in matcher.literals if value in index]
    values = with_prefix(index, matcher.prefix)
    if matcher.prefix_decides:  # l=~"a.*"
        return [*values]
    return [value for value in values if matcher.matches(value)]


def with_prefix(keys: Any, prefix: str) -> Iterable[str]:
    """Those of sorted keys that begin with a prefix, in order. O(log keys + those)."""
    found: Iterable[str] = keys.irange(prefix, prefix + chr(sys.maxunicode))
    return found if prefix else keys


def _cost(matcher: Matcher) -> int:
    """How many rows a matcher is likely to leave: those of a few values, of a range,
    or of whatever is not excluded."""
    if matcher.literals is not None:
        return len(matcher.literals)
    return 1_000 if matcher.prefix else 1_000_000
