"""The strict check: one table of bodies, and what each rule says about them."""

from __future__ import annotations

import pytest
from exposition_bodies import CONTENT
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client import generate_latest as as_text
from prometheus_client.openmetrics.exposition import generate_latest as as_openmetrics

from promlatest.demo import Operator, OperatorCollector
from promlatest.exceptions import ContentTypeError
from promlatest.exposition import Format, check


def told(name: str, kind: str) -> str:
    return f"# HELP {name} x\n# TYPE {name} {kind}\n"


COUNTER, GAUGE = told("a_total", "counter"), told("a", "gauge")
HISTOGRAM, SUMMARY = told("a", "histogram"), told("a", "summary")
PAIR = "a_sum 0\na_count 2\n"
INFINITE = 'a_bucket{le="+Inf"} 2\n'
JOBS = told("jobs", "counter")

# Body; line, column, severity, piece of the reason
TEXT = [
    (GAUGE + "a 1", 3, 4, "error", "does not end with a line break"),
    (GAUGE + "# TYPE a gauge\na 1\n", 3, 1, "error", "a second TYPE"),
    (GAUGE + "# HELP a y\na 1\n", 3, 1, "error", "a second HELP"),
    ("# HELP a x\na 1\n# TYPE a gauge\n", 3, 1, "error", "TYPE stands after samples"),
    ("# TYPE a gauge\na 1\n# HELP a x\n", 3, 1, "error", "HELP stands after samples"),
    (GAUGE + 'a{x="1"} 1\n' + told("b", "gauge") + 'b 1\na{x="2"} 1\n', 7, 1, "error", "another family"),
    (GAUGE + told("b", "gauge") + "a 1\n", 5, 1, "error", "another family"),
    (GAUGE + " a 1\n", 3, 2, "warning", "blanks stand before the name"),
    ("# HELP a x\na 1\n", 2, 1, "warning", "has no TYPE"),
    ("# TYPE a gauge\na 1\n", 2, 1, "warning", "has no HELP"),
    (JOBS + "jobs 1\n", 3, 1, "warning", "ends in '_total'"),
    (told("a_total", "gauge") + "a_total 1\n", 3, 1, "warning", "'_total' is for a counter"),
    (told("a_count", "gauge") + "a_count 1\n", 3, 1, "warning", "'_count' is for a histogram or summary"),
    (told("a_bucket", "gauge") + "a_bucket 1\n", 3, 1, "warning", "'_bucket' is for a"),
    (GAUGE + 'a{le="1"} 1\n', 3, 1, "warning", "the label 'le' is for a histogram"),
    (GAUGE + 'a{quantile="1"} 1\n', 3, 1, "warning", "the label 'quantile' is for a summary"),
    (told("a:b", "gauge") + "a:b 1\n", 3, 1, "warning", "recording rules"),
    (told("aB", "gauge") + "aB 1\n", 3, 1, "warning", "snake_case"),
    (told("a_gauge", "gauge") + "a_gauge 1\n", 3, 1, "warning", "does not include the type"),
    (told("a_ms", "gauge") + "a_ms 1\n", 3, 1, "warning", "does not abbreviate the unit"),
    (told("a_milliseconds", "gauge") + "a_milliseconds 1\n", 3, 1, "warning", "base unit 'seconds'"),
    (told('"my.name"', "gauge") + '{"my.name"} 1\n', 3, 1, "warning", "not of the old form"),
    (GAUGE + 'a{"my.label"="x"} 1\n', 3, 1, "warning", "not of the old form"),
    (GAUGE + 'a{__x="y"} 1\n', 3, 1, "warning", "reserved: '__x'"),
    (GAUGE + 'a{b="c",d=""} 1\na{b="c"} 2\n', 4, 1, "error", "stands on line 3; the first counts"),
    (GAUGE + "a 1 1\na 1 2\n", 4, 1, "error", "the series stands on line 3"),
    (COUNTER + "a_total -1\n", 3, 9, "error", "a counter is never below zero"),
    (COUNTER + "a_total NaN\n", 3, 9, "error", "a counter is a number"),
    (HISTOGRAM + 'a_bucket{le="1"} -1\n' + INFINITE + PAIR, 3, 18, "error", "never below zero"),
    (SUMMARY + "a_sum 1\na_count -1\n", 4, 9, "error", "a count is never below zero"),
    (SUMMARY + 'a{quantile="2"} 1\n' + PAIR, 3, 1, "error", "a number from 0 to 1"),
    (SUMMARY + 'a{quantile="x"} 1\n' + PAIR, 3, 1, "error", "a number from 0 to 1"),
    (SUMMARY + "a 1\n" + PAIR, 3, 1, "error", "has a label 'quantile'"),
    (SUMMARY + 'a{quantile="1"} 1\na{quantile="0"} 1\n' + PAIR, 4, 1, "error", "quantiles in their order"),
    (SUMMARY + "a_sum 1\n", 3, 1, "error", "the summary has no '_count'"),
    (HISTOGRAM + INFINITE + "a_count 2\n", 3, 1, "error", "the histogram has no '_sum'"),
    (HISTOGRAM + INFINITE + "a_sum 2\n", 3, 1, "error", "the histogram has no '_count'"),
    (HISTOGRAM + INFINITE, 3, 1, "warning", "no '_sum' and no '_count'"),
    (HISTOGRAM + 'a_bucket{le="1"} 2\n' + PAIR, 3, 1, "error", 'no bucket le="+Inf"'),
    (HISTOGRAM + PAIR, 3, 1, "error", 'no bucket le="+Inf"'),
    (HISTOGRAM + 'a_bucket{le="1"} 3\n' + INFINITE + PAIR, 4, 21, "error", "at least what the one below it counts, '3'"),
    (HISTOGRAM + INFINITE + "a_sum 0\na_count 3\n", 5, 9, "error", "expected the count of the bucket"),
    (HISTOGRAM + 'a_bucket{le="1"} 2\na_bucket{le="1.0"} 2\n' + INFINITE + PAIR, 4, 1, "error", "the bucket on line 3 has this bound"),
    (HISTOGRAM + 'a_bucket{le="2"} 2\na_bucket{le="1"} 2\n' + INFINITE + PAIR, 4, 1, "error", "in the order of 'le'"),
    (HISTOGRAM + 'a_bucket{le="x"} 2\n' + INFINITE + PAIR, 3, 1, "error", "'le' that is a number"),
    (HISTOGRAM + "a_bucket 2\n" + INFINITE + PAIR, 3, 1, "error", "'le' that is a number"),
    ("a 1\nb 1\n" + 'a{c="d"} 1\n', 3, 1, "error", "lines of another family stand within"),
    (GAUGE + "a x\n", 3, 3, "error", "expected a number"),
    # what expfmt, and so promtool and the Pushgateway, refuse
    (GAUGE + 'a{b="c" d="e"} 1\n', 3, 1, "error", "expected ',' between two labels"),
    (GAUGE + 'a{b="c"d="e"} 1\n', 3, 1, "error", "expected ',' between two labels"),
    (GAUGE + "a 1 \n", 3, 1, "warning", "blanks stand at the end of the line"),
    (GAUGE + "a 1 1\t\n", 3, 1, "warning", "blanks stand at the end of the line"),
    (GAUGE + 'a{b="x\ny"} 1\n', 3, 1, "error", "a line break stands in a label value"),
    (GAUGE + 'a{b="\\q"} 1\n', 3, 1, "error", r'\\, \" and \n, got \q'),
    ("# HELP a \\q\n# TYPE a gauge\na 1\n", 1, 1, "error", r"\\ or \n, got \q"),
    ('# HELP a \\"x\\"\n# TYPE a gauge\na 1\n', 1, 1, "error", r'\\ or \n, got \"'),
    ("# HELP a{ x\n# TYPE a gauge\na 1\n", 1, 1, "error", "expected a blank after the name of the HELP"),
    # what promtool's linter warns of
    ("#TYPE a gauge\n# HELP a x\na 1\n", 1, 1, "warning", "expected '# TYPE', with a blank"),
    ("#HELP a x\n# TYPE a gauge\na 1\n", 1, 1, "warning", "expected '# HELP', with a blank"),
    (told("a", "gauge"), 1, 1, "warning", "the family has no sample"),
    ("# TYPE a counter\n# HELP a_total x\na_total 1\n", 1, 1, "warning", "a TYPE names the counter with its '_total'"),
    ("# TYPE a counter\n# HELP a_total x\na_total 1\n", 3, 1, "warning", "has no TYPE"),
    ("# HELP a  \n# TYPE a gauge\na 1\n", 3, 1, "warning", "has no HELP"),
    (told("a_created", "counter") + "a_created 1\n", 3, 1, "warning", "ends in '_total'"),
    (told("a_ms_total", "counter") + "a_ms_total 1\n", 3, 1, "warning", "does not abbreviate the unit"),
    (told("a_kelvins", "gauge") + "a_kelvins 1\n", 3, 1, "warning", "base unit 'kelvin', got 'kelvins'"),
    (told("a_kilocalories", "gauge") + "a_kilocalories 1\n", 3, 1, "warning", "base unit 'joules'"),
    (GAUGE + 'a 1\na{bC="1"} 1\na{bC="2"} 1\n', 4, 1, "warning", "camelCase in the label 'bC'"),
    (GAUGE + 'a 1\na{le="1"} 1\na{le="2"} 1\n', 4, 1, "warning", "the label 'le' is for a histogram"),
]  # fmt: skip
OPENMETRICS = [
    (GAUGE + "a 1\n", 4, 1, "error", "expected '# EOF'"),
    (JOBS + "jobs 1\n# EOF\n", 3, 1, "error", "ends in '_total'"),
    (COUNTER + "a_total 1\n# EOF\n", 3, 1, "error", "belongs to the sample's name"),
    (JOBS + told("jobs_total", "gauge") + "# EOF\n", 4, 1, "error", "may be one of the family 'jobs' too"),
    (GAUGE + 'a{__x="y"} 1\n# EOF\n', 3, 1, "error", "reserved"),
    (GAUGE + "a 1 2\na 1 1\n# EOF\n", 4, 1, "error", "expected a later timestamp"),
    (GAUGE + "a 1 2\na 1\n# EOF\n", 4, 1, "error", "expected a later timestamp"),
    (GAUGE + "a 1 2\na 1 2\n# EOF\n", 4, 1, "error", "the first counts"),
    (told("b", "info") + "b_info 2\n# EOF\n", 3, 8, "error", "an info is always 1"),
    (told("b", "info") + "b 1\n# EOF\n", 3, 1, "error", "ends in '_info'"),
    (told("b", "stateset") + 'b{b="x"} 2\n# EOF\n', 3, 10, "error", "a state is 0 or 1"),
    (told("b", "stateset") + "b 1\n# EOF\n", 3, 1, "error", "a label of its own name"),
    (HISTOGRAM + 'a_bucket{le="1"} 0.5\n' + INFINITE + PAIR + "# EOF\n", 3, 18, "error", "whole number"),
    (HISTOGRAM + INFINITE + "a_sum NaN\na_count 2\n# EOF\n", 4, 7, "error", "the sum of a histogram"),
    (HISTOGRAM + 'a_bucket{le="1"} 1\n' + INFINITE + PAIR + "# EOF\n", 3, 1, "warning", "the bound as '1.0', got '1'"),
    (GAUGE + "a 1 # {} 1\n# EOF\n", 3, 1, "error", "an exemplar stands on a bucket"),
    (JOBS + 'jobs_total 1 # {t="' + "x" * 128 + '"} 1\n# EOF\n', 3, 1, "error", "got 129"),
    (JOBS + 'jobs_total 1 # {t="x",t="y"} 1\n# EOF\n', 3, 1, "error", "empty or stands twice"),
    (told("g", "gaugehistogram") + 'g_bucket{le="1.0"} 2\ng_gsum 1\ng_gcount 2\n# EOF\n', 3, 1, "error", '"+Inf"'),
    (HISTOGRAM + INFINITE + "# EOF\n", 3, 1, "error", "no '_sum' and no '_count'"),
    (GAUGE + "# UNIT a s\na 1\n# EOF\n", 3, 10, "error", "expected the unit to be a suffix"),
    ("# x\n# EOF\n", 1, 1, "error", "expected '# HELP'"),
    (GAUGE + 'a{b="c",} 1\n# EOF\n', 3, 1, "error", "no ',' after the last label"),
    (told("b", "counter") + "# EOF\n", 1, 1, "warning", "the family has no sample"),
]  # fmt: skip


