"""A table that is larger than the screen: its columns, its rows, and what of it fits.

A column is shown whole or not at all. Those that are pinned are always there; of the
others as many as fit, from the first one that is wanted. Rows make their cells when they
are drawn, so that a table of 5,000 rows costs what the forty on the screen cost.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import chain, groupby, islice
from typing import Any, Final, Generic, TypeVar

import attrs

from promlatest.views.cells import Cell, Line, fitted
from promlatest.views.text import Align, apart, cells, escaped, pad, shorten

R = TypeVar("R")

RowKey = Hashable
GAP: Final = 2
_SAMPLE: Final = 60  # rows that are looked at to tell how wide a column is
PINNED_LEAST: Final = 8
PROSE_LEAST: Final = 20


@attrs.frozen
class Column(Generic[R]):
    """A column.

    Attributes:
        title: its head.
        cell: what it says of a row.
        order: what to sort by; None: it cannot be sorted by.
        orders: the same for all rows at once, by their keys, where that is cheaper.
        align: where its cells stand.
        group: a head above the heads of neighbours that belong together.
        least: it takes so many cells even if its texts are shorter, so that it does not
            move when they grow.
        most: it takes no more than that.
        wish: it takes so many where there is room left.
        pinned: it is always shown.
        rising: whether it is sorted from the least to the most first.
        prose: it takes what room is left, and loses its end if that is too little.
        optional: a printed table leaves it out where it has no room; on a screen one
            scrolls to it.
    """

    title: str
    cell: Callable[[R], Cell]
    order: Callable[[R], Any] | None = None
    align: Align = "right"
    group: str = ""
    least: int = 0
    most: int = 40
    wish: int = 0
    pinned: bool = False
    rising: bool = False
    prose: bool = False
    optional: bool = False
    orders: Callable[[], Mapping[RowKey, Any]] | None = None


@attrs.frozen(eq=False)
class Sheet(Generic[R]):
    """Columns and rows.

    Attributes:
        columns: from the left.
        rows: by key, in their own order.
        name: what it is a table of; the same name keeps the place on the screen.
    """

    columns: tuple[Column[R], ...] = ()
    rows: Mapping[RowKey, R] = attrs.field(factory=dict)
    name: str = ""
    _made: dict[RowKey, tuple[Cell, ...]] = attrs.field(factory=dict, init=False)

    def cells(self, key: RowKey) -> tuple[Cell, ...]:
        """What the columns say of a row, made once: the width of a column and its text
        are of the same cells."""
        if key not in self._made:
            row = self.rows[key]
            self._made[key] = tuple(column.cell(row) for column in self.columns)
        return self._made[key]

    def widths(self, keys: Sequence[RowKey] = ()) -> list[int]:
        """How wide each column wants to be, as far as these rows tell, or the first."""
        known = [key for key in keys if key in self.rows]
        rows = [self.cells(key) for key in known or islice(self.rows, _SAMPLE)]
        return [
            _width(column, [row[at].text for row in rows])
            for at, column in enumerate(self.columns)
        ]

    def sorted_keys(self, at: int | None, falling: bool) -> list[RowKey]:
        """The keys by what a column says; what is unknown comes last either way."""
        column = None if at is None else self.columns[at]
        if column is None or column.order is None:
            return list(self.rows)
        known: dict[RowKey, Any]
        if column.orders is not None:
            told = column.orders()
            known = {key: told.get(key) for key in self.rows}
        else:
            known = {key: column.order(row) for key, row in self.rows.items()}
        there = [key for key in known if known[key] is not None]
        rest = [key for key in known if known[key] is None]
        return [*sorted(there, key=lambda key: known[key], reverse=falling), *rest]


def _width(column: Column[Any], texts: Iterable[str]) -> int:
    arrow = 1 if column.order is not None else 0
    widest = (cells(escaped(text)) for text in texts)
    natural = max((cells(column.title) + arrow, column.least, *widest))
    return min(natural, max(column.most, column.least))


def settled(keys: Sequence[RowKey], held: Sequence[RowKey]) -> list[RowKey]:
    """The keys in the order in which they stood, the new ones where they belong.

    Nothing jumps while values change: a row stays until somebody sorts again.

    >>> settled(["c", "a", "n", "b"], ["a", "b", "gone", "c"])
    ['a', 'n', 'b', 'c']
    """
    if not held:
        return list(keys)
    now = set(keys)
    order = [key for key in held if key in now]
    known = set(order)
    if len(known) == len(now):
        return order
    after: dict[RowKey | None, list[RowKey]] = {}
    last: RowKey | None = None
    for key in keys:
        if key in known:
            last = key
        else:
            after.setdefault(last, []).append(key)
    made = list(after.get(None, ()))
    for key in order:
        made += [key, *after.get(key, ())]
    return made


@attrs.frozen
class Fit:
    """Which columns are on the screen, how wide, and how many are not, on either side."""

    columns: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()
    before: int = 0
    after: int = 0


def fit(
    columns: Sequence[Column[Any]], widths: Sequence[int], first: int, room: int
) -> Fit:
    """What fits into a width.

    Args:
        columns: all of them.
        widths: how wide each wants to be.
        first: the first of those not pinned, counted among these.
        room: cells there are.
    """
    pinned = [at for at, column in enumerate(columns) if column.pinned]
    free = [at for at, column in enumerate(columns) if not column.pinned]
    taken = _squeezed({at: widths[at] for at in pinned}, room)
    first = min(first, last_first(columns, widths, room))
    shown: list[int] = []
    cut: dict[int, int] = {}
    left = room - sum(taken.values()) - GAP * max(len(taken) - 1, 0)
    for at in free[first:]:
        gap = GAP if taken or shown else 0
        takes = widths[at] + gap
        if takes > left and not (columns[at].prose and left >= PROSE_LEAST + gap):
            break
        shown.append(at)
        cut[at] = min(widths[at], left - gap)
        left -= takes
    shown = _with_whole_heads(columns, widths, shown, free[first:])
    chosen = sorted([*taken, *shown])
    given = {at: taken[at] if at in taken else cut[at] for at in chosen}
    return Fit(
        tuple(chosen),
        tuple(_widened(columns, given, room).values()),
        first if free else 0,
        len(free) - first - len(shown),
    )


def _widened(
    columns: Sequence[Column[Any]], given: dict[int, int], room: int
) -> dict[int, int]:
    """What room is left, given to the columns that wish for it, from the left."""
    spare = room - sum(given.values()) - GAP * max(len(given) - 1, 0)
    made = dict(given)
    for at in made:
        more = max(min(columns[at].wish - made[at], spare), 0)
        made[at] += more
        spare -= more
    return made


def _with_whole_heads(
    columns: Sequence[Column[Any]],
    widths: Sequence[int],
    shown: list[int],
    wanted: Sequence[int],
) -> list[int]:
    """The columns less those at the end whose group has no room for its head."""
    if not shown or len(shown) == len(wanted):
        return shown
    group = columns[shown[-1]].group
    if columns[wanted[len(shown)]].group != group or not group:
        return shown
    members = [at for at in shown if columns[at].group == group]
    room = sum(widths[at] for at in members) + GAP * (len(members) - 1)
    kept = shown[: -len(members)]
    return kept if kept and room < cells(group) else shown


def group_starts(columns: Sequence[Column[Any]]) -> list[int]:
    """The free columns, counted among these, that begin a group or have none."""
    free = [column for column in columns if not column.pinned]
    return [
        at
        for at, column in enumerate(free)
        if not at or not column.group or column.group != free[at - 1].group
    ]


def last_first(columns: Sequence[Column[Any]], widths: Sequence[int], room: int) -> int:
    """The first free column of the last screen: to the right there is nothing more."""
    pinned = {at: widths[at] for at, column in enumerate(columns) if column.pinned}
    free = [at for at, column in enumerate(columns) if not column.pinned]
    taken = _squeezed(pinned, room)
    left = room - sum(taken.values()) - GAP * max(len(taken) - 1, 0)
    count = 0
    for at in reversed(free):
        wants = min(widths[at], PROSE_LEAST) if columns[at].prose else widths[at]
        left -= wants + (GAP if taken or count else 0)
        if left < 0:
            break
        count += 1
    last = max(len(free) - max(count, 1), 0)
    return next((at for at in group_starts(columns) if at >= last), last)


def _squeezed(pinned: dict[int, int], room: int) -> dict[int, int]:
    """Pinned columns in the room there is: the widest gives way first."""
    made = dict(pinned)
    while made and sum(made.values()) + GAP * (len(made) - 1) > room:
        at = max(made, key=lambda each: made[each])
        if made[at] <= PINNED_LEAST:
            break
        made[at] -= 1
    return made


def row_lines(sheet: Sheet[Any], shape: Fit, keys: Sequence[RowKey]) -> list[Line]:
    """Rows as lines, as wide as the columns that fit."""
    columns = [sheet.columns[at] for at in shape.columns]
    rows = [[sheet.cells(key)[at] for at in shape.columns] for key in keys]
    return lines_of(columns, rows, shape.widths)


def lines_of(
    columns: Sequence[Column[Any]], rows: Sequence[Sequence[Cell]], widths: Sequence[int]
) -> list[Line]:
    """Rows of cells as lines; texts that differ do so where they are cut, too."""
    if not rows:
        return []
    made = [
        _fitted(*each)
        for each in zip(columns, zip(*rows, strict=True), widths, strict=True)
    ]
    gap = Cell(" " * GAP)
    return [
        tuple(chain.from_iterable((gap, cell) for cell in row))[1:]
        for row in zip(*made, strict=True)
    ]


def _fitted(column: Column[Any], made: Sequence[Cell], width: int) -> list[Cell]:
    if column.prose:
        return [fitted(cell, width, column.align, prose=True) for cell in made]
    texts = apart([escaped(cell.text) for cell in made], width)
    return [
        Cell(pad(text, width, column.align), cell.tone)
        for text, cell in zip(texts, made, strict=True)
    ]


def head_lines(
    columns: Sequence[Column[Any]], shape: Fit, by: int | None, arrow: str
) -> list[Line]:
    """The heads, with a sign at the column that rows are sorted by; above them those
    of groups, if any column that is shown has one."""
    heads: list[Cell] = []
    for at, width in zip(shape.columns, shape.widths, strict=True):
        head = _headed(columns[at], arrow if at == by else "", width)
        heads.append(fitted(head, width, columns[at].align))
    plain = Cell((" " * GAP).join(head.text for head in heads), "head")
    shown = [columns[at] for at in shape.columns]
    if any(column.group for column in shown):
        return [(Cell(group_head(shown, shape.widths), "head"),), (plain,)]
    return [(plain,)]


def _headed(column: Column[Any], arrow: str, width: int) -> Cell:
    room = width - len(arrow)
    title = shorten(column.title, room)
    return Cell(arrow + title if column.align == "right" else title + arrow, "head")


def group_head(columns: Sequence[Column[Any]], widths: Sequence[int]) -> str:
    """The heads of groups, each with a rule over the columns that belong to it."""
    spans = groupby(zip(columns, widths, strict=True), key=lambda pair: pair[0].group)
    heads = []
    for group, members in spans:
        taken = [width for _, width in members]
        width = sum(taken) + GAP * (len(taken) - 1)
        heads.append(_ruled(group, width) if group else " " * width)
    return (" " * GAP).join(heads)


def _ruled(group: str, width: int) -> str:
    text = shorten(escaped(group), width)
    rule = width - cells(text) - 1
    return pad(text, width) if rule < 1 else f"{text} {'─' * rule}"


def column_at(shape: Fit, x: int) -> int | None:
    """Which column a place on the screen belongs to."""
    start = 0
    for at, width in zip(shape.columns, shape.widths, strict=True):
        if start <= x < start + width + GAP:
            return at
        start += width + GAP
    return None
