"""The next body of the same endpoint: text that did not change is not read again.

Two scrapes of one endpoint are almost the same bytes. `Reader` keeps the last body and
compares the next one with it, and reads only what differs into a copy of the last vector
of values. It has two ways, and picks by what had changed the last time
(`python -m benchmarks rescrape` has what each costs):

* `_Blocks` compares blocks of 128 lines, each with one comparison in C. Of one that does
  not stand where it is expected the lines are compared. Those that differ must have the
  series they had, or in its place another of the same metric and label names; only what
  follows these is read.
* `_Series` keeps what stands around the values. Where most of these change, the body is
  cut at its blanks, all values are read, and put together they must give the body.

`_Stamped` cuts the timestamps off where each line has one, and has the rest read in one of
these ways. Where series came or went between lines that stayed, `_edited` reads the new
lines only. Whatever else happened (a type, a line that cannot be read) is left to the full
reading. So each gives exactly what a full reading gives, and a bad line is found although
its neighbours did not change.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, compress, count, islice, repeat
from operator import is_, itemgetter, le, ne, not_
from typing import Final, NamedTuple, cast

import attrs

from promlatest._clock import Turns
from promlatest._datapoint import Exemplar
from promlatest._matching.floats import normalise_bound
from promlatest._matching.labels import LEGACY_METRIC_NAME, Labels
from promlatest._samples import NO_TIME, Rows, are_new, picker, take
from promlatest.exceptions import ParseError
from promlatest.exposition._formats import Format
from promlatest.exposition._lines import GRAMMARS, Comment, LineReader, SampleLine
from promlatest.exposition._reader import (
    Exposition,
    Lines,
    Refused,
    convert,
    decoded,
    is_utf8,
    label_names,
    read_exactly,
    read_fast,
    within,
)

# Of 32, 64, 128 and 256 lines, 64 is the best where 0.5 % of them change, 256 where 10 %
# do, spread out; 128 is within 6 % of both.
_BLOCK: Final = 128
# Blocks between two offers to let other threads have their turn.
_OFFER_EVERY: Final = 8
# With so large a share of values changed, reading all of them costs less than comparing.
_MANY: Final = 0.3
# Lines and characters that are cut in one go, while they are in the processor's cache.
_LINES_CUT: Final = 256
_PIECE: Final = 48 << 10
_SHORT: Final = 2_000
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
        following = _followed(last, text)
        if following is None:
            return None
        self._last = following
        return following.exposition

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
    """The last body in blocks of lines."""

    def __init__(self, text: str, exposition: Exposition) -> None:
        self.exposition = exposition
        self.changed = 0  # how many lines had changed the last time
        self._text = text
        self._ends: list[int] = []

    @cached_property
    def places(self) -> _Places:
        """Where the sample of each line is."""
        return _Places(self.exposition, self._text.count("\n") + 1)

    def lines(self) -> list[str]:
        """The lines of the last body."""
        return self._text.split("\n")

    def read(self, text: str) -> bool:
        """Whether what the body says could be found out.

        This is a hot loop. Lines are cut where they are looked at: those of the last body
        would lie scattered in memory, and comparing them would take twice as long.
        """
        old, changes = self._text, _Changes(self.exposition, self.places)
        ends: list[int] = []
        start = at = 0
        turns = Turns()
        blocks = self._ends or _ends(old)
        for number, end in enumerate(blocks if text != old else ()):
            if number % _OFFER_EVERY == 0:
                turns.offer()
            block = old[start:end]
            stop = at + end - start
            if not text.startswith(block, at) or text[stop : stop + 1] not in ("\n", ""):
                was = block.split("\n")
                now, stop = _next_lines(text, at, len(was), end - start)
                if not changes.compare(number * _BLOCK, was, now):
                    return False
            ends.append(stop)
            start, at = end + 1, stop + 1
        if ends and at != len(text) + 1:
            return False
        exposition = changes.exposition()
        if exposition is None:
            return False
        self.exposition, self._text, self.changed = exposition, text, changes.count
        self._ends = ends or self._ends
        return True


def _ends(text: str) -> Iterator[int]:
    """Where blocks of lines end, before their last line break."""
    end = -1
    while end < len(text):
        _, end = _next_lines(text, end + 1, _BLOCK, 64 * _BLOCK)
        yield end


class _OddLine(NamedTuple):
    """A line that changed and is not just series, blank and value."""

    place: int
    old: str
    new: str
    is_stamped: bool


class _Changes:
    """What lines say that differ from the last ones."""

    def __init__(self, exposition: Exposition, places: _Places) -> None:
        self._before = exposition
        self._places = places
        self._at: list[int] = []
        self._texts: list[str] = []
        self._odd: list[_OddLine] = []
        self._others: list[tuple[int, int, str]] = []

    def compare(self, first: int, olds: list[str], news: list[str]) -> bool:
        """Compare so many lines, the first of which has this number; False if they are
        not those of before, or have moved."""
        if len(olds) != len(news):
            return False
        most = len(self._others) + len(olds) // 2
        of_line, uneven = self._places.of_line, self._places.uneven
        at, texts = self._at, self._texts
        for number in compress(range(len(news)), map(ne, olds, news)):
            old, new, line = olds[number], news[number], first + number
            place = of_line[line]
            if place < 0 or line in uneven:
                is_stamped = line in self._places.stamped
                self._odd.append(_OddLine(place, old, new, is_stamped))
                continue
            series, _, value = new.rpartition(" ")
            if old.rpartition(" ")[0] != series:
                self._others.append((line, place, series))
            at.append(place)
            texts.append(value)
        return len(self._others) <= most

    @property
    def count(self) -> int:
        """How many lines differ."""
        return len(self._at) + len(self._odd)

    def exposition(self) -> Exposition | None:
        """The exposition with what the lines say now, each a sample as it was before; None
        if one is not."""
        before = self._before
        if not self.count:
            return before
        rows, values = before.rows, before.values[:]
        try:
            if self._others:
                rows = _exchanged(before, self._places, self._others)
            for place, number in zip(self._at, convert(self._texts), strict=True):
                values[place] = number
        except ValueError:
            return None
        found = _with(before, values, rows=rows)
        return _reread(found, self._odd) if self._odd else found


class _Series:
    """The last body with room in place of every value.

    The next body is cut at its blanks. If the words that stand where values do give its
    text when they are put in their rooms, then nothing else has changed.
    """

    def __init__(self, text: str, exposition: Exposition) -> None:
        self.exposition = exposition
        self.reads = 0
        lines = text.split("\n")
        of_line = _Places(exposition, len(lines)).of_line
        words = list(accumulate([len(line.split()) for line in lines]))
        rooms = list(map(_with_room, lines, of_line))
        self._size = words[-1]
        self._pick = picker(
            [n - 1 for n, at in zip(words, of_line, strict=True) if at >= 0]
        )
        self._parts: list[tuple[str, int]] = []
        for start in range(0, len(lines), _LINES_CUT):
            here = slice(start, start + _LINES_CUT)
            end = "\n" if start + _LINES_CUT < len(lines) else ""
            size = len(rooms[here]) - of_line[here].count(-1)
            self._parts.append(("\n".join(rooms[here]) + end, size))

    def read(self, text: str) -> bool:
        """Whether no more than values changed."""
        turns = Turns()
        words: list[str] = []
        for start, end in _pieces(text, _PIECE):
            words += text[start:end].split()
            turns.offer()
        if len(words) != self._size:
            return False
        values = self._pick(words)
        at = done = 0
        for part, size in self._parts:
            whole = part % values[done : done + size]
            if not text.startswith(whole, at):
                return False
            at += len(whole)
            done += size
            turns.offer()
        numbers = _numbers(values) if at == len(text) else None
        if numbers is None:
            return False
        self.exposition = _with(self.exposition, numbers)
        self.reads += 1
        return True


def _with_room(line: str, place: int) -> str:
    if place < 0:
        return line.replace("%", "%%")
    return line.rpartition(" ")[0].replace("%", "%%") + " %s"


def _pieces(text: str, size: int) -> Iterator[tuple[int, int]]:
    """Where pieces of a text start and end, of whole lines and about a size."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + size) + 1 or len(text)
        yield start, end
        start = end


