"""A table in plain text that never spills: columns, rows, and a width.

Where the columns are too wide together, those that may be short are shortened, those that
are optional are left out, and the rest goes on in another block below, under the same first
column. So a page of 40 columns tells what one of 200 does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

import attrs

from promlatest.views.text import Align, cells, harmless, pad, shorten

GAP: Final = "  "
_GAP: Final = len(GAP)


@attrs.frozen
class Column:
    """A column; the first one of a table names its rows, and every block has it.

    Attributes:
        title: its head.
        align: where its cells stand.
        group: a head above the heads of neighbours that belong together; they stay in
            one block if one can hold them.
        least: it may be shortened, down to this many cells; 0: it may not.
        optional: it is left out where the first block has no room for it.
        prose: if it is shortened, it loses its end and not its middle.
    """

    title: str
    align: Align = "right"
    group: str = ""
    least: int = 0
    optional: bool = False
    prose: bool = False


@attrs.frozen
class _Filled:
    """A column with its cells, and how wide they are."""

    column: Column
    cells: tuple[str, ...]
    natural: int

    @property
    def least(self) -> int:
        return min(self.natural, self.column.least or self.natural)


_Unit = Sequence[_Filled]  # what stays together


def table_lines(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int
) -> list[str]:
    """The lines of a table, none wider than `width`.

    Cells are made harmless. A column whose cells are all empty is left out, the first
    excepted; without rows there are no lines.

        >>> columns = Column("controller", "left", least=8), Column("depth"), Column("p99")
        >>> rows = [("pods", "3", "250 ms"), ("nodes", "12", "2.5 s")]
        >>> print(*table_lines(columns, rows, 40), sep="\\n")
        controller  depth     p99
        pods            3  250 ms
        nodes          12   2.5 s

    Args:
        columns: what the cells are.
        rows: for each row a cell for each column.
        width: of the terminal, 40 or more to be readable.
    """
    filled = _filled(columns, [[harmless(cell) for cell in row] for row in rows])
    if not filled:
        return []
    lines: list[str] = []
    for block in _blocks(filled, width):
        lines += [""] * bool(lines)
        lines += _block_lines(block, _widths(block, width))
    return lines


def _filled(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[_Filled]:
    if not rows:
        return []
    made = [
        _fill(column, texts)
        for column, texts in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    return _headed(made[:1] + [each for each in made[1:] if any(each.cells)])


def _headed(filled: Iterable[_Filled]) -> list[_Filled]:
    """The columns, the last of a group widened where its head needs the room."""
    made: list[_Filled] = []
    for group, members in groupby(filled, key=lambda each: each.column.group):
        columns = list(members)
        made += columns
        short = cells(group) - _total([each.natural for each in columns])
        if group and short > 0:
            made[-1] = attrs.evolve(made[-1], natural=made[-1].natural + short)
    return made


def _fill(column: Column, texts: tuple[str, ...]) -> _Filled:
    named = attrs.evolve(column, title=harmless(column.title), group=harmless(column.group))
    return _Filled(named, texts, max(map(cells, (named.title, *texts))))


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
    chosen = list(block)
    for unit in _units(each for each in filled if each.column.optional):
        if _least([*chosen, *unit]) <= width:
            chosen += unit
    return [each for each in filled if each in chosen]


def _least(block: Sequence[_Filled]) -> int:
    return _total([each.least for each in block])


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _widths(block: Sequence[_Filled], width: int) -> list[int]:
    """How wide each column is: at least as it must, and more, from the left, as it can."""
    widths = [each.least for each in block]
    spare = width - _total(widths)
    for at, each in enumerate(block):
        more = min(each.natural - widths[at], max(spare, 0))
        widths[at] += more
        spare -= more
    return _squeezed(widths, width)


def _squeezed(widths: list[int], width: int) -> list[int]:
    """What is still too wide, as a single cell can be, loses where it is widest."""
    while (excess := _total(widths) - width) > 0 and max(widths) > 1:
        at = widths.index(max(widths))
        others = widths[:at] + widths[at + 1 :]
        room = max(others, default=1)
        widths[at] -= max(min(excess, widths[at] - room), 1)
    return widths


def _block_lines(block: Sequence[_Filled], widths: Sequence[int]) -> Iterator[str]:
    columns = [each.column for each in block]
    if any(column.group for column in columns):
        yield _group_line(columns, widths)
    titles = [column.title for column in columns]
    for texts in (titles, *zip(*(each.cells for each in block), strict=True)):
        yield _line(columns, texts, widths)


def _line(columns: Sequence[Column], texts: Sequence[str], widths: Sequence[int]) -> str:
    placed = zip(columns, texts, widths, strict=True)
    return GAP.join(
        pad(shorten(text, width, column.prose), width, column.align)
        for column, text, width in placed
    ).rstrip()


def _group_line(columns: Sequence[Column], widths: Sequence[int]) -> str:
    """The heads of groups, each with a rule over the columns that belong to it."""
    pairs = zip(columns, widths, strict=True)
    spans = groupby(pairs, key=lambda pair: pair[0].group)
    heads = []
    for group, members in spans:
        width = _total([each for _, each in members])
        heads.append(_ruled(group, width) if group else " " * width)
    return GAP.join(heads).rstrip()


def _ruled(title: str, width: int) -> str:
    text = shorten(title, width)
    rule = width - cells(text) - 2
    if rule < 2:
        return pad(text, width, "right")
    left = rule // 2
    return f"{'─' * left} {text} {'─' * (rule - left)}"


def grid_lines(pairs: Mapping[str, str], width: int) -> list[str]:
    """Names and values, as many beside each other as fit, in columns.

    >>> pairs = {"memory": "61.5 MiB", "cpu": "24 s", "threads": "12"}
    >>> print(*grid_lines(pairs, 40), sep="\\n")
    memory   61.5 MiB   threads  12
    cpu      24 s
    """
    if not pairs:
        return []
    made = {harmless(name): harmless(value) for name, value in pairs.items()}
    names = min(max(map(cells, made)), width)
    values = min(max(map(cells, made.values())), max(width - names - _GAP, 0))
    cell = names + _GAP + values
    texts = [
        pad(f"{pad(shorten(name, names), names)}{GAP}{shorten(value, values)}", cell)
        for name, value in made.items()
    ]
    beside = max((width + 3) // (cell + 3), 1)
    rows = -(-len(texts) // beside)  # as even as it can be, read downwards
    return [shorten("   ".join(texts[row::rows]).rstrip(), width) for row in range(rows)]


def beside(
    left: Sequence[str], right: Sequence[str], width: int, gap: int = 4
) -> list[str]:
    """Two blocks of lines side by side if they fit, else one below the other."""
    middle = max(map(cells, left), default=0) + gap
    if not left or not right or middle + max(map(cells, right)) > width:
        return [*left, *([""] if left and right else []), *right]
    height = max(len(left), len(right))
    lefts = [*left, *[""] * (height - len(left))]
    rights = [*right, *[""] * (height - len(right))]
    return [
        (pad(one, middle) + other).rstrip()
        for one, other in zip(lefts, rights, strict=True)
    ]
