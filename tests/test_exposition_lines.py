"""One line of an exposition: what is read, and what is refused, where and why.

The rows for names without quotes were compared with a running Prometheus 2.42, which
gave the same verdict and the same series for each of them, but for what it does not know
yet: UTF-8 names, a comma before the brace and exemplars everywhere in OpenMetrics.
"""

from __future__ import annotations

import math

import pytest

from promlatest.exceptions import ParseError
from promlatest.exposition import Format
from promlatest.exposition._lines import (
    Comment,
    End,
    LineReader,
    MetaLine,
    SampleLine,
    unescape,
)

INF, NAN = math.inf, math.nan
LAST = 2**63 - 1
NO: dict[str, str] = {}


def read(line: str, syntax: Format) -> object:
    return LineReader(line, syntax).read()


# Samples: line, metric, labels, value, timestamp in milliseconds
TEXT_SAMPLES = [
    ("a 1", "a", NO, 1.0, None),
    ("a 1\n", "a", NO, 1.0, None),
    ("  a 1\n", "a", NO, 1.0, None),
    ("\ta\t1\t2\n", "a", NO, 1.0, 2),
    ("a 1 2 \t\n", "a", NO, 1.0, 2),
    ("a 1 00012\n", "a", NO, 1.0, 12),
    (f"a 1 {LAST}\n", "a", NO, 1.0, LAST),
    ("a{} 1\n", "a", NO, 1.0, None),
    ('a{b="c"}1\n', "a", {"b": "c"}, 1.0, None),
    ('a {b="c"} 1\n', "a", {"b": "c"}, 1.0, None),
    ('a{ b = "c" , d="e" , } 1\n', "a", {"b": "c", "d": "e"}, 1.0, None),
    ('a{b="c"d="e"} 1\n', "a", {"b": "c", "d": "e"}, 1.0, None),
    ('a{b=""} 1\n', "a", {"b": ""}, 1.0, None),
    ('a{b="x\ny"} 1\n', "a", {"b": "x\ny"}, 1.0, None),
    ('a{b="c\rd"} 1\n', "a", {"b": "c\rd"}, 1.0, None),
    ('a{b="\0"} 1\n', "a", {"b": "\0"}, 1.0, None),
    (r'a{b="x\\y\"z\nq\w"} 1' + "\n", "a", {"b": 'x\\y"z\nq\\w'}, 1.0, None),
    ('a{b="}, 1 {"} 1\n', "a", {"b": "}, 1 {"}, 1.0, None),
    (":a:_9 1\n", ":a:_9", NO, 1.0, None),
    ('{"my.name"} 1\n', "my.name", NO, 1.0, None),
    ('{"my.name",a="b"} 1\n', "my.name", {"a": "b"}, 1.0, None),
    ('{a="b","my.name"} 1\n', "my.name", {"a": "b"}, 1.0, None),
    ('{"a","my.label"="b"} 1\n', "a", {"my.label": "b"}, 1.0, None),
    ('a{"é"="ü"} 1\n', "a", {"é": "ü"}, 1.0, None),
    (r'{"a\"b\n"} 1' + "\n", 'a"b\n', NO, 1.0, None),
]
OPENMETRICS_SAMPLES = [
    ("a 1\n", "a", NO, 1.0, None),
    ("a 1 2\n", "a", NO, 1.0, 2000),
    ("a 1 -2.5\n", "a", NO, 1.0, -2500),
    ("a 1 1.0019\n", "a", NO, 1.0, 1001),
    ("a 1 1e300\n", "a", NO, 1.0, LAST),
    ("a 1 -1e300\n", "a", NO, 1.0, -LAST),
    ("a{} 1\n", "a", NO, 1.0, None),
    ('a{b="c",} 1\n', "a", {"b": "c"}, 1.0, None),
    ('a{b="c",d="e"} 1\n', "a", {"b": "c", "d": "e"}, 1.0, None),
    ('a{b="\0"} 1\n', "a", {"b": "\0"}, 1.0, None),
    ('{"my.name",a="b"} 1\n', "my.name", {"a": "b"}, 1.0, None),
]


@pytest.mark.parametrize(("line", "metric", "labels", "value", "timestamp"), TEXT_SAMPLES)
def test_text_samples(line, metric, labels, value, timestamp) -> None:
    """Text lets blanks stand between all tokens, and commas be left out (F-0)."""
    sample = read(line, "text")

    assert isinstance(sample, SampleLine)
    assert (sample.metric, dict(sample.labels)) == (metric, labels)
    assert (sample.value, sample.timestamp) == (value, timestamp)


