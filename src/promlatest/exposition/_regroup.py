"""Rows in which series take the places of others, as where pods are replaced.

What stays the same is shared: the columns in which nothing changed, the rows of every other
metric, and the places, by which a store sees that only some rows are others.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice, repeat
from typing import NamedTuple

from promlatest._matching.floats import normalise_bound
from promlatest._matching.labels import LEGACY_METRIC_NAME
from promlatest._samples import Rows, are_new, take
from promlatest.exposition._reader import Exposition, is_utf8, label_names


class RowGroups:
    """Which rows the samples of a body are of, and into which others can be put.

    Rows that lose all their series stay, without any, so that their numbers hold.

    Attributes:
        of: for each place the number of its rows.
        open: by metric and label names the number of their rows, where these are all
            there are. (A label without a value is one that is not there: where a metric
            has one, its series may stand in rows of other names.)
    """

    def __init__(self, exposition: Exposition) -> None:
        self.of = array("i", [-1]) * len(exposition.values)
        self.open: dict[tuple[str, tuple[str, ...]], int] = {}
        closed: set[object] = set()
        for number, rows in enumerate(exposition.rows):
            for place in rows.places:
                self.of[place] = number
            if self.open.setdefault((rows.metric, rows.names), number) != number:
                closed.add((rows.metric, rows.names))
            if any("" in column for column in rows.columns):
                closed.add(rows.metric)
        for shape in list(self.open):
            if shape in closed or shape[0] in closed:
                del self.open[shape]

    def read(self, series: Iterable[tuple[str, str]]) -> Iterator[Fresh]:
        """Series as they are written, each with the label that its TYPE makes a bound.

        Raises:
            ValueError: one is not of a metric and label names of which there are rows, or
                is written in a way that only the full reading knows.
        """
        forms: dict[tuple[str, ...], _Outside] = {}
        shared: dict[str, str] = {}
        for text, bound in series:
            pieces = text.split('"')
            outside, inside = tuple(pieces[::2]), pieces[1::2]
            form = forms.get(outside)
            if form is None:
                form = forms[outside] = self._outside(outside)
            group, names, order = form
            if len(inside) != len(names) or "" in inside or "\\" in text:
                raise ValueError(text)
            if not is_utf8(text):
                raise ValueError(text)
            if bound in names:
                at = names.index(bound)
                inside[at] = normalise_bound(inside[at])
            yield Fresh(
                group, tuple([shared.setdefault(inside[at], inside[at]) for at in order])
            )

    def add(self, placed: Iterable[tuple[int, Fresh]]) -> None:
        """Note where series came to stand."""
        for place, each in placed:
            self.of.extend(repeat(-1, place + 1 - len(self.of)))
            self.of[place] = each.group

    def _outside(self, outside: tuple[str, ...]) -> _Outside:
        metric, brace, first = outside[0].partition("{")
        names = label_names((brace + first, *outside[1:]))
        if names is None or not LEGACY_METRIC_NAME.fullmatch(metric):
            raise ValueError(outside)
        order = sorted(range(len(names)), key=names.__getitem__)
        group = self.open.get((metric, tuple([names[at] for at in order])))
        if group is None:
            raise ValueError(outside)
        return group, names, order


_Outside = tuple[int, tuple[str, ...], list[int]]
"""The number of its rows, its label names as they are written, and their columns."""


class Fresh(NamedTuple):
    """A series that was not there before: to which rows it comes, and its label values."""

    group: int
    cells: tuple[str, ...]


def regrouped(
    exposition: Exposition,
    groups: RowGroups,
    gone: Iterable[int],
    fresh: Sequence[Fresh],
    *,
    are_in_order: bool = False,
) -> tuple[tuple[Rows, ...], list[int]]:
    """The rows less the samples at some places, with new series in their stead; and the
    place of each: one that is free in its rows, or one behind all.

    Of two samples of one series that with the lower place counts, as it stands first; so
    where places do not have the order of lines, no series may be there twice.

    Raises:
        ValueError: a new series is there already.
    """
    rows = list(exposition.rows)
    free: defaultdict[int, list[int]] = defaultdict(list)
    for place in sorted(gone):
        free[groups.of[place]].append(place)
    came: defaultdict[int, list[int]] = defaultdict(list)
    for number, each in enumerate(fresh):
        came[each.group].append(number)
    placed = [0] * len(fresh)
    behind = count(len(exposition.values))
    for group in free.keys() | came.keys():
        numbers, left = came[group], free[group]
        taken = [*left[: len(numbers)], *islice(behind, max(0, len(numbers) - len(left)))]
        for number, place in zip(numbers, taken, strict=True):
            placed[number] = place
        cells = [fresh[number].cells for number in numbers]
        if not are_in_order and not are_new(rows[group], cells):
            raise ValueError("a series stands there twice")
        rows[group] = _put(rows[group], left, taken, cells)
    return tuple(rows), placed


def _put(
    rows: Rows, free: Sequence[int], taken: Sequence[int], cells: Sequence[tuple[str, ...]]
) -> Rows:
    """Rows with new series at the places that are taken, and none at those that are free
    else. What stays the same is shared."""
    lost = [bisect_left(rows.places, place) for place in free]
    columns = list(rows.columns)
    for at, fresh in enumerate(zip(*cells, strict=True)):
        if [columns[at][row] for row in lost] == list(fresh):
            continue
        column = columns[at] = list(columns[at])
        for row, cell in zip(lost, fresh):  # noqa: B905 one may be longer
            column[row] = cell
        column += fresh[len(lost) :]
    places = rows.places
    if len(taken) > len(free):
        places = array("i", [*places, *taken[len(free) :]])
    changed = Rows(rows.metric, rows.names, tuple(columns), places, rows.counted)
    left = set(lost[len(taken) :])
    if not left:
        return changed
    return take(changed, [row for row in range(len(places)) if row not in left])
