"""One line of an exposition, read exactly as Prometheus' parsers read it.

This is the authority: it knows every rule, says where a line breaks one, and is slow
(about 8 µs a line). The reader asks it about every line whose form it does not know
yet, and about nothing else.

The two formats are one grammar with different tables: text lets blanks stand between
all tokens, OpenMetrics wants exactly one where one belongs (semantics: section 4).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final, NoReturn

import attrs

from promlatest._datapoint import Exemplar, MetricType
from promlatest._floats import parse_float
from promlatest._labels import METRIC_NAME, Labels
from promlatest.exceptions import ParseError
from promlatest.exposition._formats import Format

_SHOWN: Final = 60  # characters of an offending text that an error carries


@attrs.frozen
class SampleLine:
    """A sample as it stands in the text; no label is dropped or changed yet."""

    metric: str
    labels: tuple[tuple[str, str], ...]
    value: float
    timestamp: int | None
    exemplar: Exemplar | None
    series_end: int


@attrs.frozen
class MetaLine:
    """A HELP, TYPE or UNIT line; `keyword` says which."""

    keyword: str
    family: str
    text: str


@attrs.frozen
class Comment:
    """A comment that means nothing."""


@attrs.frozen
class End:
    """The `# EOF` of OpenMetrics."""


Line = SampleLine | MetaLine | Comment | End


@attrs.frozen
class Grammar:
    """What differs between the formats."""

    blank: re.Pattern[str]  # what may stand between two tokens
    before_value: re.Pattern[str]  # between series and value, and before a timestamp
    quoted: re.Pattern[str]
    value: re.Pattern[str]
    comment: re.Pattern[str]
    comma_required: bool
    exemplars: bool
    types: dict[str, MetricType]
    timestamp: Callable[[str], int]
    meta_escapes: dict[str, str]
    free_comments: bool


def _milliseconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("expected a timestamp in whole milliseconds")
    timestamp = int(text)
    if timestamp >= 1 << 63:
        raise ValueError("the timestamp is too large")
    return timestamp


def _seconds(text: str) -> int:
    try:
        seconds = parse_float(text)
    except ValueError as error:
        raise ValueError("expected a timestamp in seconds") from error
    if not math.isfinite(seconds) or abs(seconds) >= (1 << 63) / 1000:
        raise ValueError("expected a finite timestamp in seconds")
    return int(seconds * 1000)  # towards zero, as Go converts


_VALUE_ESCAPES: Final = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
_HELP_ESCAPES: Final = {"\\\\": "\\", "\\n": "\n"}

_TEXT_TYPES: Final[dict[str, MetricType]] = {
    "counter": "counter",
    "gauge": "gauge",
    "histogram": "histogram",
    "summary": "summary",
    "untyped": "unknown",
}
_OPENMETRICS_TYPES: Final[dict[str, MetricType]] = {
    "counter": "counter",
    "gauge": "gauge",
    "histogram": "histogram",
    "gaugehistogram": "gaugehistogram",
    "summary": "summary",
    "info": "info",
    "stateset": "stateset",
    "unknown": "unknown",
}

TEXT: Final = Grammar(
    blank=re.compile(r"[ \t]*"),
    before_value=re.compile(r"[ \t]*"),
    quoted=re.compile(r'"([^\\"]*(?:\\.[^\\"]*)*)"'),  # a line break may stand in it
    value=re.compile(r"[^{ \t\n]+"),
    comment=re.compile(r"#[ \t]+(HELP|TYPE)[ \t]+"),
    comma_required=False,
    exemplars=False,
    types=_TEXT_TYPES,
    timestamp=_milliseconds,
    meta_escapes=_HELP_ESCAPES,
    free_comments=True,
)
OPENMETRICS: Final = Grammar(
    blank=re.compile(r""),
    before_value=re.compile(r" "),
    quoted=re.compile(r'"([^\\"\n]*(?:\\.[^\\"\n]*)*)"'),
    value=re.compile(r"[^ \n]+"),
    comment=re.compile(r"# (HELP|TYPE|UNIT) "),
    comma_required=True,
    exemplars=True,
    types=_OPENMETRICS_TYPES,
    timestamp=_seconds,
    meta_escapes=_VALUE_ESCAPES,
    free_comments=False,
)
GRAMMARS: Final[dict[Format, Grammar]] = {"text": TEXT, "openmetrics": OPENMETRICS}

_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_ESCAPE: Final = re.compile(r"\\.")
_REST: Final = re.compile(r"[^\n]*")


def unescape(text: str, escapes: dict[str, str] = _VALUE_ESCAPES) -> str:
    """The text with its escapes resolved; an unknown escape stays as it is."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: escapes.get(match[0], match[0]), text)


