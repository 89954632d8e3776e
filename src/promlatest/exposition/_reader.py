"""Bytes to rows: the reader of text 0.0.4 and 1.0.0 and of OpenMetrics 1.0.

What it accepts, refuses and yields is what Prometheus 3.14's scraper does. No name is
ever changed; `le` and `quantile` get their one spelling (F-3).

**How it is fast.** A line cut at its quotes, ``['a{le=', '1', '} 5']``, has everything
but the label values in its even pieces: its *form*. Bodies have few forms and many
lines. The first line of a form is read by `LineReader`, which knows all rules; every
other line of that form can only differ in its label values, so cutting it is reading
it. Values are collected as text and converted in bulk. A timestamp behind a known form
is read beside it. What is not so plain (escapes, exemplars) goes to `LineReader` line by
line, and whatever looks wrong makes it read the whole body again, so that one place says
what is wrong and where.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isinf
from typing import Any, Final, Literal, NamedTuple

import attrs

from promlatest._datapoint import Exemplar, Metadata
from promlatest._matching.floats import normalise_bound, parse_float
from promlatest._matching.labels import Labels
from promlatest._rows import Rows
from promlatest._turns import Turns
from promlatest.exceptions import LimitError, ParseError
from promlatest.exposition._formats import Format, format_of
from promlatest.exposition._lines import (
    GRAMMARS,
    End,
    Line,
    LineReader,
    MetaLine,
    SampleLine,
)

# The label whose values are normalised, by the type that was given last (F-2, F-3).
_BOUND_LABEL: Final[Mapping[str, str]] = {"histogram": "le", "summary": "quantile"}

# Characters, some 500 lines: of 16, 48 and 200 KiB the readers of a store waited least
# beside 48.
_SLICE: Final = 48 << 10
# Texts are turned into columns every so many slices, so that a large body does not live
# in memory a second time, cut to pieces.
_SETTLE_EVERY: Final = 16

# Anything else in a value needs the exact reader's eye: NaN, Inf, blanks, underscores.
_UNUSUAL_VALUE: Final = re.compile(r"[^-+.0-9eE\n]")


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


@attrs.frozen
class Exposition:
    """What one body says.

    Attributes:
        format: the format it was read as.
        rows: the samples, grouped by metric and label names.
        metadata: type, help and unit by family, as they were given.
        diagnostics: what a lenient reading skipped.
    """

    format: Format
    rows: tuple[Rows, ...]
    metadata: Mapping[str, Metadata]
    diagnostics: tuple[Diagnostic, ...] = ()
    # Places of samples whose line is not just series, blank and value: the reader of the
    # next body must not take such a line apart at its last blank.
    _uneven: frozenset[int] = attrs.field(default=frozenset(), repr=False, eq=False)

    def __len__(self) -> int:
        return sum(map(len, self.rows))

    def samples(self) -> Iterator[Sample]:
        """The samples in the order in which they stand."""
        placed = [
            (place, sample)
            for rows in self.rows
            for place, sample in zip(rows.places, _samples_of(rows), strict=True)
        ]
        placed.sort(key=lambda pair: pair[0])
        return (sample for _, sample in placed)


def _samples_of(rows: Rows) -> Iterator[Sample]:
    times = rows.timestamps or [None] * len(rows)
    for row, labels in enumerate(rows.labels()):
        yield Sample(labels, rows.values[row], times[row], rows.exemplars.get(row))


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
    """
    # An empty answer is a healthy one that exposes nothing, whatever its type (C-3).
    format = "text" if not body else format_of(content_type, fallback)  # noqa: A001
    text = decode(body)
    exposition = None if lenient else _read_fast(text, format)
    if exposition is None:
        exposition = _read_exactly(text, format, lenient=lenient)
    return within(exposition, max_samples)