def found(body: str, syntax: Format) -> list[tuple[int, int, str, str]]:
    return [
        (each.line, each.column, each.severity, each.reason)
        for each in check(body, CONTENT[syntax])
    ]


@pytest.mark.parametrize(("body", "line", "column", "severity", "reason"), TEXT)
def test_text_rules(body: str, line: int, column: int, severity: str, reason: str) -> None:
    """What the text format forbids, or the linter advises against, is found (F-2, C-15)."""
    [only] = [each for each in found(body, "text") if reason in each[3]]

    assert only[:3] == (line, column, severity)


@pytest.mark.parametrize(("body", "line", "column", "severity", "reason"), OPENMETRICS)
def test_openmetrics_rules(
    body: str, line: int, column: int, severity: str, reason: str
) -> None:
    """What OpenMetrics forbids is found although Prometheus takes it (F-0)."""
    [only] = [each for each in found(body, "openmetrics") if reason in each[3]]

    assert only[:3] == (line, column, severity)


GO = """\
# HELP go_gc_duration_seconds A summary of the pause duration of garbage collection cycles.
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0"} 4.9351e-05
go_gc_duration_seconds{quantile="0.25"} 7.4241e-05
go_gc_duration_seconds{quantile="1"} NaN
go_gc_duration_seconds_sum 0.000352
go_gc_duration_seconds_count 5
# HELP go_memstats_alloc_bytes Number of bytes allocated.
# TYPE go_memstats_alloc_bytes gauge
go_memstats_alloc_bytes 1.829e+06
# HELP go_memstats_alloc_bytes_total Number of bytes allocated ever.
# TYPE go_memstats_alloc_bytes_total counter
go_memstats_alloc_bytes_total 1.829e+06
# HELP go_gc_pauses_seconds Stop-the-world pauses.
# TYPE go_gc_pauses_seconds histogram
go_gc_pauses_seconds_bucket{le="6.399999999999999e-08"} 0
go_gc_pauses_seconds_bucket{le="1"} 2
go_gc_pauses_seconds_bucket{le="+Inf"} 2
go_gc_pauses_seconds_sum NaN
go_gc_pauses_seconds_count 2
# HELP workqueue_depth Current depth of workqueue
# TYPE workqueue_depth gauge
workqueue_depth{controller="a",name="a",priority=""} 0
"""


