"""Rendering: what was written reads as what it was, in both formats."""

from __future__ import annotations

import math
import re

import pytest
from exposition_bodies import CONTENT, bodies
from fuzz import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promlatest import DataPoint, Labels, Metadata, Store
from promlatest._datapoint import Exemplar
from promlatest.exceptions import ParseError, UsageError
from promlatest.exposition import Exposition, Format, Sample, check, parse, render

FORMATS: list[Format] = ["text", "openmetrics"]


def sample(metric: str, value: float = 1, time=None, exemplar=None, /, **labels) -> Sample:
    return Sample(Labels({**labels, "__name__": metric}), float(value), time, exemplar)


def back(text: str, syntax: Format) -> Exposition:
    return parse(text, CONTENT[syntax])


def same_samples(one: Exposition, other: Exposition) -> bool:
    return sorted(map(repr, one.samples())) == sorted(map(repr, other.samples()))


names = st.text(min_size=1, max_size=6).filter(lambda name: "\0" not in name)
metrics = st.one_of(st.sampled_from(["a", "b_total", "h_bucket", "h", "h_sum", "s"]), names)
labels = st.dictionaries(
    st.one_of(st.sampled_from(["x", "quantile"]), names).filter(lambda n: n != "__name__"),
    st.text(max_size=8),
    max_size=3,
)
numbers = st.floats(allow_nan=True, allow_infinity=True)
# Milliseconds of which the seconds are a float that knows them.
times = st.integers(0, 2**43)
told = st.dictionaries(
    metrics,
    st.builds(
        Metadata,
        st.sampled_from(["counter", "gauge", "histogram", "unknown"]),
        st.text(max_size=8),
    ),
    max_size=3,
)
exemplars = st.builds(
    Exemplar,
    st.dictionaries(
        names, st.text(max_size=5).filter(lambda v: "\0" not in v), max_size=2
    ).map(Labels),
    numbers,
    st.none() | times,
)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    series = Labels({**draw(labels), "__name__": draw(metrics)})
    return Sample(
        series, draw(numbers), draw(st.none() | times), draw(st.none() | exemplars)
    )


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(samples(), max_size=6), told)
@example([sample("a", 1, 1001)], {})
@example([sample("x", le="1")], {"h": Metadata("histogram")})
def test_openmetrics_round_trip(given_samples, metadata) -> None:
    """Samples, timestamps, exemplars and metadata come back from OpenMetrics."""
    again = back(render(given_samples, metadata, "openmetrics"), "openmetrics")

    assert sorted(map(repr, again.samples())) == sorted(map(repr, given_samples))
    assert again.metadata == metadata


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(samples(), max_size=6), told)
@example([sample("x", le="1")], {"h": Metadata("histogram")})
def test_text_round_trip(given_samples, metadata) -> None:
    """Samples, timestamps and metadata come back from text, exemplars do not."""
    again = back(render(given_samples, metadata), "text")

    bare = [each._replace(exemplar=None) for each in given_samples]
    assert sorted(map(repr, again.samples())) == sorted(map(repr, bare))
    assert again.metadata == metadata


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from(FORMATS).flatmap(lambda f: st.tuples(st.just(f), bodies(f))))
def test_what_was_parsed_is_rendered(drawn) -> None:
    """A body that was read, written and read again says the same from then on."""
    syntax, body = drawn
    try:
        first = back(body, syntax)
    except ParseError:
        return
    second = back(render(first.samples(), first.metadata, syntax), syntax)
    third = back(render(second.samples(), second.metadata, syntax), syntax)

    assert len(second) == len(first)
    assert same_samples(second, third)
    assert second.metadata == third.metadata == first.metadata


OPENMETRICS = """\
# HELP queue_seconds How \\"long\\" things wait.
# TYPE queue_seconds histogram
# UNIT queue_seconds seconds
queue_seconds_bucket{le="0.5",name="a"} 1 # {trace="x"} 0.25 1.5
queue_seconds_bucket{le="+Inf",name="a"} 2
queue_seconds_sum{name="a"} 3.5
queue_seconds_count{name="a"} 2
queue_seconds_created{name="a"} 1.7e+09
# TYPE jobs counter
jobs_total 5 1.0010000000000001
# TYPE build info
build_info{version="1"} 1
# TYPE "my.name" stateset
{"my.name","my.name"="on"} 1
# EOF
"""


def test_openmetrics_comes_back_to_the_letter() -> None:
    """A body in our own order and spelling is rendered to the letter."""
    exposition = back(OPENMETRICS, "openmetrics")

    assert render(exposition.samples(), exposition.metadata, "openmetrics") == OPENMETRICS
    assert not [
        each
        for each in check(OPENMETRICS, CONTENT["openmetrics"])
        if each.severity == "error"
    ]


def test_openmetrics_to_text() -> None:
    """Text has no unit, exemplar, or OpenMetrics type: an info is a gauge (F-6)."""
    exposition = back(OPENMETRICS, "openmetrics")
    text = render(exposition.samples(), exposition.metadata)

    assert "# TYPE build gauge\n" in text
    assert "UNIT" not in text
    assert "trace" not in text
    assert "jobs_total 5 1001\n" in text
    assert "EOF" not in text


