"""The next body of the same endpoint: text that did not change is not read again.

Two scrapes of one endpoint are almost the same bytes. `Reader` keeps the last body and
compares the next one with it, and reads only what differs. It has three ways, and picks by
what had changed the last time (ns a line as measured by `bench_rescrape`, beside 1,100
for a full reading):

* `_Blocks` keeps the text in blocks of 64 lines. A block that stands in the new body
  where it is expected is passed by with one comparison in C. In one that does not, the
  lines that differ must have the series they had, and only their values are read. From
  20 where nothing changed to 90 where 10 % did, in runs.
* `_Lines` keeps the lines. Where changes are spread over most blocks, cutting these again
  costs more than comparing all lines in one go: 150 instead of 240.
* `_Series` keeps the series of every line. Where most values change, all lines are cut
  before their values, the series compared in one go, and all values read: 380.

They do nothing but take new values for known series. Whatever else happened (a line more
or less, another label, a type, a timestamp, an exemplar, a value that is no plain
number) they leave to the full reading. So each gives exactly what a full reading gives,
and a bad line is found although its neighbours did not change.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cached_property
from itertools import compress
from operator import itemgetter, ne
from typing import Final, NamedTuple

import attrs

from promlatest._rows import picker
from promlatest._turns import Turns
from promlatest.exposition._formats import Format, format_of
from promlatest.exposition._reader import (
    Exposition,
    _read_exactly,
    _read_fast,
    convert,
    decode,
    slices,
    within,
)

# Of 16, 32, 64, 128 and 256 lines, 64 and 128 were the best at 1 % and 10 % of changes,
# clustered and uniform.
_BLOCK: Final = 64
# Blocks between two offers to let other threads have their turn.
_OFFER_EVERY: Final = 8
# With so large a share of values changed, reading all of them costs less than comparing.
_MANY: Final = 0.3
# With so large a share of blocks changed, comparing lines costs less than blocks.
_SPREAD: Final = 0.5
# In `_Series` how much changed is only counted now and then: it costs 25 ns a line.
_COUNT_EVERY: Final = 16


class _Place(NamedTuple):
    """Where the samples of a body went: for each line its rows and its row in them; -1
    where a line is no sample, or none that can be taken apart at its last blank."""

    rows: array[int]
    row: array[int]


class Reader:
    """Reads the bodies of one endpoint, one after the other. It is for one thread.

    >>> reader = Reader()
    >>> first = reader.read(b'depth{queue="pods"} 3\\n')
    >>> second = reader.read(b'depth{queue="pods"} 4\\n')
    >>> [sample.value for sample in second.samples()]
    [4.0]
    >>> first.rows[0].columns is second.rows[0].columns
    True
    """

    def __init__(self) -> None:
        self._last: _Way | None = None

    def read(
        self,
        body: bytes | str,
        content_type: str = "text/plain",
        *,
        fallback: Format | None = None,
        max_samples: int | None = None,
    ) -> Exposition:
        """What the body says, exactly as `parse` says it.

        Rows whose series are those of the last body share its columns.

        Raises:
            ContentTypeError, ParseError, LimitError: as `parse` raises them.
        """
        format = "text" if not body else format_of(content_type, fallback)  # noqa: A001
        text = decode(body)
        last = self._last
        if last is not None and last.exposition.format == format:
            exposition = last.read(text)
            if exposition is not None:
                self._last = last.next(text, exposition)
                return exposition
        self._last = None
        exposition = _read_fast(text, format)
        if exposition is None:
            return within(_read_exactly(text, format), max_samples)
        self._last = _Blocks(text, within(exposition, max_samples))
        return exposition


class _Blocks:
    """The last body as blocks of lines, cut when the next body comes: a first body
    that stays the only one does not pay for it."""

    def __init__(self, text: str, exposition: Exposition) -> None:
        self.exposition = exposition
        self.places: list[int] = []  # of what had changed the last time
        self._text = text

    @cached_property
    def blocks(self) -> list[str]:
        """The text, 64 lines in one, without the line breaks between the blocks."""
        lines = self._text.split("\n")
        self._text = ""
        starts = range(0, len(lines), _BLOCK)
        return ["\n".join(lines[start : start + _BLOCK]) for start in starts]

    @cached_property
    def place(self) -> _Place:
        """Where the sample of each line went."""
        return _places(self.exposition, _BLOCK * len(self.blocks))

    def read(self, text: str) -> Exposition | None:
        """What the body says; None if more than values changed.

        This is a hot loop. Its blocks have no line break at their end, so that the last
        block is one like the others.
        """
        at, start = 0, -1
        fresh = self.blocks[:]
        places: list[int] = []
        values: list[str] = []
        turns = Turns()
        for number, block in enumerate(self.blocks):
            if number % _OFFER_EVERY == 0:
                turns.offer()
            if start >= 0 and text[start : start + 1] != "\n":
                return None
            at = start + 1
            start = at + len(block)
            if text.startswith(block, at) and text[start : start + 1] in ("\n", ""):
                continue
            old = block.split("\n")
            new = _cut(text, at, len(old), len(block))
            if len(new) != len(old):
                return None
            fresh[number] = "\n".join(new)
            start = at + len(fresh[number])
            first = number * _BLOCK
            for line in compress(range(len(old)), map(ne, old, new)):
                series, _, value = new[line].rpartition(" ")
                if old[line].rpartition(" ")[0] != series:
                    return None
                places.append(first + line)
                values.append(value)
        if start != len(text):
            return None
        exposition = _revalued(self.exposition, self.place, places, values)
        if exposition is not None:
            self.blocks = fresh
            self.places = places
        return exposition

    def next(self, text: str, exposition: Exposition) -> _Way:
        """What to compare the body after this one with."""
        self.exposition = exposition
        lines = _BLOCK * len(self.blocks)
        if len(self.places) > _MANY * lines and not exposition._uneven:
            return _Series(text, exposition)
        if _are_spread(self.places, lines):
            return _Lines(text, exposition, self.place)
        return self


class _Lines:
    """The last body as its lines."""

    def __init__(self, text: str, exposition: Exposition, place: _Place) -> None:
        self.exposition = exposition
        self.place = place
        self.lines = text.split("\n")
        self.places: list[int] = []

    def read(self, text: str) -> Exposition | None:
        """What the body says; None if more than values changed."""
        old, new = self.lines, text.split("\n")
        if len(old) != len(new):
            return None
        places = list(compress(range(len(new)), map(ne, old, new)))
        values: list[str] = []
        turns = Turns()
        for number, place in enumerate(places):
            series, _, value = new[place].rpartition(" ")
            if old[place].rpartition(" ")[0] != series:
                return None
            values.append(value)
            if number % 512 == 0:
                turns.offer()
        exposition = _revalued(self.exposition, self.place, places, values)
        if exposition is not None:
            self.lines, self.places = new, places
        return exposition

    def next(self, text: str, exposition: Exposition) -> _Way:
        """What to compare the body after this one with."""
        self.exposition = exposition
        if len(self.places) > _MANY * len(self.lines) and not exposition._uneven:
            return _Series(text, exposition)
        if not _are_spread(self.places, len(self.lines)):
            return _Blocks(text, exposition)
        return self


class _Series:
    """The last body as the series of each line; every sample ends with its value."""

    def __init__(self, text: str, exposition: Exposition) -> None:
        self.exposition = exposition
        self.series: list[list[str]] = []
        values: list[str] = []
        for lines in slices(text):
            cut = [line.rpartition(" ") for line in lines]
            self.series.append(list(map(_series, cut)))
            values += map(_value, cut)
        # Lines without a sample must not change at all.
        placed = {place for rows in exposition.rows for place in rows.places}
        self.size = len(values)
        self.other = {
            place: value for place, value in enumerate(values) if place not in placed
        }
        self.take = [picker(rows.places) for rows in exposition.rows]
        self.reads = 0

    def read(self, text: str) -> Exposition | None:
        """What the body says; None if more than values changed."""
        values = self._values(text)
        if values is None:
            return None
        if any(values[place] != value for place, value in self.other.items()):
            return None
        rows = []
        for each, take in zip(self.exposition.rows, self.take, strict=True):
            numbers = _numbers(take(values))
            if numbers is None:
                return None
            rows.append(attrs.evolve(each, values=numbers))
        return attrs.evolve(self.exposition, rows=tuple(rows))

    def _values(self, text: str) -> list[str] | None:
        """The text behind the series of each line; None if these are not the same."""
        lines = text.split("\n")
        if len(lines) != self.size:
            return None
        values: list[str] = []
        turns = Turns()
        for series in self.series:
            start = len(values)
            cut = [line.rpartition(" ") for line in lines[start : start + len(series)]]
            if list(map(_series, cut)) != series:
                return None
            values += map(_value, cut)
            turns.offer()
        return values

    def next(self, text: str, exposition: Exposition) -> _Way:
        """What to compare the body after this one with."""
        before, self.exposition = self.exposition, exposition
        self.reads += 1
        if self.reads % _COUNT_EVERY == 0:
            changed = sum(
                sum(map(ne, old.values, new.values))
                for old, new in zip(before.rows, exposition.rows, strict=True)
            )
            if changed <= _MANY * self.size:
                return _Blocks(text, exposition)
        return self


_Way = _Blocks | _Lines | _Series


def _are_spread(places: Sequence[int], lines: int) -> bool:
    """Whether changes at these places touch most blocks."""
    blocks = {place // _BLOCK for place in places}
    return len(blocks) > _SPREAD * lines / _BLOCK


def _revalued(
    exposition: Exposition, place: _Place, places: Sequence[int], texts: Sequence[str]
) -> Exposition | None:
    """The exposition with other values at some places; None if one is no plain value,
    or a place is none that can be read so."""
    if not places:
        return exposition
    numbers = _numbers(texts)
    if numbers is None:
        return None
    rows = list(exposition.rows)
    values: dict[int, array[float]] = {}
    for at, number in zip(places, numbers, strict=True):
        which = place.rows[at]
        if which < 0:
            return None
        changed = values.get(which)
        if changed is None:
            changed = values[which] = array("d", rows[which].values)
        changed[place.row[at]] = number
    for which, changed in values.items():
        rows[which] = attrs.evolve(rows[which], values=changed)
    return attrs.evolve(exposition, rows=tuple(rows))


def _places(exposition: Exposition, lines: int) -> _Place:
    which = array("i", [-1]) * lines
    row = array("i", [0]) * lines
    for number, rows in enumerate(exposition.rows):
        for at, place in enumerate(rows.places):
            which[place] = number
            row[place] = at
    for place in exposition._uneven:
        which[place] = -1
    return _Place(which, row)


def _cut(text: str, at: int, lines: int, length: int) -> list[str]:
    """The next lines of a text, so many if there are so many."""
    room = 2 * length + 1024
    while True:
        piece = text[at : at + room]
        cut = piece.split("\n", lines)
        if len(cut) > lines:
            return cut[:lines]
        if at + room >= len(text):
            return cut
        room *= 2


def _numbers(texts: Sequence[str]) -> array[float] | None:
    try:
        return convert(texts)
    except ValueError:
        return None


_series: Final = itemgetter(0)
_value: Final = itemgetter(2)