CLEAN = [
    GAUGE + 'a{b="x\\\\,y\\"z",c="{d=}"} 1\n',
    GAUGE + 'a { b = "c" , d = "e" , } 1 1\n',
    '# HELP a He said "yes" \\\\ no.\\nTwice.\n# TYPE a gauge\na{b=""} 1\n',
    "# Nothing to see.\n#\n# TYPES of things\n" + GAUGE + "a 1\n",
    told("a_metres", "gauge") + "a_metres 1\n",
    told("thermometers_broken", "gauge") + "thermometers_broken 1\n",
]


@pytest.mark.parametrize("body", CLEAN)
def test_what_the_text_format_allows_is_clean(body: str) -> None:
    """Blanks and commas where they may stand, escapes, and comments are no findings."""
    assert check(body) == []


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("", None),
        ("; version=0.0.4; charset=utf-8", None),
        ('; charset="utf-8";', None),
        ("; charset=utf-8; charset=utf-8", None),
        ("; charset", "expected name=value, got '; charset'"),
        ("; charset=", "expected name=value"),
        ("; version=0.0.4 charset=utf-8", "expected name=value, got 'charset=utf-8'"),
        ("; version=0.0.4;; charset=utf-8", "expected name=value"),
        ("; charset=utf-8; charset=ascii", "'charset' stands twice"),
    ],
)
def test_parameters_of_the_content_type(parameters: str, words: str | None) -> None:
    """Parameters that Go's reader refuses make Prometheus 3 refuse the body (C-3)."""
    reasons = [each.reason for each in check(GAUGE + "a 1\n", f"text/plain{parameters}")]

    assert len(reasons) == (words is not None)
    assert all("Prometheus 3 refuses" in r and str(words) in r for r in reasons)