def test_families_are_contiguous_and_buckets_in_order() -> None:
    """Lines that were interleaved stand by family, metric and numeric bound."""
    body = (
        "# TYPE h histogram\n# TYPE g gauge\n"
        'h_count{q="2"} 3\nh_bucket{q="1",le="+Inf"} 3\nbare 1\ng 1\nh_bucket{q="1",le="10"} 2\n'
        'h_bucket{q="1",le="9"} 1\nh_bucket{q="2",le="1"} 1\nh_sum{q="1"} 0\n'
    )
    exposition = back(body, "text")

    assert render(exposition.samples(), exposition.metadata).splitlines() == [
        "bare 1",
        "# TYPE h histogram",
        'h_bucket{le="1",q="2"} 1',
        'h_count{q="2"} 3',
        'h_bucket{le="9",q="1"} 1',
        'h_bucket{le="10",q="1"} 2',
        'h_bucket{le="+Inf",q="1"} 3',
        'h_sum{q="1"} 0',
        "# TYPE g gauge",
        "g 1",
    ]


def test_families_without_a_type_come_first() -> None:
    """No TYPE of another family may be taken for theirs (F-2)."""
    text = render(
        [sample("h_bucket", le="1"), sample("x", le="1")], {"h": Metadata("histogram")}
    )

    assert text.splitlines()[0] == 'x{le="1"} 1'


@pytest.mark.parametrize("syntax", FORMATS)
def test_counters_keep_their_names(syntax: Format) -> None:
    """A counter without `_total` keeps its name; Prometheus takes it (F-4.1)."""
    text = render([sample("jobs")], {"jobs": Metadata("counter")}, syntax)

    assert text.startswith("# TYPE jobs counter\njobs 1\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0, "5"),
        (1048576.0, "1.048576e+06"),
        (0.00001, "1e-05"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
        (-0.0, "-0"),
    ],
)
def test_values_as_go_writes_them(value: float, text: str) -> None:
    """Values are the shortest text in Go's form (F-3)."""
    assert render([sample("a", value)]) == f"a {text}\n"


def test_the_three_escapes() -> None:
    """Label values have three escapes, and no other character is changed (L-6)."""
    assert render([sample("a", b='\\\n"\t\u2028é')]) == 'a{b="\\\\\\n\\"\t\u2028é"} 1\n'


@pytest.mark.parametrize(
    "milliseconds", [0, 1, 1001, 1009, 1_700_000_000_123, -1001, 2**43 - 1]
)
def test_seconds_read_as_their_milliseconds(milliseconds: int) -> None:
    """A timestamp in seconds is one that is cut off to the right millisecond."""
    text = render([sample("a", 1, milliseconds)], {}, "openmetrics")

    assert next(back(text, "openmetrics").samples()).timestamp == milliseconds


def test_points_of_a_store() -> None:
    """A store's points are written without timestamps, unless one asks for them."""
    store = Store()
    store.ingest("# HELP depth How deep.\n# TYPE depth gauge\ndepth 3\n", timestamp=5000)
    points = store.match(())

    plain = "# HELP depth How deep.\n# TYPE depth gauge\ndepth 3\n"
    assert render(points, store.metrics()) == plain
    assert render(points, store.metrics(), timestamps=True) == plain[:-1] + " 5000\n"


def test_a_unit_must_be_a_suffix() -> None:
    """A unit that a reader would refuse is left out (F-0)."""
    told = {
        "a": Metadata("gauge", "", "seconds"),
        "b_seconds": Metadata("gauge", "", "seconds"),
    }
    text = render([], told, "openmetrics")

    assert "# UNIT b_seconds seconds" in text
    assert "# UNIT a " not in text


@pytest.mark.parametrize(
    ("given_sample", "syntax"),
    [
        (Sample(Labels(a="b"), 1, None, None), "text"),
        (sample("a\0"), "text"),
        (sample("a", **{"b\0": "c"}), "openmetrics"),
        (sample("a", 1, -1), "text"),
    ],
    ids=["no name", "NUL in a name", "NUL in a label", "before 1970"],
)
def test_what_cannot_be_written(given_sample: Sample, syntax: Format) -> None:
    """What no reader would take is an error and not a broken body."""
    with pytest.raises(UsageError):
        render([given_sample], {}, syntax)


def test_nothing_is_rendered_as_nothing() -> None:
    """No samples are an empty text, and in OpenMetrics only its end."""
    assert render([]) == ""
    assert render([], {}, "openmetrics") == "# EOF\n"


def test_points_may_be_mixed_with_samples() -> None:
    """A point without an explicit timestamp and a sample with one stand side by side."""
    point = DataPoint(Labels(__name__="a"), 7, 1.0)

    assert render([point, sample("b", 2, 8)]) == "a 1\nb 2 8\n"


def test_a_bound_that_is_no_number_stands_behind_the_others() -> None:
    """A bucket that no histogram has a place for is written all the same."""
    store = Store()
    body = 'h_bucket{le="low"} 9\nh_bucket{le="2"} 2\nh_bucket{le="1"} 1\n'
    store.ingest("# TYPE h histogram\n" + body)

    text = render(store, store.metrics())

    assert re.findall(r'le="(.*?)"', text) == ["1.0", "2.0", "low"]