class _Stamped:
    """The last body with a timestamp behind every sample. What stands before these is
    read as a body without any."""

    def __init__(self, text: str, exposition: Exposition) -> None:
        self.exposition = exposition
        read = attrs.evolve(_lines_of(exposition), uneven=frozenset(), stamped=frozenset())
        plain = attrs.evolve(exposition, times=None, lines=read)
        of_line = _Places(plain, text.count("\n") + 1).of_line
        self._mask = bytes(at >= 0 for at in of_line)
        self._are_one = True
        self._plain: _Way = _Blocks(self._parted(text)[0], plain)

    def _parted(self, text: str) -> tuple[str, list[str]]:
        """The text without timestamps, and these."""
        if self._are_one:
            found = self._less_one_timestamp(text)
            if found is not None:
                return found
        self._are_one = False
        lines = text.split("\n")
        heads: list[str] = []
        ends: list[str] = []
        turns = Turns()
        for start in range(0, len(lines), _LINES_CUT):
            cut = [line.rpartition(" ") for line in lines[start : start + _LINES_CUT]]
            heads += map(_first, cut)
            ends += map(_last, cut)
            turns.offer()
        if len(lines) == len(self._mask):
            for gap in compress(count(), map(not_, self._mask)):
                heads[gap] = lines[gap]
        return "\n".join(heads), list(compress(ends, self._mask))

    def _less_one_timestamp(self, text: str) -> tuple[str, list[str]] | None:
        """The text without the timestamp of all its samples, 70 ns a line where others
        take 250; None if they have several, or a comment ends like a sample."""
        stamp = text[text.rfind(" ") + 1 :].rstrip("\n")
        end = f" {stamp}\n"
        # In short texts that much faster, since nothing is prepared for a search.
        pieces = [text[at:to].replace(end, "\n") for at, to in _pieces(text, _SHORT)]
        plain = "".join(pieces)
        size = self._mask.count(1)
        if len(text) - len(plain) != len(end[1:]) * size:
            return None
        at = text.find("#")
        while at >= 0:
            to = text.find("\n", at) + 1
            if text.endswith(end, at, to):
                return None
            at = text.find("#", to) if to else -1
        return plain, [stamp] * size

    def read(self, text: str) -> bool:
        """Whether what the body says could be found out."""
        plain, stamps = self._parted(text)
        times = _stamps(stamps, self.exposition.format)
        following = None if times is None else _followed(self._plain, plain)
        if times is None or following is None:
            return False
        self._plain, exposition = following, following.exposition
        of_line = _lines_of(exposition).places
        if of_line is not None:
            # Lines were parted by where the samples stood in the body before.
            if bytes(at >= 0 for at in of_line) != self._mask:
                return False
            in_order, times = times, array("q", times[:1]) * len(exposition.values)
            for at, time in zip(compress(of_line, self._mask), in_order, strict=True):
                times[at] = time
        self.exposition = _with(exposition, exposition.values, times)
        return True


