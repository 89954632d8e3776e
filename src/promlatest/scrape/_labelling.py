"""From the rows of an exposition to the rows that are kept: the labels of the target and
metric relabelling (C-8, C-10, C-11).

Labels of a target are the same for all rows, so they are put on as columns; only metric
relabelling looks at one series after the other, and remembers what it found. Values are
not touched: rows keep their places, and of a row that is dropped the place has no name.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from promlatest._clock import Turns
from promlatest._matching.labels import METRIC_NAME
from promlatest._samples import Rows, take
from promlatest.exceptions import UsageError

__all__ = ["Labeller", "SeriesCache"]

EXPORTED = "exported_"


class Labeller:
    """Puts the labels of one target on the rows of its expositions (C-8).

    Of rows that were there the last time the same object comes back, so that what is
    built on it lasts.

    Args:
        labels: of the target.
        honor: whether a label of the sample stays where both have it; else it is
            renamed with `exported_` before it until the name is free.
    """

    def __init__(self, labels: Mapping[str, str], *, honor: bool) -> None:
        self._labels = labels
        self._put = _honouring if honor else _exporting
        self._known: dict[int, tuple[Rows, list[Rows]]] = {}

    def label(self, rows: Iterable[Rows]) -> tuple[Rows, ...]:
        """The rows with the labels of their target."""
        known: dict[int, tuple[Rows, list[Rows]]] = {}
        labelled: list[Rows] = []
        for each in rows:
            held = self._known.get(id(each))
            if held is None or held[0] is not each:
                put = [
                    self._put(group, self._labels) for group in _uniform(each, self._labels)
                ]
                held = (each, put)
            known[id(each)] = held
            labelled += held[1]
        self._known = known
        return tuple(labelled)


def _honouring(rows: Rows, labels: Mapping[str, str]) -> Rows:
    columns = dict(zip(rows.names, rows.columns, strict=True))
    # A label that is exposed without a value is there all the same: it says "none".
    return _with_columns(rows, {**_constant(labels, len(rows)), **columns})


def _exporting(rows: Rows, labels: Mapping[str, str]) -> Rows:
    columns = {
        name: column
        for name, column in zip(rows.names, rows.columns, strict=True)
        if any(column) or name not in labels
    }
    clashing = sorted((name for name in columns if name in labels), key=len)
    renamed = {name: columns.pop(name) for name in clashing}
    columns |= _constant(labels, len(rows))
    for name, column in renamed.items():
        free = EXPORTED + name
        while any(columns.get(free, ())):
            free = EXPORTED + free
        columns[free] = column
    return _with_columns(rows, columns)


def _constant(labels: Mapping[str, str], size: int) -> dict[str, Sequence[str]]:
    return {name: (value,) * size for name, value in labels.items() if value}


def _with_columns(rows: Rows, columns: Mapping[str, Sequence[str]]) -> Rows:
    names = tuple(sorted(columns))
    return attrs.evolve(rows, names=names, columns=tuple(columns[name] for name in names))


def _uniform(rows: Rows, labels: Mapping[str, str]) -> Iterator[Rows]:
    """The rows in groups in which a label that may clash has a value in all rows or in
    none; one group, unless an exposition writes ``instance=""``."""
    concerned = [
        column
        for name, column in zip(rows.names, rows.columns, strict=True)
        if _root(name) in labels and "" in column
    ]
    if not concerned:
        yield rows
        return
    groups: dict[tuple[bool, ...], list[int]] = {}
    for row, cells in enumerate(zip(*concerned, strict=True)):
        groups.setdefault(tuple(map(bool, cells)), []).append(row)
    for kept in groups.values():
        yield take(rows, kept)


def _root(name: str) -> str:
    while name.startswith(EXPORTED):
        name = name.removeprefix(EXPORTED)
    return name


# Metric relabelling


Flat = tuple[str, ...]
"""A label set: names and values in turn, sorted by name."""


_OFFER_EVERY = 64  # series: to ask the rules of one takes 2 to 30 µs


class SeriesCache:
    """What rules make of the series of one target, so that they are asked once (C-14).

    It is bounded by twice the series of the last scrape and a thousand.

    Args:
        apply: the labels after relabelling; None for a series to be dropped.
    """

    def __init__(
        self, apply: Callable[[Mapping[str, str]], Mapping[str, str] | None]
    ) -> None:
        self._apply = apply
        self._known: dict[Flat, Flat] = {}

    def relabel(self, rows: Sequence[Rows]) -> tuple[Rows, ...]:
        """The rows after relabelling, less those that are dropped.

        Raises:
            UsageError: a series is left without a name (C-11).
            TimeoutError: a `deadline` around this has passed.
        """
        groups: dict[Flat, list[tuple[int, Flat]]] = {}
        turns = Turns()
        for each in rows:
            head = (each.metric, *each.names)
            for place, cells in zip(each.places, each.row_keys(), strict=True):
                if not place % _OFFER_EVERY:
                    turns.offer()
                flat = self._find(head, cells)
                if flat:
                    at = 2 * flat[::2].index(METRIC_NAME)
                    rest = flat[:at] + flat[at + 2 :]
                    key = (flat[at + 1], *rest[::2])
                    groups.setdefault(key, []).append((place, rest[1::2]))
        if len(self._known) > 2 * sum(map(len, rows)) + 1000:
            self._known.clear()
        return tuple(_group(key[0], key[1:], group) for key, group in groups.items())

    def _find(self, head: Flat, cells: Flat) -> Flat:
        """The label set after the rules; () if it is dropped."""
        key = head + cells
        flat = self._known.get(key)
        if flat is None:
            named = zip(head[1:], cells, strict=True)
            labels = {METRIC_NAME: head[0], **{n: v for n, v in named if v}}
            flat = self._known[key] = _flat(self._apply(labels) or {})
        return flat


def _flat(labels: Mapping[str, str]) -> Flat:
    held = sorted(pair for pair in labels.items() if pair[1])
    if held and not labels.get(METRIC_NAME):
        shown = ", ".join(name for name, _ in held)
        raise UsageError(f"metric_relabel_configs leave a series without a name: {shown}")
    return tuple(text for pair in held for text in pair)


def _group(metric: str, names: Flat, group: list[tuple[int, Flat]]) -> Rows:
    """Series that share metric and label names after relabelling, by place."""
    group.sort()
    columns = zip(*(cells for _, cells in group), strict=True) if names else ()
    places = array("i", [place for place, _ in group])
    return Rows(metric, names, tuple(map(list, columns)), places)
