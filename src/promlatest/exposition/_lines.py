"""One line of an exposition, read exactly as Prometheus' parsers read it.

This is the authority: it knows every rule, says where a line breaks one, and is slow
(about 8 µs a line). The reader asks it about every line whose form it does not know
yet, and about nothing else.

The two formats are one grammar with different tables: text lets blanks stand between
all tokens, OpenMetrics wants exactly one where one belongs (F-0).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, NoReturn

import attrs

from promlatest._datapoint import METRIC_TYPES, Exemplar, MetricType
from promlatest._matching.floats import parse_float
from promlatest._matching.labels import (
    LEGACY_LABEL_NAME,
    LEGACY_METRIC_NAME,
    METRIC_NAME,
    Labels,
)
from promlatest.exceptions import ParseError
from promlatest.exposition._formats import Format

_SHOWN: Final = 60  # characters of an offending text that an error carries


class SampleLine(NamedTuple):
    """A sample as it stands in the text; no label is dropped or changed yet.

    `series_start` and `series_end` are where the series stands in the text, and
    `exemplar_labels` are those of the exemplar, one that stands twice among them.
    """

    metric: str
    labels: tuple[tuple[str, str], ...]
    value: float
    timestamp: int | None
    exemplar: Exemplar | None
    series_start: int
    series_end: int
    exemplar_labels: tuple[tuple[str, str], ...] = ()


class MetaLine(NamedTuple):
    """A HELP, TYPE or UNIT line; `keyword` says which."""

    keyword: str
    family: str
    text: str

    @property
    def metric_type(self) -> MetricType:
        """What a TYPE line says."""
        return METRIC_TYPES[self.text]


@attrs.frozen
class Comment:
    """A comment or a blank line, which mean nothing."""


@attrs.frozen
class End:
    """The `# EOF` of OpenMetrics."""


BodyLine = SampleLine | MetaLine | Comment | End


class Grammar(NamedTuple):
    """What differs between the formats."""

    blank: re.Pattern[str]  # what may stand between two tokens
    before_value: re.Pattern[str]  # between series and value, and before a timestamp
    quoted: re.Pattern[str]
    value: re.Pattern[str]
    comment: re.Pattern[str]
    blank_line: re.Pattern[str]
    comma_required: bool
    exemplars: bool
    types: Mapping[str, MetricType]
    timestamp: Callable[[str], int]
    meta_escapes: dict[str, str]
    free_comments: bool


_LAST: Final = (1 << 63) - 1  # the last millisecond that Prometheus has


def _milliseconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("expected a timestamp in whole milliseconds")
    # Python refuses to convert thousands of digits; 20 that count are too many already.
    timestamp = int(text.lstrip("0")[:20] or "0")
    if timestamp > _LAST:
        raise ValueError("the timestamp is too large")
    return timestamp


def _seconds(text: str) -> int:
    try:
        seconds = parse_float(text)
    except ValueError as error:
        raise ValueError("expected a timestamp in seconds") from error
    if not math.isfinite(seconds):
        raise ValueError("expected a finite timestamp in seconds")
    # Towards zero, as Go converts. Prometheus takes the body also where the milliseconds
    # don't fit, and drops the sample as one of another age; the end of time does that.
    milliseconds = max(-_LAST, min(seconds * 1000, _LAST))
    return int(milliseconds)


_VALUE_ESCAPES: Final = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
_HELP_ESCAPES: Final = {"\\\\": "\\", "\\n": "\n"}

_TEXT_TYPES: Final[dict[str, MetricType]] = {
    "counter": "counter",
    "gauge": "gauge",
    "histogram": "histogram",
    "summary": "summary",
    "untyped": "unknown",
}

TEXT: Final = Grammar(
    blank=re.compile(r"[ \t]*"),
    before_value=re.compile(r"[ \t]*"),
    quoted=re.compile(r'"((?:[^\\"]++|\\.)*+)"'),  # a line break may stand in it
    value=re.compile(r"[^{ \t\n]+"),
    comment=re.compile(r"#[ \t]+(HELP|TYPE)[ \t]+"),
    blank_line=re.compile(r"[ \t]*(?:\n|\Z)"),
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
    quoted=re.compile(r'"((?:[^\\"\n]++|\\.)*+)"'),
    value=re.compile(r"[^ \n]+"),
    comment=re.compile(r"# (HELP|TYPE|UNIT) "),
    blank_line=re.compile(r"(?!)"),  # there is none
    comma_required=True,
    exemplars=True,
    types=METRIC_TYPES,
    timestamp=_seconds,
    meta_escapes=_VALUE_ESCAPES,
    free_comments=False,
)
GRAMMARS: Final[dict[Format, Grammar]] = {"text": TEXT, "openmetrics": OPENMETRICS}

_ESCAPE: Final = re.compile(r"\\.")
_REST: Final = re.compile(r"[^\n]*")
_COMPOSITE: Final = re.compile(r"\{[ \t]*(?:\w+[ \t]*:|\})")
_NOT_UTF8: Final = re.compile("[\ud800-\udfff]")


def unescape(text: str, escapes: dict[str, str] = _VALUE_ESCAPES) -> str:
    """The text with its escapes resolved; an unknown escape stays as it is."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: escapes.get(match[0], match[0]), text)


