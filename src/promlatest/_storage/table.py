"""The series of one metric that have the same label names, as a table.

A row for each series, a column for each label, no empty cell. A table holds no values: it
knows for each row its place in the vectors of values. It never changes once made,
so it needs no lock; what it builds on first use (an index of a column, the map from
label values to a row) is the same whichever thread builds it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sortedcontainers import SortedDict

from promlatest._matching.labels import Labels
from promlatest._matching.matcher import Matcher
from promlatest._samples import Rows
from promlatest._storage.rowmap import RowMap

# Up to so many rows asking each costs less than an index: most metrics have one or two.
_FEW: Final = 16
_LAST: Final = "\U0010ffff"


class Table:
    """The series of one metric with the same label names.

    Attributes:
        rows: the series in columns, without an empty cell, none twice.
        metric: the metric's name.
        names: the label names, sorted, less `__name__`.
        columns: for each name the values, one a row.
        places: for each row its place in a vector of values.
        series: equal for two tables exactly if one was made of the other with its series.
    """

    __slots__ = (
        "_indexes",
        "_rowmap",
        "columns",
        "metric",
        "names",
        "places",
        "rows",
        "series",
    )

    def __init__(self, rows: Rows) -> None:
        self.rows: Final = rows
        self.metric: Final = rows.metric
        self.names: Final = rows.names
        self.columns: Final = rows.columns
        self.places: Final = rows.places
        self.series: object = object()
        self._indexes: dict[str, Any] = {}
        self._rowmap: RowMap | None = None

    def __len__(self) -> int:
        return len(self.places)

    def moved(self, rows: Rows) -> Table:
        """The same series at other places, with everything that was built for them."""
        twin = Table(rows)
        twin.series = self.series
        twin._indexes = self._indexes
        twin._rowmap = self._rowmap
        return twin

    def select(self, matchers: Iterable[Matcher]) -> Sequence[int]:
        """The rows that fulfil all matchers, in order; none of them is of `__name__`.

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
        rows: Sequence[int] = range(len(self.places))
        if asked and len(rows) > _FEW:
            asked.sort(key=_cost)
            rows = self._found(asked.pop(0))
        for matcher in asked:
            column, matches = self.column(matcher.name), matcher.matches
            rows = [row for row in rows if matches(column[row])]
        return rows

    def index(self, name: str) -> Mapping[str, Sequence[int]]:
        """The rows of each value that a label has, sorted by value.

        It is built when somebody first asks, about 200 ns a row.
        """
        index = self._indexes.get(name)
        if index is None:
            found: dict[str, array[int]] = {}
            for row, value in enumerate(self.column(name)):
                rows = found.get(value)
                if rows is None:
                    found[value] = array("i", (row,))
                else:
                    rows.append(row)
            index = self._indexes[name] = SortedDict(found)
        known: Mapping[str, Sequence[int]] = index
        return known

    def column(self, name: str) -> Sequence[str]:
        """The values of a label, one a row."""
        return self.columns[self.names.index(name)]

    def find(self, cells: tuple[str, ...]) -> int:
        """The row with these label values; -1 if there is none."""
        if self._rowmap is None:
            self._rowmap = RowMap(self.columns, len(self))
        return self._rowmap.find(cells, self.columns)

    def labels(self, rows: Sequence[int] | None = None) -> Iterator[Labels]:
        """The label sets of these rows, or of all."""
        return self.rows.labels(rows)

    def _found(self, matcher: Matcher) -> Sequence[int]:
        index = self.index(matcher.name)
        found = [index[value] for value in values_that_match(index, matcher)]
        if len(found) == 1:
            return found[0]
        return sorted(row for rows in found for row in rows)

    def _check(self) -> None:
        """Assert every promise that this class makes about itself."""
        size = len(self)
        assert size, f"{self.metric}: an empty table"
        assert list(self.names) == sorted(set(self.names)), self.names
        assert all(len(column) == size for column in self.columns), self.metric
        assert not any("" in column for column in self.columns), f"{self.names}: a hole"
        assert len(set(self.rows.row_keys())) == size, f"{self.metric}: a series twice"
        for name, index in self._indexes.items():
            column = self.column(name)
            assert sorted(index) == list(index), f"{name}: the order of the index"
            rows = sorted(row for rows in index.values() for row in rows)
            assert rows == list(range(size)), f"{name}: rows of the index"
            for value, rows_of in index.items():
                assert all(column[row] == value for row in rows_of), f"{name}={value}"
        if self._rowmap is not None:
            self._rowmap._check(self.columns)


def values_that_match(index: Any, matcher: Matcher) -> list[str]:
    """The values of a sorted index that fulfil a matcher: those that it lists, or those
    in the range of its prefix, or each that is asked."""
    if matcher.literals is not None:  # l="a", l=~"a|b"
        return [value for value in matcher.literals if value in index]
    prefix = matcher.prefix
    if prefix:
        in_range = index.irange(prefix, prefix + _LAST)
        return [value for value in in_range if matcher.matches(value)]
    return [value for value in index if matcher.matches(value)]


def _cost(matcher: Matcher) -> int:
    """How many rows a matcher is likely to leave: those of a few values, of a range,
    or of whatever is not excluded."""
    if matcher.literals is not None:
        return len(matcher.literals)
    return 1_000 if matcher.prefix else 1_000_000
