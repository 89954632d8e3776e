"""What is wrong with an exposition although scrapers take it.

A scraper reads generously. `check` holds a body against the specification of its format,
against what `promtool check metrics` and the library behind it (expfmt, which the
Pushgateway has too) refuse, and against the advice that Prometheus' own linter gives. Each
rule is one row of the table: what it looks at, when that is wrong, where to point, what to
say, and how much it weighs in either format.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, Final, Literal

import attrs

from promlatest._datapoint import BOUND_LABEL, SUFFIXES, MetricType
from promlatest._matching.floats import normalise_bound
from promlatest._matching.labels import LEGACY_LABEL_NAME, LEGACY_METRIC_NAME
from promlatest.exposition import _body as each
from promlatest.exposition._body import (
    SHOWN,
    Body,
    NamedFamily,
    Pair,
    ReadMeta,
    ReadSample,
    Spot,
    read_body,
)
from promlatest.exposition._formats import Format
from promlatest.exposition._reader import Diagnostic, body_format, decoded

Level = Literal["error", "warning"]


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
        UsageError: the body is no bytes and no str, or the Content-Type no str.
    """
    format = body_format(body, content_type, fallback)  # noqa: A001
    text = decoded(body)
    diagnostics: list[Diagnostic] = []
    read = read_body(text, format, content_type, diagnostics)
    rules = [rule for rule in _RULES if format in rule.severities]
    looked_at = {scope: list(scope(read)) for scope in {rule.scope for rule in rules}}
    for rule in rules:
        diagnostics += rule.findings(looked_at[rule.scope], rule.severities[format])
    return sorted(diagnostics, key=lambda found: (found.line, found.column))


@attrs.frozen
class _Requirement:
    """One row of the table.

    Attributes:
        severities: how much it weighs, by format; a format that is missing has it not.
        scope: what it looks at.
        broken: whether one of those is wrong: something false, or what `words` show.
        words: what to say, of `it` and of what was `found`.
        place: where to point.
        action: what a reader does about it.
    """

    severities: Mapping[Format, Level]
    scope: Callable[[Body], Iterable[Any]]
    broken: Callable[[Any], object]
    words: str
    place: Callable[[Any], Spot] = attrgetter("series")
    action: str = "kept"

    def findings(self, those: Iterable[Any], severity: Level) -> Iterator[Diagnostic]:
        for it in those:
            if found := self.broken(it):
                where = self.place(it)
                words = self.words.format(it=it, found=found)
                text = where.text[:SHOWN]
                yield Diagnostic(
                    where.line, where.column, text, words, self.action, severity
                )


# What the table's words are about: predicates that take more than a line


def _escape_unknown(text: str, known: str) -> str:
    """The first escape that is none of those."""
    escapes = re.findall(r"\\.", text, re.DOTALL)
    return next((escape for escape in escapes if escape[1] not in known), "")


_BETWEEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|([{,=])|[^"{,=]+', re.DOTALL)


def _comma_missing(row: ReadSample) -> bool:
    """Whether a label follows the value of the one before at once."""
    valued, value = False, False
    for token in _BETWEEN.finditer(row.raw):
        if token[1]:
            valued, value = False, token[1] == "="
        elif valued and token[0].strip(" \t}"):
            return True
        elif token[0].startswith('"'):
            valued = value
    return False


def _nameless(meta: ReadMeta) -> bool:
    """Whether something else than a blank stands right after the name."""
    return bool(re.match(r"#[ \t]+\w+[ \t]+[a-zA-Z_:][\w:]*[^\w: \t]", meta.raw, re.ASCII))


def _bare(family: NamedFamily) -> str:
    if f"{family.name}_total" in family.others:
        return "no sample: in the text format a TYPE names the counter with its '_total'"
    return "no sample"


def _misspelt_keyword(remark: Spot) -> str:
    found = re.match(r"#(HELP|TYPE|UNIT)[ \t]", remark.text)
    return found[1] if found else ""


def _old_form(row: ReadSample) -> bool:
    return bool(LEGACY_METRIC_NAME.fullmatch(row.sample.metric)) and all(
        LEGACY_LABEL_NAME.fullmatch(name) for name, _ in row.sample.labels
    )


def _clashes(body: Body) -> Iterator[tuple[ReadMeta, str, str]]:
    """Each TYPE that may give a sample's name to two families: the name, the other."""
    owners: dict[str, str] = {}
    for meta in each.metas(body):
        if meta.meta.keyword != "TYPE":
            continue
        names = [meta.family + suffix for suffix in SUFFIXES[meta.meta.metric_type]]
        taken = [n for n in names if owners.setdefault(n, meta.family) != meta.family]
        yield from ((meta, name[:SHOWN], owners[name][:SHOWN]) for name in taken[:1])


# Units other than the base unit, with which any prefix is another unit too.
_UNITS: Final = {
    other: base
    for base, others in (
        ("seconds", "minutes hours days weeks"),
        ("bytes", "bits"),
        ("meters", "metres inches feet yards miles"),
        ("celsius", "fahrenheit rankine"),
        ("kelvin", "kelvins"),
        ("joules", "calories"),
        ("grams", "pounds ounces"),
        ("volts", ""),
        ("amperes", ""),
    )
    for other in (base, *others.split())
}
_PREFIXES: Final = (
    *("pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "mega"),
    *("giga", "tera", "peta", "kibi", "mebi", "mibi", "gibi", "tebi", "pebi"),
)
_OTHER_UNITS: Final = {
    **{unit: base for unit, base in _UNITS.items() if unit not in (base, "metres")},
    **{prefix + unit: base for prefix in _PREFIXES for unit, base in _UNITS.items()},
}


def _other_unit(family: NamedFamily) -> str:
    words = (word for word in family.name.lower().split("_") if word in _OTHER_UNITS)
    return next((f"{_OTHER_UNITS[word]!r}, got {word!r}" for word in words), "")


# What a name may end in, and which label it may have, is taken by these types.
_TAKEN: Final[Mapping[str, tuple[MetricType, ...]]] = {
    "_total": ("counter",),
    "_bucket": ("histogram", "gaugehistogram"),
    "_sum": ("histogram", "summary"),
    "_count": ("histogram", "summary"),
    "le": ("histogram", "gaugehistogram"),
    "quantile": ("summary",),
}


def _taken_by(what: str, kind: MetricType) -> str:
    kinds = _TAKEN.get(what, ())
    if not kinds or kind in (*kinds, "unknown"):
        return ""
    return f"{what!r} is for a {' or '.join(kinds)}, not a {kind}"


def _taken_suffix(family: NamedFamily) -> str:
    return _taken_by("_" + family.name.rpartition("_")[2], family.kind)


def _back_in_time(pair: Pair) -> bool:
    before, now = pair.before.sample.timestamp, pair.row.sample.timestamp
    return before != now and (before is None or now is None or now < before)


# The samples that count something, by type.
_COUNTING: Final[Mapping[MetricType, tuple[str, ...]]] = {
    "counter": ("", "_total"),
    "histogram": ("_bucket", "_count"),
    "gaugehistogram": ("_bucket", "_gcount"),
    "summary": ("_count",),
}


def _counts(row: ReadSample) -> str:
    """What it is, if it counts."""
    if row.suffix not in _COUNTING.get(row.kind, ()):
        return ""
    return "counter" if row.kind == "counter" else "count"


def _broken_count(row: ReadSample) -> bool:
    value = row.sample.value
    return _counts(row) == "count" and math.isfinite(value) and value % 1 != 0


def _is_sum(row: ReadSample) -> bool:
    return row.suffix in ("_sum", "_gsum") and "histogram" in row.kind


_EXEMPLIFIED: Final = {
    ("counter", "_total"),
    ("histogram", "_bucket"),
    ("gaugehistogram", "_bucket"),
}
_EXEMPLAR_LENGTH: Final = 128  # characters of all names and values together


def _exemplar_length(row: ReadSample) -> int:
    length = sum(len(name) + len(value) for name, value in row.sample.exemplar_labels)
    return length if length > _EXEMPLAR_LENGTH else 0


def _exemplar_names(row: ReadSample) -> bool:
    names = [name for name, _ in row.sample.exemplar_labels]
    return len(set(names)) != len(names) or "" in names


def _unlike_spelling(body: Body) -> Iterable[ReadSample]:
    """Once for each metric name: where one bound is spelled so, most are."""
    first: dict[str, ReadSample] = {}
    for row in each.rows(body):
        text = _bound_text(row)
        if text != normalise_bound(text):
            first.setdefault(row.sample.metric, row)
    return first.values()


def _bound_text(row: ReadSample) -> str:
    return row.labels.get(BOUND_LABEL.get(row.kind, ""), "")


def _is_quantile(row: ReadSample) -> bool:
    return row.kind == "summary" and row.suffix == ""


# The table

_ERROR: Final[Mapping[Format, Level]] = {"text": "error", "openmetrics": "error"}
_WARNING: Final[Mapping[Format, Level]] = {"text": "warning", "openmetrics": "warning"}
_STRICTER: Final[Mapping[Format, Level]] = {"text": "warning", "openmetrics": "error"}
_TEXT_ERROR: Final[Mapping[Format, Level]] = {"text": "error"}
_TEXT_WARNING: Final[Mapping[Format, Level]] = {"text": "warning"}
_OPENMETRICS_ERROR: Final[Mapping[Format, Level]] = {"openmetrics": "error"}
_OPENMETRICS_WARNING: Final[Mapping[Format, Level]] = {"openmetrics": "warning"}

_VALUE: Final = attrgetter("value")
_FIRST: Final = lambda found: found[0].series  # noqa: E731
_ITSELF: Final = lambda place: place  # noqa: E731

# fmt: off
_RULES: Final[tuple[_Requirement, ...]] = (
    # The answer
    _Requirement(_ERROR, each.header, lambda it: _misread_parameters(it.text),
          "Prometheus 3 refuses the Content-Type: {found}", _ITSELF),

    # The order of lines
    _Requirement(_ERROR, each.metas, lambda it: it.repeated,
          "a second {it.meta.keyword} for this family"),
    _Requirement(_ERROR, each.metas, lambda it: it.late,
          "{it.meta.keyword} stands after samples of its family"),
    _Requirement(_ERROR, each.entries, lambda it: it.resumes,
          "lines of another family stand within this one"),

    # How lines are written
    _Requirement(_TEXT_ERROR, each.unended, bool,
          "the last line does not end with a line break", _ITSELF),
    _Requirement(_TEXT_WARNING, each.rows, lambda it: it.series.column > 1,
          "blanks stand before the name; Prometheus 2 refuses the body"),
    _Requirement(_TEXT_WARNING, each.rows, lambda it: it.rest.endswith((" ", "\t")),
          "blanks stand at the end of the line; promtool refuses the body"),
    _Requirement(_TEXT_ERROR, each.rows, _comma_missing,
          "expected ',' between two labels"),
    _Requirement(_OPENMETRICS_ERROR, each.rows, lambda it: it.raw.endswith(",}"),
          "expected no ',' after the last label"),
    _Requirement(_TEXT_ERROR, each.rows, lambda it: "\n" in it.raw,
          r"a line break stands in a label value; expected '\n' for it"),
    _Requirement(_TEXT_ERROR, each.rows, lambda it: _escape_unknown(it.raw, '\\"n'),
          r"expected one of \\, \" and \n, got {found}"),
    _Requirement(_TEXT_ERROR, each.metas, lambda it: _escape_unknown(it.raw, "\\n"),
          r"expected \\ or \n, got {found}"),
    _Requirement(_TEXT_ERROR, each.metas, _nameless,
          "expected a blank after the name of the {it.meta.keyword}"),
    _Requirement(_TEXT_WARNING, each.remarks, _misspelt_keyword,
          "this is a comment: expected '# {found}', with a blank", _ITSELF),

    # Names
    _Requirement(_WARNING, each.families, lambda it: "TYPE" not in it.given,
          "the family has no TYPE: its type is unknown"),
    _Requirement(_WARNING, each.families, lambda it: "HELP" not in it.given,
          "the family has no HELP: nothing says what it means"),
    _Requirement(_WARNING, each.bare_families, _bare,
          "the family has {found}"),
    _Requirement(_TEXT_WARNING, each.families,
          lambda it: it.kind == "counter" and not it.name.endswith("_total"),
          "the name of a counter ends in '_total'"),
    _Requirement(_OPENMETRICS_ERROR, each.first_rows,
          lambda it: it.kind == "counter" and it.suffix == ""
          and not it.family.endswith("_total"),
          "the name of a counter ends in '_total'"),
    _Requirement(_OPENMETRICS_ERROR, each.first_rows,
          lambda it: it.kind == "counter" and it.suffix == ""
          and it.family.endswith("_total"),
          "'_total' belongs to the sample's name and not to the family's"),
    _Requirement(_OPENMETRICS_ERROR, _clashes, bool,
          "its sample {it[1]!r} may be one of the family {it[2]!r} too", _FIRST),
    _Requirement(_WARNING, each.first_rows, lambda it: not _old_form(it),
          "a name is not of the old form; scrapers without UTF-8 refuse it"),
    _Requirement(_STRICTER, each.label_names, lambda it: it.name.startswith("__"),
          "label names in '__' are reserved: {it.name!r:.62}"),
    _Requirement(_OPENMETRICS_ERROR, each.first_rows,
          lambda it: it.kind == "info" and it.suffix != "_info",
          "the name of an info ends in '_info'"),

    # Names, as Prometheus' linter has them
    _Requirement(_WARNING, each.families, lambda it: ":" in it.name,
          "':' is for the names of recording rules"),
    _Requirement(_WARNING, each.families, lambda it: re.search(r"[a-z][A-Z]", it.name),
          "expected snake_case, got camelCase"),
    _Requirement(_WARNING, each.label_names, lambda it: re.search(r"[a-z][A-Z]", it.name),
          "expected snake_case, got camelCase in the label {it.name!r:.62}"),
    _Requirement(_WARNING, each.families, lambda it: re.search(
              r"_(?:counter|gauge|summary|histogram)(?:_|\Z)", it.name, re.I),
          "a name does not include the type"),
    _Requirement(_WARNING, each.families, lambda it: re.search(
              r"_(?:s|ms|us|ns|sec|b|kb|mb|gb|tb|pb|m|h|d)(?:_|\Z)", it.name, re.I),
          "a name does not abbreviate the unit"),
    _Requirement(_WARNING, each.families, _other_unit,
          "expected the base unit {found}"),
    _Requirement(_WARNING, each.families, _taken_suffix,
          "{found}"),
    _Requirement(_WARNING, each.label_names, lambda it: _taken_by(it.name, it.row.kind),
          "the label {found}"),

    # Samples
    _Requirement(_ERROR, each.repeats,
          lambda it: it.row.sample.timestamp == it.before.sample.timestamp,
          "the series stands on line {it.before.series.line}; the first counts",
          action="skipped"),
    _Requirement(_TEXT_ERROR, each.repeats,
          lambda it: it.row.sample.timestamp != it.before.sample.timestamp,
          "the series stands on line {it.before.series.line}"),
    _Requirement(_OPENMETRICS_ERROR, each.repeats, _back_in_time,
          "expected a later timestamp than on line {it.before.series.line}"),
    _Requirement(_ERROR, each.rows, lambda it: it.sample.value < 0 and _counts(it),
          "a {found} is never below zero", _VALUE),
    _Requirement(_ERROR, each.rows, lambda it: math.isnan(it.sample.value) and _counts(it),
          "a {found} is a number", _VALUE),
    _Requirement(_OPENMETRICS_ERROR, each.rows, _broken_count,
          "a count is a whole number", _VALUE),
    # In text, Go's own runtime histograms have them.
    _Requirement(_OPENMETRICS_ERROR, each.rows,
          lambda it: _is_sum(it) and math.isnan(it.sample.value),
          "the sum of a histogram is a number", _VALUE),
    _Requirement(_OPENMETRICS_ERROR, each.rows,
          lambda it: it.kind == "info" and it.sample.value != 1,
          "an info is always 1", _VALUE),
    _Requirement(_OPENMETRICS_ERROR, each.rows,
          lambda it: it.kind == "stateset" and it.sample.value not in (0, 1),
          "a state is 0 or 1", _VALUE),
    _Requirement(_OPENMETRICS_ERROR, each.rows,
          lambda it: it.kind == "stateset" and it.family not in it.labels,
          "a stateset has a label of its own name for the state"),
    _Requirement(_ERROR, each.rows,
          lambda it: _is_quantile(it) and "quantile" not in it.labels,
          "the sample of a summary has a label 'quantile'"),
    _Requirement(_ERROR, each.rows,
          lambda it: _is_quantile(it) and "quantile" in it.labels
          and not 0 <= it.bound <= 1,
          "a quantile is a number from 0 to 1"),

    # Exemplars
    _Requirement(_OPENMETRICS_ERROR, each.rows,
          lambda it: it.sample.exemplar and (it.kind, it.suffix) not in _EXEMPLIFIED,
          "an exemplar stands on a bucket or on the '_total' of a counter only"),
    _Requirement(_OPENMETRICS_ERROR, each.rows, _exemplar_length,
          f"expected at most {_EXEMPLAR_LENGTH} characters in the labels of the exemplar,"
          " got {found}"),
    _Requirement(_OPENMETRICS_ERROR, each.rows, _exemplar_names,
          "a label name of the exemplar is empty or stands twice"),

    # Histograms and summaries
    _Requirement(_ERROR, each.rows,
          lambda it: "histogram" in it.kind and it.suffix == "_bucket"
          and math.isnan(it.bound),
          "a bucket has a label 'le' that is a number"),
    _Requirement(_ERROR, each.bucket_pairs, lambda it: it.row.bound < it.before.bound,
          "expected the buckets in the order of 'le'"),
    _Requirement(_ERROR, each.quantile_pairs, lambda it: it.row.bound < it.before.bound,
          "expected the quantiles in their order"),
    _Requirement(_ERROR, each.bound_pairs, lambda it: it.row.bound == it.before.bound,
          "the bucket on line {it.before.series.line} has this bound"),
    _Requirement(_ERROR, each.bound_pairs,
          lambda it: it.row.sample.value < it.before.sample.value,
          "a bucket counts at least what the one below it counts,"
          " {it.before.value.text!r}", _VALUE),
    _Requirement(_ERROR, each.histograms, lambda it: it.infinite is None,
          'the histogram has no bucket le="+Inf"'),
    _Requirement(_ERROR, each.counted,
          lambda it: it.row.sample.value != it.before.sample.value,
          'expected the count of the bucket le="+Inf", {it.before.value.text!r}', _VALUE),
    _Requirement(_ERROR, each.metrics, lambda it: len(it.missing) == 1,
          "the {it.kind} has no {it.missing[0]!r}"),
    _Requirement(_STRICTER, each.metrics, lambda it: len(it.missing) == 2,
          "the {it.kind} has no {it.missing[0]!r} and no {it.missing[1]!r}"),
    _Requirement(_OPENMETRICS_WARNING, _unlike_spelling,
          lambda it: (normalise_bound(_bound_text(it)), _bound_text(it)),
          "expected the bound as {found[0]!r}, got {found[1]!r}"),
)
# fmt: on


_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER: Final = re.compile(
    rf"""\s*;\s*({_TOKEN})\s*=\s*({_TOKEN}|"(?:[^"\\\r\n]|\\.)*")"""
)


def _misread_parameters(content_type: str) -> str:
    """Why Go, and so Prometheus 3, cannot read the parameters; "" if it can.

    >>> _misread_parameters("text/plain; charset")
    "expected name=value, got '; charset'"
    """
    at = len(content_type.partition(";")[0])
    seen: dict[str, str] = {}
    while found := _PARAMETER.match(content_type, at):
        if seen.setdefault(found[1].lower(), found[2]) != found[2]:
            return f"the parameter {found[1]!r} stands twice"
        at = found.end()
    rest = content_type[at:].strip()
    return "" if rest in ("", ";") else f"expected name=value, got {rest!r}"
