"""From the rows of an exposition to the rows that are kept: the labels of the target,
metric relabelling, the checks after it, timestamps (C-8, C-10, C-11, C-16).

Labels of a target are the same for all rows, so they are put on as columns; only metric
relabelling looks at one series after the other, and remembers what it found.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat

import attrs

from promlatest._matching.labels import METRIC_NAME
from promlatest._rows import Rows, take
from promlatest.exceptions import UsageError

__all__ = ["Labeller", "SeriesCache", "dated", "kept_since"]

EXPORTED = "exported_"


class Labeller:
    """Puts the labels of one target on the rows of its expositions (C-8).

    Rows that share their columns with rows of the last exposition share them afterwards
    too, so that what is built on columns (indexes, selections) lasts.

    Args:
        labels: of the target.
        honor: whether a label of the sample stays where both have it; else it is
            renamed with `exported_` before it until the name is free.
    """

    def __init__(self, labels: Mapping[str, str], *, honor: bool) -> None:
        self._labels = labels
        self._put = _honouring if honor else _exporting
        self._known: dict[tuple[int, int], tuple[Columns, tuple[str, ...], Columns]] = {}

    def label(self, rows: Iterable[Rows]) -> list[Rows]:
        """The rows with the labels of their target."""
        labelled: list[Rows] = []
        known: dict[tuple[int, int], tuple[Columns, tuple[str, ...], Columns]] = {}
        for each in rows:
            key = (id(each.columns), len(each))
            held = self._known.get(key)
            if held is not None and held[0] is each.columns:
                known[key] = held
                labelled.append(_over(each, held[1], held[2]))
                continue
            groups = list(_uniform(each, self._labels))
            labelled += [self._put(group, self._labels) for group in groups]
            if len(groups) == 1:
                known[key] = (each.columns, labelled[-1].names, labelled[-1].columns)
        self._known = known
        return labelled


Columns = tuple[Sequence[str], ...]


def _over(rows: Rows, names: tuple[str, ...], columns: Columns) -> Rows:
    # Not attrs.evolve, which takes a third longer: this is for every metric every time.
    return Rows(
        rows.metric,
        names,
        columns,
        rows.values,
        rows.places,
        rows.timestamps,
        rows.exemplars,
    )


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
    return {name: [value] * size for name, value in labels.items() if value}


def _with_columns(rows: Rows, columns: Mapping[str, Sequence[str]]) -> Rows:
    names = tuple(sorted(columns))
    return _over(rows, names, tuple(columns[name] for name in names))


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


# Timestamps


def dated(rows: Iterable[Rows], *, honor: bool) -> Iterable[Rows]:
    """The rows with their own timestamps, or without (C-16)."""
    if honor:
        return rows
    return [attrs.evolve(each, timestamps=None) for each in rows]


def kept_since(rows: Sequence[Rows], oldest: int) -> tuple[list[Rows], int]:
    """The rows that are not older than a moment, and how many are.

    Args:
        rows: those without timestamps of their own are all kept.
        oldest: in milliseconds since the epoch.
    """
    kept = [_since(each, oldest) for each in rows]
    lost = sum(map(len, rows)) - sum(map(len, kept))
    return [each for each in kept if len(each)], lost


def _since(rows: Rows, oldest: int) -> Rows:
    if rows.timestamps is None:
        return rows
    young = [
        row for row, time in enumerate(rows.timestamps) if time is None or time >= oldest
    ]
    return rows if len(young) == len(rows) else take(rows, young)


# Metric relabelling


Flat = tuple[str, ...]
"""A label set: names and values in turn, sorted by name."""


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

    def relabel(self, rows: Sequence[Rows]) -> list[Rows]:
        """The rows after relabelling, less those that are dropped.

        Raises:
            UsageError: a series is left without a name (C-11).
        """
        groups: dict[Flat, _Group] = {}
        for each in rows:
            self._regroup(each, groups)
        if len(self._known) > 2 * sum(map(len, rows)) + 1000:
            self._known.clear()
        return [group.rows(key[0], key[1:]) for key, group in groups.items()]

    def _regroup(self, rows: Rows, groups: dict[Flat, _Group]) -> None:
        keys: Iterable[Flat] = (
            zip(*rows.columns, strict=True) if rows.columns else repeat((), len(rows))
        )
        head = (rows.metric, *rows.names)
        for row, cells in enumerate(keys):
            flat = self._find(head, cells)
            if flat:
                at = 2 * flat[::2].index(METRIC_NAME)
                rest = flat[:at] + flat[at + 2 :]
                group = groups.setdefault((flat[at + 1], *rest[::2]), _Group())
                group.add(rest[1::2], rows, row)

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


class _Group:
    """Samples that share metric and label names after relabelling."""

    def __init__(self) -> None:
        self._cells: list[Flat] = []
        self._from: list[tuple[Rows, int]] = []

    def add(self, cells: Flat, rows: Rows, row: int) -> None:
        self._cells.append(cells)
        self._from.append((rows, row))

    def rows(self, metric: str, names: Flat) -> Rows:
        self._in_order()
        times = [_time(rows, row) for rows, row in self._from]
        exemplars = {
            new: rows.exemplars[row]
            for new, (rows, row) in enumerate(self._from)
            if row in rows.exemplars
        }
        return Rows(
            metric,
            names,
            tuple(map(list, zip(*self._cells, strict=True))) if names else (),
            array("d", [rows.values[row] for rows, row in self._from]),
            [rows.places[row] for rows, row in self._from],
            times if any(time is not None for time in times) else None,
            exemplars,
        )

    def _in_order(self) -> None:
        """Sort by place: several groups of rows may have come together here."""
        both = sorted(
            zip(self._from, self._cells, strict=True),
            key=lambda each: each[0][0].places[each[0][1]],
        )
        self._from = [origin for origin, _ in both]
        self._cells = [cells for _, cells in both]


def _time(rows: Rows, row: int) -> int | None:
    return None if rows.timestamps is None else rows.timestamps[row]
