"""What is appended sample by sample: a map from label set to the slot of its latest point.

The map is keyed by hash and settled by equality, and grows and shrinks with its series, as
the indexes do that questions have built on it. An append through a known ref stores one
reference in a slot and takes no lock. Series come and go under the store's lock; a
selection is made under it too, and kept for as long as no series came or went.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

from sortedcontainers import SortedDict

from promlatest._datapoint import DataPoint, Metadata
from promlatest._matching.labels import Labels
from promlatest._samples import rows_of
from promlatest._storage.cache import Cache
from promlatest._storage.layout import EMPTY, Selection, laid_out
from promlatest._storage.plan import Plan
from promlatest._storage.rowmap import RowMap
from promlatest._storage.scrape import Scrape
from promlatest._storage.table import Columns, with_prefix

_PAGE: Final = 64
# Of the whole process, in steps of a page: a ref never stands for two series.
_new_pages: Final = count(1)
_HITS_KEPT: Final = 65_536
_TEXTS_KEPT: Final = 10_000


class Slot:
    """Where the latest sample of one series is kept, as one reference."""

    __slots__ = ("sample",)

    def __init__(self, sample: tuple[int, float]) -> None:
        self.sample = sample


class LiveTable(Columns):
    """The series of one metric with the same label names, which come and go.

    The caller of every method holds the store's lock. A row that is free is taken by the
    next series that comes.
    """

    __slots__ = ("_cells", "_free", "_rowmap", "refs", "slots")

    def __init__(self, metric: str, names: tuple[str, ...]) -> None:
        self._cells: Final[tuple[list[str], ...]] = tuple([] for _ in names)
        super().__init__(metric, names, self._cells)
        self.slots: Final[list[Slot | None]] = []
        self.refs: Final = array("q")
        self._free: list[int] = []
        self._rowmap = RowMap((), 0)

    def __len__(self) -> int:
        return len(self.slots) - len(self._free)

    def find(self, cells: tuple[str, ...]) -> int:
        """The row with these label values; -1 if there is none."""
        return self._rowmap.find(cells, self.columns)

    def add(self, cells: tuple[str, ...], slot: Slot, ref: int) -> None:
        """Add a series that is not there yet."""
        if self._free:
            row = self._free.pop()
            for column, cell in zip(self._cells, cells, strict=True):
                column[row] = cell
            self.slots[row], self.refs[row] = slot, ref
            self._rowmap.put(cells, row)
        else:
            row = len(self.slots)
            for column, cell in zip(self._cells, cells, strict=True):
                column.append(cell)
            self.slots.append(slot)
            self.refs.append(ref)
            self._rowmap.add(cells)
        for name, index in self._indexes.items():
            _into(index, cells[self.names.index(name)], row)

    def remove(self, row: int) -> int:
        """Remove a series; its ref is returned."""
        cells = self.cells(row)
        self._rowmap.remove(cells, row)
        for name, index in self._indexes.items():
            _out_of(index, cells[self.names.index(name)], row)
        self.slots[row] = None
        self._free.append(row)
        return self.refs[row]

    def cells(self, row: int) -> tuple[str, ...]:
        """The label values of a row."""
        return tuple([column[row] for column in self.columns])

    def rows_held(self) -> Sequence[int]:
        """The rows that are not free."""
        return [row for row, slot in enumerate(self.slots) if slot is not None]

    def labels(self, row: int) -> Labels:
        """The label set of a row."""
        return Labels._from_cells(self.metric, self.names, self.cells(row))

    def _by_value(self, column: Sequence[str]) -> Mapping[str, Collection[int]]:
        found: dict[str, set[int]] = {}
        for row in self.rows_held():
            found.setdefault(column[row], set()).add(row)
        return found

    def _check(self) -> None:
        held = [row for row, slot in enumerate(self.slots) if slot is not None]
        assert sorted(self._free) == sorted(set(range(len(self.slots))) - set(held))
        for row in held:
            assert self.find(self.cells(row)) == row, self.cells(row)
        self._check_indexes()


def _into(index: Any, value: str, row: int) -> None:
    rows = index.get(value)
    if rows is None:
        index[value] = {row}
    else:
        rows.add(row)


def _out_of(index: Any, value: str, row: int) -> None:
    rows = index[value]
    rows.discard(row)
    if not rows:
        del index[value]


class LiveSource:
    """What was appended directly.

    `pages` finds the slot of a ref. Storing a sample in a slot is safe without the lock.
    An append that races with a drop stores in a slot that nobody sees any more; the ref
    is not found the next time, and the series is made anew.

    The methods that say so are called with the store's lock held.
    """

    def __init__(self) -> None:
        self.pages: dict[int, list[Slot | None]] = {}
        self.size = 0
        self.version = 0
        self.metadata: Mapping[str, Metadata] = {}
        self._tables: Any = SortedDict()  # metric -> label names -> table
        self._texts: dict[str, str] = {}  # equal label values as one object
        self._page = 0
        self._page_rows = _PAGE
        self._selections: Cache[Any, tuple[int, Selection, list[Slot]]] = Cache(_HITS_KEPT)
        self._frozen: tuple[int, Scrape, list[Slot]] = (0, Scrape(), [])

    def slot(self, ref: int) -> Slot | None:
        """The slot of a ref; None if there is no such series (any more)."""
        page = self.pages.get(ref // _PAGE)
        return None if page is None else page[ref % _PAGE]

    def find(
        self, metric: str, names: tuple[str, ...], cells: tuple[str, ...]
    ) -> tuple[int, Slot | None] | None:
        """The ref and the slot of a series, cut as `Labels._cut` does; None if there is
        no such series. The caller holds the lock."""
        table = self._tables.get(metric, _NO_TABLES).get(names)
        row = -1 if table is None else table.find(cells)
        return (table.refs[row], table.slots[row]) if row >= 0 else None

    def create(
        self,
        metric: str,
        names: tuple[str, ...],
        cells: tuple[str, ...],
        sample: tuple[int, float],
    ) -> tuple[int, Slot]:
        """Add a series that is not there yet; gives its ref and its slot. The caller
        holds the lock."""
        cells = tuple([self._texts.setdefault(cell, cell) for cell in cells])
        if len(self._texts) > _TEXTS_KEPT:
            self._texts.clear()
        shapes = self._tables.get(metric)
        if shapes is None:
            shapes = self._tables[metric] = {}
        table = shapes.get(names)
        if table is None:
            table = shapes[names] = LiveTable(metric, names)
        slot = Slot(sample)
        ref = self._new_ref(slot)
        table.add(cells, slot, ref)
        self.version += 1
        self.size += 1  # after it is found
        return ref, slot

    def _new_ref(self, slot: Slot) -> int:
        if self._page_rows == _PAGE:
            self._page = next(_new_pages)
            self._page_rows = 0
            self.pages[self._page] = []
        self.pages[self._page].append(slot)
        self._page_rows += 1
        return self._page * _PAGE + self._page_rows - 1

    def drop(self, plan: Plan) -> int:
        """Remove the series that fulfil a plan, and say how many those were. The caller
        holds the lock. O(those that are removed), once the labels that are asked about
        have an index."""
        gone = [(table, row) for table, rows in self.selected(plan) for row in rows]
        for table, row in gone:
            self._forget(table.remove(row))
            if not len(table):
                shapes = self._tables[table.metric]
                del shapes[table.names]
                if not shapes:
                    del self._tables[table.metric]
        self.size -= len(gone)
        self.version += bool(gone)
        return len(gone)

    def _forget(self, ref: int) -> None:
        number = ref // _PAGE
        page = self.pages[number]
        page[ref % _PAGE] = None
        if number != self._page and not any(page):
            del self.pages[number]

    def selected(self, plan: Plan) -> Iterator[tuple[LiveTable, Sequence[int]]]:
        """The tables and their rows that fulfil a plan. The caller holds the lock."""
        for table in self._candidates(plan):
            rows = table.select(plan.rest)
            if rows:
                yield table, rows

    def _candidates(self, plan: Plan) -> list[LiveTable]:
        names: Iterable[str] = self._tables
        if plan.names is not None:
            names = [name for name in plan.names if name in self._tables]
        elif plan.prefix:
            names = with_prefix(self._tables, plan.prefix)
        kept = [name for name in names if plan.means(name)]
        return [table for name in kept for table in self._tables[name].values()]

    def select(self, plan: Plan) -> tuple[Selection, list[Slot]]:
        """The series that fulfil a plan, sorted, and their slots. The caller holds the
        lock, unless series neither came nor went since the last time."""
        kept = self._selections.get(plan.matchers)
        if kept is None or kept[0] != self.version:
            version = self.version
            hits = [
                (table.labels(row), table.slots[row])
                for table, rows in self.selected(plan)
                for row in rows
            ]
            hits.sort(key=lambda hit: hit[0]._flat)
            labels = tuple([labels for labels, _ in hits])
            slots: list[Any] = [slot for _, slot in hits]
            kept = (version, Selection(labels, ()), slots)
            self._selections.keep(plan.matchers, kept, len(hits) + 1)
        return kept[1], kept[2]

    def known(self, plan: Plan) -> tuple[Selection, list[Slot]] | None:
        """What `select` has kept, if it is still true; it needs no lock."""
        kept = self._selections.get(plan.matchers)
        return (kept[1], kept[2]) if kept is not None and kept[0] == self.version else None

    def freeze(self) -> Scrape:
        """What is there now. The caller holds the lock; samples may be appended meanwhile.
        Where no series came or went since the last time, O(series) in C."""
        version, frozen, slots = self._frozen
        layout = frozen.layout
        if version != self.version or not self.size:
            held = [
                (table.labels(row), slot)
                for shapes in self._tables.values()
                for table in shapes.values()
                for row, slot in enumerate(table.slots)
                if slot is not None
            ]
            slots = [slot for _, slot in held]
            rows = rows_of([(labels, place) for place, (labels, _) in enumerate(held)])
            layout = laid_out(rows, len(held), EMPTY)
        samples = [slot.sample for slot in slots]
        scrape = Scrape(
            layout,
            array("d", [value for _, value in samples]),
            max((time for time, _ in samples), default=0),
            array("q", [time for time, _ in samples]) if samples else None,
            {},
            dict(self.metadata),
        )
        self._frozen = (self.version, scrape, slots)
        return scrape

    def metrics(self) -> list[str]:
        """The names of the metrics, sorted. The caller holds the lock."""
        return list(self._tables)

    def _check(self) -> None:
        tables = [t for shapes in self._tables.values() for t in shapes.values()]
        for table in tables:
            assert len(table), f"{table.metric}: an empty table"
            table._check()
            for row, slot in enumerate(table.slots):
                assert slot is None or self.slot(table.refs[row]) is slot
        slots = [slot for page in self.pages.values() for slot in page if slot is not None]
        assert len(slots) == self.size == sum(map(len, tables)), "slots without a series"


_NO_TABLES: Final[Mapping[Any, Any]] = {}


def points(labels: Sequence[Labels], slots: Sequence[Slot]) -> list[DataPoint]:
    """The points of a selection, in its order."""
    return [DataPoint(each, *slot.sample) for each, slot in zip(labels, slots, strict=True)]
