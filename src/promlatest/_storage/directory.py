"""Which sources have which metrics and labels, so that a question about a few series of
ten thousand sources looks at a few sources only.

It changes only when series come or go. Metrics are known at once; the values of a label
when somebody first asks about that label. The caller of every method holds the store's
lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from itertools import chain, count
from typing import Any, Final

from sortedcontainers import SortedDict

from promlatest._matching.labels import METRIC_NAME
from promlatest._storage.layout import Layout
from promlatest._storage.plan import Plan
from promlatest._storage.table import with_prefix

# Up to so many sources, asking each costs less than to know about labels.
_FEW: Final = 32

Cells = dict[Any, None]
"""Sources in the order in which they came."""


class Directory:
    """Which sources have which metrics and labels.

    Attributes:
        version: another number whenever series came or went.
        sources: all of them in the order in which they came, each with its number.
    """

    def __init__(self) -> None:
        self.version = 0
        self.sources: dict[Any, int] = {}
        self._numbers = count()
        self._metrics: Any = SortedDict()  # metric -> Cells
        # label -> value -> Cells
        self._labels: dict[str, Any] = {METRIC_NAME: self._metrics}

    def change(self, cell: Any, before: Layout | None, after: Layout | None) -> None:
        """Note that the layout of a source is another one now; None: it is not there."""
        if before is None:
            self.sources[cell] = next(self._numbers)
        if after is None:
            del self.sources[cell]
        for label, by_value in self._labels.items():
            had, has = _values(before, label), _values(after, label)
            for value in had - has:
                cells = by_value[value]
                del cells[cell]
                if not cells:
                    del by_value[value]
            fresh: dict[str, Cells] = {}
            for value in has - had:
                if value in by_value:
                    by_value[value][cell] = None
                else:
                    fresh[value] = {cell: None}
            by_value.update(fresh)  # sorted in one go where there are many
        self.version += 1

    def candidates(self, plan: Plan) -> list[Any]:
        """The sources that may have what a plan asks for, in the order they came in."""
        if len(self.sources) <= _FEW:
            return list(self.sources)
        found: Iterable[Any] = self.sources
        if plan.names is not None:
            found = _union(self._metrics.get(name, {}) for name in plan.names)
        elif plan.prefix:
            names = with_prefix(self._metrics, plan.prefix)
            found = _union(self._metrics[name] for name in names)
        if plan.present is not None:
            label, values = plan.present
            by_value = self._by_value(label)
            there = _union(by_value.get(value, {}) for value in values)
            found = [cell for cell in there if cell in found]
        return sorted(found, key=self.sources.__getitem__)

    def _by_value(self, label: str) -> dict[str, Cells]:
        by_value: dict[str, Cells] | None = self._labels.get(label)
        if by_value is None:
            by_value = self._labels[label] = {}
            for cell in self.sources:
                for value in _values(cell.visible.layout, label):
                    by_value.setdefault(value, {})[cell] = None
        return by_value

    def _check(self, cells: Iterable[Any]) -> None:
        there = list(cells)
        assert set(there) == set(self.sources)
        for label, by_value in self._labels.items():
            held = {(cell, value) for value in by_value for cell in by_value[value]}
            layouts = [(cell, cell.visible.layout) for cell in there]
            has = {
                (cell, each) for cell, layout in layouts for each in _values(layout, label)
            }
            assert held == has, label


def _values(layout: Layout | None, label: str) -> Set[str]:
    if layout is None:
        return frozenset()
    return layout.tables.keys() if label == METRIC_NAME else layout.values_of(label)


def _union(groups: Iterable[Cells]) -> Cells:
    held = list(groups)
    # The usual one group is not copied: that of 10,000 sources takes 130 µs.
    return held[0] if len(held) == 1 else dict.fromkeys(chain.from_iterable(held))
