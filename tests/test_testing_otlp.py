"""A sink for OTLP, pushed to by the real SDK of OpenTelemetry."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from promlatest.testing import (
    ResetError,
    ScrapeTarget,
    StaleScrapeError,
    TargetDownError,
    UntakenError,
)
from promlatest.testing._otlp_names import label_name, labels_of, metric_name

pytest.importorskip("opentelemetry.proto")
pytest.importorskip("opentelemetry.sdk")

from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # type: ignore[attr-defined]
    Compression,
    OTLPMetricExporter,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from promlatest.testing.otlp import OtlpSink

pytestmark = pytest.mark.slow

# Names


@pytest.mark.parametrize(
    ("name", "unit", "kind", "translated"),
    [
        (
            "http.server.request.duration",
            "s",
            "histogram",
            "http_server_request_duration_seconds",
        ),
        ("orders", "", "counter", "orders_total"),
        ("orders_total", "1", "counter", "orders_total"),
        ("orders.total.count", "", "counter", "orders_count_total"),
        ("memory.usage", "By", "gauge", "memory_usage_bytes"),
        ("memory.usage.bytes", "By", "gauge", "memory_usage_bytes"),
        ("load", "1", "gauge", "load_ratio"),
        ("system.io", "By/s", "gauge", "system_io_bytes_per_second"),
        ("orders", "{order}", "counter", "orders_total"),
        ("2xx", "", "gauge", "_2xx"),
        ("a__b..c", "", "gauge", "a_b_c"),
        ("job:rate", "", "gauge", "job:rate"),
        ("wait", "fortnight", "gauge", "wait_fortnight"),
    ],
)
def test_metric_names(name, unit, kind, translated):
    """Names, units and types become names as Prometheus translates them."""
    assert metric_name(name, unit, kind) == translated


def test_label_names():
    """What a label's name cannot have becomes an underscore, and two that meet are joined."""
    assert [label_name(each) for each in ("a.b", "1a", "_a", "__a")] == [
        "a_b",
        "key_1a",
        "key_a",
        "__a",
    ]
    assert labels_of([("a.b", "x"), ("a_b", "y"), ("c", "z")]) == {"a_b": "x;y", "c": "z"}


# The real SDK


class Program:
    """A program with the SDK, in this process."""

    def __init__(self, sink: OtlpSink, *, delta: bool = False, views=(), **options) -> None:
        kinds = (Counter, Histogram)
        preferred = dict.fromkeys(kinds, AggregationTemporality.DELTA) if delta else {}
        exporter = OTLPMetricExporter(sink.url, preferred_temporality=preferred, **options)
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        resource = Resource(
            {"service.name": "shop", "service.instance.id": "1", "zone": "a"}
        )
        self.provider = MeterProvider([reader], resource=resource, views=views)
        meter = self.provider.get_meter("shop")
        self.orders = meter.create_counter("orders", "{order}", "Orders taken.")
        self.stock = meter.create_up_down_counter("stock")
        self.took = meter.create_histogram("order.duration", "s")

    def close(self) -> None:
        self.provider.shutdown()


@pytest.fixture
def make():
    """A program and its target; what it counted is exported whenever it is asked."""
    made: list = []

    def make(**options) -> tuple[Program, ScrapeTarget]:
        programs: list[Program] = []
        sink = OtlpSink(flush=lambda: programs[0].provider.force_flush())
        programs.append(Program(sink, **options))
        made.extend([sink, programs[0]])
        return programs[0], ScrapeTarget(sink)

    yield make
    for each in reversed(made):
        each.close()


@pytest.mark.parametrize("delta", [False, True], ids=["cumulative", "delta"])
@pytest.mark.parametrize("packing", list(Compression), ids=lambda each: each.value)
def test_the_same_expectations(make, delta, packing):
    """A program of OpenTelemetry is tested as any other one."""
    program, target = make(delta=delta, compression=packing)
    program.orders.add(2, {"book.name": "dune"})
    mark = target.mark()

    program.orders.add(1, {"book.name": "dune"})
    program.took.record(0.3, {"ok": True})
    program.stock.add(-3)

    assert mark.increase("orders_total", book_name="dune") == 1
    assert target.value("orders_total", book_name="dune", job="shop", instance="1") == 3
    assert mark.histogram("order_duration_seconds", ok="true").count == 1
    assert target.value("stock") == -3
    assert target.value("target_info", job="shop", zone="a") == 1
    mark.expect("orders_total").to_increase_by(1, within=0)


