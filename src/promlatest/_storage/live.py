"""What is appended sample by sample: the one source that has no moments.

Each series has a slot, which holds its latest sample. An append through a known ref stores
one tuple there, without a lock. Tables grow at their end only, under the store's lock, so
a reader without it sees whole rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Final

from promlatest._datapoint import DataPoint, Metadata
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher
from promlatest._storage.rowmap import RowMap
from promlatest._storage.snapshot import SourceSnapshot
from promlatest._storage.table import Layout, Selection, Table

Slot = list[tuple[int, float]]
"""Where the sample of one series is kept: a list of just that."""

new_refs: Final = count(1)
"""Of the whole process: a ref never stands for two series."""


class LiveTable:
    """A metric whose series are appended one by one.

    Rows are only ever added at the end, under the store's lock, and a row is counted
    (`_refs`) last, so that a reader without a lock sees whole rows only.
    """

    __slots__ = ("_layout", "_metric", "_refs", "_rowmap", "_shape", "_slots")

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self._refs: list[int] = []
        self._slots: list[Slot] = []
        self._shape: tuple[tuple[str, ...], tuple[list[str], ...]] = ((), ())
        self._rowmap = RowMap((), 0)
        self._layout = Layout(metric, (), (), 0)

    @property
    def layout(self) -> Layout:
        """The series there are now; made anew when there are more than last time."""
        size = len(self._refs)
        layout = self._layout
        if layout.size != size:
            names, columns = self._shape
            frozen = tuple(column[:size] for column in columns)
            layout = self._layout = Layout(self._metric, names, frozen, size)
        return layout

    def points(self, selection: Selection) -> list[DataPoint]:
        """The points of a selection, in its order."""
        slots = self._slots
        return [
            DataPoint(labels, *slots[row][0])
            for row, labels in zip(selection.rows, selection.labels, strict=True)
        ]

    def ref(self, labels: Labels) -> int:
        """The ref of a series, 0 if there is none. The caller holds the lock."""
        row = self._rowmap.find(self._cells(labels), self._shape[1])
        return self._refs[row] if row >= 0 else 0

    def create(self, labels: Labels, ref: int, slot: Slot) -> None:
        """Add a series that is not there yet. The caller holds the lock."""
        self._widen(labels)
        cells = self._cells(labels)
        for cell, column in zip(cells, self._shape[1], strict=True):
            column.append(cell)
        self._rowmap.add(cells)
        self._slots.append(slot)
        self._refs.append(ref)

    def refs(self, rows: Iterable[int]) -> list[int]:
        """The refs of these rows."""
        return [self._refs[row] for row in rows]

    def less(self, gone: Iterable[int]) -> LiveTable:
        """A table without these rows. The caller holds the lock."""
        left = LiveTable(self._metric)
        lost = set(gone)
        for row, labels in enumerate(self.layout.labels()):
            if row not in lost:
                left.create(labels, self._refs[row], self._slots[row])
        return left

    def freeze(self) -> Table:
        """The samples as they are now."""
        layout = self.layout
        held = [slot[0] for slot in self._slots[: layout.size]]
        times = array("q", (time for time, _ in held))
        values = array("d", (value for _, value in held))
        return Table(layout, values, 0, times)

    def _cells(self, labels: Labels) -> tuple[str, ...]:
        names = self._shape[0]
        extra = tuple(n for n in labels if n != METRIC_NAME and n not in names)
        # A label that no row has yet: no row can be equal to these cells.
        return (*(labels.get(name, "") for name in names), *extra)

    def _widen(self, labels: Labels) -> None:
        names, columns = self._shape
        new = [n for n in labels if n != METRIC_NAME and n not in names]
        if not new:
            return
        size = len(self._refs)
        wide = {
            **dict(zip(names, columns, strict=True)),
            **{n: [""] * size for n in new},
        }
        names = tuple(sorted(wide))
        self._shape = (names, tuple(wide[name] for name in names))
        self._rowmap = RowMap(self._shape[1], size)


class LiveSource:
    """What was appended directly: the one source that has no moments.

    `slots` holds what was appended last, by ref. Storing a sample in the slot of a ref
    that is known is all that an append does, and is safe without the lock; adding and
    removing a ref happens under the store's lock. An append that races with a drop
    stores in a slot that nobody sees any more. Were the samples themselves in the dict,
    it would bring back a ref without a series, and every later append would be lost.
    """

    def __init__(self) -> None:
        self.tables: dict[str, LiveTable] = {}
        self.slots: dict[int, Slot] = {}
        self.metadata: Mapping[str, Metadata] = {}

    def ref(self, labels: Labels) -> int:
        """The ref of a series, 0 if there is none. The caller holds the lock."""
        table = self.tables.get(labels.metric)
        return 0 if table is None else table.ref(labels)

    def create(self, labels: Labels, t: int, v: float) -> int:
        """Add a series with its first sample. The caller holds the lock."""
        metric = labels.metric
        table = self.tables.get(metric) or LiveTable(metric)
        ref = next(new_refs)
        slot = self.slots[ref] = [(t, v)]
        table.create(labels, ref, slot)
        if metric not in self.tables:
            self.tables = {**self.tables, metric: table}
        return ref

    def select(
        self, matchers: tuple[Matcher, ...]
    ) -> dict[str, tuple[LiveTable, Selection]]:
        """The tables with series that fulfil all matchers, and their rows."""
        named = [matcher for matcher in matchers if matcher.name == METRIC_NAME]
        selected = {}
        for metric, table in self.tables.items():
            if all(matcher.matches(metric) for matcher in named):
                selection = table.layout.select(matchers)
                if selection.rows:
                    selected[metric] = (table, selection)
        return selected

    def drop(self, selected: Mapping[str, tuple[LiveTable, Selection]]) -> bool:
        """Remove rows that were selected before; False if they have moved since, and
        nothing was removed. The caller holds the lock."""
        tables = dict(self.tables)
        if any(tables.get(m) is not table for m, (table, _) in selected.items()):
            return False
        for metric, (table, selection) in selected.items():
            left = table.less(selection.rows)
            tables[metric] = left
            if not left.layout.size:
                del tables[metric]
            for ref in table.refs(selection.rows):
                del self.slots[ref]
        self.tables = tables
        return True

    def freeze(self) -> SourceSnapshot:
        """What is there now, as a snapshot. Samples may be appended meanwhile."""
        tables = {metric: table.freeze() for metric, table in self.tables.items()}
        return SourceSnapshot(tables, dict(self.metadata), 0)

    def _check(self) -> None:
        held = [table.refs(range(table.layout.size)) for table in self.tables.values()]
        refs = [ref for each in held for ref in each]
        assert sorted(refs) == sorted(self.slots), "refs without a series"
        self.freeze()._check()