def test_go_is_clean() -> None:
    """What a Go program exposes in text is clean, NaN sums and `le="1"` included."""
    assert check(GO) == []


def test_the_demo_is_clean() -> None:
    """The demo operator exposes what the text format allows."""
    operator = Operator(seed=1)
    operator.advance(600)
    registry = CollectorRegistry()
    registry.register(OperatorCollector(operator))

    assert check(as_text(registry)) == []


@pytest.mark.parametrize(
    ("syntax", "write"), [("text", as_text), ("openmetrics", as_openmetrics)]
)
def test_prometheus_client_is_clean(syntax: Format, write) -> None:
    """What prometheus_client exposes is clean in both formats."""
    registry = CollectorRegistry()
    Counter("jobs", "Jobs.", ["name"], registry=registry).labels("a").inc(
        exemplar={"trace": "x"} if syntax == "openmetrics" else None
    )
    Gauge("depth", "Depth.", registry=registry).set(-1)
    Histogram("queue_seconds", "Queue.", registry=registry).observe(0.1)
    Summary("size_bytes", "Size.", registry=registry).observe(5)

    assert check(write(registry), CONTENT[syntax]) == []


def test_every_repeated_sample_is_skipped() -> None:
    """The second sample of a series is not taken, the first is (C-15)."""
    [found_one] = [each for each in check(GAUGE + "a 1\na 2\n") if each.action == "skipped"]

    assert (found_one.line, found_one.text) == (4, "a")


def test_findings_come_in_order() -> None:
    """Diagnostics are sorted by their place, unreadable lines among them."""
    places = [(each.line, each.column) for each in check("b -1\n!\nA_ms 1\na 1 1 1\n")]

    assert places == sorted(places)
    assert {line for line, _ in places} == {1, 2, 3, 4}


def test_a_body_of_another_type() -> None:
    """What is no exposition cannot be checked (C-3), an empty body is clean."""
    with pytest.raises(ContentTypeError):
        check("<html>", "text/html")
    assert check(b"", "text/html") == []
