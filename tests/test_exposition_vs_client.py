"""prometheus_client's parsers as a second opinion: where the two differ, and why.

Each row of the tables names the difference and the rule that decides it; where nothing is
named the two must agree.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import pytest
from exposition_bodies import CONTENT
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary
from prometheus_client import generate_latest as as_text
from prometheus_client.openmetrics.exposition import generate_latest as as_openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from promlatest._matching.floats import normalise_bound
from promlatest.demo import Operator, OperatorCollector
from promlatest.exceptions import ParseError
from promlatest.exposition import Format, parse

PARSERS = {"text": parse_text, "openmetrics": parse_openmetrics}
REFUSED = "refused"


def series(metric: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    pairs = ",".join(f"{name}={text!r}" for name, text in sorted(labels))
    return f"{metric}{{{pairs}}} {float(value)!r}"


def ours(body: str, syntax: Format) -> list[str] | str:
    try:
        samples = parse(body, CONTENT[syntax]).samples()
    except ParseError:
        return REFUSED
    return sorted(
        f"{series(s.labels.metric, s.labels.without('__name__').items(), s.value)} @{s.timestamp}"
        for s in samples
    )


def theirs(body: str, syntax: Format) -> list[str] | str:
    try:
        families = list(PARSERS[syntax](body))
    except ValueError:
        return REFUSED
    return sorted(
        f"{series(s.name, s.labels.items(), s.value)} @{_milliseconds(s.timestamp)}"
        for family in families
        for s in family.samples
    )


def _milliseconds(seconds) -> int | None:
    return None if seconds is None else round(float(seconds) * 1000)


def families_of(body: str) -> set[tuple[str, str]]:
    return {(family.name, family.type) for family in parse_text(body)}


# Body; what we say; what they say
TEXT = [
    pytest.param("# TYPE foo counter\nfoo 1\n", ["foo{} 1.0 @None"], ["foo_total{} 1.0 @None"], id="F-4.1 renames counters"),
    pytest.param('foo 1 # {a="b"} 1 2\n', REFUSED, ["foo{} 1.0 @2"], id="F-4.2 swallows exemplars"),
    pytest.param("foo 1 2 3\n", REFUSED, ["foo{} 1.0 @3"], id="F-4.2 takes the last number"),
    pytest.param("foo 1 -5\n", REFUSED, ["foo{} 1.0 @-5"], id="F-4.2 takes negative timestamps"),
    pytest.param("foo 1 2.6\n", REFUSED, ["foo{} 1.0 @3"], id="F-4.2 takes fractions of milliseconds"),
    pytest.param("foo 1e400\n", REFUSED, ["foo{} inf @None"], id="F-1 F-4.3 too large is infinite"),
    pytest.param("foo ١\n", REFUSED, ["foo{} 1.0 @None"], id="F-1 F-4.3 takes other digits"),
    pytest.param("foo 1\r\n", REFUSED, ["foo{} 1.0 @None"], id="F-4.3 strips CR"),
    pytest.param("foo 1\x0b\n", REFUSED, ["foo{} 1.0 @None"], id="F-4.3 strips control characters"),
    pytest.param('foo{a=""} 1\n', ["foo{} 1.0 @None"], ["foo{a=''} 1.0 @None"], id="L-1 F-4.4 keeps empty labels"),
    pytest.param('# TYPE h histogram\nh_bucket{le="1"} 1\n', ["h_bucket{le='1.0'} 1.0 @None"], ["h_bucket{le='1'} 1.0 @None"], id="F-3 F-4.4 leaves le"),
    pytest.param("# TYPE foo gauge\r\nfoo 1\n", REFUSED, ["foo{} 1.0 @None"], id="F-0 strips CR from types"),
    pytest.param('foo{a="x\ny"} 1\n', ["foo{a='x\\ny'} 1.0 @None"], REFUSED, id="F-0 refuses line breaks in values"),
]  # fmt: skip
OPENMETRICS = [
    pytest.param("# TYPE foo counter\nfoo 1\n# EOF\n", ["foo{} 1.0 @None"], REFUSED, id="F-4.6 counter without _total"),
    pytest.param('# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_count 1\nh_sum NaN\n# EOF\n', ["h_bucket{le='+Inf'} 1.0 @None", "h_count{} 1.0 @None", "h_sum{} nan @None"], REFUSED, id="F-4.6 NaN sum"),
    pytest.param('# TYPE h histogram\nh_bucket{le="1.0"} 1\n# EOF\n', ["h_bucket{le='1.0'} 1.0 @None"], REFUSED, id="F-4.6 no +Inf bucket"),
    pytest.param('# TYPE h histogram\nh_bucket{le="1.0"} 2\nh_bucket{le="+Inf"} 1\n# EOF\n', ["h_bucket{le='+Inf'} 1.0 @None", "h_bucket{le='1.0'} 2.0 @None"], REFUSED, id="F-4.6 falling buckets"),
    pytest.param("foo 1\n# TYPE foo gauge\n# EOF\n", ["foo{} 1.0 @None"], REFUSED, id="F-4.6 metadata after samples"),
    pytest.param("# TYPE foo gauge\n# TYPE foo gauge\nfoo 1\n# EOF\n", ["foo{} 1.0 @None"], REFUSED, id="F-4.6 a second TYPE"),
    pytest.param("# TYPE foo gauge\n# TYPE foo counter\nfoo 1\nfoo_total 1\n# EOF\n", ["foo_total{} 1.0 @None", "foo{} 1.0 @None"], REFUSED, id="F-4.6 what every Go process exposes"),
    pytest.param("foo 1 # {} 1\n# EOF\n", ["foo{} 1.0 @None"], REFUSED, id="F-0 exemplars anywhere"),
    pytest.param("# TYPE foo info\nfoo_info 2\n# EOF\n", ["foo_info{} 2.0 @None"], REFUSED, id="F-6 infos are plain samples"),
    pytest.param("foo 1 1.0019\n# EOF\n", ["foo{} 1.0 @1001"], ["foo{} 1.0 @1002"], id="F-0 cut off, not rounded"),
    pytest.param("foo 1e400\n# EOF\n", REFUSED, ["foo{} inf @None"], id="F-1 too large is infinite"),
    pytest.param('foo{a=""} 1\n# EOF\n', ["foo{} 1.0 @None"], ["foo{a=''} 1.0 @None"], id="L-1 keeps empty labels"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected", "peer"), TEXT)
def test_differences_in_text(body: str, expected, peer) -> None:
    """Where the text parsers differ we are Prometheus' way (F-4)."""
    assert ours(body, "text") == expected
    assert theirs(body, "text") == peer