_Way = _Blocks | _Series | _Stamped


def _followed(last: _Way, text: str) -> _Way | None:
    """What tells what a body says, by the last one, and what to compare the body after
    it with; None if that does not tell."""
    before = last.exposition
    return _next_way(last, text, before) if last.read(text) else _edited(last, text)


def _next_way(way: _Way, text: str, before: Exposition) -> _Way:
    """What to compare the body after this one with."""
    exposition = way.exposition
    if isinstance(way, _Stamped):
        return way
    if isinstance(way, _Series):
        if way.reads % _COUNT_EVERY:
            return way
        moved = sum(map(ne, before.values, exposition.values))
        return way if moved > _MANY * len(before.values) else _Blocks(text, exposition)
    # Other series are found line by line only.
    many = way.changed > _MANY * len(way.places.of_line) and exposition.rows is before.rows
    if many and _may_be_cut(exposition):
        return (_Series if exposition.times is None else _Stamped)(text, exposition)
    return way


def _may_be_cut(exposition: Exposition) -> bool:
    """Whether every sample is series, blank, value, or every one has a timestamp too; no
    others can be taken apart in one go."""
    lines = _lines_of(exposition)
    if lines.places is not None or len(exposition.values) != len(exposition):
        return False
    if exposition.times is None:
        return not lines.uneven
    timed = exposition.times.count(NO_TIME) == 0
    return timed and not exposition.exemplars and len(lines.stamped) == len(exposition)


