"""A prometheus_client registry read without text: the series that its text has (F-4)."""

from __future__ import annotations

import pytest
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Metric,
    Summary,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    StateSetMetricFamily,
    SummaryMetricFamily,
    Timestamp,
    UnknownMetricFamily,
)

from promlatest import Counts, Labels, Metadata, Store

NOW = 1_700_000_000_000


class Families:
    """A collector of given families."""

    def __init__(self, *families):
        self.families = families

    def collect(self):
        return iter(self.families)


def program():
    """A registry with a metric of each kind, as a program has it."""
    registry = CollectorRegistry()
    jobs = Counter("jobs", "Jobs done.", ["queue", "le"], registry=registry)
    jobs.labels("pods", "1").inc(3)
    jobs.labels('"\\\n', "").inc()
    Counter("plain_total", "Without labels.", registry=registry).inc(0.1)
    depth = Gauge("depth", "How\ndeep\\.", ["queue", "self"], registry=registry)
    depth.labels("é", "x").set(float("nan"))
    depth.labels("", "y").set(float("-inf"))
    Gauge("never_labelled", "No series.", ["a"], registry=registry)
    wait = Histogram(
        "wait_seconds", "", ["queue"], registry=registry, buckets=(1, 2.5, 1e6)
    )
    wait.labels("pods").observe(2)
    wait.labels("nodes").observe(1e9)
    summary = Summary("size_bytes", "", ["a"], registry=registry)
    summary.labels("b").observe(12)
    Info("build", "", registry=registry).info({"version": "1.2", "empty": ""})
    state = Enum("phase", "", ["a"], states=["on", "off"], registry=registry)
    state.labels("b").state("off")
    return registry


def families():
    """Families that only a collector of one's own makes."""
    counter = CounterMetricFamily("c", "", labels=["a"], created=12.5)
    counter.add_metric(["x"], 1, timestamp=Timestamp(1_234_567_890, 500_000_000))
    counter.add_metric(["y"], 2, timestamp=1_234_567_891.25)
    counter.add_metric(["z"], 3)
    histogram = HistogramMetricFamily("h", "", labels=["a"])
    histogram.add_metric(["x"], [("1", 1), ("2.50", 2), ("+Inf", 3)], sum_value=4)
    gauge_histogram = GaugeHistogramMetricFamily("gh", "", labels=["a"])
    gauge_histogram.add_metric(["x"], [("1", 1), ("+Inf", 3)], gsum_value=-1)
    quantiles = Metric("s", "", "summary")
    quantiles.add_sample("s", {"quantile": "0.50"}, 1)
    quantiles.add_sample("s", {"quantile": "1"}, 2)
    quantiles.add_sample("s_sum", {}, 2)
    mixed = Metric("mixed", "", "gauge")
    mixed.add_sample("mixed", {"b": "1"}, 1)
    mixed.add_sample("mixed", {"a": "1"}, 2)
    mixed.add_sample("mixed", {}, 3, 10)
    mixed.add_sample("mixed", {"b": "1"}, 4)
    info = InfoMetricFamily("i", "", labels=["a"])
    info.add_metric(["x"], {"v": "1"})
    return Families(
        counter,
        histogram,
        gauge_histogram,
        quantiles,
        mixed,
        info,
        StateSetMetricFamily("ss", "", {"on": True, "off": False}),
        SummaryMetricFamily("sm", "", count_value=1, sum_value=2.5),
        UnknownMetricFamily("u", "", value=3),
        GaugeMetricFamily("g", "", value=1),
    )


def content(store):
    return [(point.labels, point.timestamp, repr(point.value)) for point in store]


@pytest.mark.parametrize("make", [program, families])
def test_a_registry_has_the_series_of_its_text(make):
    """`collect` holds what ingesting the program's text would: same names, `le` and
    `quantile` in the same spelling, same values and times (F-3, F-4)."""
    registry = make()
    direct, by_text = Store(clock=lambda: NOW), Store(clock=lambda: NOW)

    counts = direct.collect(registry)
    by_text.ingest(generate_latest(registry))

    assert content(direct) == content(by_text)
    assert counts == by_text.counts == direct.counts
    assert counts.samples == len(direct) > 10
    direct._check()


