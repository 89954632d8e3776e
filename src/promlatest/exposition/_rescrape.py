"""The next body of the same endpoint: text that did not change is not read again.

Two scrapes of one endpoint are almost the same bytes. `Reader` keeps the last body and
compares the next one with it, and reads only what differs into a copy of the last vector
of values. All of it is bytes; only what is new becomes text. It has two ways, and picks by
what had changed the last time (`python -m benchmarks rescrape` has what each costs):

* `_Blocks` compares blocks of 128 lines, each with one comparison in C. Of one that does
  not stand where it is expected the lines are compared. Those that differ must have the
  series they had, or in its place another of the same metric and label names; only what
  follows these is read.
* `_Series` keeps what stands around the values. Where most of these change, the body is
  cut at its blanks, all values are read, and put together they must give the body.

Where one timestamp stands behind all samples, the last body gets the new one before it is
compared. Where series came or went, the lines of their block are looked up among the next
ones, and the new ones are read. Whatever else happened (a type, a line that cannot be read)
is left to the full reading. So each gives exactly what a full reading gives, and a bad line
is found although its neighbours did not change.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import accumulate, compress, count, islice, repeat
from operator import itemgetter, ne
from typing import Final

from promlatest._cached import cached_property
from promlatest._clock import Turns
from promlatest._datapoint import Exemplar
from promlatest._matching.labels import Labels
from promlatest._samples import NO_TIME, Rows
from promlatest.exceptions import ParseError
from promlatest.exposition._formats import Format
from promlatest.exposition._lines import GRAMMARS, Comment, LineReader, SampleLine
from promlatest.exposition._reader import (
    Exposition,
    Lines,
    Refused,
    body_format,
    convert,
    convert_raw,
    decoded,
    read_exactly,
    read_fast,
    within,
)
from promlatest.exposition._regroup import RowGroups, regrouped

# Of 32, 64, 128 and 256 lines, 64 is the best where 0.5 % of them change, 128 and 256 where
# 10 % do.
_BLOCK: Final = 128
# Blocks between two offers to let other threads have their turn.
_OFFER_EVERY: Final = 8
# With so large a share of values changed, reading all of them costs less than comparing.
_MANY: Final = 0.3
# Lines and characters that are cut in one go, while they are in the processor's cache.
_LINES_CUT: Final = 256
_PIECE: Final = 48 << 10
# In short texts a search prepares nothing, and many take half the time.
_SHORT: Final = 2_000
# In `_Series` how much changed is only counted now and then: it costs 25 ns a line.
_COUNT_EVERY: Final = 16
# Among so many lines those of a block are looked for where some came or went.
_NEAR: Final = 4 * _BLOCK
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
        self._refused: tuple[bytes, Format, ParseError, bytes] | None = None

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
        format = body_format(body, content_type, fallback)  # noqa: A001
        raw = _raw(body)
        self._refuse_again(raw, format)
        exposition = self._read_next(raw, format)
        if exposition is None:
            exposition = self._read_anew(decoded(body), bytes(raw), format, max_samples)
        return within(exposition, max_samples)

    def _read_next(self, body: _Raw, format: Format) -> Exposition | None:  # noqa: A002
        """What the body says, by the last one; None if that does not tell."""
        last = self._last
        if last is None or last.exposition.format != format:
            return None
        following = _followed(last, body)
        if following is None:
            return None
        self._last = following
        return following.exposition

    def _read_anew(
        self,
        text: str,
        body: bytes,
        format: Format,  # noqa: A002
        max_samples: int | None,
    ) -> Exposition:
        self._last = None
        try:
            exposition = read_fast(text, format)
            if exposition is None:
                return read_exactly(text, format)
        except Refused as refused:
            good = refused.exposition
            before = b"".join(islice(BytesIO(body), text.count("\n", 0, refused.start)))
            line, end, _ = body[len(before) :].partition(b"\n")
            if not (end and _is_wrong_alone(_text(line), format)):
                line = b""
            self._refused = (body, format, refused.error, line)
            if len(good) and len(before) < len(body):
                self._last = _Blocks(before, good)
            raise _again(refused.error) from None
        except ParseError as error:
            self._refused = (body, format, error, b"")
            raise
        self._last = _Blocks(body, within(exposition, max_samples))
        return exposition

    def _refuse_again(self, body: _Raw, format: Format) -> None:  # noqa: A002
        """Refuse a body that has the same fault as the last one, without reading all of it.

        Raises:
            ParseError: it has.
        """
        if self._refused is None:
            return
        last_body, last_format, error, line = self._refused
        if format == last_format and body == last_body:
            raise _again(error)
        # The lines before the bad one may have other values: these are read as always.
        body = bytes(body)
        at = body.find(b"\n%s\n" % line) + 1 if line else 0
        if at > 0:
            good = self._read_next(body[:at], format)
            if good is not None and body.count(b"\n", 0, at) == error.line - 1:
                self._refused = (body, format, error, line)
                raise _again(error)
        self._refused = self._last = None


_Raw = bytes | bytearray | memoryview


def _raw(body: _Raw | str) -> _Raw:
    """The bytes of a body. Those of a str are others for any other str."""
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body


def _text(line: bytes) -> str:
    """A line as text, without its end."""
    return decoded(line.removesuffix(b"\n"))


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

    def __init__(self, body: bytes, exposition: Exposition) -> None:
        self.exposition = exposition
        self.changed = 0  # how many lines had changed the last time
        self.body = body
        self._ends: list[int] = []
        self._stamp = b""  # what ends all lines with a timestamp, from the blank on

    @cached_property
    def places(self) -> _Places:
        """Where the sample of each line is."""
        return _Places(self.exposition, self.body.count(b"\n") + 1)

    def read(self, body: _Raw) -> bool:
        """Whether what the body says could be found out.

        This is a hot loop. Lines are cut where they are looked at, by a stream, which
        finds their ends with `memchr`, as `split` does not. Those of a large body would
        lie scattered in memory: to look at each takes as long as to cut it again.
        """
        if body == self.body:
            self.changed = 0
            return True
        body = bytes(body)
        old, stamp = self._renewed(body)
        if old.endswith(b"\n") != body.endswith(b"\n"):
            return False
        changes = _Changes(self.exposition, self.places, stamp)
        olds, news = BytesIO(old), BytesIO(body)
        ends: list[int] = []
        start = at = 0
        turns = Turns()
        for number, end in enumerate(self._ends or _ends(old)):
            if number % _OFFER_EVERY == 0:
                turns.offer()
            stop, is_last = at + end - start, end == len(old)
            if not body.startswith(old[start:end], at) or (is_last and stop != len(body)):
                olds.seek(start)
                news.seek(at)
                was = list(islice(olds, _BLOCK))
                now = list(islice(news, _NEAR if is_last else _BLOCK))
                stop = news.tell()
                if not changes.compare(number * _BLOCK, was, now):
                    now += islice(news, _NEAR - len(now))
                    behind = next(olds, b"")
                    if not changes.align(number * _BLOCK, was, now, behind):
                        return False
                    stop = at + sum(map(len, now))
            ends.append(stop)
            start, at = end, stop
        if at != len(body):
            return False
        turns.offer()  # reading what differs takes 1 ms where much does
        exposition = changes.exposition()
        if exposition is None:
            return False
        self.exposition, self.body, self.changed = exposition, body, changes.count
        kept = all(end - first == len(now) for first, end, now in changes.moved)
        self._ends = ends if kept else []
        if changes.lines is not None:
            made, self.places = self.places.made, _Places(exposition, body.count(b"\n") + 1)
            self.places.made = made
        if self.places.stamped:
            one = changes.one_stamp()
            is_one = one and body.count(one) == len(self.places.stamped)
            self._stamp = one if is_one else b""
        return True

    def _renewed(self, body: bytes) -> tuple[bytes, bytes]:
        """The last body with the timestamp of this one, if there was one behind all samples
        that have any, and it: most lines then are as they stand there, 70 ns a line."""
        was = self._stamp
        if not was:
            return self.body, b""
        line = next(islice(BytesIO(body), min(self.places.stamped), None), b"")
        stamp = line[line.rfind(b" ") :]
        if stamp == was:
            return self.body, stamp
        if len(stamp) != len(was):
            return self.body, b""
        pieces = _pieces(self.body, _SHORT)
        return b"".join([self.body[a:b].replace(was, stamp) for a, b in pieces]), stamp


def _ends(body: bytes) -> Iterator[int]:
    """Where the blocks of a body end."""
    lines = BytesIO(body)
    while list(islice(lines, _BLOCK)):
        yield lines.tell()


def _key(line: bytes) -> bytes:
    """What a line is found by: its series, or the whole of a comment."""
    return line if line[:1] == b"#" else line.rpartition(b" ")[0] or line


class _Changes:
    """What lines say that differ from the last ones.

    Args:
        exposition: what these said.
        places: where the samples are.
        stamp: what ends all lines with a timestamp, from the blank on, of those with
            which others are compared; b"" if that is not one.
    """

    def __init__(self, exposition: Exposition, places: _Places, stamp: bytes) -> None:
        self._before = exposition
        self._places = places
        self._stamp = stamp
        self._spaced = _ends_in_values(exposition)
        self._at: list[int] = []
        self._values: list[bytes] = []
        self._stamped: list[int] = []
        self._stamps: list[bytes] = []
        self._odd: list[tuple[int, bytes, bytes]] = []
        self._gone: list[int] = []  # lines
        self._came: list[tuple[int, int, bytes, bytes]] = []  # lines, series, value
        self.moved: list[tuple[int, int, list[int]]] = []
        self._ahead = 0  # by how many lines all now stand behind where they stood
        self._is_odd = bool(_lines_of(exposition).uneven)
        self.lines: Lines | None = None  # where samples stand now, if not where they did

    def compare(self, first: int, olds: list[bytes], news: list[bytes]) -> bool:
        """Compare so many lines, the first of which has this number; False if they are
        not those of before, or have moved."""
        of_line, kinds = self._places.of_line, self._places.kinds
        if len(olds) != len(news) or not (
            self._is_odd
            or of_line[first + len(olds) - 1] < 0
            or _key(olds[-1]) == _key(news[-1])
        ):
            return False
        at, values = self._at, self._values
        stamp, length = self._stamp, len(self._stamp)
        for number in compress(range(len(news)), map(ne, olds, news)):
            old, new, line = olds[number], news[number], first + number
            place = of_line[line]
            if place < 0 or kinds[line]:
                if kinds[line] != _STAMPED:
                    value = self._spaced and place >= 0 and _same_but_value(old, new)
                    if value:
                        at.append(place)
                        values.append(value)
                    else:
                        self._odd.append((place, old, new))
                    continue
                if stamp and new.endswith(stamp):
                    old, new = old[:-length], new[:-length]
                else:
                    old = old.rpartition(b" ")[0]
                    new, blank, own = new.rpartition(b" ")
                    self._stamped.append(place)
                    self._stamps.append(blank + own)
                    if old == new:
                        continue
            series, _, value = new.rpartition(b" ")
            if old.rpartition(b" ")[0] != series:
                self._gone.append(line)
                self._came.append((line + self._ahead, line, series, value))
                continue
            at.append(place)
            values.append(value)
        return True

    def align(
        self, first: int, olds: list[bytes], news: list[bytes], behind: bytes
    ) -> bool:
        """Compare lines with the next ones, where some came or went between those that
        stayed, up to the line that stood behind them, b"" at the end; and take what is not
        of these off the new ones. False if a comment came or went, or a line stands there
        twice or in another order."""
        of_line = self._places.of_line
        left = {_key(line): first + at for at, line in enumerate(olds)}
        if self._is_odd or len(left) < len(olds):
            return False
        was: list[int] = []
        for new in news:
            key = _key(new)
            if behind and (not left or key == _key(behind)):
                break
            was.append(left.pop(key, -1))
        else:
            while behind and was and was[-1] < 0:
                was.pop()
        del news[len(was) :]
        line = first - 1
        for number, (new, at) in enumerate(zip(news, was, strict=True)):
            series, _, value = new.rpartition(b" ")
            if at < 0:
                self._came.append((first + self._ahead + number, line, series, value))
                was[number] = line
                continue
            if at < line:
                return False
            line = at
            if new != olds[at - first]:  # a sample: a comment is found as a whole
                self._at.append(of_line[at])
                self._values.append(value)
        self._gone += left.values()
        self.moved.append((first, first + len(olds), was))
        self._ahead += len(news) - len(olds)
        return all(of_line[line] >= 0 for line in left.values())

    @property
    def count(self) -> int:
        """How many lines differ."""
        return len(self._at) + len(self._odd)

    def exposition(self) -> Exposition | None:
        """The exposition with what the lines say now, each a sample as it was before; None
        if one is not."""
        before = self._before
        if not (self.count or self._came or self._gone or self._stamp or self._stamps):
            return before
        rows, values = before.rows, before.values[:]
        try:
            if self._gone or self._came:
                rows, placed = self._regroup()
                values.extend(repeat(0.0, max((0, *placed)) + 1 - len(values)))
                self._at += placed
                self._values += [value for *_, value in self._came]
            for place, number in zip(self._at, convert_raw(self._values), strict=True):
                values[place] = number
            found = _with(before, values, self._times(), rows=rows, lines=self.lines)
        except ValueError:
            return None
        return _reread(found, self._odd) if self._odd else found

    def _regroup(self) -> tuple[tuple[Rows, ...], list[int]]:
        """The rows with the series that came, less those that are gone, and the places of
        those that came.

        Where others of the same metric and label names stand in the lines of those that
        are gone, as where pods are replaced, all places stay as they are.

        Raises:
            ValueError: too many came, or one that is of no metric and label names that
                there are, or not new; or some samples are not just series and value.
        """
        before, of_line = self._before, self._places.of_line
        groups = self._places.groups(before)
        gone = [of_line[line] for line in self._gone]
        starts = [(-1, ""), *_lines_of(before).bounds]
        came = list(
            groups.read(
                (_text(series), starts[bisect_right(starts, was, key=_first) - 1][1])
                for _, was, series, _ in self._came
            )
        )
        stay = (
            _lines_of(before).places is None
            and [line for line, *_ in self._came] == self._gone
            and [groups.of[place] for place in gone] == [each.group for each in came]
        )
        # Past twice as many places as samples the full reading numbers them anew.
        allowed = _REPLACED * len(before) + 64
        is_full = len(came) > allowed or len(before.values) > 2 * len(before) + 64
        if not stay and (is_full or self._is_odd):
            raise ValueError("places cannot be kept")
        rows, placed = regrouped(before, groups, gone, came, are_in_order=stay)
        if not stay:
            groups.add(zip(placed, came, strict=True))
            self.lines = self._lines_now(placed)
        return rows, placed

    def _lines_now(self, placed: Sequence[int]) -> Lines:
        """Where the samples stand, those that came at these places."""
        of_line, was, at = self._places.of_line, array("i"), 0
        for first, end, lines in self.moved:
            was.extend(range(at, first))
            was.extend(lines)
            at = end
        was.extend(range(at, len(of_line)))
        now = array("i", map(of_line.__getitem__, was))
        for (line, *_), place in zip(self._came, placed, strict=True):
            now[line] = place
        gaps = array("i", compress(count(), map((-1).__eq__, now)))
        bounds = _lines_of(self._before).bounds
        starts = tuple([(bisect_left(was, line), bound) for line, bound in bounds])
        return Lines(gaps, frozenset(), frozenset(), starts, now)

    def _times(self) -> array[int] | None:
        """The timestamps that stand there now.

        Raises:
            ValueError: one is none.
        """
        times = self._before.times
        if times is None or not (self._stamp or self._stamps):
            return times
        timestamp = GRAMMARS[self._before.format].timestamp
        known = {
            stamp: timestamp(_text(stamp[1:]))
            for stamp in {self._stamp, *self._stamps}
            if stamp
        }
        times = times[:]
        if self._stamp:
            now = known[self._stamp]
            if len(self._places.stamped) == len(times):
                times = array("q", [now]) * len(times)
            else:
                times = array("q", [each if each == NO_TIME else now for each in times])
        for place, stamp in zip(self._stamped, self._stamps, strict=True):
            times[place] = known[stamp]
        return times

    def one_stamp(self) -> bytes:
        """What ends all lines with a timestamp; b"" if that is not one."""
        stamps = set(self._stamps)
        if len(self._stamps) < len(self._places.stamped):
            stamps.add(self._stamp)
        return stamps.pop() if len(stamps) == 1 else b""


class _Series:
    """The last body with room in place of every value.

    The next body is cut at its blanks. If the words that stand where values do give its
    text when they are put in their rooms, then nothing else has changed.
    """

    def __init__(self, body: bytes, exposition: Exposition) -> None:
        self.exposition = exposition
        self.reads = 0
        lines = list(BytesIO(body))
        of_line = _Places(exposition, len(lines)).of_line
        words = list(accumulate([len(line.split()) for line in lines]))
        rooms = list(map(_with_room, lines, of_line))
        self._is_value = bytearray(words[-1])
        for word, place in zip(words, of_line, strict=True):
            if place >= 0:
                self._is_value[word - 1] = 1
        self._parts: list[tuple[bytes, int]] = []
        for start in range(0, len(lines), _LINES_CUT):
            here = slice(start, start + _LINES_CUT)
            size = len(rooms[here]) - of_line[here].count(-1)
            self._parts.append((b"".join(rooms[here]), size))

    def read(self, body: _Raw) -> bool:
        """Whether no more than values changed."""
        body = bytes(body)
        turns = Turns()
        is_value = iter(self._is_value)
        values: list[bytes] = []
        for start, end in _pieces(body, _PIECE):
            values += compress(body[start:end].split(), is_value)
            turns.offer()
        if len(values) != len(self.exposition.values):
            return False
        at = done = 0
        for part, size in self._parts:
            whole = part % tuple(values[done : done + size])
            if not body.startswith(whole, at):
                return False
            at += len(whole)
            done += size
            turns.offer()
        if at != len(body):
            return False
        try:
            self.exposition = _with(self.exposition, convert_raw(values))
        except ValueError:
            return False
        self.reads += 1
        return True


def _with_room(line: bytes, place: int) -> bytes:
    """A line in which the value of its sample can be put; as it is without one."""
    if place < 0:
        return line.replace(b"%", b"%%")
    series, value = _cut(line)
    return series.replace(b"%", b"%%") + b"%b" + line[len(series) + len(value) :]


def _cut(line: bytes) -> tuple[bytes, bytes]:
    """A line up to its last word, and this word, whatever blanks stand around it."""
    whole = line.rstrip(b" \t\n")
    start = max(whole.rfind(b" "), whole.rfind(b"\t")) + 1
    return whole[:start], whole[start:]


def _same_but_value(old: bytes, new: bytes) -> bytes:
    """The last word of a line if all that stands before it is as it was; b"" if it is not,
    or if nothing stood between the series and the value."""
    series, value = _cut(new)
    return value if _cut(old)[0] == series and _has_blank(old) else b""


def _has_blank(line: bytes) -> bool:
    """Whether a blank stands between a series and its value: none does in `a{b="1"}5` and
    `a+Inf`."""
    series, value = _cut(line)
    return bool(series.strip()) and b"}" not in value


def _ends_in_values(exposition: Exposition) -> bool:
    """Whether the last word of every sample is its value."""
    return exposition.times is None and exposition.format == "text"


def _pieces(body: bytes, size: int) -> Iterator[tuple[int, int]]:
    """Where pieces of a body start and end, of whole lines and about a size."""
    start = 0
    while start < len(body):
        end = body.find(b"\n", start + size) + 1 or len(body)
        yield start, end
        start = end


_Way = _Blocks | _Series


def _followed(last: _Way, body: _Raw) -> _Way | None:
    """What tells what a body says, by the last one, and what to compare the body after
    it with; None if that does not tell."""
    before = last.exposition
    return _next_way(last, body, before) if last.read(body) else None


def _next_way(way: _Way, body: _Raw, before: Exposition) -> _Way:
    """What to compare the body after this one with."""
    exposition = way.exposition
    if isinstance(way, _Series):
        if way.reads % _COUNT_EVERY:
            return way
        moved = sum(map(ne, before.values, exposition.values))
        return (
            way if moved > _MANY * len(before.values) else _Blocks(bytes(body), exposition)
        )
    # Other series are found line by line only, and so is what is not series, blank, value.
    many = way.changed > _MANY * len(way.places.of_line) and exposition.rows is before.rows
    if not many or _lines_of(exposition).places is not None:
        return way
    return _Series(way.body, exposition) if _is_cut_at_blanks(way) else way


def _is_cut_at_blanks(way: _Blocks) -> bool:
    """Whether every value is the last word of its line."""
    kinds = way.places.kinds
    return not any(kinds) or (
        _ends_in_values(way.exposition)
        and all(map(_has_blank, compress(BytesIO(way.body), kinds)))
    )


_ODD: Final = 1
_STAMPED: Final = 2


class _Places:
    """Where the samples of a body are.

    Attributes:
        of_line: for each line the place of its sample; -1 where there is none.
        kinds: for each line whether it must not be taken apart at its last blank, or at the
            last but one.
        stamped: the lines that are series, value and timestamp.
    """

    def __init__(self, exposition: Exposition, lines: int) -> None:
        read = _lines_of(exposition)
        if read.places is not None:
            self.of_line = read.places[:]
        else:
            self.of_line = _numbered(read.gaps, len(exposition.values))
        self.of_line.extend([-1] * (lines - len(self.of_line)))
        self.stamped = read.stamped
        self.kinds = bytearray(len(self.of_line))
        for line in read.uneven:
            self.kinds[line] = _STAMPED if line in read.stamped else _ODD
        self.made: RowGroups | None = None

    def groups(self, exposition: Exposition) -> RowGroups:
        """The rows of the samples, made when a series first comes or goes."""
        if self.made is None:
            self.made = RowGroups(exposition)
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


def _reread(
    exposition: Exposition, odd: Sequence[tuple[int, bytes, bytes]]
) -> Exposition | None:
    """The exposition with what odd lines say now; None if one says something new.

    Its values are its own yet, and written to.
    """
    values = exposition.values
    times = None if exposition.times is None else exposition.times[:]
    exemplars = dict(exposition.exemplars)
    may_have_exemplars = times is None and exposition.format == "openmetrics"
    for place, was, now in odd:
        old, new = _text(was), _text(now)
        if place < 0:
            if not _means_nothing(old, new, exposition.format):
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
    written, name, text, number, stamp = match.groups()
    try:
        value, of_exemplar = convert([written, number])
        when = None if stamp is None else GRAMMARS["openmetrics"].timestamp(stamp)
    except ValueError:  # too large
        return None
    return value, Exemplar(Labels({name: text}), of_exemplar, when)


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
    series, behind = new[: read.series_end], old[read.series_end :]
    is_whole = behind.startswith((" ", "\t")) and behind.lstrip(" \t")[:1] != "{"
    return read if old.startswith(series) and is_whole else None


def _lines_of(exposition: Exposition) -> Lines:
    assert exposition._lines is not None  # what was read exactly has no next reading
    return exposition._lines


_first: Final = itemgetter(0)
