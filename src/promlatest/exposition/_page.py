"""A whole body as the rules of `check` look at it.

Every line that could be read, with its place and its neighbours: families, the samples of
one histogram or summary, and pairs that follow each other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
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
class Place:
    """Where something stands, and its text."""

    line: int
    column: int
    text: str


@attrs.frozen(eq=False)
class Row:
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
    series: Place
    value: Place
    raw: str
    rest: str
    repeats: Row | None
    resumes: bool

    @property
    def suffix(self) -> str:
        return self.sample.metric.removeprefix(self.family)

    @property
    def labels(self) -> dict[str, str]:
        return {name: value for name, value in self.sample.labels if value}

    @property
    def bound(self) -> float:
        """The number in `le` or `quantile`; NaN if there is none."""
        try:
            return parse_float(self.labels.get(BOUND_LABEL.get(self.kind, ""), ""))
        except ValueError:
            return math.nan


@attrs.frozen(eq=False)
class Meta:
    """One HELP, TYPE or UNIT line.

    Attributes:
        raw: the line as it is written.
        repeated: whether its family had such a line already.
        late: whether its family had samples already.
        resumes: whether its family had ended already.
    """

    meta: MetaLine
    series: Place
    raw: str
    repeated: bool
    late: bool
    resumes: bool

    @property
    def family(self) -> str:
        return self.meta.family


@attrs.frozen(eq=False)
class Family:
    """What there is under one name.

    Attributes:
        kind: its type, where its first sample stands.
        series: the place of its first sample, or of its first line.
        given: the keywords that say something of it.
        others: the names of all samples in the body.
    """

    name: str
    kind: MetricType
    series: Place
    given: frozenset[str]
    others: frozenset[str]


@attrs.frozen(eq=False)
class Metric:
    """The samples of one histogram or summary."""

    rows: list[Row]

    @property
    def kind(self) -> MetricType:
        return self.rows[0].kind

    @property
    def series(self) -> Place:
        return self.rows[0].series

    @property
    def buckets(self) -> list[Row]:
        return [row for row in self.rows if row.suffix == "_bucket"]

    @property
    def infinite(self) -> Row | None:
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

    before: Row
    row: Row

    @property
    def series(self) -> Place:
        return self.row.series

    @property
    def value(self) -> Place:
        return self.row.value


@attrs.frozen(eq=False)
class LabelName:
    """A label name, where it stands first in a family."""

    name: str
    row: Row

    @property
    def series(self) -> Place:
        return self.row.series


@attrs.frozen
class Page:
    """A whole body; `remarks` are comments, with their text."""

    text: str
    content_type: str
    entries: list[Row | Meta]
    remarks: list[Place]


def read_page(
    text: str,
    format: Format,  # noqa: A002
    content_type: str,
    diagnostics: list[Diagnostic],
) -> Page:
    """The lines of a body; what cannot be read is put on the list."""
    lines = []
    remarks = []
    for reader, read in read_lines(text, format, diagnostics):
        if isinstance(read, MetaLine | SampleLine):
            lines.append(_Line.of(reader, read))
        elif isinstance(read, Comment):
            remarks.append(_place(reader, reader.start, reader.at))
    return Page(text, content_type, list(_entries(lines, format)), remarks)


# The scopes of rules: what there is of one kind


def entries(page: Page) -> Iterable[Row | Meta]:
    return page.entries


def rows(page: Page) -> Iterable[Row]:
    return (entry for entry in page.entries if isinstance(entry, Row))


def metas(page: Page) -> Iterable[Meta]:
    return (entry for entry in page.entries if isinstance(entry, Meta))


def remarks(page: Page) -> Iterable[Place]:
    return page.remarks


def first_rows(page: Page) -> Iterable[Row]:
    """The first sample of each metric name."""
    first: dict[str, Row] = {}
    for row in rows(page):
        first.setdefault(row.sample.metric, row)
    return first.values()


def repeats(page: Page) -> Iterable[Pair]:
    """The samples of a series that has one already."""
    return (Pair(row.repeats, row) for row in rows(page) if row.repeats is not None)


def families(page: Page) -> Iterable[Family]:
    """Those with samples."""
    return _families(page, rows(page))


def bare_families(page: Page) -> Iterable[Family]:
    """Those that are told of and have no samples."""
    sampled = {row.family for row in rows(page)}
    return _families(page, (meta for meta in metas(page) if meta.family not in sampled))


def _families(page: Page, members: Iterable[Row | Meta]) -> Iterator[Family]:
    given: dict[str, set[str]] = {}
    for meta in metas(page):
        if meta.meta.text.strip(" \t"):
            given.setdefault(meta.family, set()).add(meta.meta.keyword)
    names = frozenset(row.sample.metric for row in rows(page))
    first: dict[str, Row | Meta] = {}
    for member in members:
        first.setdefault(member.family, member)
    for name, member in first.items():
        kind = member.kind if isinstance(member, Row) else "unknown"
        yield Family(name, kind, member.series, frozenset(given.get(name, ())), names)


def label_names(page: Page) -> Iterable[LabelName]:
    """Each label name of each family, once."""
    first: dict[tuple[str, str], LabelName] = {}
    for row in rows(page):
        for name, value in row.sample.labels:
            if value:
                first.setdefault((row.family, name), LabelName(name, row))
    return first.values()


def metrics(page: Page) -> Iterable[Metric]:
    """Histograms and summaries, less samples that are repeated."""
    groups: dict[object, list[Row]] = {}
    for row in rows(page):
        if row.kind in BOUND_LABEL and row.repeats is None:
            labels = row.labels
            labels.pop(BOUND_LABEL[row.kind], None)
            key = (row.family, row.sample.timestamp, *sorted(labels.items()))
            groups.setdefault(key, []).append(row)
    return map(Metric, groups.values())


def histograms(page: Page) -> Iterable[Metric]:
    return (metric for metric in metrics(page) if metric.kind != "summary")


def bucket_pairs(page: Page) -> Iterable[Pair]:
    """Buckets that follow each other as they stand."""
    return (Pair(*two) for each in histograms(page) for two in pairwise(each.buckets))


def bound_pairs(page: Page) -> Iterable[Pair]:
    """Buckets that follow each other in the order of their bounds."""
    for each in histograms(page):
        ordered = sorted(each.buckets, key=lambda row: row.bound)
        yield from (Pair(*two) for two in pairwise(ordered))


def quantile_pairs(page: Page) -> Iterable[Pair]:
    """Quantiles that follow each other as they stand."""
    for each in metrics(page):
        told = [
            row for row in each.rows if each.kind == "summary" and "quantile" in row.labels
        ]
        yield from (Pair(*two) for two in pairwise(told))


def counted(page: Page) -> Iterable[Pair]:
    """The count of a histogram, beside its bucket that counts everything."""
    for each in histograms(page):
        for row in each.rows:
            if row.suffix in ("_count", "_gcount") and each.infinite is not None:
                yield Pair(each.infinite, row)


def unended(page: Page) -> Iterable[Place]:
    """The last line, if no line break ends it."""
    if page.text and not page.text.endswith("\n"):
        start = page.text.rfind("\n") + 1
        text = printable(page.text[start : start + SHOWN])
        yield Place(page.text.count("\n") + 1, len(page.text) - start + 1, text)


def header(page: Page) -> Iterable[Place]:
    """The Content-Type, as if it stood at the start."""
    return [Place(1, 1, page.content_type)]


# Making it


@attrs.frozen
class _Line:
    """A line that was read, and where."""

    read: MetaLine | SampleLine
    series: Place
    value: Place
    raw: str
    rest: str

    @classmethod
    def of(cls, reader: LineReader, read: MetaLine | SampleLine) -> _Line:
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


def _entries(lines: list[_Line], format: Format) -> Iterator[Row | Meta]:  # noqa: A002
    """The lines with their families, which metadata further down may name."""
    told = collect_metadata(each.read for each in lines if isinstance(each.read, MetaLine))
    types: dict[str, MetricType] = {}
    seen: dict[object, Row] = {}
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
            yield Meta(read, line.series, line.raw, repeated, late, back and not late)
            continue
        sampled.add(family)
        row = Row(
            read, family, kind, line.series, line.value, line.raw, line.rest, None, back
        )
        series = (read.metric, *sorted(row.labels.items()))
        row = attrs.evolve(row, repeats=seen.get(series))
        seen[series] = row
        yield row


def _place(reader: LineReader, start: int, end: int) -> Place:
    line = reader.line + reader.text.count("\n", reader.start, start)
    column = start - reader.text.rfind("\n", 0, start)
    text = reader.text[start : min(end, start + SHOWN)].rstrip("\n")
    return Place(line, column, printable(text))


_VALUE: Final = re.compile(r"[ \t]*([^ \t\n]+)")


def _value_place(reader: LineReader, sample: SampleLine) -> Place:
    match = _VALUE.match(reader.text, sample.series_end)
    start, end = match.span(1) if match else (sample.series_end, sample.series_end)
    return _place(reader, start, end)