@pytest.mark.parametrize("make", [program, families])
def test_a_registry_has_the_families_of_its_text(make):
    """Families have the names and helps that the text gives them; their types are the
    program's own, which the text of some has no word for."""
    registry = make()
    direct, by_text = Store(), Store()
    direct.collect(registry)
    by_text.ingest(generate_latest(registry))
    in_text = {"info": "gauge", "stateset": "gauge", "gaugehistogram": "histogram"}

    told = {
        name: (in_text.get(known.type, known.type), known.help)
        for name, known in direct.metrics().items()
    }

    assert told == {
        name: (known.type, known.help) for name, known in by_text.metrics().items()
    }


def test_types_and_units_are_the_programs_own():
    """Metadata has what the program says of a family, its unit included."""
    registry = program()
    Gauge("speed_meters", "How fast.", unit="meters", registry=registry)
    store = Store()
    store.collect(registry)

    known = store.metrics()

    assert known["jobs_total"] == Metadata("counter", "Jobs done.")
    assert known["jobs_created"] == Metadata("gauge", "Jobs done.")
    assert known["speed_meters"] == Metadata("gauge", "How fast.", "meters")
    assert known["build_info"].type == "info"
    assert known["phase"].type == "stateset"
    assert known["wait_seconds"].type == "histogram"
    assert "never_labelled" not in known


def test_exemplars_are_kept():
    """A counter's and a histogram's exemplars are there with their labels and times."""
    registry = CollectorRegistry()
    jobs = Counter("jobs", "", ["a"], registry=registry)
    jobs.labels("x").inc(1)
    jobs.labels("y").inc(2, {"trace_id": "t"})
    store = Store()
    store.collect(registry)

    [(labels, exemplar)] = store.exemplars("jobs_total")

    assert labels == {"__name__": "jobs_total", "a": "y"}
    assert (exemplar.labels, exemplar.value) == (Labels(trace_id="t"), 2.0)
    assert exemplar.timestamp > NOW


def test_a_registry_is_a_source():
    """What is no longer in the registry is gone with the next collection."""
    registry = CollectorRegistry()
    gauge = Gauge("depth", "", ["a"], registry=registry)
    gauge.labels("x").set(1)
    gauge.labels("y").set(2)
    store = Store(clock=lambda: NOW)
    store.collect(registry, timestamp=1)
    gauge.remove("x")
    gauge.labels("y").set(3)

    assert store.collect(registry, timestamp=2) == Counts(samples=1, removed=1)

    assert [(p.labels["a"], p.value, p.timestamp) for p in store] == [("y", 3.0, 2)]
    assert list(store.sources) == ["registry"]


def test_a_timestamp_of_a_registry_is_held_to_the_rule_of_a_scrape():
    """Of a timestamp that a collector gives: what is older than five minutes is not taken."""
    family = GaugeMetricFamily("g", "", labels=["a"])
    for age in 301, 299:
        family.add_metric([f"{age}"], 1, timestamp=NOW / 1000 - age)
    store = Store(clock=lambda: NOW)

    counts = store.collect([family])

    assert (counts.samples, counts.too_old) == (1, 1)
    assert store.label_values("a") == ["299"]


def test_a_collector_or_a_list_of_families_will_do():
    """Whatever has `collect()`, or can be iterated over, is read."""
    family = GaugeMetricFamily("g", "", value=1)
    store = Store()
    store.collect(Families(family), source="collector")
    store.collect([family], source="list")
    store.collect(iter(()), source="nothing")

    assert [source.series for source in store.sources.values()] == [1, 1, 0]


def test_what_a_program_breaks_changes_nothing():
    """A collector that raises leaves the store as it was."""

    class Broken:
        def collect(self):
            yield GaugeMetricFamily("g", "", value=2)
            raise RuntimeError("broken")

    store = Store()
    store.collect([GaugeMetricFamily("g", "", value=1)])

    with pytest.raises(RuntimeError):
        store.collect(Broken())

    assert [point.value for point in store] == [1.0]


def test_native_histograms_are_left_out():
    """A sample without a float is no sample here."""
    family = Metric("h", "", "histogram")
    family.add_sample("h", {}, None)
    family.add_sample("h_count", {}, 1)
    store = Store()

    store.collect([family])

    assert [point.metric for point in store] == ["h_count"]


def test_label_values_are_texts():
    """What a collector gives as a label value is kept as text, as it is exposed."""
    family = Metric("g", "", "gauge")
    family.add_sample("g", {"a": 1, "b": True}, 1)
    store = Store()

    store.collect([family])

    assert [point.labels for point in store] == [{"__name__": "g", "a": "1", "b": "True"}]