@pytest.mark.parametrize(
    ("line", "metric", "labels", "value", "timestamp"), OPENMETRICS_SAMPLES
)
def test_openmetrics_samples(line, metric, labels, value, timestamp) -> None:
    """OpenMetrics has timestamps in seconds, cut off to milliseconds (F-0)."""
    sample = read(line, "openmetrics")

    assert isinstance(sample, SampleLine)
    assert (sample.metric, dict(sample.labels)) == (metric, labels)
    assert (sample.value, sample.timestamp) == (value, timestamp)


VALUES = [
    ("1", 1.0),
    ("+1", 1.0),
    ("-.5e+3", -500.0),
    ("5.", 5.0),
    ("1e-400", 0.0),
    ("18446744073709551615", 18446744073709551615.0),
    ("inf", INF),
    ("+Infinity", INF),
    ("-INF", -INF),
    ("nan", NAN),
    ("NaN", NAN),
]


@pytest.mark.parametrize("syntax", ["text", "openmetrics"])
@pytest.mark.parametrize(("text", "value"), VALUES)
def test_values(text: str, value: float, syntax: Format) -> None:
    """A value is what Go's ParseFloat reads (F-1)."""
    sample = read(f"a {text}\n", syntax)

    assert isinstance(sample, SampleLine)
    assert repr(sample.value) == repr(value)


NO_VALUES = [
    "0x10", "0x1p3", "1_0", "1e400", "+nan", "-nan", ".", "1e", "--1", "infinit", "١",
    "1\v", "1\xa0", "1,", "1;2", "true", "1\r", "1\0",
]  # fmt: skip


@pytest.mark.parametrize("syntax", ["text", "openmetrics"])
@pytest.mark.parametrize("text", NO_VALUES)
def test_values_refused(text: str, syntax: Format) -> None:
    """Hexadecimals, underscores, other digits and what is too large are refused (F-1)."""
    with pytest.raises(ParseError, match="as the value") as caught:
        read(f"a {text}\n", syntax)

    assert (caught.value.line, caught.value.column, caught.value.text) == (1, 3, text)


