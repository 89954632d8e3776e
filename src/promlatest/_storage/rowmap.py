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
_GONE: Final = -2  # the slot of a row that was removed: a search goes on behind it
_SMALLEST: Final = 8
_BITS: Final = 0x7FFFFFFF  # what of a hash is kept; 4 bytes a row

LabelColumns = Sequence[Sequence[str]]


class RowMap:
    """Where the row of given label values is.

    It holds no label values itself: they are compared in the columns, which every call
    is given. Reading it beside a writer is not safe; its owner holds a lock or is done
    writing.
    """

    __slots__ = ("_hashes", "_slots", "_taken")

    def __init__(self, columns: LabelColumns, size: int) -> None:
        self._hashes = array("i")
        self._slots = array("i", [_FREE]) * _SMALLEST
        self._taken = 0
        cells: Sequence[tuple[str, ...]] = (
            list(zip(*columns, strict=True)) if columns else [()] * size
        )
        for row in range(size):
            self.put(cells[row], row)

    def find(self, cells: tuple[str, ...], columns: LabelColumns) -> int:
        """The row of these label values; -1 if there is none."""
        wanted = hash(cells) & _BITS
        slots, hashes = self._slots, self._hashes
        mask = len(slots) - 1
        slot = wanted & mask
        while (row := slots[slot]) != _FREE:
            if row >= 0 and hashes[row] == wanted:
                for column, cell in zip(columns, cells, strict=True):
                    if column[row] != cell:
                        break
                else:
                    return row
            slot = (slot + 1) & mask
        return _FREE

    def put(self, cells: tuple[str, ...], row: int) -> None:
        """Give a row number, the next one or that of a row that was removed, to label
        values that are not there yet."""
        if row == len(self._hashes):
            self._hashes.append(0)
        self._hashes[row] = hash(cells) & _BITS
        self._taken += 1  # those that are gone still take a slot
        if 3 * self._taken >= 2 * len(self._slots):
            self._grow()
        self._place(row)

    def remove(self, row: int) -> None:
        """Forget a row."""
        mask = len(self._slots) - 1
        slot = self._hashes[row] & mask
        while self._slots[slot] != row:
            slot = (slot + 1) & mask
        self._slots[slot] = _GONE

    def _grow(self) -> None:
        """Make room: a larger array, or one of this size where enough rows are gone."""
        held = [row for row in self._slots if row >= 0]
        size = len(self._slots)
        if 3 * len(held) >= size:
            size *= 2
        self._slots = array("i", [_FREE]) * size
        for row in held:
            self._place(row)
        self._taken = len(held) + 1

    def _place(self, row: int) -> None:
        slots = self._slots
        mask = len(slots) - 1
        slot = self._hashes[row] & mask
        while slots[slot] != _FREE:
            slot = (slot + 1) & mask
        slots[slot] = row

    def _check(self, columns: LabelColumns) -> None:
        """Assert that every row is found where it is."""
        for row in sorted(row for row in self._slots if row >= 0):
            cells = tuple(column[row] for column in columns)
            found = self.find(cells, columns)
            assert found == row, f"row {row} {cells} found at {found}"