@pytest.mark.parametrize(("body", "expected", "peer"), OPENMETRICS)
def test_differences_in_openmetrics(body: str, expected, peer) -> None:
    """Where the OpenMetrics parsers differ we are Prometheus' way (F-4.6)."""
    assert ours(body, "openmetrics") == expected
    assert theirs(body, "openmetrics") == peer


def test_interleaved_families_keep_their_type() -> None:
    """A family whose lines are apart loses its type there, and keeps it here (F-4.5)."""
    body = '# TYPE h histogram\nh_bucket{le="1.0"} 1\nx 1\nh_bucket{le="+Inf"} 1\n'

    assert ("h_bucket", "unknown") in families_of(body)
    assert parse(body).metadata["h"].type == "histogram"


def test_openmetrics_in_text_is_not_taken() -> None:
    """They take timestamps in seconds for milliseconds; here the type decides (F-4.2)."""
    body = "foo 1 1.5\n# EOF\n"

    assert theirs(body, "text") == ["foo{} 1.0 @2"]
    assert ours(body, "text") == REFUSED
    assert ours(body, "openmetrics") == ["foo{} 1.0 @1500"]


# Where they agree


def registry_with_everything() -> CollectorRegistry:
    registry = CollectorRegistry()
    jobs = Counter("jobs", 'Jobs "done",\nor \\ not.', ["name"], registry=registry)
    for name in ("a", 'b"\\\nc', "é ,{}", "x=1"):
        jobs.labels(name).inc(2.5)
    Gauge("depth", "Depth.", registry=registry).set(-math.inf)
    Gauge("nothing", "Nothing.", registry=registry).set(math.nan)
    Histogram("queue_seconds", "Queue.", ["name"], registry=registry).labels("a").observe(
        1e-5
    )
    Summary("size_bytes", "Size.", registry=registry).observe(1e21)
    Info("build", "Build.", registry=registry).info({"version": "1"})
    return registry


def operator_registry() -> CollectorRegistry:
    operator = Operator(seed=2)
    operator.advance(300)
    registry = CollectorRegistry()
    registry.register(OperatorCollector(operator))
    return registry


def _bound(match: re.Match[str]) -> str:
    return f"{match[1]}='{normalise_bound(match[2])}'"


def agree(body: str, syntax: Format) -> None:
    """Both say the same, but for the spelling of bounds (F-3) and empty labels (L-1)."""
    peer = theirs(re.sub(r'\w+="",?', "", body), syntax)
    assert peer != REFUSED
    spelled = [re.sub(r"\b(le|quantile)='([^']*)'", _bound, line) for line in peer]
    assert ours(body, syntax) == sorted(spelled)


@pytest.mark.parametrize("make", [registry_with_everything, operator_registry])
def test_agreement_on_text(make) -> None:
    """On what prometheus_client writes in text the two agree."""
    agree(as_text(make()).decode(), "text")


def test_agreement_on_openmetrics() -> None:
    """On what prometheus_client writes in OpenMetrics the two agree."""
    agree(as_openmetrics(registry_with_everything()).decode(), "openmetrics")


@settings(max_examples=examples(80), deadline=None)
@given(
    st.dictionaries(
        st.text(
            alphabet=st.characters(codec="utf-8", exclude_characters="\r\0"),
            min_size=1,
            max_size=8,
        ),
        st.floats(),
        max_size=4,
    ),
    st.sampled_from(["text", "openmetrics"]),
)
def test_agreement_on_any_label_value(
    given_values: dict[str, float], syntax: Format
) -> None:
    """Whatever label values and numbers it writes, both read the same."""
    registry = CollectorRegistry()
    gauge = Gauge("depth", "Depth.", ["name"], registry=registry)
    for name, value in given_values.items():
        gauge.labels(name).set(value)
    write = as_text if syntax == "text" else as_openmetrics
    body = write(registry).decode()

    assert ours(body, syntax) == theirs(body, syntax)