# Line, column, reason
TEXT_REFUSED = [
    ("1a 1\n", 1, "expected a metric name"),
    ("\ufeffa 1\n", 1, "expected a metric name"),
    ("\0a 1\n", 1, "expected a metric name"),
    ("{} 1\n", 1, "expected a metric name inside the braces"),
    ('{a="b"} 1\n', 1, "expected a metric name inside the braces"),
    ('{""} 1\n', 1, "a metric name must not be empty"),
    ('a{"b"} 1\n', 3, "the metric has its name"),
    ('{"a","b"} 1\n', 6, "the metric has its name"),
    ("a-b 1\n", 2, "expected a number"),
    ("a\0 1\n", 2, "expected a number"),
    ("a\n", 2, "expected a value after the series, got the end of the line"),
    ('a{b="c"}', 9, "expected a value after the series, got the end of the body"),
    ("a{,} 1\n", 3, "expected a label name"),
    ('a{b="c",,} 1\n', 9, "expected a label name"),
    ('a{1b="c"} 1\n', 3, "expected a label name"),
    ('a{b="c" 1\n', 9, "expected a label name"),
    ('a{b="c"\n} 1\n', 8, "expected a label name, got the end of the line"),
    ('a{b="c"; } 1\n', 8, "expected a label name"),
    ('a{b:c="d"} 1\n', 4, "expected '=' after the label name"),
    ('a{b"c"} 1\n', 4, "expected '=' after the label name"),
    ('a{b\0="c"} 1\n', 4, "expected '=' after the label name"),
    ("a{b} 1\n", 4, "expected '=' after the label name"),
    ("a{b=c} 1\n", 5, "expected a label value in double quotes"),
    ("a{b='c'} 1\n", 5, "expected a label value in double quotes"),
    ('a{b=\n"c"} 1\n', 5, "expected a label value in double quotes"),
    ('a{b="c} 1\n', 5, "expected a closing quote"),
    (r'a{b="\"} 1' + "\n", 5, "expected a closing quote"),
    ('a{b="x\\\ny"} 1\n', 5, "expected a closing quote"),
    ('a{b="c} 1\na{b="d"} 1\n', 5, "expected a closing quote"),
    ('a{b="c",b="d"} 1\n', 9, "a label name stands twice"),
    ('a{b="",b="c"} 1\n', 8, "a label name stands twice"),
    ('a{""="c"} 1\n', 3, "a label name must not be empty"),
    ('a{__name__="b"} 1\n', 1, "a second metric name"),
    ('a{"b\0"="c"} 1\n', 5, "a NUL byte cannot stand here"),
    ('{"a\0"} 1\n', 4, "a NUL byte cannot stand here"),
    ("a 1 -2\n", 5, "expected a timestamp in whole milliseconds"),
    ("a 1 +2\n", 5, "expected a timestamp in whole milliseconds"),
    ("a 1 1.5\n", 5, "expected a timestamp in whole milliseconds"),
    ("a 1 ٢\n", 5, "expected a timestamp in whole milliseconds"),
    ("a 1 2\0\n", 5, "expected a timestamp in whole milliseconds"),
    (f"a 1 {LAST + 1}\n", 5, "the timestamp is too large"),
    ("a 1 " + "9" * 5000 + "\n", 5, "the timestamp is too large"),
    ("a 1 2 3\n", 7, "expected a timestamp or the end of the line"),
    ('a 1 # {a="b"} 1\n', 5, "expected a timestamp or the end of the line"),
    ("a 1 #x\n", 5, "expected a timestamp or the end of the line"),
    ("a 1{\n", 4, "expected a timestamp or the end of the line"),
    ('a{b="c"} {count:1,sum:2}\n', 10, "native histograms cannot be read"),
    ("# HELP \n", 8, "expected a metric name after HELP"),
    ("# TYPE 1a gauge\n", 8, "expected a metric name after TYPE"),
    ('# TYPE "" gauge\n', 10, "expected a metric name after TYPE"),
    ('# TYPE "a gauge\n', 8, "expected a closing quote"),
    ("# TYPE a\n", 9, "expected one of counter, gauge, histogram, summary, untyped"),
    ("# TYPE a \n", 10, "expected one of counter"),
    ("# TYPE a  gauge\n", 10, "expected one of counter"),
    ("# TYPE a gauge \n", 10, "expected one of counter"),
    ("# TYPE a gauge\r\n", 10, "expected one of counter"),
    ("# TYPE a Gauge\n", 10, "expected one of counter"),
    ("# TYPE a unknown\n", 10, "expected one of counter"),
    ("# TYPE a info\n", 10, "expected one of counter"),
]
OPENMETRICS_REFUSED = [
    ("\n", 1, "expected a metric name, got the end of the line"),
    (" a 1\n", 1, "expected a metric name"),
    ("a  1\n", 3, "expected a value after the series"),
    ("a\t1\n", 2, "expected a value after the series"),
    ('a{b="c"}1\n', 9, "expected a value after the series"),
    ('a {b="c"} 1\n', 3, "expected a number as the value"),
    ("a {count:1}\n", 3, "native histograms cannot be read"),
    ("a 1 \n", 4, "expected a timestamp or the end of the line"),
    ("a 1  2\n", 4, "expected a timestamp or the end of the line"),
    ("a 1 2 3\n", 6, "expected a timestamp or the end of the line"),
    ("a 1 #\n", 4, "expected a timestamp or the end of the line"),
    ("a 1 # x\n", 4, "expected a timestamp or the end of the line"),
    ("a 1", 4, "expected a timestamp or the end of the line, got the end of the body"),
    ("a 1 NaN\n", 5, "expected a finite timestamp in seconds"),
    ("a 1 Inf\n", 5, "expected a finite timestamp in seconds"),
    ("a 1 0x10\n", 5, "expected a timestamp in seconds"),
    ("a 1 st@5\n", 5, "expected a timestamp in seconds"),
    ('a{b="c"d="e"} 1\n', 8, "expected ',' or '}'"),
    ('a{b="c", d="e"} 1\n', 9, "expected a label name"),
    ('a{ b="c"} 1\n', 3, "expected a label name"),
    ('a{b ="c"} 1\n', 4, "expected '='"),
    ('a{b="c" } 1\n', 8, "expected ',' or '}'"),
    ("a{,} 1\n", 3, "expected a label name"),
    ('a{b="x\ny"} 1\n', 5, "expected a closing quote"),
    ("# comment\n", 1, "expected '# HELP', '# TYPE', '# UNIT' or '# EOF'"),
    ("#\n", 1, "expected '# HELP'"),
    ("#EOF\n", 1, "expected '# HELP'"),
    ("#  EOF\n", 1, "expected '# HELP'"),
    (" # EOF\n", 1, "expected a metric name"),
    ("# EOF\r\n", 6, "expected nothing after '# EOF'"),
    ("# EOF\n\n", 1, "expected nothing after '# EOF'"),
    ("# HELP a\n", 9, "expected a blank and a text after the name of HELP"),
    ("# HELP  a x\n", 8, "expected a metric name after HELP"),
    ("# HELP a x", 11, "expected the end of the line, got the end of the body"),
    ("# TYPE a untyped\n", 10, "expected one of counter"),
    ("# TYPE a \n", 10, "expected one of counter"),
    ("# UNIT a s\n", 10, "expected the unit to be a suffix of 'a'"),
    ("# UNIT as s\n", 11, "expected the unit to be a suffix of 'as'"),
    ('a 1 # {b="c"}\n', 14, "expected a value after the series"),
    ('a 1 # {b="c"}1\n', 14, "expected a value after the series"),
    ('a 1 # {b="c"} x\n', 15, "expected a number as the value"),
    ('a 1 # { b="c"} 1\n', 8, "expected a label name"),
    ('a 1 # {"b"} 1\n', 11, "expected '=' after the label name"),
    ('a 1 # {b="\0"} 1\n', 11, "a NUL byte cannot stand here"),
    ('a 1 # {b="c"} 1 NaN\n', 17, "expected a finite timestamp in seconds"),
    ('a 1 # {b="c"} 1 2 3\n', 18, "expected a timestamp or the end of the line"),
    ('a 1  # {b="c"} 1\n', 4, "expected a timestamp or the end of the line"),
    ('a 1 #{b="c"} 1\n', 4, "expected a timestamp or the end of the line"),
    ('a 1 # {b="c"} 1 # {d="e"} 1\n', 16, "expected a timestamp or the end of the line"),
]