class _Places:
    """Where the samples of a body are.

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
        self.made: _Groups | None = None

    def groups(self, exposition: Exposition) -> _Groups:
        """The rows of the samples, made when a series first comes or goes."""
        if self.made is None:
            self.made = _Groups(exposition)
        return self.made


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


def _with(
    exposition: Exposition,
    values: array[float],
    times: array[int] | None = None,
    exemplars: dict[int, Exemplar] | None = None,
    rows: tuple[Rows, ...] | None = None,
    lines: Lines | None = None,
) -> Exposition:
    # Not attrs.evolve, which takes 6 µs: a small page takes 50 in all.
    return Exposition(
        exposition.rows if rows is None else rows,
        values,
        exposition.times if times is None else times,
        exposition.exemplars if exemplars is None else exemplars,
        exposition.format,
        exposition.metadata,
        (),
        None,
        exposition._lines if lines is None else lines,
    )


def _reread(exposition: Exposition, odd: Sequence[_OddLine]) -> Exposition | None:
    """The exposition with what odd lines say now; None if one says something new.

    Its values are its own yet, and written to.
    """
    values = exposition.values
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


# Other series


class _Groups:
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

    def read(self, series: Iterable[tuple[str, str]]) -> Iterator[_Fresh]:
        """Series as they are written, each with the label that its TYPE makes a bound.

        Raises:
            ValueError: one is not of a metric and label names of which there are rows, or
                is written in a way that only the full reading knows.
        """
        forms: dict[tuple[str, ...], _Form] = {}
        shared: dict[str, str] = {}
        for text, bound in series:
            pieces = text.split('"')
            outside, inside = tuple(pieces[::2]), pieces[1::2]
            form = forms.get(outside)
            if form is None:
                form = forms[outside] = self._form(outside)
            group, names, order = form
            if len(inside) != len(names) or "" in inside or "\\" in text:
                raise ValueError(text)
            if not is_utf8(text):
                raise ValueError(text)
            if bound in names:
                at = names.index(bound)
                inside[at] = normalise_bound(inside[at])
            yield _Fresh(
                group, tuple([shared.setdefault(inside[at], inside[at]) for at in order])
            )

    def add(self, placed: Iterable[tuple[int, _Fresh]]) -> None:
        """Note where series came to stand."""
        for place, each in placed:
            self.of.extend(repeat(-1, place + 1 - len(self.of)))
            self.of[place] = each.group

    def _form(self, outside: tuple[str, ...]) -> _Form:
        metric, brace, first = outside[0].partition("{")
        names = label_names((brace + first, *outside[1:]))
        if names is None or not LEGACY_METRIC_NAME.fullmatch(metric):
            raise ValueError(outside)
        order = sorted(range(len(names)), key=names.__getitem__)
        group = self.open.get((metric, tuple([names[at] for at in order])))
        if group is None:
            raise ValueError(outside)
        return group, names, order


_Form = tuple[int, tuple[str, ...], list[int]]
"""The number of its rows, its label names as they are written, and their columns."""


class _Fresh(NamedTuple):
    """A series that was not there before: to which rows it comes, and its label values."""

    group: int
    cells: tuple[str, ...]


def _exchanged(
    exposition: Exposition, places: _Places, others: Sequence[tuple[int, int, str]]
) -> tuple[Rows, ...]:
    """The rows where lines hold other series than before, each of the metric and label
    names of the one whose place it takes, as where pods are replaced.

    Args:
        others: the lines, their places, and the series that stand there now.

    Raises:
        ValueError: a series is of another metric or other label names, or not new.
    """
    if _lines_of(exposition).places is not None:
        raise ValueError("rows do not have the order of lines")
    groups = places.groups(exposition)
    lines, gone, series = zip(*others, strict=True)
    fresh = list(groups.read(zip(series, _bounds_at(exposition, lines), strict=True)))
    if [groups.of[place] for place in gone] != [each.group for each in fresh]:
        raise ValueError("a series of another metric or other label names")
    return _regrouped(exposition, groups, gone, fresh, are_in_order=True)[0]


def _regrouped(
    exposition: Exposition,
    groups: _Groups,
    gone: Iterable[int],
    fresh: Sequence[_Fresh],
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


def _edited(last: _Way, text: str) -> _Blocks | None:
    """What tells what a body says in which series came or went between lines that
    stayed in their order; None if too much is new, or one is no plain sample.

    A series that stayed keeps its place; a new one takes that of one that is gone.
    """
    if not isinstance(last, _Blocks):
        return None
    exposition, places = last.exposition, last.places
    if exposition.times is not None or exposition.exemplars or places.uneven:
        return None
    if len(exposition.values) > 2 * len(exposition) + 64:
        return None  # the full reading numbers the places anew
    new = text.split("\n")
    aligned = _Aligned.of(last.lines(), new)
    if aligned is None:
        return None
    of_line = array("i", map(places.of_line.__getitem__, aligned.was))
    gone = {places.of_line[line] for line in aligned.gone}
    if -1 in gone or any(of_line[line] < 0 for line in aligned.changed):
        return None  # a comment
    groups = places.groups(exposition)
    lines = [*aligned.changed, *aligned.fresh]
    arrived = [new[line].rpartition(" ")[0] for line in aligned.fresh]
    bounds = _bounds_at(exposition, [aligned.was[line] for line in aligned.fresh])
    try:
        numbers = convert([new[line].rpartition(" ")[2] for line in lines])
        fresh = list(groups.read(zip(arrived, bounds, strict=True)))
        rows, placed = _regrouped(exposition, groups, gone, fresh)
    except ValueError:
        return None
    for line, place in zip(aligned.fresh, placed, strict=True):
        of_line[line] = place
    values = exposition.values[:]
    values.extend(repeat(0.0, max((0, *placed)) + 1 - len(values)))
    for line, number in zip(lines, numbers, strict=True):
        values[of_line[line]] = number
    groups.add(zip(placed, fresh, strict=True))
    gaps = array("i", compress(count(), map((-1).__eq__, of_line)))
    starts = [
        (bisect_left(aligned.was, line), bound) for line, bound in _bounds(exposition)
    ]
    read = Lines(gaps, frozenset(), frozenset(), tuple(starts), of_line)
    found = _with(exposition, values, rows=rows, lines=read)
    following = _Blocks(text, found)
    following.places.made = groups
    return following


class _Aligned(NamedTuple):
    """What became of the lines of a body.

    Attributes:
        was: for each line the one that it was, for a new one that of the line before it.
        changed: the lines in which the series is the same.
        fresh: those in which there is another one.
        gone: the lines that there were.
    """

    was: list[int]
    changed: list[int]
    fresh: list[int]
    gone: Collection[int]

    @classmethod
    def of(cls, old: list[str], new: list[str]) -> _Aligned | None:
        """None if lines stand there twice, in another order, or many are new.

        Each line is looked up among the last ones, and where it differs its series:
        0.2 µs a line. (Walking both from one difference to the next took longer.)
        """
        line_of = dict(zip(old, count()))
        is_unique = len(line_of) == len(old)
        found: list[int | None] = list(map(line_of.pop, new, repeat(None)))
        left = {line.rpartition(" ")[0] or line: at for line, at in line_of.items()}
        if not is_unique or len(left) < len(line_of):
            return None
        others = list(compress(count(), map(is_, found, repeat(None))))
        for line in others:
            found[line] = left.pop(new[line].rpartition(" ")[0] or new[line], None)
        changed = [line for line in others if found[line] is not None]
        fresh = [line for line in others if found[line] is None]
        if len(fresh) > _REPLACED * len(new) + 64:
            return None
        for line in fresh:
            found[line] = found[line - 1] if line else -1
        was = cast("list[int]", found)
        in_order = all(map(le, was, islice(was, 1, None)))
        return cls(was, changed, fresh, left.values()) if in_order else None


def _lines_of(exposition: Exposition) -> Lines:
    assert exposition._lines is not None  # what was read exactly has no next reading
    return exposition._lines


def _bounds(exposition: Exposition) -> tuple[tuple[int, str], ...]:
    return _lines_of(exposition).bounds


def _bounds_at(exposition: Exposition, lines: Iterable[int]) -> Iterator[str]:
    """Which label has bounds for values under the TYPE that holds in each line."""
    starts = [(-1, ""), *_bounds(exposition)]
    for line in lines:
        yield starts[bisect_right(starts, line, key=_first) - 1][1]


def _next_lines(text: str, at: int, lines: int, length: int) -> tuple[list[str], int]:
    """The next lines of a text, so many if there are so many, and where they end."""
    room = 2 * length + 1024
    while True:
        cut = text[at : at + room].split("\n", lines)
        if len(cut) > lines:
            return cut[:lines], min(at + room, len(text)) - len(cut[-1]) - 1
        if at + room >= len(text):
            return cut, len(text)
        room *= 2


def _stamps(texts: list[str], format: Format) -> array[int] | None:  # noqa: A002
    """Many timestamps at once, most of which are one of a few; None if one is none."""
    timestamp = GRAMMARS[format].timestamp
    try:
        known = {text: timestamp(text) for text in set(texts)}
    except ValueError:
        return None
    if len(known) == 1:
        return array("q", known.values()) * len(texts)
    return array("q", map(known.__getitem__, texts))


def _numbers(texts: Sequence[str]) -> array[float] | None:
    try:
        return convert(texts)
    except ValueError:
        return None


_first: Final = itemgetter(0)
_last: Final = itemgetter(-1)
