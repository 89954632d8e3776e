"""The next body of the same endpoint: text that did not change is not read again.

Two scrapes of one endpoint are almost the same bytes. `Reader` keeps the last body and
compares the next one with it, and reads only what differs into a copy of the last vector
of values. It has three ways, and picks by what had changed the last time
(`python -m benchmarks rescrape` has what each costs):

* `_Blocks` keeps the text in blocks of 64 lines. A block that stands in the new body
  where it is expected is passed by with one comparison in C. In one that does not, the
  lines that differ must have the series they had, and only what follows these is read.
* `_Lines` keeps the lines. Where changes are spread over most blocks, cutting these again
  costs more than comparing all lines in one go.
* `_Series` keeps the series of every line. Where most values change, all lines are cut
  behind their series, the series compared in one go, and all values read. `_Stamped` cuts
  the timestamps off where each line has one, and reads the rest in one of these ways.

Where series came or went between lines that stayed, `_edited` reads the new lines only.
Whatever else happened (a type, a line that cannot be read) they leave to the full
reading. So each gives exactly what a full reading gives, and a bad line is found although
its neighbours did not change.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain, compress, count, repeat
from operator import is_, itemgetter, le, ne
from typing import Final, NamedTuple, cast

import attrs

from promlatest._clock import Turns
from promlatest._datapoint import Exemplar
from promlatest._matching.labels import Labels
from promlatest._samples import NO_TIME, Rows, take
from promlatest.exceptions import ParseError
from promlatest.exposition._formats import Format
from promlatest.exposition._lines import GRAMMARS, Comment, LineReader, SampleLine
from promlatest.exposition._reader import (
    Exposition,
    Lines,
    Refused,
    convert,
    decoded,
    read_exactly,
    read_fast,
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
# Lines that `_Stamped` cuts in one go, while they are in the cache of the processor.
_LINES_CUT: Final = 256
# In `_Series` how much changed is only counted now and then: it costs 25 ns a line.
_COUNT_EVERY: Final = 16
# With so large a share of lines replaced, reading all is not dearer than following them.
_REPLACED: Final = 0.2


class Reader:
    """Reads the bodies of one endpoint, one after the other. It is for one thread.

    >>> reader = Reader()
    >>> first = reader.read(b'depth{queue="pods"} 3\\n')
    >>> second = reader.read(b'depth{queue="pods"} 4\\n')
    >>> [sample.value for sample in second.samples()]
    [4.0]
    >>> first.rows is second.rows
    True
    """

    def __init__(self) -> None:
        self._last: _Way | None = None
        self._refused: tuple[str, Format, ParseError, str] | None = None

    def read(
        self,
        body: bytes | bytearray | str,
        content_type: str = "text/plain",
        *,
        fallback: Format | None = None,
        max_samples: int | None = None,
    ) -> Exposition:
        """What the body says, exactly as `parse` says it.

        Where the series are those of the last body, `rows` is the same object.

        Raises:
            ContentTypeError, ParseError, LimitError: as `parse` raises them.
        """
        text, format = decoded(body, content_type, fallback)  # noqa: A001
        self._refuse_again(text, format)
        exposition = self._read_next(text, format)
        if exposition is None:
            exposition = self._read_anew(text, format, max_samples)
        return within(exposition, max_samples)

    def _read_next(self, text: str, format: Format) -> Exposition | None:  # noqa: A002
        """What the body says, by the last one; None if that does not tell."""
        last = self._last
        if last is None or last.exposition.format != format:
            return None
        exposition = last.read(text)
        if exposition is not None:  # one without samples is false, too
            self._last = last.next(text, exposition)
            return exposition
        edited = _edited(last, text)
        if edited is None:
            return None
        exposition, self._last = edited
        return exposition

    def _read_anew(
        self,
        text: str,
        format: Format,  # noqa: A002
        max_samples: int | None,
    ) -> Exposition:
        self._last = None
        try:
            exposition = read_fast(text, format)
            if exposition is None:
                return read_exactly(text, format)
        except Refused as refused:
            good, end = refused.exposition, text.find("\n", refused.start)
            line = text[refused.start : max(end, 0)]
            if not _is_wrong_alone(line, format):
                line = ""
            self._refused = (text, format, refused.error, line)
            if len(good) and refused.start < len(text):
                self._last = _Blocks(text[: refused.start - 1], good)
            raise _again(refused.error) from None
        except ParseError as error:
            self._refused = (text, format, error, "")
            raise
        self._last = _Blocks(text, within(exposition, max_samples))
        return exposition

    def _refuse_again(self, text: str, format: Format) -> None:  # noqa: A002
        """Refuse a body that has the same fault as the last one, without reading all of it.

        Raises:
            ParseError: it has.
        """
        if self._refused is None:
            return
        last_text, last_format, error, line = self._refused
        if format == last_format and text == last_text:
            raise _again(error)
        # The lines before the bad one may have other values: these are read as always.
        at = text.find(f"\n{line}\n") if line else -1
        if at > 0:
            good = self._read_next(text[:at], format)
            if good is not None and text.count("\n", 0, at + 1) == error.line - 1:
                self._refused = (text, format, error, line)
                raise _again(error)
        self._refused = self._last = None


def _is_wrong_alone(line: str, format: Format) -> bool:  # noqa: A002
    """Whether a line is wrong in the same way whatever stands in the lines behind it."""
    found = []
    for behind in ("\n", '\n"\n', '\n"} 1\n'):
        try:
            LineReader(line + behind, format).read()
        except ParseError as error:
            found.append((error.line, error.column, error.reason))
    return len(found) == 3 and len(set(found)) == 1 and found[0][0] == 1


def _again(error: ParseError) -> ParseError:
    return ParseError(error.line, error.column, error.text, error.reason)


class _Blocks:
    """The last body as blocks of lines, cut when the next body comes: a first body
    that stays the only one does not pay for it."""

    def __init__(self, text: str, exposition: Exposition) -> None:
        self.exposition = exposition
        self.changed: list[int] = []  # the lines that had changed the last time
        self._text = text

    @cached_property
    def blocks(self) -> list[str]:
        """The text, 64 lines in one, without the line breaks between the blocks."""
        lines = self._text.split("\n")
        self._text = ""
        starts = range(0, len(lines), _BLOCK)
        return ["\n".join(lines[start : start + _BLOCK]) for start in starts]

    @cached_property
    def places(self) -> _Places:
        """Where the sample of each line is."""
        return _Places(self.exposition, _BLOCK * len(self.blocks))

    def lines(self) -> list[str]:
        """The lines of the last body."""
        return "\n".join(self.blocks).split("\n")

    def read(self, text: str) -> Exposition | None:
        """What the body says; None if more than values changed.

        This is a hot loop. Its blocks have no line break at their end, so that the last
        block is one like the others.
        """
        at, start = 0, -1
        fresh = self.blocks[:]
        changed: list[int] = []
        olds: list[str] = []
        news: list[str] = []
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
                changed.append(first + line)
                olds.append(old[line])
                news.append(new[line])
        if start != len(text):
            return None
        exposition = _revalued(self.exposition, self.places, changed, olds, news)
        if exposition is not None:
            self.blocks = fresh
            self.changed = changed
        return exposition

    def next(self, text: str, exposition: Exposition) -> _Way:
        """What to compare the body after this one with."""
        self.exposition = exposition
        lines = _BLOCK * len(self.blocks)
        if len(self.changed) > _MANY * lines and _may_be_cut(exposition):
            return _cut_behind_series(text, exposition)
        if _are_spread(self.changed, lines):
            return _Lines(text.split("\n"), exposition, self.places)
        return self


class _Lines:
    """The last body as its lines."""

    def __init__(self, lines: list[str], exposition: Exposition, places: _Places) -> None:
        self.exposition = exposition
        self.places = places
        self._lines = lines
        self.changed: list[int] = []

    def lines(self) -> list[str]:
        """The lines of the last body."""
        return self._lines

    def read(self, text: str) -> Exposition | None:
        """What the body says; None if more than values changed."""
        old, new = self._lines, text.split("\n")
        if len(old) != len(new):
            return None
        changed = list(compress(range(len(new)), map(ne, old, new)))
        Turns().offer()
        olds, news = [old[line] for line in changed], [new[line] for line in changed]
        exposition = _revalued(self.exposition, self.places, changed, olds, news)
        if exposition is not None:
            self._lines, self.changed = new, changed
        return exposition

    def next(self, text: str, exposition: Exposition) -> _Way:
        """What to compare the body after this one with."""
        self.exposition = exposition
        lines = len(self._lines)
        if len(self.changed) > _MANY * lines and _may_be_cut(exposition):
            return _cut_behind_series(text, exposition)
        if not _are_spread(self.changed, lines):
            return _Blocks(text, exposition)
        return self


class _Series:
    """The last body as the series of its lines, of some 500 in one text; behind each
    stands a value."""

    def __init__(self, text: str, exposition: Exposition) -> None:
        self.exposition = exposition
        self.series: list[tuple[int, str]] = []
        values: list[str] = []
        for lines in slices(text):
            cut = [line.rpartition(" ") for line in lines]
            self.series.append((len(lines), "\n".join(map(_first, cut))))
            values += map(_last, cut)
        self.mask = bytes(place >= 0 for place in _Places(exposition, len(values)).of_line)
        # Lines without a sample must not change at all, nor the end behind the last one.
        self.other = {
            line: values[line] for line, is_in in enumerate(self.mask) if not is_in
        }
        self.size = len(values)
        self.reads = 0

    def read(self, text: str) -> Exposition | None:
        """What the body says; None if more than values changed."""
        lines = text.split("\n")
        if len(lines) != self.size:
            return None
        values: list[str] = []
        turns = Turns()
        start = 0
        for size, series in self.series:
            cut = [line.rpartition(" ") for line in lines[start : start + size]]
            if "\n".join(map(_first, cut)) != series:
                return None
            values += map(_last, cut)
            start += size
            turns.offer()
        if any(values[line] != value for line, value in self.other.items()):
            return None
        numbers = _numbers(list(compress(values, self.mask)))
        return None if numbers is None else _with(self.exposition, numbers)

    def next(self, text: str, exposition: Exposition) -> _Way:
        """What to compare the body after this one with."""
        before, self.exposition = self.exposition, exposition
        self.reads += 1
        if self.reads % _COUNT_EVERY:
            return self
        changed = sum(map(ne, before.values, exposition.values))
        return _Blocks(text, exposition) if changed <= _MANY * self.size else self


class _Stamped:
    """The last body with a timestamp behind every sample. What stands before these is
    kept in blocks of lines, and read as a body without any."""

    def __init__(self, text: str, exposition: Exposition) -> None:
        self.exposition = exposition
        lines = text.split("\n")
        read = attrs.evolve(_lines_of(exposition), uneven=frozenset(), stamped=frozenset())
        self._plain = attrs.evolve(exposition, times=None, lines=read)
        self._places = _Places(self._plain, len(lines))
        self._mask = bytes(place >= 0 for place in self._places.of_line)
        self._others = {n: line for n, line in enumerate(lines) if not self._mask[n]}
        self._blocks, _ = self._parted(lines)

    def _parted(self, lines: list[str]) -> tuple[list[str], list[str]]:
        """Blocks of what stands before the last blanks, and what stands behind them."""
        blocks: list[str] = []
        ends: list[str] = []
        turns = Turns()
        for start in range(0, len(lines), _LINES_CUT):
            cut = [line.rpartition(" ") for line in lines[start : start + _LINES_CUT]]
            blocks.append("\n".join(map(_first, cut)))
            ends += map(_last, cut)
            turns.offer()
        return blocks, ends

    def read(self, text: str) -> Exposition | None:
        """What the body says; None if more than values and timestamps changed."""
        lines = text.split("\n")
        if len(lines) != len(self._mask) or not self._are_as_they_were(lines):
            return None
        blocks, ends = self._parted(lines)
        times = _stamps(list(compress(ends, self._mask)), self.exposition.format)
        if times is None:
            return None
        changed: list[int] = []
        olds: list[str] = []
        news: list[str] = []
        for number in compress(count(), map(ne, self._blocks, blocks)):
            old, new = self._blocks[number].split("\n"), blocks[number].split("\n")
            differ = list(map(ne, old, new))
            changed += compress(count(number * _LINES_CUT), differ)
            olds += compress(old, differ)
            news += compress(new, differ)
        plain = _revalued(self._plain, self._places, changed, olds, news)
        if plain is None:
            return None
        self._plain, self._blocks = plain, blocks
        return _with(self.exposition, plain.values, times)

    def _are_as_they_were(self, lines: list[str]) -> bool:
        """Whether lines without a sample mean what they meant."""
        return all(
            lines[at] == old or _means_nothing(old, lines[at], self.exposition.format)
            for at, old in self._others.items()
        )

    def next(self, text: str, exposition: Exposition) -> _Way:
        """What to compare the body after this one with."""
        self.exposition = exposition
        return self


def _cut_behind_series(text: str, exposition: Exposition) -> _Series | _Stamped:
    """The way to follow where most values change."""
    return (_Series if exposition.times is None else _Stamped)(text, exposition)


_Way = _Blocks | _Lines | _Series | _Stamped


def _may_be_cut(exposition: Exposition) -> bool:
    """Whether every sample is series, blank, value, or every one has a timestamp too;
    `_Series` takes no others apart."""
    lines = exposition._lines
    if (
        lines is None
        or lines.places is not None
        or len(exposition.values) != len(exposition)
    ):
        return False
    if exposition.times is None:
        return not lines.uneven
    timed = exposition.times.count(NO_TIME) == 0
    return timed and not exposition.exemplars and len(lines.stamped) == len(exposition)


def _are_spread(changed: Sequence[int], lines: int) -> bool:
    """Whether changes in these lines touch most blocks."""
    blocks = {line // _BLOCK for line in changed}
    return len(blocks) > _SPREAD * lines / _BLOCK


class _Places:
    """Where the samples of a body are, by line.

    Attributes:
        of_line: for each line the place of its sample; -1 where there is none.
        uneven: the lines that must not be taken apart at their last blank.
        stamped: those that are series, value and timestamp.
    """

    def __init__(self, exposition: Exposition, lines: int) -> None:
        read = _lines_of(exposition)
        if read.places is not None:
            self.of_line = read.places[:]
        else:
            self.of_line = _numbered(read.gaps, len(exposition.values))
        self.of_line.extend([-1] * (lines - len(self.of_line)))
        self.uneven = read.uneven
        self.stamped = read.stamped


def _numbered(gaps: Sequence[int], samples: int) -> array[int]:
    """The places of lines that end a sample, one after the other, -1 at the gaps."""
    lines = samples + len(gaps)
    of_line: array[int] = array("i")
    line = place = 0
    for gap in gaps:
        of_line.extend(range(place, place + gap - line))
        of_line.append(-1)
        place += gap - line
        line = gap + 1
    of_line.extend(range(place, place + lines - line))
    return of_line


class _OddLine(NamedTuple):
    """A line that changed and is not just series, blank and value."""

    place: int
    old: str
    new: str
    is_stamped: bool


def _revalued(
    exposition: Exposition,
    places: _Places,
    changed: Sequence[int],
    olds: Sequence[str],
    news: Sequence[str],
) -> Exposition | None:
    """The exposition with what some lines say now; None if more than a value, or what
    stands behind it, has changed."""
    if not changed:
        return exposition
    of_line, uneven = places.of_line, places.uneven
    at: list[int] = []
    texts: list[str] = []
    odd: list[_OddLine] = []
    for line, old, new in zip(changed, olds, news, strict=True):
        place = of_line[line]
        series, _, value = new.rpartition(" ")
        if place < 0 or line in uneven:
            odd.append(_OddLine(place, old, new, line in places.stamped))
        elif old.rpartition(" ")[0] != series:
            return None
        else:
            at.append(place)
            texts.append(value)
    numbers = _numbers(texts)
    if numbers is None:
        return None
    values = exposition.values[:]
    for place, number in zip(at, numbers, strict=True):
        values[place] = number
    if not odd:
        return _with(exposition, values)
    return _reread(exposition, values, odd)


def _with(
    exposition: Exposition,
    values: array[float],
    times: array[int] | None = None,
    exemplars: dict[int, Exemplar] | None = None,
) -> Exposition:
    # Not attrs.evolve, which takes 6 µs: a small page takes 50 in all.
    return Exposition(
        exposition.rows,
        values,
        exposition.times if times is None else times,
        exposition.exemplars if exemplars is None else exemplars,
        exposition.format,
        exposition.metadata,
        (),
        None,
        exposition._lines,
    )


def _reread(
    exposition: Exposition, values: array[float], odd: Sequence[_OddLine]
) -> Exposition | None:
    """The exposition with what odd lines say now; None if one says something new."""
    timestamp = GRAMMARS[exposition.format].timestamp
    times = None if exposition.times is None else exposition.times[:]
    exemplars = dict(exposition.exemplars)
    may_have_exemplars = times is None and exposition.format == "openmetrics"
    for place, old, new, is_stamped in odd:
        if place < 0:
            if not _means_nothing(old, new, exposition.format):
                return None
            continue
        if is_stamped and times is not None:
            head, _, stamp = new.rpartition(" ")
            series, _, value = head.rpartition(" ")
            if old.rsplit(" ", 2)[0] != series:
                return None
            try:
                (values[place],) = convert((value,))
                times[place] = timestamp(stamp)
            except ValueError:
                return None
            continue
        plain = _plain_exemplar(old, new) if may_have_exemplars else None
        if plain is not None:
            values[place], exemplars[place] = plain
            continue
        read = _same_series(old, new, exposition.format)
        if read is None or (read.timestamp is not None and times is None):
            return None
        values[place] = read.value
        if times is not None:
            times[place] = NO_TIME if read.timestamp is None else read.timestamp
        exemplars.pop(place, None)
        if read.exemplar is not None:
            exemplars[place] = read.exemplar
    return _with(exposition, values, times, exemplars)


# What follows a series in OpenMetrics, where nothing is escaped or odd.
_NUMBER: Final = r"[-+]?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?"
_EXEMPLAR: Final = re.compile(
    rf' ({_NUMBER}) # \{{([a-zA-Z_]\w*)="([^"\\\n]+)"\}} ({_NUMBER})(?: ({_NUMBER}))?',
    re.ASCII,
)


def _plain_exemplar(old: str, new: str) -> tuple[float, Exemplar] | None:
    """The value and the exemplar of a line whose series is the one it was; None if it
    has to be read exactly. 3 µs, where `LineReader` takes 20."""
    at = new.rfind(" ", 0, max(new.find(" # {"), 0))
    match = _EXEMPLAR.fullmatch(new, at) if at > 0 else None
    if match is None or old[: at + 1] != new[: at + 1]:
        return None
    value, name, text, number, stamp = match.groups()
    when = None if stamp is None else GRAMMARS["openmetrics"].timestamp(stamp)
    return float(value), Exemplar(Labels({name: text}), float(number), when)


def _means_nothing(old: str, new: str, format: Format) -> bool:  # noqa: A002
    """Whether two lines are comments."""
    try:
        lines = [LineReader(line + "\n", format).read() for line in (old, new)]
    except ParseError:
        return False
    return all(isinstance(line, Comment) for line in lines)


def _same_series(old: str, new: str, format: Format) -> SampleLine | None:  # noqa: A002
    """What a line says now, if it is a sample of the series it was one of."""
    try:
        read = LineReader(new + "\n", format).read()
    except ParseError:
        return None
    if not isinstance(read, SampleLine) or read.series_start:
        return None
    series = new[: read.series_end]
    behind = old[read.series_end : read.series_end + 1]
    return read if old.startswith(series) and behind in (" ", "\t") else None


# Series that came or went


def _edited(last: _Way, text: str) -> tuple[Exposition, _Lines] | None:
    """What a body says in which series came or went between lines that stayed in their
    order, and what to compare the next body with; None if too much is new, or something
    is that is no plain sample.

    Each line is looked up among the last ones, and where it differs its series: 0.2 µs a
    line. (Walking both from one difference to the next took longer, and more code.)
    A series that stayed keeps its place; a new one takes that of one that is gone.
    """
    exposition = last.exposition
    if (
        isinstance(last, _Series | _Stamped)
        or exposition.times is not None
        or exposition.exemplars
    ):
        return None
    if len(exposition.values) > 2 * len(exposition) + 64 or last.places.uneven:
        return None  # the full reading numbers the places anew
    lines = text.split("\n")
    edit = _Edit(exposition, last.places.of_line, last.lines(), lines)
    found = edit.exposition()
    if found is None:
        return None
    return found, _Lines(lines, found, _Places(found, len(lines)))


class _Edit:
    """One body put together from the lines that stayed and those that are new."""

    def __init__(
        self, before: Exposition, of_line: array[int], old: list[str], new: list[str]
    ) -> None:
        self._before = before
        self._of_old = of_line
        self._new = new
        line_of = dict(zip(old, count()))
        is_unique = len(line_of) == len(old)
        found = list(map(line_of.pop, new, repeat(None)))
        # Of those that differ the series tells.
        left = {text.rpartition(" ")[0] or text: at for text, at in line_of.items()}
        # A line or a series that stands there twice is left to the full reading.
        self._is_unique = is_unique and len(left) == len(line_of)
        others = list(compress(count(), map(is_, found, repeat(None))))
        for line in others:
            found[line] = left.pop(new[line].rpartition(" ")[0] or new[line], None)
        self._changed = [line for line in others if found[line] is not None]
        self._fresh = [line for line in others if found[line] is None]
        self._gone = {of_line[at] for at in left.values()}
        for line in self._fresh:
            found[line] = found[line - 1] if line else -1
        # For each line the one that it was, for a new one that of the line before it.
        self._was = cast("list[int]", found)
        self._of_line = array("i", map(of_line.__getitem__, self._was))
        self._values = before.values[:]

    def exposition(self) -> Exposition | None:
        """What the body says; None if it has to be read as a whole."""
        if not self._can_be_followed():
            return None
        try:
            self._take_values()
            rows = self._regrouped(list(self._read_fresh()))
        except ValueError:
            return None
        if rows is None:
            return None
        before = self._before
        gaps = array("i", compress(count(), map((-1).__eq__, self._of_line)))
        read = Lines(gaps, frozenset(), frozenset(), self._bounds(), self._of_line)
        return Exposition(
            rows, self._values, None, {}, before.format, before.metadata, (), None, read
        )

    def _can_be_followed(self) -> bool:
        """Whether most lines stayed, in their order, and all comments as they were."""
        return (
            self._is_unique
            and len(self._fresh) <= _REPLACED * len(self._new) + 64
            and all(map(le, self._was, self._was[1:]))
            and -1 not in self._gone
            and all(self._of_line[line] >= 0 for line in self._changed)
            and not any(self._new[n][:1] in ("", "#", " ", "\t") for n in self._fresh)
        )

    def _take_values(self) -> None:
        """Read what the lines say that stayed, where they changed.

        Raises:
            ValueError: a value is no number.
        """
        numbers = convert([self._new[line].rpartition(" ")[2] for line in self._changed])
        for line, number in zip(self._changed, numbers, strict=True):
            self._values[self._of_line[line]] = number

    def _read_fresh(self) -> Iterator[_Fresh]:
        """What the new lines say, by metric and label names.

        Raises:
            ValueError: one is no plain sample.
        """
        by_bound: dict[str, list[int]] = {}
        for line, bound in zip(self._fresh, self._bounds_of_fresh(), strict=True):
            by_bound.setdefault(bound, []).append(line)
        for bound, numbers in by_bound.items():
            part = self._read_group(bound, [self._new[line] for line in numbers])
            for rows in part.rows:
                lines = [numbers[place] for place in rows.places]
                yield _Fresh(rows, lines, [part.values[place] for place in rows.places])

    def _read_group(self, bound: str, lines: list[str]) -> Exposition:
        end = "\n# EOF" if self._before.format == "openmetrics" else ""
        text = "\n".join((f"# TYPE _ {_TYPE_OF_BOUND[bound]}", *lines)) + end
        try:
            part = read_fast(text, self._before.format)
        except Refused as refused:
            raise ValueError(text) from refused
        if part is None or part.times or part.exemplars or len(part) != len(lines):
            raise ValueError(text)
        if part._lines is None or part._lines.uneven:
            raise ValueError(text)
        return part

    def _bounds_of_fresh(self) -> Iterator[str]:
        """Under which TYPE each new line stands: that of the line before it that stayed."""
        bounds = _bounds_of(self._before)
        starts = [line for line, _ in bounds]
        for line in self._fresh:
            found = bisect_right(starts, self._was[line])
            yield bounds[found - 1][1] if found else ""

    def _bounds(self) -> tuple[tuple[int, str], ...]:
        """From which lines on which TYPE holds now."""
        return tuple(
            (bisect_left(self._was, line), bound)
            for line, bound in _bounds_of(self._before)
        )

    def _regrouped(self, parts: list[_Fresh]) -> tuple[Rows, ...] | None:
        """The rows less those that are gone, with the new ones; None if a series stands
        there twice now, since the one that stood first counts."""
        held, gone = self._before.rows, self._gone
        by_shape = {_shape(each.rows): each for each in parts}
        shapes = Counter(map(_shape, held))
        if len(by_shape) < len(parts) or any(shapes[shape] > 1 for shape in by_shape):
            return None
        # A label without a value is not there: a series may stand in rows of other names.
        metrics = {each.rows.metric for each in parts}
        both = chain(held, [each.rows for each in parts])
        if any("" in c for rows in both if rows.metric in metrics for c in rows.columns):
            return None
        kept: list[Rows] = []
        for rows in held:
            lost: list[int] = []
            if not gone.isdisjoint(rows.places):
                lost = [row for row, place in enumerate(rows.places) if place in gone]
            fresh = by_shape.pop(_shape(rows), None)
            changed = self._exchanged(rows, lost, fresh) if lost or fresh else rows
            if fresh and len(set(changed.row_keys())) < len(changed):
                return None
            if len(changed):
                kept.append(changed)
        for fresh in by_shape.values():
            kept.append(attrs.evolve(fresh.rows, places=self._placed(fresh, [])))
        return tuple(kept)

    def _exchanged(self, rows: Rows, lost: Sequence[int], fresh: _Fresh | None) -> Rows:
        """Rows in which new series stand where others are gone, or behind all."""
        columns = [list(column) for column in rows.columns]
        places = array("i", rows.places)
        if fresh is not None:
            for column, cells in zip(columns, fresh.rows.columns, strict=True):
                for row, cell in zip(lost, cells):  # noqa: B905 one may be longer
                    column[row] = cell
                column += cells[len(lost) :]
            taken = self._placed(fresh, [rows.places[row] for row in lost])
            places += taken[len(lost) :]
            lost = lost[len(taken) :]
        changed = Rows(rows.metric, rows.names, tuple(columns), places, rows.counted)
        if not lost:
            return changed
        left = set(lost)
        return take(changed, [row for row in range(len(places)) if row not in left])

    def _placed(self, fresh: _Fresh, free: Sequence[int]) -> array[int]:
        """Give new samples their places: those that are free, then new ones."""
        places = array("i", free[: len(fresh.lines)])
        start = len(self._values)
        places.extend(range(start, start + len(fresh.lines) - len(places)))
        self._values.extend(fresh.values[len(free) :])
        for line, place, value in zip(fresh.lines, places, fresh.values, strict=True):
            self._of_line[line] = place
            self._values[place] = value
        return places


class _Fresh(NamedTuple):
    """New series of one metric with the same label names: their lines and values too."""

    rows: Rows
    lines: list[int]
    values: list[float]


_TYPE_OF_BOUND: Final = {"": "gauge", "le": "histogram", "quantile": "summary"}


def _lines_of(exposition: Exposition) -> Lines:
    assert exposition._lines is not None  # what was read exactly has no next reading
    return exposition._lines


def _bounds_of(exposition: Exposition) -> tuple[tuple[int, str], ...]:
    return _lines_of(exposition).bounds


def _shape(rows: Rows) -> tuple[str, tuple[str, ...]]:
    return rows.metric, rows.names


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


def _stamps(texts: list[str], format: Format) -> array[int] | None:  # noqa: A002
    """Many timestamps at once, most of which are one of a few; None if one is none."""
    timestamp = GRAMMARS[format].timestamp
    try:
        known = {text: timestamp(text) for text in set(texts)}
    except ValueError:
        return None
    return array("q", map(known.__getitem__, texts))


def _numbers(texts: Sequence[str]) -> array[float] | None:
    try:
        return convert(texts)
    except ValueError:
        return None


_first: Final = itemgetter(0)
_last: Final = itemgetter(-1)
