"""What is appended sample by sample: a map from label set to the slot of its latest point.

The map is keyed by hash and settled by equality, and grows and shrinks with its series, as
the indexes do that questions have built on it. An append through a known ref stores one
reference in a slot and takes no lock; samples of series that come together again and again
are one vector, stored as one reference. Series come and go under the store's lock; a
selection is made under it too, and kept for as long as no series came or went.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import count, repeat
from typing import Any, Final

from sortedcontainers import SortedDict

from promlatest._datapoint import DataPoint
from promlatest._matching.labels import Labels
from promlatest._samples import NO_TIME, rows_of
from promlatest._storage.cache import Cache
from promlatest._storage.layout import EMPTY, Layout, laid_out
from promlatest._storage.plan import Plan
from promlatest._storage.rowmap import RowMap
from promlatest._storage.scrape import Scrape
from promlatest._storage.table import Columns, with_prefix

# Of the whole process: a ref never stands for two series. True is none: it equals 1.
_new_refs: Final = count(2)
_HITS_KEPT: Final = 65_536
_TEXTS_KEPT: Final = 10_000


class Slot:
    """Where the latest sample of one series is kept, as one reference."""

    __slots__ = ("sample",)

    group: Group | None = None

    def __init__(self, sample: tuple[int, float]) -> None:
        self.sample = sample


class Group:
    """Series whose samples come together, as one vector that is stored as one reference.

    Attributes:
        refs: of the series; none once one of them is gone, or comes with others.
        samples: of which moment the last ones are, and their values, one a ref.
        strays: the places of series that may have a newer sample of their own.
        lock: the store's.
    """

    __slots__ = ("lock", "refs", "samples", "strays")

    def __init__(self, refs: list[int], lock: AbstractContextManager[Any]) -> None:
        self.refs = refs
        self.samples: tuple[int, Sequence[float]] = (NO_TIME, ())
        self.strays: dict[int, Place] = {}
        self.lock = lock

    def put(self, t: int, values: Sequence[float]) -> list[Place] | None:
        """Store a sample of each series; the places of those that have one of this moment
        or a newer one, and keep it. None, and nothing done, if samples that came together
        do, or a series is gone."""
        with self.lock:
            if not self.refs or t <= self.samples[0]:
                return None
            self.samples = (t, values)
            # A finaliser or a signal handler may append in the middle of this, which
            # makes a stray: of the next dictionary, for this one is being looked through.
            strays, self.strays = self.strays, {}
            late = [each for each in strays.values() if each.own.sample[0] >= t]
            self.strays.update((each.at, each) for each in late)
        return late


class Place:
    """The slot of a series in a group: its sample is the newer one of the group's and that
    in a slot of its own, where samples are kept that come without the others."""

    __slots__ = ("at", "group", "own")

    def __init__(self, slot: Slot | Place, group: Group, at: int) -> None:
        self.own: Slot = slot if isinstance(slot, Slot) else slot.own
        self.group: Final = group
        self.at: Final = at
        if isinstance(slot, Place):
            self.own.sample = slot.sample
            slot.group.refs = []

    @property
    def sample(self) -> tuple[int, float]:
        own = self.own.sample
        time, values = self.group.samples
        return own if own[0] >= time else (time, values[self.at])

    @sample.setter
    def sample(self, sample: tuple[int, float]) -> None:
        with self.group.lock:  # the series may be on its way into another group
            if self.sample[0] < sample[0]:
                self.group.strays[self.at] = self
                self.own.sample = sample


class LiveTable(Columns):
    """The series of one metric with the same label names, which come and go.

    The caller of every method holds the store's lock. A row that is free is taken by the
    next series that comes.
    """

    __slots__ = ("_cells", "_free", "_rowmap", "refs")

    def __init__(self, metric: str, names: tuple[str, ...]) -> None:
        self._cells: Final[tuple[list[str], ...]] = tuple([] for _ in names)
        super().__init__(metric, names, self._cells)
        self.refs: Final = array("q")  # 0: the row is free
        self._free: list[int] = []
        self._rowmap = RowMap((), 0)

    def __len__(self) -> int:
        return len(self.refs) - len(self._free)

    def find(self, cells: tuple[str, ...]) -> int:
        """The row with these label values; -1 if there is none."""
        return self._rowmap.find(cells, self.columns)

    def add(self, cells: tuple[str, ...], ref: int) -> None:
        """Add a series that is not there yet."""
        if self._free:
            row = self._free.pop()
            for column, cell in zip(self._cells, cells, strict=True):
                column[row] = cell
            self.refs[row] = ref
        else:
            row = len(self.refs)
            for column, cell in zip(self._cells, cells, strict=True):
                column.append(cell)
            self.refs.append(ref)
        self._rowmap.put(cells, row)
        for name, index in self._indexes.items():
            index.setdefault(cells[self.names.index(name)], set()).add(row)

    def remove(self, row: int) -> int:
        """Remove a series; its ref is returned."""
        cells = self.cells(row)
        self._rowmap.remove(row)
        for name, index in self._indexes.items():
            value = cells[self.names.index(name)]
            index[value].discard(row)
            if not index[value]:
                del index[value]
        self._free.append(row)
        ref, self.refs[row] = self.refs[row], 0
        return ref

    def cells(self, row: int) -> tuple[str, ...]:
        """The label values of a row."""
        return tuple([column[row] for column in self.columns])

    def rows_held(self) -> Sequence[int]:
        """The rows that are not free."""
        return [row for row, ref in enumerate(self.refs) if ref]

    def labels(self, row: int) -> Labels:
        """The label set of a row."""
        return Labels._from_cells(self.metric, self.names, self.cells(row))

    def _by_value(self, column: Sequence[str]) -> Mapping[str, Collection[int]]:
        found: dict[str, set[int]] = {}
        for row in self.rows_held():
            found.setdefault(column[row], set()).add(row)
        return found

    def _check(self) -> None:
        held = self.rows_held()
        assert sorted(self._free) == sorted(set(range(len(self.refs))) - set(held))
        for row in held:
            assert self.find(self.cells(row)) == row, self.cells(row)
        self._check_indexes()


_Hits = tuple[Sequence[Labels], Sequence[Slot | Place]]
_NOT_KEPT: Final[tuple[int, _Hits]] = (-1, ((), ()))


class LiveSource:
    """What was appended directly.

    `slots` finds the slot of a ref. Storing a sample in a slot is safe without the lock.
    An append that races with a drop stores in a slot that nobody sees any more; the ref
    is not found the next time, and the series is made anew.

    The methods that say so are called with the store's lock held.
    """

    def __init__(self) -> None:
        self.slots: Final[dict[int, Slot | Place]] = {}
        self.size = 0
        self.version = 0
        self._tables: Any = SortedDict()  # metric -> label names -> table
        self._texts: dict[str, str] = {}  # equal label values as one object
        self._selections: Cache[Any, tuple[int, _Hits]] = Cache(_HITS_KEPT)
        self._frozen: tuple[int, Layout, list[Slot | Place]] = (0, EMPTY, [])

    def find(
        self, metric: str, names: tuple[str, ...], cells: tuple[str, ...]
    ) -> tuple[int, Slot | Place] | None:
        """The ref and the slot of a series, cut as `Labels._cut` does; None if there is
        no such series. The caller holds the lock."""
        table = self._tables.get(metric, _NO_TABLES).get(names)
        row = -1 if table is None else table.find(cells)
        if row < 0:
            return None
        ref = table.refs[row]
        return ref, self.slots[ref]

    def create(
        self,
        metric: str,
        names: tuple[str, ...],
        cells: tuple[str, ...],
        sample: tuple[int, float],
    ) -> tuple[int, Slot]:
        """Add a series that is not there yet; gives its ref and its slot. The caller
        holds the lock."""
        cells = tuple(map(self._texts.setdefault, cells, cells))
        if len(self._texts) > _TEXTS_KEPT:
            self._texts.clear()
        shapes = self._tables.get(metric)
        if shapes is None:
            shapes = self._tables[metric] = {}
        table = shapes.get(names)
        if table is None:
            table = shapes[names] = LiveTable(metric, names)
        ref = next(_new_refs)
        slot = self.slots[ref] = Slot(sample)
        table.add(cells, ref)
        self.version += 1
        self.size += 1  # after it is found
        return ref, slot

    def drop(self, plan: Plan) -> int:
        """Remove the series that fulfil a plan, and say how many those were. The caller
        holds the lock. O(those that are removed), once the labels that are asked about
        have an index."""
        gone = [(table, row) for table, rows in self.selected(plan) for row in rows]
        for table, row in gone:
            slot = self.slots.pop(table.remove(row))
            if slot.group is not None:
                slot.group.refs = []
            if not len(table):
                shapes = self._tables[table.metric]
                del shapes[table.names]
                if not shapes:
                    del self._tables[table.metric]
        self.size -= len(gone)
        self.version += bool(gone)
        return len(gone)

    def gather(self, refs: list[int], lock: AbstractContextManager[Any]) -> None:
        """Let samples of these series come together, if all are there, and once. The
        caller holds the lock."""
        if len(self.slots.keys() & refs) == len(refs):
            group = Group(refs, lock)
            for at, ref in enumerate(refs):
                place = self.slots[ref] = Place(self.slots[ref], group, at)
                group.strays[at] = place
            self.version += 1  # what was selected has their slots

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

    def select(self, plan: Plan) -> _Hits:
        """The series that fulfil a plan, sorted, and their slots. The caller holds the
        lock."""
        hits = [
            (table.labels(row), self.slots[table.refs[row]])
            for table, rows in self.selected(plan)
            for row in rows
        ]
        hits.sort(key=lambda hit: hit[0]._flat)
        found = [labels for labels, _ in hits], [slot for _, slot in hits]
        self._selections.keep(plan.matchers, (self.version, found), len(hits) + 1)
        return found

    def known(self, plan: Plan) -> _Hits | None:
        """What `select` found, if series neither came nor went since; it needs no lock."""
        version, found = self._selections.get(plan.matchers, _NOT_KEPT)
        return found if version == self.version else None

    def freeze(self) -> Scrape:
        """What is there now, one series at least. The caller holds the lock; samples may
        be appended meanwhile. O(series), in C where none came or went since the last
        time."""
        version, layout, slots = self._frozen
        if version != self.version:
            held = [
                (table.labels(row), self.slots[ref])
                for shapes in self._tables.values()
                for table in shapes.values()
                for row, ref in enumerate(table.refs)
                if ref
            ]
            slots = [slot for _, slot in held]
            rows = rows_of([(labels, place) for place, (labels, _) in enumerate(held)])
            layout = laid_out(rows, len(held), EMPTY)
            self._frozen = (self.version, layout, slots)
        samples = [slot.sample for slot in slots]
        return Scrape(
            layout,
            array("d", [value for _, value in samples]),
            max([time for time, _ in samples]),
            array("q", [time for time, _ in samples]),
        )

    def metrics(self) -> list[str]:
        """The names of the metrics, sorted. The caller holds the lock."""
        return list(self._tables)

    def _check(self) -> None:
        tables = [t for shapes in self._tables.values() for t in shapes.values()]
        for table in tables:
            assert len(table), f"{table.metric}: an empty table"
            table._check()
        refs = {ref for table in tables for ref in table.refs} - {0}
        assert refs == self.slots.keys(), "slots without a series"
        assert len(refs) == self.size == sum(map(len, tables))
        for ref, slot in self.slots.items():
            if isinstance(slot, Place) and slot.group.refs:
                assert slot.group.refs[slot.at] == ref, "another one's place in a group"


_NO_TABLES: Final[Mapping[Any, Any]] = {}


def points(labels: Sequence[Labels], slots: Sequence[Slot | Place]) -> list[DataPoint]:
    """The points of a selection, in its order, made by C code: half of calling each."""
    samples = [(each, *slot.sample) for each, slot in zip(labels, slots, strict=True)]
    return list(map(tuple.__new__, repeat(DataPoint), samples))