class LineReader:
    """Reads lines of one format out of a text.

    `at` is where it stands, `start` where the line that was read last began, and `line`
    that line's number. A line ends past its line break; in the text format a quoted
    value may hold line breaks itself.
    """

    def __init__(self, text: str, format: Format) -> None:  # noqa: A002 the field's word
        self.text = text
        self.at = 0
        self.start = 0
        self.line = 1
        self._grammar = GRAMMARS[format]
        self._run_over: int | None = None

    def read(self) -> BodyLine:
        """The line that starts here.

        Raises:
            ParseError: the line breaks a rule of the format.
        """
        self.line += self.text.count("\n", self.start, self.at)
        self.start = self.at
        self._run_over = None
        if self._take(self._grammar.blank_line) is not None:
            return Comment()
        self._skip(self._grammar.blank)
        if self.text.startswith("#", self.at):
            return self._read_comment()
        return self._read_sample()

    def skip_line(self) -> None:
        """Leave out the line that could not be read."""
        end = self.text.find("\n", self.start)
        self.at = len(self.text) if end < 0 else end + 1

    # Samples

    def _read_sample(self) -> SampleLine:
        series_start = self.at
        metric = self._take(LEGACY_METRIC_NAME)
        series_end = self.at
        self._skip(self._grammar.blank)
        labels: tuple[tuple[str, str], ...] = ()
        if self._literal("{"):
            quoted, labels = self._read_labels(metric is None)
            metric = metric if quoted is None else quoted
            series_end = self.at
        elif metric is None:
            self._fail("expected a metric name")
        if metric is None:
            self._fail("expected a metric name inside the braces", series_start)
        self._check_metric(metric, labels, series_start)
        value = self._read_value()
        timestamp = self._read_timestamp()
        exemplar_labels, exemplar = self._read_exemplar()
        self._end_line("expected a timestamp or the end of the line")
        return SampleLine(
            metric,
            labels,
            value,
            timestamp,
            exemplar,
            series_start,
            series_end,
            exemplar_labels,
        )

    def _read_labels(
        self, may_name: bool
    ) -> tuple[str | None, tuple[tuple[str, str], ...]]:
        """The labels up to the closing brace, and a metric name found among them."""
        metric: str | None = None
        labels: dict[str, str] = {}
        self._skip(self._grammar.blank)
        while not self._literal("}"):
            start = self.at
            name, quoted = self._read_label_name()
            if quoted and self._ends_item():
                if not may_name or metric is not None:
                    self._fail("expected '=': the metric has its name", start)
                metric = name
            else:
                self._check_label_name(name, labels, start)
                labels[name] = self._read_label_value()
            self._end_item()
        return metric, tuple(labels.items())

    def _read_label_name(self) -> tuple[str, bool]:
        name = self._take(LEGACY_LABEL_NAME)
        if name is not None:
            return name, False
        quoted = self._take_quoted()
        if quoted is None:
            self._fail("expected a label name")
        return quoted, True

    def _read_label_value(self, may_hold_nul: bool = True) -> str:
        self._skip(self._grammar.blank)
        if not self._literal("="):
            self._fail("expected '=' after the label name")
        self._skip(self._grammar.blank)
        value = self._take_quoted(may_hold_nul)
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

    def _check_label_name(self, name: str, seen: dict[str, str], start: int) -> None:
        if not name:
            self._fail("a label name must not be empty", start)
        if name in seen:
            self._fail("a label name stands twice", start)

    def _check_metric(
        self, metric: str, labels: tuple[tuple[str, str], ...], start: int
    ) -> None:
        if not metric:
            self._fail("a metric name must not be empty", start)
        if METRIC_NAME in dict(labels):
            self._fail("a second metric name stands in the label __name__", start)

    def _read_value(self) -> float:
        self._skip(self._grammar.before_value)
        start = self.at
        if _COMPOSITE.match(self.text, start):
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

    def _read_exemplar(self) -> tuple[tuple[tuple[str, str], ...], Exemplar | None]:
        if not (self._grammar.exemplars and self.text.startswith(" # {", self.at)):
            return (), None
        self.at += len(" # {")
        pairs = self._read_exemplar_labels()
        value = self._read_value()
        timestamp = self._read_timestamp()
        # Prometheus doesn't look at these names: of a name that stands twice, the first.
        labels = Labels({name: value for name, value in reversed(pairs) if name})
        return pairs, Exemplar(labels, value, timestamp)

    def _read_exemplar_labels(self) -> tuple[tuple[str, str], ...]:
        pairs: list[tuple[str, str]] = []
        while not self._literal("}"):
            name, _ = self._read_label_name()
            pairs.append((name, self._read_label_value(may_hold_nul=False)))
            self._end_item()
        return tuple(pairs)

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
        family = self._take(LEGACY_METRIC_NAME)
        if family is None:
            family = self._take_quoted()
        if not family:
            self._fail(f"expected a metric name after {keyword}")
        at = self.at
        rest = self._take(_REST) or ""
        if not self._grammar.free_comments and not rest.startswith(" "):
            self._fail(f"expected a blank and a text after the name of {keyword}", at)
        text = rest[1:]
        at = min(at + 1, self.at)
        if keyword == "TYPE":
            text = self._metric_type(text, at)
        elif keyword == "UNIT":
            self._check_unit(family, text, at)
        else:
            self._check_utf8(text, at)
            text = unescape(text, self._grammar.meta_escapes)
        self._end_line("expected the end of the line")
        return MetaLine(keyword, family, text)

    def _metric_type(self, text: str, at: int) -> MetricType:
        if text not in self._grammar.types:
            self._fail(f"expected one of {', '.join(self._grammar.types)}", at)
        return self._grammar.types[text]

    def _check_unit(self, family: str, unit: str, at: int) -> None:
        if unit and not family.endswith(f"_{unit}"):
            self._fail(f"expected the unit to be a suffix of {family[:_SHOWN]!r}", at)

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

    def _take_quoted(self, may_hold_nul: bool = False) -> str | None:
        start = self.at
        match = self._grammar.quoted.match(self.text, start)
        if match is None:
            if self.text.startswith('"', start):
                self._fail("expected a closing quote")
            return None
        self.at = match.end()
        quoted = match[1]
        if self._run_over is None and "\n" in quoted:
            self._run_over = start
        self._check_utf8(quoted, start + 1)
        if not may_hold_nul and "\0" in quoted:
            self._fail("a NUL byte cannot stand here", start + 1 + quoted.index("\0"))
        return unescape(quoted)

    def _check_utf8(self, text: str, at: int) -> None:
        """Bytes that are no UTF-8 come as lone surrogates (`surrogateescape`)."""
        found = None if text.isascii() else _NOT_UTF8.search(text)
        if found is not None:
            self._fail("expected valid UTF-8", at + found.start())

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
        if self._run_over is not None:
            # What looks wrong is only where a text without its closing quote met the
            # next quote, often lines below.
            reason, at = "expected a closing quote", self._run_over
        raise self.error(reason, self.at if at is None else at)

    def error(self, reason: str, at: int) -> ParseError:
        """The error for this place, which is in the line that was read last."""
        line = self.line + self.text.count("\n", self.start, at)
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        end = self.text.find("\n", at)
        offending = self.text[at : end if end >= 0 else len(self.text)]
        if not offending:
            came = "the end of the line" if end >= 0 else "the end of the body"
            reason = f"{reason}, got {came}"
        reason += self._hint(offending)
        return ParseError(line, column, printable(offending[:_SHOWN]), reason)

    def _hint(self, offending: str) -> str:
        """What is likely to be behind it, for what people run into most."""
        if self.text.startswith("\x1f\udc8b"):
            return "; this is gzip, and no Content-Encoding says so"
        if offending.endswith("\r"):
            return "; expected lines to end in LF, got CR LF"
        hints = _TEXT_HINTS if self._grammar.free_comments else _OPENMETRICS_HINTS
        line = self.text[self.start :].partition("\n")[0]
        return next((words for pattern, words in hints if pattern.search(line)), "")


_NEEDS_OPENMETRICS: Final = "need the Content-Type application/openmetrics-text"
# By what the line holds.
_TEXT_HINTS: Final = (
    (
        re.compile(r"#[ \t]+TYPE[ \t]+\S+ (?:unknown|info|stateset|gaugehistogram)\Z"),
        f"; types of OpenMetrics {_NEEDS_OPENMETRICS}",
    ),
    (re.compile(r"[^ ] # \{"), f"; exemplars {_NEEDS_OPENMETRICS}"),
)
_OPENMETRICS_HINTS: Final = (
    (
        re.compile(r"\A#(?! (?:\S|\Z))\s*(?:HELP|TYPE|UNIT)"),
        "; expected one blank after '#'",
    ),
)


def printable(text: str) -> str:
    """A text that can be printed: bytes that were no UTF-8 as `\\xff`."""
    return _NOT_UTF8.sub(_name_byte, text)


def _name_byte(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
