"""A sink for programs with the OpenTelemetry SDK: what they push is what a target shows.

    from promlatest.testing import ScrapeTarget
    from promlatest.testing.otlp import OtlpSink

    with OtlpSink() as sink:
        exporter = OTLPMetricExporter(sink.url)
        ...
        shop = ScrapeTarget(sink)
        mark = shop.mark()

It takes OTLP over HTTP, in protobuf or JSON, packed or not, and translates names as
Prometheus does (`_otlp_names`). Deltas are added up. A series begins when its point says
(`_created`). It needs the extra ``[otlp]``.
"""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.message import Message
from itertools import accumulate
from typing import Any, Final, Self

import attrs

from promlatest._datapoint import Metadata, MetricType
from promlatest._matching.floats import format_bound
from promlatest._matching.labels import Labels
from promlatest.exceptions import EndpointError, MissingExtraError
from promlatest.exposition import Sample, render
from promlatest.testing._errors import StaleError
from promlatest.testing._io import Io
from promlatest.testing._loopback import LoopbackHandler, LoopbackServer
from promlatest.testing._otlp_names import labels_of, metric_name
from promlatest.testing._reading import Reading
from promlatest.testing._sources import Scrapable, read_body

try:
    from google.protobuf.json_format import MessageToJson, Parse, ParseError
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest as Request,
    )
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceResponse as Response,
    )
    from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
except ModuleNotFoundError:
    raise MissingExtraError("otlp", "A sink for OTLP") from None

__all__ = ["OtlpSink"]

_PATH: Final = "/v1/metrics"
_PROTOBUF: Final = "application/x-protobuf"
_LARGEST: Final = 64 << 20  # bytes of a body
_NO_VALUE: Final = 1  # of flags: the series has ended
_DELTA: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


