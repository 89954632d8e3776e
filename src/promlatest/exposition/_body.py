"""A whole body as the rules of `check` look at it.

Every line that could be read, with its place and its neighbours: families, the samples of
one histogram or summary, and pairs that follow each other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Final

import attrs

from promlatest._datapoint import BOUND_LABEL, SUFFIXES, MetricType, family_of
from promlatest._matching.floats import parse_float
from promlatest.exposition._formats import Format
from promlatest.exposition._lines import (
    Comment,
    LineReader,
    MetaLine,
    SampleLine,
    printable,
)
from promlatest.exposition._reader import Diagnostic, collect_metadata, read_lines

SHOWN: Final = 60  # characters of an offending text that a diagnostic carries

# In the text format a TYPE is that of the name it gives; only these have more names.
_TEXT_SUFFIXES: Final[Mapping[MetricType, tuple[str, ...]]] = {
    "histogram": ("", "_bucket", "_sum", "_count"),
    "summary": ("", "_sum", "_count"),
}
_PAIR: Final[Mapping[MetricType, tuple[str, str]]] = {
    "histogram": ("_sum", "_count"),
    "gaugehistogram": ("_gsum", "_gcount"),
    "summary": ("_sum", "_count"),
}


@attrs.frozen
class Spot:
    """Where something stands, and its text."""

    line: int
    column: int
    text: str


@attrs.frozen(eq=False)
class ReadSample:
    """One sample.

    Attributes:
        family: the family it belongs to.
        kind: the type that the family had there.
        raw: the series as it is written.
        rest: what stands behind the series, to the end of the line.
        repeats: the same series, earlier.
        resumes: whether its family had ended already.
    """

    sample: SampleLine
    family: str
    kind: MetricType
    series: Spot
    value: Spot
    raw: str
    rest: str
    repeats: ReadSample | None
    resumes: bool

    @cached_property
    def suffix(self) -> str:
        return self.sample.metric.removeprefix(self.family)

    @cached_property
    def labels(self) -> dict[str, str]:
        return {name: value for name, value in self.sample.labels if value}

    @cached_property
    def bound(self) -> float:
        """The number in `le` or `quantile`; NaN if there is none."""
        try:
            return parse_float(self.labels.get(BOUND_LABEL.get(self.kind, ""), ""))
        except ValueError:
            return math.nan


@attrs.frozen(eq=False)
class ReadMeta:
    """One HELP, TYPE or UNIT line.

    Attributes:
        raw: the line as it is written.
        repeated: whether its family had such a line already.
        late: whether its family had samples already.
        resumes: whether its family had ended already.
    """

    meta: MetaLine
    series: Spot
    raw: str
    repeated: bool
    late: bool
    resumes: bool

    @property
    def family(self) -> str:
        return self.meta.family


@attrs.frozen(eq=False)
class NamedFamily:
    """What there is under one name.

    Attributes:
        kind: its type, where its first sample stands.
        series: the place of its first sample, or of its first line.
        given: the keywords that say something of it.
        others: the names of all samples in the body.
    """

    name: str
    kind: MetricType
    series: Spot
    given: frozenset[str]
    others: frozenset[str]


@attrs.frozen(eq=False)
class Distribution:
    """The samples of one histogram or summary."""

    rows: list[ReadSample]

    @property
    def kind(self) -> MetricType:
        return self.rows[0].kind

    @property
    def series(self) -> Spot:
        return self.rows[0].series

    @property
    def buckets(self) -> list[ReadSample]:
        return [row for row in self.rows if row.suffix == "_bucket"]

    @property
    def infinite(self) -> ReadSample | None:
        """The bucket that counts everything."""
        return next((row for row in self.buckets if row.bound == math.inf), None)

    @property
    def missing(self) -> list[str]:
        """Which of sum and count it lacks."""
        suffixes = {row.suffix for row in self.rows}
        wanted = () if suffixes == {"_created"} else _PAIR[self.kind]
        return [suffix for suffix in wanted if suffix not in suffixes]


@attrs.frozen(eq=False)
class Pair:
    """A sample, and the one to compare it with."""

    before: ReadSample
    row: ReadSample

    @property
    def series(self) -> Spot:
        return self.row.series

    @property
    def value(self) -> Spot:
        return self.row.value


@attrs.frozen(eq=False)
class LabelName:
    """A label name, where it stands first in a family."""

    name: str
    row: ReadSample

    @property
    def series(self) -> Spot:
        return self.row.series


@attrs.frozen
class Body:
    """A whole body; `remarks` are comments, with their text."""

    text: str
    content_type: str
    entries: list[ReadSample | ReadMeta]
    remarks: list[Spot]


def read_body(
    text: str,
    format: Format,  # noqa: A002
    content_type: str,
    diagnostics: list[Diagnostic],
) -> Body:
    """The lines of a body; what cannot be read is put on the list."""
    lines = []
    remarks = []
    for reader, read in read_lines(text, format, diagnostics):
        if isinstance(read, MetaLine | SampleLine):
            lines.append(_Written.of(reader, read))
        elif isinstance(read, Comment):
            remarks.append(_place(reader, reader.start, reader.at))
    return Body(text, content_type, list(_entries(lines, format)), remarks)


# The scopes of rules: what there is of one kind


def entries(body: Body) -> Iterable[ReadSample | ReadMeta]:
    return body.entries


def rows(body: Body) -> Iterable[ReadSample]:
    return (entry for entry in body.entries if isinstance(entry, ReadSample))


def metas(body: Body) -> Iterable[ReadMeta]:
    return (entry for entry in body.entries if isinstance(entry, ReadMeta))


def remarks(body: Body) -> Iterable[Spot]:
    return body.remarks


def first_rows(body: Body) -> Iterable[ReadSample]:
    """The first sample of each metric name."""
    first: dict[str, ReadSample] = {}
    for row in rows(body):
        first.setdefault(row.sample.metric, row)
    return first.values()


def repeats(body: Body) -> Iterable[Pair]:
    """The samples of a series that has one already."""
    return (Pair(row.repeats, row) for row in rows(body) if row.repeats is not None)


def families(body: Body) -> Iterable[NamedFamily]:
    """Those with samples."""
    return _families(body, rows(body))


def bare_families(body: Body) -> Iterable[NamedFamily]:
    """Those that are told of and have no samples."""
    sampled = {row.family for row in rows(body)}
    return _families(body, (meta for meta in metas(body) if meta.family not in sampled))


def _families(
    body: Body, members: Iterable[ReadSample | ReadMeta]
) -> Iterator[NamedFamily]:
    given: dict[str, set[str]] = {}
    for meta in metas(body):
        if meta.meta.text.strip(" \t"):
            given.setdefault(meta.family, set()).add(meta.meta.keyword)
    names = frozenset(row.sample.metric for row in rows(body))
    first: dict[str, ReadSample | ReadMeta] = {}
    for member in members:
        first.setdefault(member.family, member)
    for name, member in first.items():
        kind = member.kind if isinstance(member, ReadSample) else "unknown"
        yield NamedFamily(name, kind, member.series, frozenset(given.get(name, ())), names)


def label_names(body: Body) -> Iterable[LabelName]:
    """Each label name of each family, once."""
    first: dict[tuple[str, str], LabelName] = {}
    for row in rows(body):
        for name, value in row.sample.labels:
            if value:
                first.setdefault((row.family, name), LabelName(name, row))
    return first.values()


def metrics(body: Body) -> Iterable[Distribution]:
    """Histograms and summaries, less samples that are repeated."""
    groups: dict[object, list[ReadSample]] = {}
    for row in rows(body):
        if row.kind in BOUND_LABEL and row.repeats is None:
            bound = BOUND_LABEL[row.kind]
            others = sorted(pair for pair in row.labels.items() if pair[0] != bound)
            key = (row.family, row.sample.timestamp, *others)
            groups.setdefault(key, []).append(row)
    return map(Distribution, groups.values())


def histograms(body: Body) -> Iterable[Distribution]:
    return (metric for metric in metrics(body) if metric.kind != "summary")


def bucket_pairs(body: Body) -> Iterable[Pair]:
    """Buckets that follow each other as they stand."""
    return (Pair(*two) for each in histograms(body) for two in pairwise(each.buckets))


def bound_pairs(body: Body) -> Iterable[Pair]:
    """Buckets that follow each other in the order of their bounds."""
    for each in histograms(body):
        ordered = sorted(each.buckets, key=lambda row: row.bound)
        yield from (Pair(*two) for two in pairwise(ordered))


def quantile_pairs(body: Body) -> Iterable[Pair]:
    """Quantiles that follow each other as they stand."""
    for each in metrics(body):
        told = [
            row for row in each.rows if each.kind == "summary" and "quantile" in row.labels
        ]
        yield from (Pair(*two) for two in pairwise(told))


def counted(body: Body) -> Iterable[Pair]:
    """The count of a histogram, beside its bucket that counts everything."""
    for each in histograms(body):
        for row in each.rows:
            if row.suffix in ("_count", "_gcount") and each.infinite is not None:
                yield Pair(each.infinite, row)


def unended(body: Body) -> Iterable[Spot]:
    """The last line, if no line break ends it."""
    if body.text and not body.text.endswith("\n"):
        start = body.text.rfind("\n") + 1
        text = printable(body.text[start : start + SHOWN])
        yield Spot(body.text.count("\n") + 1, len(body.text) - start + 1, text)


def header(body: Body) -> Iterable[Spot]:
    """The Content-Type, as if it stood at the start."""
    return [Spot(1, 1, body.content_type)]


# Making it


@attrs.frozen
class _Written:
    """A line that was read, and where."""

    read: MetaLine | SampleLine
    series: Spot
    value: Spot
    raw: str
    rest: str

    @classmethod
    def of(cls, reader: LineReader, read: MetaLine | SampleLine) -> _Written:
        if isinstance(read, MetaLine):
            place = _place(reader, reader.start, reader.at)
            raw = reader.text[reader.start : reader.at].rstrip("\n")
            return cls(read, place, place, raw, "")
        start, end = read.series_start, read.series_end
        return cls(
            read,
            _place(reader, start, end),
            _value_place(reader, read),
            reader.text[start:end],
            reader.text[end : reader.at].rstrip("\n"),
        )


def _entries(lines: list[_Written], format: Format) -> Iterator[ReadSample | ReadMeta]:  # noqa: A002
    """The lines with their families, which metadata further down may name."""
    told = collect_metadata(each.read for each in lines if isinstance(each.read, MetaLine))
    types: dict[str, MetricType] = {}
    seen: dict[object, ReadSample] = {}
    keywords: set[tuple[str, str]] = set()
    sampled: set[str] = set()
    ended: set[str] = set()
    current = ""
    for line in lines:
        read = line.read
        if isinstance(read, MetaLine):
            family = read.family
        else:
            family = family_of(read.metric, told)
            kind = types.get(family, told[family].type if family in told else "unknown")
            allowed = SUFFIXES if format == "openmetrics" else _TEXT_SUFFIXES
            if read.metric.removeprefix(family) not in allowed.get(kind, ("",)):
                family, kind = read.metric, "unknown"
        if family != current:
            ended.add(current)
        back = family != current and family in ended
        current = family
        if isinstance(read, MetaLine):
            if read.keyword == "TYPE":
                types[family] = read.metric_type
            repeated = (read.keyword, family) in keywords
            keywords.add((read.keyword, family))
            late = family in sampled
            yield ReadMeta(read, line.series, line.raw, repeated, late, back and not late)
            continue
        sampled.add(family)
        row = ReadSample(
            read, family, kind, line.series, line.value, line.raw, line.rest, None, back
        )
        series = (read.metric, *sorted(row.labels.items()))
        row = attrs.evolve(row, repeats=seen.get(series))
        seen[series] = row
        yield row


def _place(reader: LineReader, start: int, end: int) -> Spot:
    line = reader.line + reader.text.count("\n", reader.start, start)
    column = start - reader.text.rfind("\n", 0, start)
    text = reader.text[start : min(end, start + SHOWN)].rstrip("\n")
    return Spot(line, column, printable(text))


_VALUE: Final = re.compile(r"[ \t]*([^ \t\n]+)")


def _value_place(reader: LineReader, sample: SampleLine) -> Spot:
    match = _VALUE.match(reader.text, sample.series_end)
    start, end = match.span(1) if match else (sample.series_end, sample.series_end)
    return _place(reader, start, end)
