"""A store as a collector of a prometheus_client registry, and there and back."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from promlatest import Metadata, Store
from promlatest.registry import StoreCollector

BODY = """\
# HELP build_info
# TYPE build_info gauge
build_info{version="1"} 1.0
# HELP depth How\\ndeep\\\\.
# TYPE depth gauge
depth 2.0
depth{a="\\"\\\\\\n",b="é"} NaN
# HELP go_gc_seconds
# TYPE go_gc_seconds summary
go_gc_seconds{quantile="0.5"} 0.25
go_gc_seconds_count 2.0
go_gc_seconds_sum 0.5
# HELP jobs_total Jobs done.
# TYPE jobs_total counter
jobs_total{le="1"} 3.0
jobs_total{le="2"} +Inf
# HELP lonely_bucket
# TYPE lonely_bucket untyped
lonely_bucket 1.0
# HELP oddly_counted
# TYPE oddly_counted counter
oddly_counted 4.0
# HELP wait
# TYPE wait histogram
wait_bucket{le="0.5"} 1.0
wait_bucket{le="10.0"} 1.0
wait_bucket{le="+Inf"} 2.0
wait_count 2.0
wait_sum 1.5
"""

OPENMETRICS = """\
# TYPE c counter
c_total{a="1"} 2 # {t="x"} 1
c_created{a="1"} 10
c_total{a="2"} 3
c_created{a="2"} 11
# TYPE i info
i_info{v="1"} 1
# TYPE s stateset
s{s="on"} 1
s{s="off"} 0
# TYPE gh gaugehistogram
gh_bucket{a="x",le="1.0"} 1
gh_bucket{a="x",le="+Inf"} 2
gh_gcount{a="x"} 2
gh_gsum{a="x"} 3
gh_bucket{a="y",le="1.0"} 1
gh_bucket{a="y",le="+Inf"} 2
gh_gcount{a="y"} 2
gh_gsum{a="y"} 3
# TYPE q summary
q{quantile="0.5"} 1
q_count 3
q_sum 3
# TYPE u unknown
u 1
# EOF
"""


def exposed(store, render=generate_latest):
    registry = CollectorRegistry()
    registry.register(StoreCollector(store))
    return render(registry).decode()


def content(store):
    return [(point.labels, repr(point.value)) for point in store]


def bare(text):
    """The lines of an exposition without the blanks that nothing depends on."""
    return [line.rstrip() for line in text.splitlines()]


def test_exposes_what_was_ingested():
    """What is exposed is what came in, sorted, buckets by their bounds; only a counter whose name does not say
    so loses its type, since prometheus_client would rename it (F-4)."""
    store = Store()
    store.ingest(BODY)

    lines = bare(exposed(store))

    assert lines == bare(BODY.replace("oddly_counted counter", "oddly_counted untyped"))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(BODY, "text/plain"), (OPENMETRICS, "application/openmetrics-text")],
)
def test_there_and_back(body, content_type):
    """A store's exposition, read by another store, gives the same series and values."""
    store, by_text, direct = Store(), Store(), Store()
    store.ingest(body, content_type)
    registry = CollectorRegistry()
    registry.register(StoreCollector(store))

    by_text.ingest(generate_latest(registry))
    direct.collect(registry)

    assert content(by_text) == content(store)
    assert content(direct) == content(store)


def test_exposes_openmetrics():
    """prometheus_client can render and read a store's OpenMetrics."""
    store = Store()
    store.ingest(OPENMETRICS, "application/openmetrics-text")

    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(exposed(store, openmetrics))
        for sample in family.samples
    }

    assert found == {
        (point.metric, *point.labels.without("__name__").values()): point.value
        for point in store
    }


def test_exposes_what_is_there_now():
    """Every exposition asks the store anew; an empty store exposes nothing."""
    store = Store()
    registry = CollectorRegistry()
    registry.register(StoreCollector(store))
    assert generate_latest(registry) == b""

    with store.appender() as app:
        app.append(0, {"__name__": "m", "self": "x"}, 1, 1.0)
    assert b'm{self="x"} 1.0\n' in generate_latest(registry)
    store.drop("m")

    assert generate_latest(registry) == b""


def test_two_sources_are_one_family():
    """Series of one family from several sources stand together, each once, newest."""
    store = Store(clock=lambda: 100)
    store.ingest('# TYPE m gauge\nm{a="1"} 1\nm 1\n', source="a", timestamp=1)
    store.ingest('m{a="2"} 2\nm 2\n', source="b", timestamp=2)

    assert bare(exposed(store)) == [
        "# HELP m", "# TYPE m gauge", "m 2.0", 'm{a="1"} 1.0', 'm{a="2"} 2.0',
    ]  # fmt: skip


def test_stands_beside_a_programs_own_metrics():
    """A store may be registered where a program has metrics of its own."""
    registry = CollectorRegistry()
    Gauge("own", "", registry=registry).set(1)
    store = Store()
    store.ingest("m 1\n")
    registry.register(StoreCollector(store))
    registry.register(StoreCollector(store.snapshot()))

    text = generate_latest(registry).decode()

    assert "own 1.0\n" in text
    assert text.count("\nm 1.0\n") == 2


def test_series_that_come_while_it_is_asked():
    """A series that appears between two questions is exposed without a type."""

    class Growing(Store):
        def metrics(self):
            known = super().metrics()
            self.ingest("# TYPE m gauge\nm 1\n")
            return known

    store = Growing()

    assert bare(exposed(store)) == ["# HELP m", "# TYPE m untyped", "m 1.0"]
    assert store.metrics() == {"m": Metadata("gauge")}
