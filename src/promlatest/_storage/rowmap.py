"""From label values to a row: keyed by hash, settled by equality.

Open addressing over typed arrays. It takes 10 to 16 bytes a row, 4 for the hash and the
rest for slots; a dict keyed by tuples of the values takes hundreds. A hash is only ever a
hint: two rows are one series if all their label values are equal, and never otherwise
(L-3).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

_FREE: Final = -1
_SMALLEST: Final = 8
_BITS: Final = 0x7FFFFFFF  # what of a hash is kept; 4 bytes a row

Columns = Sequence[Sequence[str]]


def row_hash(cells: tuple[str, ...]) -> int:
    """The hash of a row's label values."""
    return hash(cells) & _BITS


class RowMap:
    """Where the row of given label values is.

    It holds no label values itself: they are compared in the columns, which every call
    is given. Reading it beside a writer is not safe; its owner holds a lock or is done
    writing.
    """

    __slots__ = ("_hashes", "_slots")

    def __init__(self, columns: Columns, size: int) -> None:
        self._hashes = array("i")
        self._slots = array("i", [_FREE]) * _SMALLEST
        cells: Sequence[tuple[str, ...]] = (
            list(zip(*columns, strict=True)) if columns else [()] * size
        )
        for row in range(size):
            self.add(cells[row])

    def find(self, cells: tuple[str, ...], columns: Columns) -> int:
        """The row of these label values; -1 if there is none."""
        wanted = row_hash(cells)
        slots, hashes = self._slots, self._hashes
        mask = len(slots) - 1
        slot = wanted & mask
        while (row := slots[slot]) != _FREE:
            if hashes[row] == wanted and _equal(cells, columns, row):
                return row
            slot = (slot + 1) & mask
        return _FREE

    def add(self, cells: tuple[str, ...]) -> int:
        """Give the next row number to label values that are not there yet."""
        row = len(self._hashes)
        self._hashes.append(row_hash(cells))
        if 3 * row >= 2 * len(self._slots):
            self._grow()
        else:
            self._place(row)
        return row

    def _grow(self) -> None:
        self._slots = array("i", [_FREE]) * (2 * len(self._slots))
        for row in range(len(self._hashes)):
            self._place(row)

    def _place(self, row: int) -> None:
        slots = self._slots
        mask = len(slots) - 1
        slot = self._hashes[row] & mask
        while slots[slot] != _FREE:
            slot = (slot + 1) & mask
        slots[slot] = row

    def _check(self, columns: Columns) -> None:
        """Assert that every row is found where it is."""
        for row in range(len(self._hashes)):
            cells = tuple(column[row] for column in columns)
            found = self.find(cells, columns)
            assert found == row, f"row {row} {cells} found at {found}"


def _equal(cells: tuple[str, ...], columns: Columns, row: int) -> bool:
    return cells == tuple(column[row] for column in columns)