def test_types_and_help_are_kept(make):
    """A sink's families are those of an exposition."""
    program, target = make()
    program.orders.add(1)
    program.took.record(1)
    reading = target.scrape()

    assert reading.metadata["orders_total"].type == "counter"
    assert reading.metadata["orders_total"].help == "Orders taken."
    assert reading.metadata["order_duration_seconds"].type == "histogram"


def test_a_restart_is_seen(make):
    """A counter that was started anew is a reset, though its value has grown."""
    program, target = make()
    program.orders.add(1)
    mark = target.mark()
    sink = target._shared.source.sink
    with sink._changed:  # as if the process had been started anew 10 s later
        sink._state = {
            labels: value + 10 if labels.metric.endswith("_created") else value
            for labels, value in sink._state.items()
        }
    sink._flush = None
    sink._collected = 1 << 62

    with pytest.raises(ResetError):
        mark.increase("orders_total")


def test_what_is_not_read_is_told(make):
    """Exponential histograms are refused in the answer, and fail every question."""
    view = View(
        instrument_name="order.duration",
        aggregation=ExponentialBucketHistogramAggregation(),
    )
    program, target = make(views=[view])
    program.took.record(1)

    with pytest.raises(UntakenError, match=r"order\.duration is exponential_histogram"):
        target.mark()


def test_without_flush_the_next_export_is_waited_for():
    """An export that was collected before the call is no answer."""
    with OtlpSink() as sink:
        program = Program(sink)
        program.orders.add(1)
        program.provider.force_flush()

        with pytest.raises(
            StaleScrapeError, match=r"was collected \d+\.\d+ s before the call"
        ):
            ScrapeTarget(sink, timeout=0.05).value("orders_total")
        program.close()


def test_nothing_was_ever_exported():
    """A sink that nobody pushes to says so."""
    with OtlpSink() as sink, pytest.raises(StaleScrapeError, match="never came"):
        ScrapeTarget(sink, timeout=0.01).value("orders_total")


PROGRAM = """
import time
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
ticks = provider.get_meter("clock").create_counter("ticks")
while True:
    ticks.add(1)
    time.sleep(0.05)
"""


def test_a_sink_that_is_closed_says_so():
    """No export will come, so none is waited for."""
    with OtlpSink() as sink:
        pass

    with pytest.raises(TargetDownError, match="it is closed"):
        ScrapeTarget(sink, timeout=60).value("orders_total")


def test_a_program_is_told_by_its_environment():
    """`environment` sets up the SDK of a program that exports by itself."""
    with OtlpSink() as sink:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, **sink.environment},
        )
        try:
            target = ScrapeTarget(sink, timeout=60)
            mark = target.mark()
            mark.expect("ticks_total").to_increase(at_least=2, within=60)
        finally:
            program.kill()
            program.wait()


# The wire


