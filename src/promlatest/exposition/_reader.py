"""Bytes to rows: the reader of text 0.0.4 and 1.0.0 and of OpenMetrics 1.0.

What it accepts, refuses and yields is what Prometheus 3.14's scraper does. No name is
ever changed; `le` and `quantile` get their one spelling (F-3).

**How it is fast.** A family as most are written (HELP, TYPE and often one sample without
labels) is one match of a regular expression. Any other line, cut at its quotes,
``['a{le=', '1', '} 5']``, has everything but the label values in its even pieces: its
*form*. Bodies have few forms and many lines. Where the first line of a form is plain, every
other line of it can only differ in its label values, so cutting it is reading it. Values
are collected as text and converted in bulk. A timestamp behind a known form is read beside
it. What is not so plain (escapes, exemplars) goes to `LineReader`, which knows all rules,
line by line, and whatever looks wrong makes it read the whole body again, so that one place
says what is wrong and where.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import isinf
from operator import itemgetter
from typing import Final, Literal, NamedTuple

import attrs

from promlatest._arguments import checked, shown
from promlatest._clock import Turns
from promlatest._counts import Counts
from promlatest._datapoint import METRIC_TYPES, Exemplar, Metadata, MetricType
from promlatest._matching.floats import normalise_bound, parse_float
from promlatest._matching.labels import LEGACY_METRIC_NAME, METRIC_NAME, Labels
from promlatest._samples import NO_TIME, Rows, Samples, packed, rows_of, without_empty
from promlatest.exceptions import LimitError, ParseError, UsageError
from promlatest.exposition._formats import Format, format_of
from promlatest.exposition._lines import (
    GRAMMARS,
    BodyLine,
    End,
    LineReader,
    MetaLine,
    SampleLine,
)

# The label whose values are normalised, by the type that was given last (F-2, F-3).
_BOUND_LABEL: Final[Mapping[str, str]] = {"histogram": "le", "summary": "quantile"}

# Characters, some 500 lines: of 16, 48 and 200 KiB the readers of a store waited least
# beside 48.
_SLICE: Final = 48 << 10
# Texts of more samples than that are turned into columns, so that a large body does not
# live in memory a second time, cut to pieces.
_SETTLED: Final = 8_000

# What stands outside of quotes in labels without an odd blank, joined by a quote.
_PLAIN_LABELS: Final = re.compile(
    r'\{[a-zA-Z_][a-zA-Z0-9_]*="(?:,[a-zA-Z_][a-zA-Z0-9_]*=")*\}', re.ASCII
)

# Anything else in a value needs the exact reader's eye: blanks, underscores, hexadecimals.
_NUMBER: Final = re.compile(
    r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|NaN|[-+]?Inf", re.ASCII
)
# A family as most are written: HELP, TYPE and a sample without labels, or some of these.
# `.*` takes 25 ns where a set of characters takes 180, and `|)` 40 where `)?` takes 80.
_NAME: Final = LEGACY_METRIC_NAME.pattern
_FAMILY: Final = {
    each: re.compile(
        rf"(?:# HELP ({_NAME}) (.*)\n|)"
        rf"(?:# TYPE ({_NAME}) ({'|'.join(grammar.types)})\n|)"
        rf"(?:({_NAME}) ([-+.0-9eE]+|NaN|[-+]?Inf)\n|)",
        re.ASCII,
    )
    for each, grammar in GRAMMARS.items()
}
# What stands behind most series: a value, and maybe a timestamp.
_BEHIND: Final = re.compile(r" [^ \t]+(?: [^ \t]+)?")
_USUAL: Final = b"0123456789+-.eE"


class Sample(NamedTuple):
    """One sample of an exposition.

    Attributes:
        labels: the series, its metric as `__name__`.
        value: the sample.
        timestamp: the explicit timestamp in milliseconds, or None.
        exemplar: the exemplar, or None.
    """

    labels: Labels
    value: float
    timestamp: int | None
    exemplar: Exemplar | None


@attrs.frozen
class Diagnostic:
    """One finding about an exposition.

    Attributes:
        line: the line, counted from 1.
        column: the column in it, counted in characters from 1.
        text: the offending piece of the line.
        reason: what is wrong with it.
        action: what a reader does about it: "skipped" or "kept".
        severity: "error" for what the format forbids, "warning" for what it allows
            and good practice advises against.
    """

    line: int
    column: int
    text: str
    reason: str
    action: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return (
            f"line {self.line}, column {self.column}: {self.reason}: {self.text!r}"
            f" ({self.severity}, {self.action})"
        )


@attrs.frozen(eq=False, repr=False)
class Exposition(Samples):
    """What one body says.

    Attributes:
        rows, values, times, exemplars: the samples, see `Samples`.
        format: the format it was read as.
        metadata: type, help and unit by family, as they were given.
        diagnostics: what a lenient reading skipped.
        counts: what became of the samples; None if a store has not taken them.
    """

    format: Format = "text"
    metadata: Mapping[str, Metadata] = attrs.field(factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    counts: Counts | None = None
    _lines: Lines | None = None

    def samples(self) -> Iterator[Sample]:
        """The samples in the order in which they stand."""
        placed = [
            (place, labels)
            for rows in self.rows
            for group in without_empty(rows)
            for place, labels in zip(group.places, group.labels(), strict=True)
        ]
        order = None if self._lines is None else self._lines.places
        if order is None:
            placed.sort(key=itemgetter(0))
        else:
            line_of = {place: line for line, place in enumerate(order)}
            placed.sort(key=lambda each: line_of[each[0]])
        for place, labels in placed:
            time = NO_TIME if self.times is None else self.times[place]
            yield Sample(
                labels,
                self.values[place],
                None if time == NO_TIME else time,
                self.exemplars.get(place),
            )

    def __repr__(self) -> str:
        return f"<Exposition in {self.format} of {len(self)} samples>"


class Lines(NamedTuple):
    """Which lines of a body the samples stood in; the reader of the next one asks.

    Attributes:
        gaps: the lines that end no sample (comments, metadata, blank ones, all but the
            last of a sample that holds line breaks), counted from 0.
        stamped: lines that are series, blank, value, blank and timestamp.
        uneven: lines of samples that are not just series, blank and value: such a
            line must not be taken apart at its last blank.
        bounds: for each TYPE, from which line on it holds, and which label's values are
            bounds under it.
        places: for each line the place of its sample, -1 at a gap; None where they are
            numbered in the order of the lines.
    """

    gaps: array[int]
    uneven: frozenset[int]
    stamped: frozenset[int]
    bounds: tuple[tuple[int, str], ...]
    places: array[int] | None = None


def parse(
    body: bytes | str,
    content_type: str = "text/plain",
    *,
    fallback: Format | None = None,
    lenient: bool = False,
    max_samples: int | None = None,
) -> Exposition:
    """Read the body of a scrape.

        >>> for sample in parse("# TYPE up gauge\\nup 1\\n").samples():
        ...     print(sample.labels, sample.value)
        {__name__="up"} 1.0

    Args:
        body: the exposition; bytes are read as UTF-8.
        content_type: the Content-Type it came with; it decides on the format (C-3).
        fallback: the format to take where the Content-Type stands for none.
        lenient: skip lines that cannot be read, and report them as diagnostics.
        max_samples: the most samples to take.

    Raises:
        ContentTypeError: the Content-Type stands for no exposition.
        ParseError: the body breaks a rule of its format; nothing of it is kept.
        LimitError: there are more than `max_samples` samples.
        UsageError: the body is no bytes and no str, or the Content-Type no str.
    """
    if max_samples is not None:
        checked(max_samples, int, "max_samples as a whole number")
    format = body_format(body, content_type, fallback)  # noqa: A001
    text = decoded(body)
    try:
        exposition = None if lenient else read_fast(text, format)
    except Refused as refused:
        raise refused.error from None
    if exposition is None:
        exposition = read_exactly(text, format, lenient=lenient)
    return within(exposition, max_samples)


def within(exposition: Exposition, max_samples: int | None) -> Exposition:
    """The exposition, if it has no more samples than allowed.

    Raises:
        LimitError: it has more.
    """
    # Counting costs 0.1 µs a metric; there are never more samples than values.
    if max_samples is None or len(exposition.values) <= max_samples:
        return exposition
    if len(exposition) > max_samples:
        raise LimitError(
            f"expected at most {max_samples} samples, got {len(exposition)}",
            limit="samples",
            allowed=max_samples,
        )
    return exposition


# Decoding


def body_format(
    body: bytes | bytearray | str, content_type: str, fallback: Format | None
) -> Format:
    """The format of a body. An empty answer is a healthy one that exposes nothing, whatever
    its type (C-3).

    Raises:
        ContentTypeError: the Content-Type stands for no exposition.
        UsageError: the body is no bytes and no str, or the Content-Type no str.
    """
    if not isinstance(body, bytes | bytearray | memoryview | str):
        raise UsageError(f"expected a body as bytes or str, not {shown(body)}")
    return format_of(content_type, fallback) if body else "text"


def decoded(body: bytes | bytearray | str) -> str:
    """The body as text, in which bytes that are no UTF-8 are lone surrogates.

    Free comments may hold any bytes, as they may in Prometheus; all else is UTF-8. Which
    is which only the exact reading knows.
    """
    if isinstance(body, str):
        return body
    try:
        return str(body, "utf-8")
    except UnicodeDecodeError:
        return str(body, "utf-8", "surrogateescape")


def is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _skipped(error: ParseError) -> Diagnostic:
    return Diagnostic(error.line, error.column, error.text, error.reason, "skipped")


# Collecting


_Key = tuple[str, ...]
"""The pieces of a series outside of quotes, which say what form it has."""


class _Form:
    """The lines of one form.

    `cells` are label values that came since the last `settle`; `columns` is what became
    of those before.
    """

    __slots__ = ("bound", "cells", "columns", "metric", "names", "places", "settled")

    def __init__(self, metric: str, names: tuple[str, ...], bound: str) -> None:
        self.metric = metric
        self.names = names
        self.bound = bound
        self.cells: list[str] = []
        self.places = array("i")
        self.columns: list[list[str]] = []
        self.settled = 0

    def settle(self, intern: dict[str, str]) -> None:
        """Turn cells into columns of shared texts.

        Raises:
            ValueError: a line has a quote too many, whose pieces look like this form:
                `a{b="c"}"d 1`.
        """
        width = len(self.names)
        if len(self.cells) != width * (len(self.places) - self.settled):
            raise ValueError("a quote stands outside of the labels")
        for at, name in enumerate(self.names):
            cells = self.cells[at::width]
            if name == self.bound:
                spelled = {text: normalise_bound(text) for text in set(cells)}
                cells = list(map(spelled.__getitem__, cells))
            shared = list(map(intern.setdefault, cells, cells))
            if self.settled:
                self.columns[at] += shared
            else:
                self.columns.append(shared)
        self.cells.clear()
        self.settled = len(self.places)

    def rows(self) -> Rows:
        """The lines as rows."""
        names = tuple(sorted(self.names))
        columns = tuple([self.columns[self.names.index(name)] for name in names])
        return Rows(self.metric, names, columns, self.places)


def label_names(shape: _Key) -> tuple[str, ...] | None:
    """The names of plain labels, of what stands outside of their quotes; None of others."""
    if not _PLAIN_LABELS.fullmatch('"'.join(shape)):
        return None
    names = tuple([piece.strip("{,=") for piece in shape[:-1]])
    return None if len(set(names)) < len(names) or METRIC_NAME in names else names


def convert(texts: Sequence[str]) -> array[float]:
    """The numbers of many texts at once: one look in C finds what is unusual.

    Raises:
        ValueError: a text is no number.
    """
    text = "".join(texts)
    if not text.isascii() or text.encode().translate(None, _USUAL):
        return _with_words(texts)
    return _floats(texts)


def convert_raw(texts: Sequence[bytes]) -> array[float]:
    """The same of bytes, behind each of which a line may end.

    Raises:
        ValueError: a text is no number.
    """
    if b"".join(texts).translate(None, _USUAL + b"\n"):
        return _with_words(
            [str(text.removesuffix(b"\n"), "utf-8", "surrogateescape") for text in texts]
        )
    return _floats(texts)


def _with_words(texts: Sequence[str]) -> array[float]:
    """The numbers of texts of which some are words, or else one by one."""
    words = [at for at, text in enumerate(texts) if text in _WORDS]
    if not words:
        return array("d", map(parse_float, texts))
    numbers = convert(["0" if text in _WORDS else text for text in texts])
    for at in words:
        numbers[at] = _WORDS[texts[at]]
    return numbers


def _floats(texts: Sequence[str] | Sequence[bytes]) -> array[float]:
    numbers = list(map(float, texts))  # an array that grows takes a fifth more
    # What is too large has become infinite, and so has the sum; the sum alone may be.
    if isinf(sum(numbers)) and any(map(isinf, numbers)):
        raise ValueError("a number is too large")
    return packed(numbers)


_WORDS: Final = {
    "NaN": float("nan"),
    "+Inf": float("inf"),
    "-Inf": float("-inf"),
    "Inf": float("inf"),
}


class _Odd(NamedTuple):
    """A sample that was read by itself, with its place."""

    place: int
    line: SampleLine
    bound: str


_NOTHING_SAID: Final = Metadata()


def collect_metadata(lines: Iterable[MetaLine]) -> dict[str, Metadata]:
    """What lines say of families; of two that contradict each other, the last."""
    metadata: dict[str, Metadata] = {}
    for line in lines:
        _say(metadata, line.keyword, line.family, line.text)
    return metadata


def _say(said: dict[str, Metadata], keyword: str, family: str, text: str) -> None:
    """Add what a line says of a family."""
    known = said.get(family, _NOTHING_SAID)
    said[family] = Metadata(
        METRIC_TYPES[text] if keyword == "TYPE" else known.type,
        text if keyword == "HELP" else known.help,
        text if keyword == "UNIT" else known.unit,
    )


class _Collected:
    """What has been read of a body so far.

    `known` are the forms of lines under the TYPE that was given last; `values` are those
    of the samples, in order, still as text, that came since the last `settle`.
    """

    def __init__(self, format: Format) -> None:  # noqa: A002
        self.format = format
        self.known: dict[_Key, _Form] = {}
        self.forms: dict[str, dict[_Key, _Form]] = {"": self.known}
        self.values: list[str] = []
        self.numbers: array[float] = array("d")
        self.place = 0
        self.single: list[Rows] = []
        self.gaps: array[int] = array("i")
        self.times: dict[int, int] = {}
        self.odd: list[_Odd] = []
        self.types: Mapping[str, MetricType] = GRAMMARS[format].types
        self.metadata: dict[str, Metadata] = {}
        self.uneven: set[int] = set()
        self.stamped: set[int] = set()
        self.bounds: list[tuple[int, str]] = []
        self.intern: dict[str, str] = {}
        self.shapes: dict[_Key, tuple[str, ...] | None] = {("",): ()}
        self.bound = ""

    @property
    def line(self) -> int:
        """The number of the line that is read now: each ends a sample, or is a gap."""
        return self.place + len(self.gaps)

    def add_family(self, family: re.Match[str]) -> bool:
        """Add what is said of a family, and a sample without labels if there is one."""
        about, text, typed, kind, metric, value = family.groups()
        if about is not None:
            if about == typed:  # both at once: 0.4 µs less
                known = self.metadata.get(about, _NOTHING_SAID)
                self.metadata[about] = Metadata(self.types[kind], text, known.unit)
            else:
                _say(self.metadata, "HELP", about, text)
            self.gaps.append(self.line)
        if typed is not None:
            if about != typed:
                _say(self.metadata, "TYPE", typed, self.types[kind])
            self._hold_type(self.types[kind])
            self.gaps.append(self.line)
        if metric is not None:
            self._add_single(metric, value)
        return metric is not None

    def _add_single(self, metric: str, value: str) -> None:
        """Add a sample without labels: most metrics have just one, which has no form."""
        self.single.append(Rows(metric, (), (), (self.place,)))
        self.values.append(value)
        self.place += 1

    def add_unknown(self, line: str, pieces: list[str], value: str) -> None:
        """Add a line that is of no known form, as it is and cut to pieces.

        Raises:
            ParseError: it cannot be read.
        """
        if not self._add_plain(line, pieces, value) and not self._add_timed(line):
            self.add_exactly(line)

    def add_exactly(self, line: str) -> None:
        """Add a line that is read by itself.

        Raises:
            ParseError: it cannot be read.
            ValueError: it ends the body.
        """
        read = LineReader(line + "\n", self.format).read()
        if isinstance(read, SampleLine):
            self._add_first(line, read)
            return
        if isinstance(read, End):
            raise ValueError("the body goes on after its end")
        if isinstance(read, MetaLine):
            self.add_meta(read.keyword, read.family, read.text)
        self.gaps.append(self.line)

    def _add_plain(self, line: str, pieces: list[str], value: str) -> bool:
        """Learn the form of a sample whose series has no odd blank, and no escape."""
        metric, brace, first = pieces[0].partition("{")
        shape = (brace + first, *pieces[2::2])
        if shape not in self.shapes:
            self.shapes[shape] = label_names(shape)
        names = self.shapes[shape]
        if (
            names is None
            or len(pieces) != 2 * len(names) + 1
            or "\\" in line
            or not LEGACY_METRIC_NAME.fullmatch(metric)
            or not (value.isdigit() or _NUMBER.fullmatch(value))
        ):
            return False
        if names:
            form = self.known[tuple(pieces[::2])] = _Form(metric, names, self.bound)
            self._add(form, pieces[1::2], value)
        else:
            self._add_single(metric, value)
        return True

    def _add(self, form: _Form, cells: list[str], value: str) -> None:
        """Add a sample of a known form whose label values are known."""
        form.cells += cells
        form.places.append(self.place)
        self.values.append(value)
        self.place += 1

    def _add_timed(self, line: str) -> bool:
        """Add a line of a known form with a timestamp behind it; False if it is none."""
        rest, _, stamp = line.rpartition(" ")
        series, _, value = rest.rpartition(" ")
        pieces = series.split('"')
        form = self.known.get(tuple(pieces[::2]))
        if form is None or not value or "\\" in series:
            return False
        try:
            time = GRAMMARS[self.format].timestamp(stamp)
        except ValueError:
            return False
        self.uneven.add(self.line)
        self.stamped.add(self.line)
        self.times[self.place] = time
        self._add(form, pieces[1::2], value)
        return True

    def _add_first(self, line: str, read: SampleLine) -> None:
        """Add a sample that was read exactly, and learn its form if others can be read
        by it: if the quoted pieces of the series are its label values and no more."""
        series = line[read.series_start : read.series_end]
        behind = _BEHIND.fullmatch(line, read.series_end)
        if read.series_start or behind is None or read.timestamp is not None:
            self.uneven.add(self.line)
        if behind is not None and read.timestamp is not None:
            self.stamped.add(self.line)
        pieces = series.split('"')
        values = [value for _, value in read.labels]
        if read.exemplar is not None or "\\" in series or values != pieces[1::2]:
            self.add_odd(read)
            return
        form = self.known.get(tuple(pieces[::2]))
        if form is None:
            names = tuple(name for name, _ in read.labels)
            form = self.known[tuple(pieces[::2])] = _Form(read.metric, names, self.bound)
        if read.timestamp is not None:
            self.times[self.place] = read.timestamp
        self._add(form, values, str(read.value))

    def add_meta(self, keyword: str, family: str, text: str) -> None:
        """Add what a line says of a family."""
        _say(self.metadata, keyword, family, text)
        if keyword == "TYPE":
            self._hold_type(METRIC_TYPES[text])

    def _hold_type(self, kind: MetricType) -> None:
        """Note the type that was given last; it holds for all that follows (F-2)."""
        bound = _BOUND_LABEL.get(kind, "")
        if bound != self.bound or not self.bounds:
            self.bounds.append((self.line, bound))
            self.bound = bound
            self.known = self.forms.setdefault(bound, {})

    def add_odd(self, line: SampleLine) -> None:
        """Add a sample that was read by itself."""
        self.odd.append(_Odd(self.place, line, self.bound))
        self.values.append("0")
        self.place += 1

    def settle(self) -> None:
        """Turn all that came as text into columns and numbers.

        Raises:
            ValueError: a line is none that its form can read.
        """
        if self.values:
            self.numbers += convert(self.values)
            self.values.clear()  # the same list: the hot loop has it
        for forms in self.forms.values():
            for form in forms.values():
                if form.cells:
                    form.settle(self.intern)

    def finish(self, diagnostics: Sequence[Diagnostic] = ()) -> Exposition:
        """All that was read.

        Raises:
            ValueError: a line is none that its form can read.
        """
        self.settle()
        rows = [form.rows() for forms in self.forms.values() for form in forms.values()]
        rows += self.single
        rows += _odd_rows(self.odd, self.intern)
        exemplars: dict[int, Exemplar] = {}
        for place, line in ((each.place, each.line) for each in self.odd):
            self.numbers[place] = line.value
            if line.timestamp is not None:
                self.times[place] = line.timestamp
            if line.exemplar is not None:
                exemplars[place] = line.exemplar
        return Exposition(
            tuple(rows),
            self.numbers,
            self._times(),
            exemplars,
            self.format,
            self.metadata,
            tuple(sorted(diagnostics, key=_line_of)),
            None,
            Lines(
                self.gaps,
                frozenset(self.uneven),
                frozenset(self.stamped),
                tuple(self.bounds),
            ),
        )

    def _times(self) -> array[int] | None:
        if not self.times:
            return None
        times = array("q", [NO_TIME]) * self.place
        for place, time in self.times.items():
            times[place] = time
        return times


def _line_of(diagnostic: Diagnostic) -> int:
    return diagnostic.line


def _odd_rows(odd: list[_Odd], intern: dict[str, str]) -> tuple[Rows, ...]:
    """Samples that were read one by one, as rows."""
    series = []
    for place, line, bound in odd:
        cells = {METRIC_NAME: line.metric, **dict(line.labels)}
        if bound in cells:
            cells[bound] = normalise_bound(cells[bound])
        pairs = [
            (name, intern.setdefault(cells[name], cells[name])) for name in sorted(cells)
        ]
        flat = chain.from_iterable([pair for pair in pairs if pair[1]])
        series.append((Labels._from_flat(tuple(flat)), place))
    return rows_of(series)


def read_fast(text: str, format: Format) -> Exposition | None:  # noqa: A002
    """What a body says; None if it has to be read exactly.

    Raises:
        Refused: a line cannot be read, and all before it could.
    """
    if not is_utf8(text):
        return None
    stop = _stop(text, format)
    collected = _Collected(format)
    family_at = _FAMILY[format].match
    turns = Turns()
    start, turn = 0, _SLICE
    try:
        while start <= stop:
            if start > turn:
                turns.offer()
                turn = start + _SLICE
                if len(collected.values) > _SETTLED:
                    collected.settle()
            family = family_at(text, start, stop + 1)
            if family is not None and "\\" not in family[0]:
                start = family.end()
                if collected.add_family(family):
                    continue
            if start <= stop:
                start = _read_lines(text, start, stop, collected)
        exposition = collected.finish()
    except ValueError:
        return None
    if format == "openmetrics" and not _has_end(text, stop):
        reader = LineReader(text, format)
        raise Refused(reader.error("expected '# EOF'", len(text)), exposition, len(text))
    return exposition


def _read_lines(text: str, start: int, stop: int, collected: _Collected) -> int:
    """Read lines up to the next family, or a slice of them, and say where the next starts.

    The loop is the hot one: 1.1 µs a line of 3 labels on an optimised CPython 3.11.

    Raises:
        Refused: a line cannot be read, and all before it could.
        ValueError: they have to be read exactly.
    """
    end = text.find("\n# ", start, min(start + _SLICE, stop))
    if end < 0:
        end = text.find("\n", start + _SLICE, stop)
    lines = text[start : end if end >= 0 else stop].split("\n")
    forms, values, place = collected.known, collected.values, collected.place
    for at, line in enumerate(lines):
        if line > "$":  # no comment, and no blank at its start; 30 ns
            head, _, value = line.rpartition(" ")
            pieces = head.split('"')
            form = forms.get(tuple(pieces[::2]))
            if form is not None and "\\" not in head:
                form.cells += pieces[1::2]
                form.places.append(place)
                values.append(value)
                place += 1
                continue
        collected.place = place
        try:
            if line > "$":
                collected.add_unknown(line, pieces, value)
            else:
                collected.add_exactly(line)
        except ParseError as error:
            begin = start + sum(map(len, lines[:at])) + at
            return _read_over(text, begin, collected, error) + 1
        forms, place = collected.known, collected.place
    collected.place = place
    return (end if end >= 0 else stop) + 1


class Refused(Exception):
    """A body that could be read up to a line that cannot be.

    Attributes:
        error: what is wrong with the line.
        exposition: what stood before it.
        start: where the line starts.
    """

    def __init__(self, error: ParseError, exposition: Exposition, start: int) -> None:
        super().__init__(error)
        self.error = error
        self.exposition = exposition
        self.start = start


def _read_over(text: str, begin: int, collected: _Collected, error: ParseError) -> int:
    """Read a sample whose quoted values hold line breaks, and say where it ends.

    Raises:
        Refused: it is none, and all before it could be read.
        ValueError: something before it cannot be read.
    """
    reader = LineReader(text, collected.format)
    reader.at = reader.start = begin
    reader.line = collected.line + 1
    try:
        read = reader.read()
    except ParseError as found:
        raise Refused(found, collected.finish(), begin) from None
    line_breaks = text.count("\n", begin, max(begin, reader.at - 1))
    if isinstance(read, MetaLine) and line_breaks:
        raise ValueError("a quoted name that holds a line break is read exactly")
    if not isinstance(read, SampleLine) or not line_breaks:
        raise Refused(error, collected.finish(), begin)
    for _ in range(line_breaks):
        collected.gaps.append(collected.line)
    last = text[text.rfind("\n", begin, reader.at - 1) + 1 : reader.at].rstrip("\n")
    rest = last.rpartition(" ")
    whole = text[read.series_end : reader.at].strip("\n")
    if whole != f" {rest[2]}" or read.timestamp is not None:
        collected.uneven.add(collected.line)
    collected.add_odd(read)
    return reader.at - 1 if text[reader.at - 1 : reader.at] == "\n" else reader.at


def _stop(text: str, format: Format) -> int:  # noqa: A002
    """Where the lines of a body end, which in OpenMetrics is before `# EOF`; -1 if there
    are none."""
    stop = len(text) - text.endswith("\n")
    if format == "text":
        return stop if text else -1
    if not text.endswith("# EOF", 0, stop):
        return stop if text else -1
    before = stop - len("\n# EOF")
    return before if before >= 0 and text[before] == "\n" else -1 if before < 0 else stop


def _has_end(text: str, stop: int) -> bool:
    return text.startswith("# EOF", stop + 1)


def read_exactly(
    text: str,
    format: Format,  # noqa: A002
    *,
    lenient: bool = False,
) -> Exposition:
    """What a body says, line by line, and what is wrong with it.

    Raises:
        ParseError: a line breaks a rule, and the reading is not lenient.
    """
    collected = _Collected(format)
    found: list[Diagnostic] = []
    for _, read in read_lines(text, format, found if lenient else None):
        if isinstance(read, SampleLine):
            collected.add_odd(read)
        elif isinstance(read, MetaLine):
            collected.add_meta(read.keyword, read.family, read.text)
    return attrs.evolve(collected.finish(found), lines=None)


def read_lines(
    text: str,
    format: Format,  # noqa: A002
    diagnostics: list[Diagnostic] | None,
) -> Iterator[tuple[LineReader, BodyLine]]:
    """Each line with the reader that has just read it.

    Raises:
        ParseError: a line breaks a rule, and no list takes it as a diagnostic.
    """
    reader = LineReader(text, format)
    turns = Turns()
    ended = False
    while reader.at < len(text) and not ended:
        turns.offer()
        try:
            read = reader.read()
        except ParseError as error:
            if diagnostics is None:
                raise
            diagnostics.append(_skipped(error))
            reader.skip_line()
            continue
        ended = isinstance(read, End)
        yield reader, read
    if format == "openmetrics" and not ended:
        missing = reader.error("expected '# EOF'", len(text))
        if diagnostics is None:
            raise missing
        diagnostics.append(attrs.evolve(_skipped(missing), action="kept"))