@pytest.mark.parametrize(("line", "column", "reason"), TEXT_REFUSED)
def test_text_refused(line: str, column: int, reason: str) -> None:
    """What the text lexer refuses is refused, with its place and the reason (F-0)."""
    with pytest.raises(ParseError) as caught:
        read(line, "text")

    assert reason in caught.value.reason
    assert (caught.value.line, caught.value.column) == (1, column)


@pytest.mark.parametrize(("line", "column", "reason"), OPENMETRICS_REFUSED)
def test_openmetrics_refused(line: str, column: int, reason: str) -> None:
    """OpenMetrics wants exactly one blank where one belongs (F-0)."""
    with pytest.raises(ParseError) as caught:
        read(line, "openmetrics")

    assert reason in caught.value.reason
    assert caught.value.column == column


# Metadata, comments, the end
TEXT_OTHERS = [
    ("\n", Comment()),
    (" \t", Comment()),
    ("#", Comment()),
    ("# EOF\n", Comment()),
    ("# UNIT a x\n", Comment()),
    ("# TYPEX a x\n", Comment()),
    ("#TYPE a x\n", Comment()),
    ("# TYPE\n", Comment()),
    ("# HELP\n", Comment()),
    ("#\r\n", Comment()),
    ("# \0x\n", Comment()),
    ("# HELP a", MetaLine("HELP", "a", "")),
    ("\t#\t HELP \ta  x \r\n", MetaLine("HELP", "a", " x \r")),
    ("# HELP a{b x\n", MetaLine("HELP", "a", "b x")),
    ("# HELP a \0\n", MetaLine("HELP", "a", "\0")),
    (r"# HELP a \ \n \\ \" \x" + "\n", MetaLine("HELP", "a", '\\ \n \\ \\" \\x')),
    ('# HELP "my.name" x\n', MetaLine("HELP", "my.name", "x")),
    ("# TYPE a untyped\n", MetaLine("TYPE", "a", "unknown")),
    ("# TYPE a\tgauge", MetaLine("TYPE", "a", "gauge")),
]
OPENMETRICS_OTHERS = [
    ("# EOF", End()),
    ("# EOF\n", End()),
    ("# HELP a \n", MetaLine("HELP", "a", "")),
    ("# HELP a  x \n", MetaLine("HELP", "a", " x ")),
    (r"# HELP a \n \\ \" \x" + "\n", MetaLine("HELP", "a", '\n \\ " \\x')),
    ("# TYPE a info\n", MetaLine("TYPE", "a", "info")),
    ("# TYPE a gaugehistogram\n", MetaLine("TYPE", "a", "gaugehistogram")),
    ("# TYPE a unknown\n", MetaLine("TYPE", "a", "unknown")),
    ("# UNIT a_s s\n", MetaLine("UNIT", "a_s", "s")),
    ("# UNIT a \n", MetaLine("UNIT", "a", "")),
]


@pytest.mark.parametrize(("line", "expected"), TEXT_OTHERS)
def test_text_comments(line: str, expected: object) -> None:
    """In text every comment that is no HELP or TYPE with a name is free (F-0)."""
    assert read(line, "text") == expected