class OtlpSink:
    """An HTTP server on 127.0.0.1 that takes exports of metrics, to be scraped.

    A question wants an export that was collected after it was asked. It waits for the
    next one, or asks for it, if `flush` is given. Safe to use from any thread.

    Args:
        flush: what makes the SDK of this process export now, such as
            ``provider.force_flush``; None: it is waited for.
        interval: how often a program that is given `environment` exports, in seconds.
    """

    def __init__(
        self, flush: Callable[[], object] | None = None, *, interval: float = 0.2
    ) -> None:
        self._flush: Final = flush
        self._interval: Final = interval
        self._changed: Final = threading.Condition()
        # Guarded by the condition.
        self._state: dict[Labels, float] = {}
        self._families: dict[str, Metadata] = {}
        self._collected = 0  # ns since the epoch: the newest point
        self._refused = ""
        self._server: Final = LoopbackServer(_OtlpHandler, self)

    @property
    def endpoint(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT is to be."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Where metrics are posted."""
        return self.endpoint + _PATH

    @property
    def environment(self) -> dict[str, str]:
        """What tells the SDK of a program to export here, and often."""
        return {
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRIC_EXPORT_INTERVAL": f"{self._interval * 1000:.0f}",
        }

    @property
    def scrape_source(self) -> Scrapable:
        """What `ScrapeTarget` reads."""
        return _OtlpSource(self)

    def close(self) -> None:
        """Stop taking exports. Again does nothing."""
        self._server.stop()
        with self._changed:
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<OtlpSink {self.url}>"

    def take(self, request: Request) -> Response:
        """Take an export, all of it or nothing; the answer says what was refused.

        Raises:
            ValueError: an attribute has no name, or a point no value.
        """
        refused: list[str] = []
        told = list(_points_of(request, refused))
        with self._changed:
            for points in told:
                self._families.update(points.family)
                for labels in points.ended:
                    self._state.pop(labels, None)
                for labels, value in points.values.items():
                    before = self._state.get(labels, 0.0) if points.delta else 0.0
                    self._state[labels] = before + value
                for labels, value in points.fixed.items():
                    if not (points.delta and labels in self._state):
                        self._state[labels] = value
                self._collected = max(self._collected, points.collected)
            self._refused = self._refused or "; ".join(refused[:1])
            self._changed.notify_all()
        response = Response()
        if refused:
            response.partial_success.rejected_data_points = len(refused)
            response.partial_success.error_message = refused[0]
        return response

    def _read(self, timeout: float) -> Reading:
        """What was exported, once that was collected after the call.

        Raises:
            StaleError: no such export has come in time.
            EndpointError: it is closed.
        """
        started, since = time.monotonic(), time.time_ns()
        if self._flush is not None:
            self._flush()
        with self._changed:
            closed = self._server.stopped.is_set
            if self._flush is None:
                self._changed.wait_for(
                    lambda: closed() or self._collected >= since, timeout
                )
            if closed():
                raise EndpointError("it is closed", target=repr(self))
            if self._flush is None and self._collected < since:
                age = (since - self._collected) / 1e9
                what = f"was collected {age:.3f} s before the call"
                raise StaleError(
                    f"the last export {what if self._collected else 'never came'}",
                    target=repr(self),
                )
            samples = [Sample(*pair, None, None) for pair in self._state.items()]
            body = render(samples, self._families).encode()
            refused = self._refused
        reading = read_body("the OTLP sink", body)
        return attrs.evolve(reading, started=started, untaken=refused or reading.untaken)


@attrs.frozen
class _OtlpSource:
    """A sink as a source."""

    sink: OtlpSink

    @property
    def name(self) -> str:
        return "the OTLP sink"

    async def read(self, timeout: float, io: Io) -> Reading:
        return await io.called(lambda: self.sink._read(timeout))


# From points of OTLP to series


@attrs.frozen
class _Points:
    """What the points of one metric say.

    Attributes:
        family: its type and help, by the name of its family.
        values: values by series; of deltas what is to be added.
        fixed: values that are never added up: when a series was created.
        ended: series that are no more.
        delta: whether the values are what happened since the last export.
        collected: when the newest of them was collected, in ns since the epoch.
    """

    family: Mapping[str, Metadata]
    values: dict[Labels, float] = attrs.field(factory=dict)
    fixed: dict[Labels, float] = attrs.field(factory=dict)
    ended: list[Labels] = attrs.field(factory=list)
    delta: bool = False
    collected: int = 0


def _points_of(request: Request, refused: list[str]) -> Iterator[_Points]:
    for of_resource in request.resource_metrics:
        resource = dict(_attributes(of_resource.resource.attributes))
        target = _target_labels(resource)
        yield _target_info(resource, target)
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                kind = metric.WhichOneof("data")
                read = _KINDS.get(kind)
                if read is None:
                    refused.append(
                        f"1 metric of OTLP that is not read: {metric.name} is"
                        f" {kind or 'empty'}; explicit buckets are read"
                    )
                else:
                    yield read(metric, target)


def _attributes(attributes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for each in attributes:
        plain = _plain(each.value)
        if isinstance(plain, float):
            yield each.key, str(plain).removesuffix(".0")
        elif isinstance(plain, str):
            yield each.key, plain
        else:  # as Prometheus writes lists and mappings, too
            yield each.key, json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """A value of an attribute as JSON can hold it; "" if there is none."""
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    held = getattr(value, kind)
    match kind:
        case "array_value":
            return [_plain(each) for each in held.values]
        case "kvlist_value":
            return {each.key: _plain(each.value) for each in held.values}
        case "bytes_value":
            return base64.b64encode(held).decode()
    return held


def _target_labels(resource: Mapping[str, str]) -> dict[str, str]:
    """`job` and `instance` of a resource."""
    parts = (resource.get("service.namespace"), resource.get("service.name"))
    found = {
        "job": "/".join(filter(None, parts)),
        "instance": resource.get("service.instance.id", ""),
    }
    return {name: value for name, value in found.items() if value}


def _target_info(resource: Mapping[str, str], target: Mapping[str, str]) -> _Points:
    """All else that a resource says, as one series with the value 1."""
    named = ("service.namespace", "service.name", "service.instance.id")
    rest = labels_of((n, v) for n, v in resource.items() if n not in named)
    points = _Points({"target_info": Metadata("gauge", "Target metadata")})
    if rest and target:
        points.fixed[Labels({"__name__": "target_info", **rest, **target})] = 1.0
    return points


def _numbers(metric: Any, target: Mapping[str, str]) -> _Points:
    data = getattr(metric, metric.WhichOneof("data"))
    kind: MetricType = "counter" if getattr(data, "is_monotonic", False) else "gauge"
    name = metric_name(metric.name, metric.unit, kind)
    points = _begun(metric, name, kind, data)
    for point in data.data_points:
        labels = _labels(name, point, target)
        if point.flags & _NO_VALUE:
            points.ended.append(labels)
            continue
        value = point.WhichOneof("value")
        if value is None:
            raise ValueError(f"a point of {metric.name} has no value")
        points.values[labels] = float(getattr(point, value))
        if kind == "counter":
            _note_created(points, name.removesuffix("_total"), point, target)
    return points


def _histograms(metric: Any, target: Mapping[str, str]) -> _Points:
    name = metric_name(metric.name, metric.unit, "histogram")
    points = _begun(metric, name, "histogram", metric.histogram)
    for point in metric.histogram.data_points:
        bounds = [*map(format_bound, point.explicit_bounds), "+Inf"]
        series = {
            _labels(f"{name}_bucket", point, target, le=le): float(count)
            for le, count in zip(bounds, accumulate(point.bucket_counts), strict=False)
        }
        series[_labels(f"{name}_count", point, target)] = float(point.count)
        if point.HasField("sum"):
            series[_labels(f"{name}_sum", point, target)] = point.sum
        if point.flags & _NO_VALUE:
            points.ended.extend(series)
            continue
        points.values.update(series)
        _note_created(points, name, point, target)
    return points


def _summaries(metric: Any, target: Mapping[str, str]) -> _Points:
    name = metric_name(metric.name, metric.unit, "summary")
    points = _begun(metric, name, "summary", metric.summary)
    for point in metric.summary.data_points:
        for each in point.quantile_values:
            quantile = format_bound(each.quantile)
            points.values[_labels(name, point, target, quantile=quantile)] = each.value
        points.values[_labels(f"{name}_count", point, target)] = float(point.count)
        points.values[_labels(f"{name}_sum", point, target)] = point.sum
        _note_created(points, name, point, target)
    return points


_KINDS: Final[Mapping[str | None, Callable[[Any, Mapping[str, str]], _Points]]] = {
    "gauge": _numbers,
    "sum": _numbers,
    "histogram": _histograms,
    "summary": _summaries,
}


def _begun(metric: Any, name: str, kind: MetricType, data: Any) -> _Points:
    return _Points(
        {name: Metadata(kind, metric.description)},
        delta=getattr(data, "aggregation_temporality", None) == _DELTA,
        collected=max((point.time_unix_nano for point in data.data_points), default=0),
    )


def _labels(name: str, point: Any, target: Mapping[str, str], **bound: str) -> Labels:
    own = labels_of(_attributes(point.attributes))
    return Labels({**own, **target, **bound, "__name__": name})


def _note_created(
    points: _Points, name: str, point: Any, target: Mapping[str, str]
) -> None:
    """When the series began, as `_created` tells it in seconds."""
    if point.start_time_unix_nano:
        made = _labels(f"{name}_created", point, target)
        points.fixed[made] = point.start_time_unix_nano / 1e9


# HTTP


class _OtlpHandler(LoopbackHandler):
    def do_POST(self) -> None:
        if self.path != _PATH:
            self.send(404, b"metrics are posted to " + _PATH.encode(), "text/plain")
            return
        try:
            request = _read(self.headers, self.rfile.read(self._length()))
            response = self.server.owner.take(request)
        except ValueError as error:
            self.send(400, str(error).encode(), "text/plain")
            return
        if _is_json(self.headers):
            self.send(200, MessageToJson(response).encode(), "application/json")
        else:
            self.send(200, response.SerializeToString(), _PROTOBUF)

    def _length(self) -> int:
        return max(0, min(int(self.headers.get("Content-Length", 0)), _LARGEST))


def _is_json(headers: Message) -> bool:
    return "json" in (headers.get("Content-Type") or "")


def _read(headers: Message, body: bytes) -> Request:
    """The export that a body is.

    Raises:
        ValueError: it is none.
    """
    unpack = _PACKINGS.get(headers.get("Content-Encoding") or "identity")
    if unpack is None:
        raise ValueError(f"expected gzip or deflate, not {headers['Content-Encoding']}")
    request = Request()
    try:
        unpacked = unpack(body)
        if _is_json(headers):
            Parse(unpacked, request, ignore_unknown_fields=True)
        else:
            request.ParseFromString(unpacked)
    except (DecodeError, ParseError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"expected an export of OTLP: {error}") from error
    return request


_PACKINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}
