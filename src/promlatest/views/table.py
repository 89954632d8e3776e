"""A sheet printed whole, in lines that never spill.

Where the columns are too wide together, those that are pinned or prose are shortened,
those that are optional are left out, and the rest goes on in another block below, under
the same pinned column. So a page of 40 columns tells what one of 200 does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import attrs

from promlatest.views.cells import Cell, Line
from promlatest.views.sheet import (
    GAP,
    PINNED_LEAST,
    PROSE_LEAST,
    Column,
    Sheet,
    group_head,
    lines_of,
)
from promlatest.views.text import UNKNOWN, cells, escaped


@attrs.frozen
class _Filled:
    """A column with its cells, and how wide they are."""

    column: Column[Any]
    cells: tuple[Cell, ...]
    natural: int

    @property
    def least(self) -> int:
        if self.column.pinned:
            return min(self.natural, max(self.column.least, PINNED_LEAST))
        return min(self.natural, PROSE_LEAST) if self.column.prose else self.natural


_Unit = Sequence[_Filled]  # what stays together


def table_lines(sheet: Sheet[Any], width: int, *, steady: bool = False) -> list[Line]:
    """All rows of a sheet in lines, none wider than `width`; without rows no lines.

        >>> columns = (
        ...     Column("controller", lambda row: Cell(row[0]), align="left", pinned=True),
        ...     Column("depth", lambda row: Cell(row[1])),
        ...     Column("p99", lambda row: Cell(row[2])),
        ... )
        >>> rows = [("pods", "3", "250 ms"), ("nodes", "12", "2.5 s")]
        >>> for each in table_lines(Sheet(columns, dict(enumerate(rows))), 40):
        ...     print("".join(cell.text for cell in each).rstrip())
        controller  depth     p99
        pods            3  250 ms
        nodes          12   2.5 s

    Args:
        sheet: its first column names the rows, and every block has it.
        width: of the terminal, 40 or more to be readable.
        steady: keep columns as wide as they ask for, and those that say nothing, so that
            a table on a screen does not move; else both are as narrow as they can be.
    """
    filled = _filled(sheet, steady)
    if not filled:
        return []
    lines: list[Line] = []
    for block in _blocks(filled, width):
        lines += [()] * bool(lines)
        lines += _block_lines(block, _widths(block, width))
    return lines


def _filled(sheet: Sheet[Any], steady: bool) -> list[_Filled]:
    if not sheet.rows:
        return []
    rows = [sheet.cells(key) for key in sheet.rows]
    made = [
        _fill(column, texts, steady)
        for column, texts in zip(sheet.columns, zip(*rows, strict=True), strict=True)
    ]
    return _headed(made[:1] + [each for each in made[1:] if steady or _says(each)])


def _fill(column: Column[Any], texts: tuple[Cell, ...], steady: bool) -> _Filled:
    widest = max(cells(escaped(cell.text)) for cell in texts)
    natural = max(cells(escaped(column.title)), widest, column.least if steady else 0)
    return _Filled(column, texts, natural)


def _says(filled: _Filled) -> bool:
    return any(cell.text not in ("", UNKNOWN) for cell in filled.cells)


def _headed(filled: Iterable[_Filled]) -> list[_Filled]:
    """The columns, the last of a group widened where its head needs the room."""
    made: list[_Filled] = []
    for group, members in groupby(filled, key=lambda each: each.column.group):
        columns = list(members)
        made += columns
        short = cells(escaped(group)) - _total([each.natural for each in columns])
        if group and short > 0:
            made[-1] = attrs.evolve(made[-1], natural=made[-1].natural + short)
    return made


# -- blocks ---------------------------------------------------------------------------


def _blocks(filled: Sequence[_Filled], width: int) -> Iterator[list[_Filled]]:
    """The columns of each block; the first has the optional ones for which it has room."""
    key, *rest = filled
    units = list(_units(each for each in rest if not each.column.optional))
    first, *others = _balanced(key, units, width)
    if not others:
        first = _with_options(first, filled, width)
    yield first
    yield from others


def _balanced(key: _Filled, units: list[_Unit], width: int) -> list[list[_Filled]]:
    """As few blocks as can be, and of those ways the one whose blocks are narrowest."""
    fewest = len(_packed(key, units, width))
    narrower = range(min(40, width), width)
    at = bisect_left(narrower, -fewest, key=lambda each: -len(_packed(key, units, each)))
    return _packed(key, units, [*narrower, width][at])


def _packed(key: _Filled, units: Sequence[_Unit], width: int) -> list[list[_Filled]]:
    blocks = [[key]]
    for unit in units:
        whole = _least([key, *unit]) <= width
        if not whole and len(blocks[-1]) > 1:
            blocks.append([key])
        for piece in [unit] if whole else [[each] for each in unit]:
            if len(blocks[-1]) > 1 and _least([*blocks[-1], *piece]) > width:
                blocks.append([key])
            blocks[-1] += piece
    return blocks


def _units(filled: Iterable[_Filled]) -> Iterator[_Unit]:
    for group, members in groupby(filled, key=lambda each: each.column.group):
        if group:
            yield list(members)
        else:
            yield from ([each] for each in members)


def _with_options(
    block: Sequence[_Filled], filled: Sequence[_Filled], width: int
) -> list[_Filled]:
    """The block, and what has room beside it where nothing of it is cut."""
    chosen = list(block)
    cut = sum(each.natural - each.least for each in block)
    for unit in _units(each for each in filled if each.column.optional):
        if _least([*chosen, *unit]) + cut <= width:
            chosen += unit
    return [each for each in filled if each in chosen]


# -- widths ---------------------------------------------------------------------------


def _least(block: Sequence[_Filled]) -> int:
    return _total([each.least for each in block])


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _widths(block: Sequence[_Filled], width: int) -> list[int]:
    """How wide each column is: at least as it must, and more, from the left, as it can."""
    widths = [each.least for each in block]
    spare = width - _total(widths)
    for at, each in enumerate(block):
        more = min(each.natural - widths[at], max(spare, 0))
        widths[at] += more
        spare -= more
    return _narrowed(widths, width)


def _narrowed(widths: list[int], width: int) -> list[int]:
    """What is still too wide, as a single cell can be, loses where it is widest."""
    while (excess := _total(widths) - width) > 0 and max(widths) > 1:
        at = widths.index(max(widths))
        others = widths[:at] + widths[at + 1 :]
        room = max(others, default=1)
        widths[at] -= max(min(excess, widths[at] - room), 1)
    return widths


# -- lines ----------------------------------------------------------------------------


def _block_lines(block: Sequence[_Filled], widths: Sequence[int]) -> Iterator[Line]:
    columns = [each.column for each in block]
    if any(column.group for column in columns):
        yield (Cell(group_head(columns, widths), "head"),)
    heads = [Cell(column.title, "head") for column in columns]
    rows = list(zip(*(each.cells for each in block), strict=True))
    yield from lines_of(columns, [heads], widths)
    yield from lines_of(columns, rows, widths)