@pytest.mark.parametrize(("line", "expected"), OPENMETRICS_OTHERS)
def test_openmetrics_comments(line: str, expected: object) -> None:
    """OpenMetrics has UNIT, EOF and three more types (F-0)."""
    assert read(line, "openmetrics") == expected


EXEMPLARS = [
    ('a 1 # {b="c"} 2\n', {"b": "c"}, 2.0, None),
    ('a 1 3 # {b="c",} NaN 4.5\n', {"b": "c"}, NAN, 4500),
    ("a 1 # {} 1\n", {}, 1.0, None),
    ('a 1 # {b="c",b="d"} 1\n', {"b": "c"}, 1.0, None),
    ('a 1 # {""="c"} 1\n', {}, 1.0, None),
    ('a 1 # {b="' + "x" * 200 + '"} 1\n', {"b": "x" * 200}, 1.0, None),
]


@pytest.mark.parametrize(("line", "labels", "value", "timestamp"), EXEMPLARS)
def test_exemplars(line, labels, value, timestamp) -> None:
    """An exemplar stands behind any sample, and its labels are not judged (F-0)."""
    sample = read(line, "openmetrics")

    assert isinstance(sample, SampleLine)
    assert sample.exemplar is not None
    assert sample.exemplar.labels == labels
    assert repr(sample.exemplar.value) == repr(value)
    assert sample.exemplar.timestamp == timestamp


def test_place_of_the_series() -> None:
    """A sample says where its series stands, less the blanks around it."""
    text = '  a{b="c"}  1\n'
    sample = LineReader(text, "text").read()

    assert isinstance(sample, SampleLine)
    assert text[sample.series_start : sample.series_end] == 'a{b="c"}'


def test_line_numbers_count_breaks_in_values() -> None:
    """A line break in a label value counts as a line (text, F-0)."""
    reader = LineReader('a{b="x\ny"} 1\n!\n', "text")
    reader.read()

    with pytest.raises(ParseError) as caught:
        reader.read()

    assert (caught.value.line, caught.value.column) == (3, 1)


def test_skipping_a_line() -> None:
    """After a line that cannot be read the next one can (lenient reading)."""
    reader = LineReader("!\na 1\n", "text")
    with pytest.raises(ParseError):
        reader.read()
    reader.skip_line()

    assert isinstance(reader.read(), SampleLine)


def test_error_text_is_short() -> None:
    """An error carries the beginning of a long text only."""
    with pytest.raises(ParseError) as caught:
        read("!" * 10_000, "text")

    assert len(caught.value.text) == 60


def test_unescape_leaves_unknown_escapes() -> None:
    """Only three escapes mean something; others stand for themselves (L-6)."""
    assert unescape(r"\t\\n\n") == "\\t\\n\n"


@pytest.mark.parametrize(
    ("body", "syntax", "hint"),
    [
        ("a 1\r\n", "text", "expected lines to end in LF, got CR LF"),
        ("# TYPE a gauge\r\na 1\r\n", "text", "got CR LF"),
        ("# TYPE a gauge\r\n# EOF\r\n", "openmetrics", "got CR LF"),
        ("\x1f\udc8b\x08\x00", "text", "this is gzip, and no Content-Encoding says so"),
        (
            "# TYPE a info\n",
            "text",
            "types of OpenMetrics need the Content-Type application/",
        ),
        ('a_total 1 # {t="x"} 1\n', "text", "exemplars need the Content-Type application/"),
        ('a_total 1 1 # {t="x"} 1\n', "text", "exemplars need the Content-Type"),
        ("#TYPE a gauge\n", "openmetrics", "expected one blank after '#'"),
        ("#  HELP a x\n", "openmetrics", "expected one blank after '#'"),
    ],
)
def test_hints(body: str, syntax: Format, hint: str) -> None:
    """An error that people run into for one reason says that reason."""
    with pytest.raises(ParseError) as caught:
        LineReader(body, syntax).read()

    assert hint in caught.value.reason


@pytest.mark.parametrize(
    ("body", "syntax"),
    [
        ("a x\n", "text"),
        ("# TYPE a foo\n", "text"),
        ("a 1 # x\n", "text"),
        ("# x\n", "openmetrics"),
        ("# TYPE a untyped\n", "openmetrics"),
    ],
)
def test_no_hint_elsewhere(body: str, syntax: Format) -> None:
    """An error of another reason has no hint."""
    with pytest.raises(ParseError) as caught:
        LineReader(body, syntax).read()

    assert ";" not in caught.value.reason