def post(sink: OtlpSink, body: bytes, path: str = "/v1/metrics", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(sink.endpoint + path, body, named)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


JSON = b"""{"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "a", "gauge":
{"dataPoints": [{"asDouble": 2.5, "timeUnixNano": "4000000000000000000"}]}}]}]}]}"""


@pytest.mark.parametrize("packing", ["identity", "gzip"])
def test_json(packing):
    """OTLP in JSON is read, too, as the SDK of JavaScript sends it."""
    body = gzip.compress(JSON) if packing == "gzip" else JSON
    with OtlpSink() as sink:
        sent = post(sink, body, Content_Type="application/json", Content_Encoding=packing)

        assert sent == (200, b"{}")
        assert ScrapeTarget(sink).value("a") == 2.5


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (b"\xff\xff", {}, b"expected an export"),
        (b"{", {"Content_Type": "application/json"}, b"expected an export"),
        (b"x", {"Content_Encoding": "gzip"}, b"expected an export"),
        (b"", {"Content_Encoding": "br"}, b"expected gzip or deflate, not br"),
    ],
    ids=["protobuf", "json", "gzip", "br"],
)
def test_what_is_no_export(body, headers, words):
    """A body that cannot be read is answered by 400, in words."""
    with OtlpSink() as sink:
        status, said = post(sink, body, **headers)

    assert status == 400
    assert words in said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"asDouble": 2.5, ', b"", b"a point of a has no value"),
        (
            b'"asDouble": 2.5',
            b'"attributes": [{"key": ""}], "asDouble": 2.5',
            b"a label name must not be empty",
        ),
    ],
    ids=["no value", "no name"],
)
def test_an_export_that_cannot_be_taken(old, new, words):
    """It is refused in words, and nothing of it is kept."""
    first = b'{"name": "b", "gauge": {"dataPoints": [{"asInt": 1}]}}, {"name": "a"'
    body = JSON.replace(old, new).replace(b'{"name": "a"', first)
    with OtlpSink() as sink:
        status, said = post(sink, body, Content_Type="application/json")
        post(sink, JSON, Content_Type="application/json")

        assert ScrapeTarget(sink).scrape().names == {"a"}
    assert status == 400
    assert words in said


def test_what_is_refused_is_told_in_json():
    """The answer to an export in JSON says what was refused of it."""
    body = JSON.replace(b'"gauge"', b'"exponentialHistogram"').replace(b"asDouble", b"sum")
    with OtlpSink() as sink:
        status, said = post(sink, body, Content_Type="application/json")

    assert status == 200
    assert b"a is exponential_histogram" in said


def test_lists_and_numbers_as_attributes():
    """They are labels as Prometheus writes them."""
    values = [
        b'"arrayValue": {"values": [{"boolValue": true}, {"stringValue": "x"}]}',
        b'"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "5"}}]}',
        b'"doubleValue": 1',
        b'"boolValue": true',
        b'"bytesValue": "eA=="',
    ]
    attributes = b",".join(
        b'{"key": "k%d", "value": {%s}}' % pair for pair in enumerate(values)
    )
    body = JSON.replace(b'"asDouble"', b'"attributes": [%s], "asDouble"' % attributes)
    with OtlpSink() as sink:
        post(sink, body, Content_Type="application/json")
        [point] = ScrapeTarget(sink).points("a")

    assert [point.labels[f"k{at}"] for at in range(5)] == [
        '[true,"x"]', '{"k":5}', "1", "true", "eA==",
    ]  # fmt: skip


def test_other_paths_are_not_there():
    """Traces and logs are not for this sink."""
    with OtlpSink() as sink:
        assert post(sink, b"", "/v1/traces")[0] == 404


def a_request(**point) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="depth")
    metric.gauge.data_points.add(time_unix_nano=4_000_000_000_000_000_000, **point)
    return request


def test_a_series_that_has_ended():
    """A point without a value ends its series."""
    with OtlpSink() as sink:
        sink.take(a_request(as_int=3))
        assert ScrapeTarget(sink).value("depth") == 3

        sink.take(a_request(flags=1))
        assert ScrapeTarget(sink).count("depth", unknown_ok=True) == 0


def test_summaries_are_read():
    """Quantiles of a summary are series."""
    request = ExportMetricsServiceRequest()
    metric = (
        request.resource_metrics.add()
        .scope_metrics.add()
        .metrics.add(name="wait", unit="s")
    )
    point = metric.summary.data_points.add(
        time_unix_nano=4_000_000_000_000_000_000, count=2, sum=3
    )
    point.quantile_values.add(quantile=0.5, value=1.5)
    with OtlpSink() as sink:
        assert sink.take(request) == ExportMetricsServiceResponse()
        reading = ScrapeTarget(sink).scrape()

    assert reading.value("wait_seconds", quantile="0.5") == 1.5
    assert reading.value("wait_seconds_count") == 2


def test_without_the_extra_one_line_says_what_to_install():
    """A sink without the extra ends in one line."""
    code = "import sys; sys.modules['opentelemetry'] = None;import promlatest.testing.otlp"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert "pip install 'promlatest[otlp]'" in done.stderr.splitlines()[-1]