class LineReader:
    """Reads lines of one format out of a text.

    `at` is where it stands. A line starts after the last and ends past its line
    break; in the text format a quoted value may hold line breaks itself.
    """

    def __init__(self, text: str, format: Format) -> None:  # noqa: A002 the field's word
        self.text = text
        self.at = 0
        self.start = 0
        self._grammar = GRAMMARS[format]
        self._quoted_metric: str | None = None

    def read(self) -> Line:
        """The line that starts here.

        Raises:
            ParseError: the line breaks a rule of the format.
        """
        self.start = self.at
        self._skip(self._grammar.blank)
        if self.text.startswith("#", self.at):
            return self._read_comment()
        return self._read_sample()

    # Samples

    def _read_sample(self) -> SampleLine:
        metric = self._take(_METRIC)
        self._skip(self._grammar.blank)
        labels: tuple[tuple[str, str], ...] = ()
        if self._literal("{"):
            quoted, labels = self._read_labels(metric is None)
            metric = metric if quoted is None else quoted
        elif metric is None:
            self._fail("expected a metric name")
        if metric is None:
            self._fail("expected a metric name inside the braces", self.start)
        self._check_names(metric, labels)
        series_end = self.at
        value = self._read_value()
        timestamp = self._read_timestamp()
        exemplar = self._read_exemplar()
        self._end_line("expected a timestamp or the end of the line")
        return SampleLine(metric, labels, value, timestamp, exemplar, series_end)

    def _read_labels(
        self, may_name: bool
    ) -> tuple[str | None, tuple[tuple[str, str], ...]]:
        """The labels up to the closing brace, and a metric name found among them."""
        metric: str | None = None
        labels: list[tuple[str, str]] = []
        self._skip(self._grammar.blank)
        while not self._literal("}"):
            start = self.at
            name, quoted = self._read_label_name()
            if quoted and self._ends_item():
                if not may_name or metric is not None:
                    self._fail("expected '=': the metric has its name", start)
                metric = name
            else:
                labels.append((name, self._read_label_value()))
            self._end_item()
        return metric, tuple(labels)

    def _read_label_name(self) -> tuple[str, bool]:
        name = self._take(_LABEL)
        if name is not None:
            return name, False
        quoted = self._take_quoted()
        if quoted is None:
            self._fail("expected a label name")
        return quoted, True

    def _read_label_value(self) -> str:
        self._skip(self._grammar.blank)
        if not self._literal("="):
            self._fail("expected '=' after the label name")
        self._skip(self._grammar.blank)
        value = self._take_quoted()
        if value is None:
            self._fail("expected a label value in double quotes")
        return value

    def _ends_item(self) -> bool:
        self._skip(self._grammar.blank)
        return self.text.startswith((",", "}"), self.at)

    def _end_item(self) -> None:
        self._skip(self._grammar.blank)
        if self._literal(","):
            self._skip(self._grammar.blank)
        elif self._grammar.comma_required and not self.text.startswith("}", self.at):
            self._fail("expected ',' or '}'")

    def _check_names(self, metric: str, labels: tuple[tuple[str, str], ...]) -> None:
        if not metric:
            self._fail("a metric name must not be empty", self.start)
        seen = {METRIC_NAME}
        for name, _ in labels:
            if not name:
                self._fail("a label name must not be empty", self.start)
            if name in seen:
                self._fail(f"label name {name!r} stands twice", self.start)
            seen.add(name)

    def _read_value(self) -> float:
        self._skip(self._grammar.before_value)
        start = self.at
        if self.text.startswith("{", start):
            self._fail("expected a number: native histograms cannot be read")
        text = self._take(self._grammar.value)
        if text is None or self._blank_missing(start):
            self._fail("expected a value after the series", start)
        try:
            return parse_float(text)
        except ValueError as error:
            self._fail(f"{error} as the value", start)

    def _blank_missing(self, start: int) -> bool:
        """Whether a required blank does not stand before this place."""
        return self._grammar.comma_required and self.text[start - 1] != " "

    def _read_timestamp(self) -> int | None:
        start = self.at
        self._skip(self._grammar.before_value)
        at = self.at
        text = None
        if not self.text.startswith("#", at):
            text = self._take(self._grammar.value)
        if text is None:
            if self._grammar.comma_required:
                self.at = start
            return None
        try:
            return self._grammar.timestamp(text)
        except ValueError as error:
            self._fail(str(error), at)

    def _read_exemplar(self) -> Exemplar | None:
        if not (self._grammar.exemplars and self.text.startswith(" # {", self.at)):
            return None
        start = self.at = self.at + 4
        _, labels = self._read_labels(may_name=False)
        if len({name for name, _ in labels}) != len(labels):
            self._fail("a label name stands twice in the exemplar", start)
        value = self._read_value()
        return Exemplar(Labels(dict(labels)), value, self._read_timestamp())

    # Comments and metadata

    def _read_comment(self) -> MetaLine | Comment | End:
        if not self._grammar.free_comments and self.text.startswith("# EOF", self.at):
            return self._read_end()
        match = self._grammar.comment.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
            return self._read_meta(match[1])
        if not self._grammar.free_comments:
            self._fail("expected '# HELP', '# TYPE', '# UNIT' or '# EOF'")
        self._skip(_REST)
        self._end_line("expected the end of the line")
        return Comment()

    def _read_end(self) -> End:
        self.at += len("# EOF")
        self._literal("\n")
        if self.at < len(self.text):
            self._fail("expected nothing after '# EOF'")
        return End()

    def _read_meta(self, keyword: str) -> MetaLine:
        family = self._take(_METRIC)
        if family is None:
            family = self._take_quoted()
        if not family:
            self._fail(f"expected a metric name after {keyword}")
        at = self.at
        rest = self._take(_REST) or ""
        if not self._grammar.free_comments and not rest.startswith(" "):
            self._fail(f"expected a blank and a text after the name of {keyword}", at)
        text = rest[1:]
        if keyword == "TYPE":
            text = self._metric_type(text, at + 1)
        elif keyword == "UNIT":
            self._check_unit(family, text, at + 1)
        else:
            text = unescape(text, self._grammar.meta_escapes)
        self._end_line("expected the end of the line")
        return MetaLine(keyword, family, text)

    def _metric_type(self, text: str, at: int) -> MetricType:
        if text not in self._grammar.types:
            self._fail(f"expected one of {', '.join(self._grammar.types)}", at)
        return self._grammar.types[text]

    def _check_unit(self, family: str, unit: str, at: int) -> None:
        if unit and not family.endswith(f"_{unit}"):
            self._fail(f"expected the unit to be a suffix of {family!r}", at)

    # Steps

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[0]

    def _take_quoted(self) -> str | None:
        match = self._grammar.quoted.match(self.text, self.at)
        if match is None:
            if self.text.startswith('"', self.at):
                self._fail("expected a closing quote")
            return None
        self.at = match.end()
        return unescape(match[1])

    def _literal(self, literal: str) -> bool:
        if not self.text.startswith(literal, self.at):
            return False
        self.at += len(literal)
        return True

    def _end_line(self, expected: str) -> None:
        if self._grammar.free_comments:
            self._skip(self._grammar.blank)
            if self.at == len(self.text):  # the last line break is optional (F-2)
                return
        if not self._literal("\n"):
            self._fail(expected)

    def _fail(self, reason: str, at: int | None = None) -> NoReturn:
        raise self.error(reason, self.at if at is None else at)

    def error(self, reason: str, at: int) -> ParseError:
        """The error for this place in the text."""
        line = self.text.count("\n", 0, at) + 1
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        end = self.text.find("\n", at)
        offending = self.text[at : end if end >= 0 else len(self.text)]
        if not offending:
            came = "the end of the line" if end >= 0 else "the end of the body"
            reason = f"{reason}, got {came}"
        return ParseError(line, column, offending[:_SHOWN], reason)