def within(exposition: Exposition, max_samples: int | None) -> Exposition:
    """The exposition, if it has no more samples than allowed.

    Raises:
        LimitError: it has more.
    """
    if max_samples is not None and len(exposition) > max_samples:
        raise LimitError(
            f"expected at most {max_samples} samples, got {len(exposition)}",
            limit="samples",
            allowed=max_samples,
        )
    return exposition


# Decoding


def decode(body: bytes | str) -> str:
    """The body as text, in which bytes that are no UTF-8 are lone surrogates.

    Free comments may hold any bytes, as they may in Prometheus; all else is UTF-8. Which
    is which only the exact reading knows.
    """
    if isinstance(body, str):
        return body
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode(errors="surrogateescape")


def _is_utf8(text: str) -> bool:
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

    `cells` and `values` are label values and values that came since the last `settle`,
    still as text; `columns` and `numbers` are what became of those before.
    """

    __slots__ = (
        "bound",
        "cells",
        "columns",
        "metric",
        "names",
        "numbers",
        "places",
        "times",
        "values",
    )

    def __init__(self, metric: str, names: tuple[str, ...], bound: str) -> None:
        self.metric = metric
        self.names = names
        self.bound = bound
        self.cells: list[str] = []
        self.values: list[str] = []
        self.places = array("i")
        self.columns: list[list[str]] = [[] for _ in names]
        self.numbers = array("d")
        self.times: dict[int, int] = {}  # explicit timestamps, by row

    def add(self, place: int, cells: list[str], value: str, time: int | None) -> None:
        """Add a line whose label values are known."""
        if time is not None:
            self.times[len(self.places)] = time
        self.cells += cells
        self.values.append(value)
        self.places.append(place)

    def settle(self, intern: dict[str, str]) -> None:
        """Turn what came as text into columns of shared texts and numbers.

        Raises:
            ValueError: a value is no number, or a line has a quote too many, whose
                pieces look like this form: `a{b="c"}"d 1`.
        """
        if not self.values:
            return
        width = len(self.names)
        if len(self.cells) != width * len(self.values):
            raise ValueError("a quote stands outside of the labels")
        self.numbers += convert(self.values)
        for at, column in enumerate(self.columns):
            column += self._spelled(at, self.cells[at::width], intern)
        self.cells, self.values = [], []

    def rows(self, intern: dict[str, str]) -> Rows:
        """The lines as rows.

        Raises:
            ValueError: as `settle` raises it.
        """
        self.settle(intern)
        order = sorted(range(len(self.names)), key=self.names.__getitem__)
        times = self.times
        return Rows(
            self.metric,
            tuple(self.names[at] for at in order),
            tuple(self.columns[at] for at in order),
            self.numbers,
            self.places,
            [times.get(row) for row in range(len(self.places))] if times else None,
        )

    def _spelled(self, at: int, column: list[str], intern: dict[str, str]) -> Iterable[str]:
        if self.names[at] == self.bound:
            spelled = {text: normalise_bound(text) for text in set(column)}
            column = list(map(spelled.__getitem__, column))
        return map(intern.setdefault, column, column)


def convert(texts: Sequence[str]) -> array[float]:
    """The numbers of many texts at once: one search in C finds what is unusual.

    Raises:
        ValueError: a text is no number.
    """
    if _UNUSUAL_VALUE.search("\n".join(texts)):
        return array("d", map(_convert_one, texts))
    values = array("d", map(float, texts))
    # What is too large has become infinite, and so has the sum; the sum alone may be.
    if isinf(sum(values)) and any(map(isinf, values)):
        raise ValueError("a number is too large")
    return values


_WORDS: Final = {
    "NaN": float("nan"),
    "+Inf": float("inf"),
    "-Inf": float("-inf"),
    "Inf": float("inf"),
}


def _convert_one(text: str) -> float:
    word = _WORDS.get(text)
    return parse_float(text) if word is None else word


@attrs.frozen(eq=False)
class _Odd:
    """A sample that was read by itself, with its place."""

    place: int
    line: SampleLine
    bound: str


def collect_metadata(lines: Iterable[MetaLine]) -> dict[str, Metadata]:
    """What lines say of families; of two that contradict each other, the last."""
    metadata: dict[str, Metadata] = {}
    for line in lines:
        _note(line, metadata)
    return metadata


def _note(line: MetaLine, metadata: dict[str, Metadata]) -> None:
    changes: dict[str, Any] = {line.keyword.lower(): line.text}
    held = metadata.get(line.family, Metadata())
    metadata[line.family] = attrs.evolve(held, **changes)


class _Collected:
    """What has been read of a body so far.

    `known` are the forms of lines under the TYPE that was given last.
    """

    def __init__(self, format: Format) -> None:  # noqa: A002
        self.format = format
        self.known: dict[_Key, _Form] = {}
        self.forms: dict[str, dict[_Key, _Form]] = {"": self.known}
        self.odd: list[_Odd] = []
        self.metadata: dict[str, Metadata] = {}
        self.uneven: set[int] = set()
        self.intern: dict[str, str] = {}
        self.bound = ""

    def add_unknown(self, place: int, line: str) -> bool:
        """Add a line that is of no known form; False if it cannot be read."""
        if self._add_timed(place, line):
            return True
        if not line:
            return self.format == "text"
        try:
            read = LineReader(line + "\n", self.format).read()
        except ParseError:
            return False
        if isinstance(read, SampleLine):
            self._add_first(place, line, read)
        elif isinstance(read, MetaLine):
            self.add_meta(read)
        return not isinstance(read, End)

    def _add_timed(self, place: int, line: str) -> bool:
        """Add a line of a known form with a timestamp behind it; False if it is none."""
        rest, _, stamp = line.rpartition(" ")
        series, _, value = rest.rpartition(" ")
        pieces = series.split('"')
        form = self.known.get(tuple(pieces[::2]))
        if form is None or "\\" in series:
            return False
        try:
            time = GRAMMARS[self.format].timestamp(stamp)
        except ValueError:
            return False
        form.add(place, pieces[1::2], value, time)
        self.uneven.add(place)
        return True

    def _add_first(self, place: int, line: str, read: SampleLine) -> None:
        """Add a sample that was read exactly, and learn its form if others can be read
        by it: if the quoted pieces of the series are its label values and no more."""
        series = line[read.series_start : read.series_end]
        value = line[read.series_end :].split(maxsplit=1)[0]
        if f"{series} {value}" != line:
            self.uneven.add(place)
        pieces = series.split('"')
        values = [value for _, value in read.labels]
        if read.exemplar is not None or "\\" in series or values != pieces[1::2]:
            self.add_odd(place, read)
            return
        form = self.known.get(tuple(pieces[::2]))
        if form is None:
            names = tuple(name for name, _ in read.labels)
            form = self.known[tuple(pieces[::2])] = _Form(read.metric, names, self.bound)
        form.add(place, values, value, read.timestamp)

    def add_meta(self, line: MetaLine) -> None:
        """Add what a line says of a family; a TYPE holds for all that follows (F-2)."""
        _note(line, self.metadata)
        if line.keyword == "TYPE":
            self.bound = _BOUND_LABEL.get(line.text, "")
            self.known = self.forms.setdefault(self.bound, {})

    def add_odd(self, place: int, line: SampleLine) -> None:
        self.odd.append(_Odd(place, line, self.bound))

    def settle(self) -> None:
        """Turn all lines of known forms from text into columns.

        Raises:
            ValueError: a line is none that its form can read.
        """
        for forms in self.forms.values():
            for form in forms.values():
                form.settle(self.intern)

    def finish(self, diagnostics: Sequence[Diagnostic]) -> Exposition:
        """All that was read.

        Raises:
            ValueError: a line is none that its form can read.
        """
        rows = [
            form.rows(self.intern)
            for forms in self.forms.values()
            for form in forms.values()
        ]
        rows.extend(_odd_rows(self.odd, self.intern))
        diagnostics = tuple(sorted(diagnostics, key=lambda each: each.line))
        uneven = frozenset(self.uneven)
        return Exposition(self.format, tuple(rows), self.metadata, diagnostics, uneven)


def _odd_rows(odd: list[_Odd], intern: dict[str, str]) -> Iterator[Rows]:
    """Samples that were read one by one, as rows."""
    groups: dict[tuple[str, tuple[str, ...]], list[_Odd]] = {}
    for each in odd:
        names = tuple(sorted(name for name, _ in each.line.labels))
        groups.setdefault((each.line.metric, names), []).append(each)
    for (metric, names), group in groups.items():
        cells = [dict(each.line.labels) for each in group]
        for each, labels in zip(group, cells, strict=True):
            if each.bound in labels:
                labels[each.bound] = normalise_bound(labels[each.bound])
        exemplars = {
            row: each.line.exemplar
            for row, each in enumerate(group)
            if each.line.exemplar is not None
        }
        times = [each.line.timestamp for each in group]
        yield Rows(
            metric,
            names,
            tuple(
                [intern.setdefault(labels[name], labels[name]) for labels in cells]
                for name in names
            ),
            array("d", [each.line.value for each in group]),
            array("i", [each.place for each in group]),
            times if any(time is not None for time in times) else None,
            exemplars,
        )


def _read_fast(text: str, format: Format) -> Exposition | None:  # noqa: A002
    """What a body says; None if it has to be read exactly.

    The loop is the hot one: 1.1 µs a line of 3 labels on an optimised CPython 3.11.
    """
    if not _is_utf8(text):
        return None
    stop = _stop(text, format)
    if stop is None:
        return None
    collected = _Collected(format)
    turns = Turns()
    forms = collected.known
    first = 0
    try:
        for number, lines in enumerate(slices(text, stop), 1):
            for place, line in enumerate(lines, first):
                head, _, value = line.rpartition(" ")
                pieces = head.split('"')
                form = forms.get(tuple(pieces[::2]))
                if form is not None and "\\" not in head:
                    form.cells += pieces[1::2]
                    form.values.append(value)
                    form.places.append(place)
                elif collected.add_unknown(place, line):
                    forms = collected.known
                else:
                    return None
            first += len(lines)
            turns.offer()
            if number % _SETTLE_EVERY == 0:
                collected.settle()
        return collected.finish(())
    except ValueError:
        return None


def _stop(text: str, format: Format) -> int | None:  # noqa: A002
    """Where the lines of a body end, which in OpenMetrics is before `# EOF`; -1 if there
    are none, None if that is missing."""
    stop = len(text) - text.endswith("\n")
    if format == "text":
        return stop if text else -1
    if not text.endswith("# EOF", 0, stop):
        return None
    return -1 if stop == len("# EOF") else _before_end(text, stop - len("\n# EOF"))


def _before_end(text: str, stop: int) -> int | None:
    return stop if text[stop] == "\n" else None


def slices(text: str, stop: int | None = None) -> Iterator[list[str]]:
    """The lines of a text, some 500 at a time: so little lives of a large body at once
    beside the body itself. `splitlines()` would also cut at U+2028 and its like."""
    start = 0
    stop = len(text) if stop is None else stop
    while start <= stop:
        end = text.find("\n", start + _SLICE, stop)
        end = stop if end < 0 else end
        yield text[start:end].split("\n")
        start = end + 1


def _read_exactly(
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
    lines = read_lines(text, format, found if lenient else None)
    for place, (_, read) in enumerate(lines):
        if isinstance(read, SampleLine):
            collected.add_odd(place, read)
        elif isinstance(read, MetaLine):
            collected.add_meta(read)
    return collected.finish(found)


def read_lines(
    text: str,
    format: Format,  # noqa: A002
    diagnostics: list[Diagnostic] | None,
) -> Iterator[tuple[LineReader, Line]]:
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
