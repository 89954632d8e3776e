"""What is wrong with an exposition although scrapers take it.

A scraper reads generously. `check` holds a body against the specification of its format,
and against the advice that Prometheus' own linter gives. Each rule is one small function
over the lines that were read; the table at the end says in which format it holds, and
whether breaking it is an error or deserves a warning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import attrs

from promlatest._datapoint import BOUND_LABEL, SUFFIXES, MetricType, family_of
from promlatest._matching.floats import normalise_bound, parse_float
from promlatest._matching.labels import LEGACY_LABEL_NAME, LEGACY_METRIC_NAME
from promlatest.exposition._formats import Format, format_of
from promlatest.exposition._lines import (
    LineReader,
    MetaLine,
    SampleLine,
    printable,
)
from promlatest.exposition._reader import (
    Diagnostic,
    collect_metadata,
    decode,
    read_lines,
)

Severity = Literal["error", "warning"]

_SHOWN: Final = 60  # characters of an offending text that a diagnostic carries
_EXEMPLAR_LENGTH: Final = 128  # characters of all names and values together


def check(
    body: bytes | str,
    content_type: str = "text/plain",
    *,
    fallback: Format | None = None,
) -> list[Diagnostic]:
    """What the format forbids about a body, and what good practice advises against.

        >>> for found in check("# HELP jobs Jobs.\\n# TYPE jobs counter\\njobs -1\\n"):
        ...     print(found)
        line 3, column 1: the name of a counter ends in '_total': 'jobs' (warning, kept)
        line 3, column 6: a counter is never below zero: '-1' (error, kept)

    Lines that cannot be read are among the errors, with the action "skipped".

    Raises:
        ContentTypeError: the Content-Type stands for no exposition.
    """
    format = "text" if not body else format_of(content_type, fallback)  # noqa: A001
    diagnostics: list[Diagnostic] = []
    page = _read(decode(body), format, diagnostics)
    for rule, severities in _RULES:
        if format in severities:
            found = rule(page)
            diagnostics += [_diagnostic(each, severities[format]) for each in found]
    return sorted(diagnostics, key=lambda each: (each.line, each.column))


# What the rules look at


@attrs.frozen
class _Place:
    """Where something stands, and its text."""

    line: int
    column: int
    text: str


@attrs.frozen(eq=False)
class _Row:
    """One sample with its family and the type that the family had there."""

    sample: SampleLine
    family: str
    kind: MetricType
    series: _Place
    value: _Place
    repeats: _Row | None  # the same series, earlier

    @property
    def suffix(self) -> str:
        return self.sample.metric.removeprefix(self.family)

    @property
    def labels(self) -> dict[str, str]:
        return {name: value for name, value in self.sample.labels if value}


class _Meta(NamedTuple):
    """One HELP, TYPE or UNIT line."""

    meta: MetaLine
    place: _Place

    @property
    def family(self) -> str:
        return self.meta.family


@attrs.frozen
class _Page:
    """A whole body."""

    text: str
    entries: list[_Row | _Meta]

    @property
    def rows(self) -> Iterator[_Row]:
        return (entry for entry in self.entries if isinstance(entry, _Row))

    @property
    def metas(self) -> Iterator[_Meta]:
        return (entry for entry in self.entries if isinstance(entry, _Meta))

    def first_rows(self) -> Iterable[_Row]:
        """The first sample of each metric name."""
        first: dict[str, _Row] = {}
        for row in self.rows:
            first.setdefault(row.sample.metric, row)
        return first.values()

    def names(self) -> Iterable[tuple[str, MetricType, _Place]]:
        """Each family that has samples: name, type, and its first sample."""
        first: dict[str, _Row] = {}
        for row in self.rows:
            first.setdefault(row.family, row)
        return ((name, row.kind, row.series) for name, row in first.items())

    def metrics(self, *kinds: MetricType) -> Iterable[list[_Row]]:
        """The samples of each metric of these types, less those that are repeated."""
        groups: dict[object, list[_Row]] = {}
        for row in self.rows:
            if row.kind in kinds and row.repeats is None:
                labels = row.labels
                labels.pop(BOUND_LABEL[row.kind], None)
                key = (row.family, row.sample.timestamp, *sorted(labels.items()))
                groups.setdefault(key, []).append(row)
        return groups.values()


class _Found(NamedTuple):
    """What a rule has found."""

    place: _Place
    reason: str
    action: str = "kept"


_Rule = Callable[[_Page], Iterator[_Found]]


def _diagnostic(found: _Found, severity: Severity) -> Diagnostic:
    line, column, text = attrs.astuple(found.place)
    return Diagnostic(line, column, text[:_SHOWN], found.reason, found.action, severity)


def _read(
    text: str,
    format: Format,  # noqa: A002
    diagnostics: list[Diagnostic],
) -> _Page:
    lines: list[tuple[_Place, SampleLine | MetaLine, _Place]] = []
    for reader, read in read_lines(text, format, diagnostics):
        if isinstance(read, MetaLine):
            place = _place(reader, reader.start, reader.at)
            lines.append((place, read, place))
        elif isinstance(read, SampleLine):
            series = _place(reader, read.series_start, read.series_end)
            lines.append((series, read, _value_place(reader, read)))
    return _Page(text, list(_entries(lines)))


def _entries(
    lines: list[tuple[_Place, SampleLine | MetaLine, _Place]],
) -> Iterator[_Row | _Meta]:
    """The lines with their families, which metadata further down may name."""
    told = collect_metadata(read for _, read, _ in lines if isinstance(read, MetaLine))
    kinds: dict[str, MetricType] = {}
    seen: dict[object, _Row] = {}
    for place, read, value in lines:
        if isinstance(read, MetaLine):
            if read.keyword == "TYPE":
                kinds[read.family] = read.metric_type
            yield _Meta(read, place)
            continue
        family = family_of(read.metric, told)
        known = told[family].type if family in told else "unknown"
        kind = kinds.get(family, known)
        row = _Row(read, family, kind, place, value, None)
        series = (read.metric, *sorted(row.labels.items()))
        row = attrs.evolve(row, repeats=seen.get(series))
        seen[series] = row
        yield row


def _place(reader: LineReader, start: int, end: int) -> _Place:
    line = reader.line + reader.text.count("\n", reader.start, start)
    column = start - reader.text.rfind("\n", 0, start)
    text = reader.text[start : min(end, start + _SHOWN)].rstrip("\n")
    return _Place(line, column, printable(text))


_VALUE: Final = re.compile(r"[ \t]*([^ \t\n]+)")


def _value_place(reader: LineReader, sample: SampleLine) -> _Place:
    match = _VALUE.match(reader.text, sample.series_end)
    start, end = match.span(1) if match else (sample.series_end, sample.series_end)
    return _place(reader, start, end)


# Rules: the order of lines


def _repeated_metadata(page: _Page) -> Iterator[_Found]:
    seen = set()
    for meta, place in page.metas:
        if (meta.keyword, meta.family) in seen:
            yield _Found(place, f"a second {meta.keyword} for this family")
        seen.add((meta.keyword, meta.family))


def _late_metadata(page: _Page) -> Iterator[_Found]:
    sampled = set()
    for entry in page.entries:
        if isinstance(entry, _Row):
            sampled.add(entry.family)
        elif entry.family in sampled:
            reason = f"{entry.meta.keyword} stands after samples of its family"
            yield _Found(entry.place, reason)


def _interleaved(page: _Page) -> Iterator[_Found]:
    ended: set[str] = set()
    sampled: set[str] = set()
    current = ""
    for entry in page.entries:
        family = entry.family
        is_row = isinstance(entry, _Row)
        if family != current:
            if family in ended and (is_row or family not in sampled):
                place = entry.series if isinstance(entry, _Row) else entry.place
                yield _Found(place, "lines of another family stand within this one")
            ended.add(current)
            current = family
        if is_row:
            sampled.add(family)


def _no_final_line_break(page: _Page) -> Iterator[_Found]:
    if page.text and not page.text.endswith("\n"):
        start = page.text.rfind("\n") + 1
        line = page.text.count("\n") + 1
        text = printable(page.text[start : start + _SHOWN])
        place = _Place(line, len(page.text) - start + 1, text)
        yield _Found(place, "the last line does not end with a line break")


def _blanks_before_name(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        if row.series.column > 1:
            reason = "blanks stand before the name; Prometheus 2 refuses the body"
            yield _Found(row.series, reason)


# Rules: names


def _no_type(page: _Page) -> Iterator[_Found]:
    yield from _without("TYPE", "its type is unknown", page)


def _no_help(page: _Page) -> Iterator[_Found]:
    yield from _without("HELP", "nothing says what it means", page)


def _without(keyword: str, hence: str, page: _Page) -> Iterator[_Found]:
    given = {meta.family for meta, _ in page.metas if meta.keyword == keyword}
    for name, _, place in page.names():
        if name not in given:
            yield _Found(place, f"the family has no {keyword}: {hence}")


def _counter_without_total(page: _Page) -> Iterator[_Found]:
    for row in page.first_rows():
        if row.kind == "counter" and not row.sample.metric.endswith(("_total", "_created")):
            yield _Found(row.series, "the name of a counter ends in '_total'")


def _total_in_family(page: _Page) -> Iterator[_Found]:
    for row in page.first_rows():
        if row.kind == "counter" and row.suffix == "" and row.family.endswith("_total"):
            reason = "'_total' belongs to the sample's name and not to the family's"
            yield _Found(row.series, reason)


def _clash(page: _Page) -> Iterator[_Found]:
    owners: dict[str, str] = {}
    for meta, place in page.metas:
        if meta.keyword != "TYPE":
            continue
        family = meta.family
        for suffix in SUFFIXES[meta.metric_type]:
            owner = owners.setdefault(family + suffix, family)
            if owner != family:
                reason = f"its sample {(family + suffix)[:_SHOWN]!r} may be one of"
                yield _Found(place, f"{reason} the family {owner[:_SHOWN]!r} too")
                break


def _utf8_names(page: _Page) -> Iterator[_Found]:
    for row in page.first_rows():
        legacy = LEGACY_METRIC_NAME.fullmatch(row.sample.metric) and all(
            LEGACY_LABEL_NAME.fullmatch(name) for name, _ in row.sample.labels
        )
        if not legacy:
            reason = "a name is not of the old form; scrapers without UTF-8 refuse it"
            yield _Found(row.series, reason)


def _reserved_labels(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        for name, _ in row.sample.labels:
            if name.startswith("__"):
                reason = f"label names in '__' are reserved: {name[:_SHOWN]!r}"
                yield _Found(row.series, reason)


def _info_name(page: _Page) -> Iterator[_Found]:
    for row in page.first_rows():
        if row.kind == "info" and row.suffix != "_info":
            yield _Found(row.series, "the name of an info ends in '_info'")


# Rules: names, as Prometheus' linter has them

_OTHER_UNITS: Final = {
    other: base
    for base, others in (
        ("seconds", "nanoseconds microseconds milliseconds minutes hours days weeks"),
        ("bytes", "bits kilobytes megabytes gigabytes terabytes petabytes"),
        ("bytes", "kibibytes mebibytes gibibytes tebibytes"),
        ("meters", "kilometers centimeters millimeters inches feet yards miles"),
        ("celsius", "fahrenheit rankine"),
        ("grams", "kilograms milligrams ounces pounds"),
        ("volts", "millivolts kilovolts"),
        ("amperes", "milliamperes"),
    )
    for other in others.split()
}
_NAME_RULES: Final = (
    (re.compile(r":"), "':' is for the names of recording rules"),
    (re.compile(r"[a-z][A-Z]"), "expected snake_case, got camelCase"),
    (
        re.compile(r"_(?:counter|gauge|summary|histogram)(?:_|\Z)", re.I),
        "a name does not include the type",
    ),
    (
        re.compile(r"_(?:s|ms|us|ns|sec|b|kb|mb|gb|tb|pb|m|h|d)\Z", re.I),
        "a name does not abbreviate the unit",
    ),
)


def _name_style(page: _Page) -> Iterator[_Found]:
    for name, _, place in page.names():
        for pattern, reason in _NAME_RULES:
            if pattern.search(name):
                yield _Found(place, reason)


def _other_units(page: _Page) -> Iterator[_Found]:
    for name, _, place in page.names():
        for word in name.lower().split("_"):
            if word in _OTHER_UNITS:
                reason = f"expected the base unit {_OTHER_UNITS[word]!r}, got {word!r}"
                yield _Found(place, reason)


# What a name may end in, and which label it may have, is taken by these types.
_TAKEN_SUFFIXES: Final[Mapping[str, tuple[MetricType, ...]]] = {
    "_total": ("counter",),
    "_bucket": ("histogram", "gaugehistogram"),
    "_sum": ("histogram", "summary"),
    "_count": ("histogram", "summary"),
}
_TAKEN_LABELS: Final[Mapping[str, tuple[MetricType, ...]]] = {
    "le": ("histogram", "gaugehistogram"),
    "quantile": ("summary",),
}


def _taken_suffix(page: _Page) -> Iterator[_Found]:
    for name, kind, place in page.names():
        for suffix, kinds in _TAKEN_SUFFIXES.items():
            if name.endswith(suffix) and kind not in (*kinds, "unknown"):
                yield _Found(
                    place, f"{suffix!r} is for a {' or '.join(kinds)}, not a {kind}"
                )


def _taken_label(page: _Page) -> Iterator[_Found]:
    for row in page.first_rows():
        for label, kinds in _TAKEN_LABELS.items():
            if label in row.labels and row.kind not in (*kinds, "unknown"):
                reason = f"the label {label!r} is for a {' or '.join(kinds)}"
                yield _Found(row.series, f"{reason}, not a {row.kind}")


# Rules: samples


def _repeated_series(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        if row.repeats is not None and row.sample.timestamp == row.repeats.sample.timestamp:
            reason = (
                f"the series stands on line {row.repeats.series.line}; the first counts"
            )
            yield _Found(row.series, reason, "skipped")


def _repeated_over_time(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        if row.repeats is not None and row.sample.timestamp != row.repeats.sample.timestamp:
            yield _Found(row.series, f"the series stands on line {row.repeats.series.line}")


def _time_goes_back(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        if row.repeats is None:
            continue
        before, now = row.repeats.sample.timestamp, row.sample.timestamp
        if before != now and (before is None or now is None or now < before):
            reason = f"expected a later timestamp than on line {row.repeats.series.line}"
            yield _Found(row.series, reason)


# The samples that count something, by type.
_COUNTING: Final[Mapping[MetricType, tuple[str, ...]]] = {
    "counter": ("", "_total"),
    "histogram": ("_bucket", "_count"),
    "gaugehistogram": ("_bucket", "_gcount"),
    "summary": ("_count",),
}


def _below_zero(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        if row.suffix in _COUNTING.get(row.kind, ()):
            what = "counter" if row.kind == "counter" else "count"
            if row.sample.value < 0:
                yield _Found(row.value, f"a {what} is never below zero")
            elif math.isnan(row.sample.value):
                yield _Found(row.value, f"a {what} is a number")


def _broken_counts(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        counts = row.kind != "counter" and row.suffix in _COUNTING.get(row.kind, ())
        if counts and math.isfinite(row.sample.value) and row.sample.value % 1:
            yield _Found(row.value, "a count is a whole number")


def _nan_sums(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        is_sum = row.suffix in ("_sum", "_gsum") and "histogram" in row.kind
        if is_sum and math.isnan(row.sample.value):
            yield _Found(row.value, "the sum of a histogram is a number")


def _info_value(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        if row.kind == "info" and row.sample.value != 1:
            yield _Found(row.value, "an info is always 1")


def _stateset(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        if row.kind != "stateset":
            continue
        if row.sample.value not in (0, 1):
            yield _Found(row.value, "a state is 0 or 1")
        if row.family not in row.labels:
            yield _Found(row.series, "a stateset has a label of its own name for the state")


def _quantiles(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        if row.kind == "summary" and row.suffix == "":
            quantile = row.labels.get("quantile")
            if quantile is None:
                yield _Found(row.series, "the sample of a summary has a label 'quantile'")
            elif not 0 <= _number(quantile) <= 1:
                yield _Found(row.series, "a quantile is a number from 0 to 1")


# Rules: exemplars


def _exemplar_place(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        if row.sample.exemplar is not None and (row.kind, row.suffix) not in (
            ("counter", "_total"),
            ("histogram", "_bucket"),
            ("gaugehistogram", "_bucket"),
        ):
            reason = "an exemplar stands on a bucket or on the '_total' of a counter only"
            yield _Found(row.series, reason)


def _exemplar_length(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        length = sum(len(name) + len(value) for name, value in row.sample.exemplar_labels)
        if length > _EXEMPLAR_LENGTH:
            reason = f"expected at most {_EXEMPLAR_LENGTH} characters in the labels of the"
            yield _Found(row.series, f"{reason} exemplar, got {length}")


def _exemplar_names(page: _Page) -> Iterator[_Found]:
    for row in page.rows:
        names = [name for name, _ in row.sample.exemplar_labels]
        if len(set(names)) != len(names) or "" in names:
            reason = "a label name of the exemplar is empty or stands twice"
            yield _Found(row.series, reason)


# Rules: histograms


def _number(text: str) -> float:
    try:
        return parse_float(text)
    except ValueError:
        return math.nan


def _buckets(metric: list[_Row]) -> list[tuple[float, _Row]]:
    """The buckets with their bounds, as they stand."""
    return [
        (_number(row.labels.get("le", "")), row)
        for row in metric
        if row.suffix == "_bucket"
    ]


def _bounds(page: _Page) -> Iterator[_Found]:
    for metric in page.metrics("histogram", "gaugehistogram"):
        for bound, row in _buckets(metric):
            if math.isnan(bound):
                yield _Found(row.series, "a bucket has a label 'le' that is a number")


def _bound_order(page: _Page) -> Iterator[_Found]:
    for metric in page.metrics("histogram", "gaugehistogram"):
        for (low, _), (high, row) in pairwise(_buckets(metric)):
            if high < low:
                yield _Found(row.series, "expected the buckets in the order of 'le'")


def _quantile_order(page: _Page) -> Iterator[_Found]:
    for metric in page.metrics("summary"):
        rows = [row for row in metric if "quantile" in row.labels]
        for before, row in pairwise(rows):
            if _number(row.labels["quantile"]) < _number(before.labels["quantile"]):
                yield _Found(row.series, "expected the quantiles in their order")


def _double_bounds(page: _Page) -> Iterator[_Found]:
    for metric in page.metrics("histogram", "gaugehistogram"):
        seen: dict[float, _Row] = {}
        for bound, row in _buckets(metric):
            if seen.setdefault(bound, row) is not row:
                reason = f"the bucket on line {seen[bound].series.line} has this bound"
                yield _Found(row.series, reason)


def _falling_buckets(page: _Page) -> Iterator[_Found]:
    for metric in page.metrics("histogram", "gaugehistogram"):
        ordered = sorted(_buckets(metric), key=lambda each: each[0])
        for (_, before), (_, row) in pairwise(ordered):
            if row.sample.value < before.sample.value:
                reason = "a bucket counts at least what the one below it counts"
                yield _Found(row.value, f"{reason}, {before.value.text!r}")


def _no_infinite_bucket(page: _Page) -> Iterator[_Found]:
    for metric in page.metrics("histogram", "gaugehistogram"):
        if not any(bound == math.inf for bound, _ in _buckets(metric)):
            yield _Found(metric[0].series, 'the histogram has no bucket le="+Inf"')


def _other_count(page: _Page) -> Iterator[_Found]:
    for metric in page.metrics("histogram", "gaugehistogram"):
        infinite = [row for bound, row in _buckets(metric) if bound == math.inf]
        for row in metric:
            if row.suffix in ("_count", "_gcount") and infinite:
                expected = infinite[0]
                if row.sample.value != expected.sample.value:
                    reason = 'expected the count of the bucket le="+Inf"'
                    yield _Found(row.value, f"{reason}, {expected.value.text!r}")


_PAIR: Final[Mapping[MetricType, tuple[str, str]]] = {
    "histogram": ("_sum", "_count"),
    "gaugehistogram": ("_gsum", "_gcount"),
    "summary": ("_sum", "_count"),
}


def _half_a_pair(page: _Page) -> Iterator[_Found]:
    for metric, missing in _missing(page):
        if len(missing) == 1:
            yield _Found(metric[0].series, f"the {metric[0].kind} has no {missing[0]!r}")


def _no_pair(page: _Page) -> Iterator[_Found]:
    for metric, missing in _missing(page):
        if len(missing) == 2:
            reason = f"the {metric[0].kind} has no {missing[0]!r} and no {missing[1]!r}"
            yield _Found(metric[0].series, reason)


def _missing(page: _Page) -> Iterator[tuple[list[_Row], list[str]]]:
    for metric in page.metrics("histogram", "gaugehistogram", "summary"):
        suffixes = {row.suffix for row in metric}
        if suffixes != {"_created"}:
            pair = _PAIR[metric[0].kind]
            yield metric, [suffix for suffix in pair if suffix not in suffixes]


def _spelling(page: _Page) -> Iterator[_Found]:
    """Once for each metric name: where one bound is spelled so, most are."""
    seen = set()
    for row in page.rows:
        text = row.labels.get(BOUND_LABEL.get(row.kind, ""), "")
        expected = normalise_bound(text)
        if text != expected and row.sample.metric not in seen:
            seen.add(row.sample.metric)
            yield _Found(row.series, f"expected the bound as {expected!r}, got {text!r}")


# The table

_ERROR: Final[Mapping[Format, Severity]] = {"text": "error", "openmetrics": "error"}
_WARNING: Final[Mapping[Format, Severity]] = {"text": "warning", "openmetrics": "warning"}
_STRICTER: Final[Mapping[Format, Severity]] = {"text": "warning", "openmetrics": "error"}
_TEXT_ERROR: Final[Mapping[Format, Severity]] = {"text": "error"}
_TEXT_WARNING: Final[Mapping[Format, Severity]] = {"text": "warning"}
_OPENMETRICS_ERROR: Final[Mapping[Format, Severity]] = {"openmetrics": "error"}
_OPENMETRICS_WARNING: Final[Mapping[Format, Severity]] = {"openmetrics": "warning"}

_RULES: Final[tuple[tuple[_Rule, Mapping[Format, Severity]], ...]] = (
    (_repeated_metadata, _ERROR),
    (_late_metadata, _ERROR),
    (_interleaved, _ERROR),
    (_no_final_line_break, _TEXT_ERROR),
    (_blanks_before_name, _TEXT_WARNING),
    (_no_type, _WARNING),
    (_no_help, _WARNING),
    (_counter_without_total, _STRICTER),
    (_total_in_family, _OPENMETRICS_ERROR),
    (_clash, _OPENMETRICS_ERROR),
    (_utf8_names, _WARNING),
    (_reserved_labels, _STRICTER),
    (_info_name, _OPENMETRICS_ERROR),
    (_name_style, _WARNING),
    (_other_units, _WARNING),
    (_taken_suffix, _WARNING),
    (_taken_label, _WARNING),
    (_repeated_series, _ERROR),
    (_repeated_over_time, _TEXT_ERROR),
    (_time_goes_back, _OPENMETRICS_ERROR),
    (_below_zero, _ERROR),
    (_broken_counts, _OPENMETRICS_ERROR),
    (_nan_sums, _OPENMETRICS_ERROR),  # in text, Go's own runtime histograms have them
    (_info_value, _OPENMETRICS_ERROR),
    (_stateset, _OPENMETRICS_ERROR),
    (_quantiles, _ERROR),
    (_exemplar_place, _OPENMETRICS_ERROR),
    (_exemplar_length, _OPENMETRICS_ERROR),
    (_exemplar_names, _OPENMETRICS_ERROR),
    (_bounds, _ERROR),
    (_bound_order, _ERROR),
    (_quantile_order, _ERROR),
    (_double_bounds, _ERROR),
    (_falling_buckets, _ERROR),
    (_no_infinite_bucket, _ERROR),
    (_other_count, _ERROR),
    (_half_a_pair, _ERROR),
    (_no_pair, _STRICTER),
    (_spelling, _OPENMETRICS_WARNING),
)
