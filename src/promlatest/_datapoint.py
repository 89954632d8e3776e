"""What travels: points, metadata and exemplars. All of it immutable.

A `DataPoint` is a named tuple, since points are what every query makes: measured on
CPython 3.11, a tuple subclass filled by `map` costs 72 ns a point, `attrs.define`
108 and `attrs.frozen` 225 (`python -m benchmarks points`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

import attrs

from promlatest._matching.floats import json_number
from promlatest._matching.labels import Labels

MetricType = Literal[
    "counter", "gauge", "histogram", "gaugehistogram",
    "summary", "info", "stateset", "unknown",
]  # fmt: skip
METRIC_TYPES: Final[Mapping[str, MetricType]] = {
    each: each for each in get_args(MetricType)
}
"""By name, as OpenMetrics writes them."""


class DataPoint(NamedTuple):
    """The latest sample of one series.

    Attributes:
        labels: the series' labels, its metric as `__name__`.
        timestamp: when it was sampled, in milliseconds since the epoch.
        value: the sample.
    """

    labels: Labels
    timestamp: int
    value: float

    @property
    def metric(self) -> str:
        """The metric's name."""
        return self.labels.metric

    @property
    def stale(self) -> bool:
        """Whether the series is gone and this is the last that was known of it."""
        return False

    def as_dict(self) -> dict[str, object]:
        """A dict that JSON can hold; `labels` has the metric as `__name__`.

        A value that JSON lacks is None for NaN and "+Inf" or "-Inf" else, as in
        `Histogram.as_dict`.

        >>> DataPoint(Labels(__name__="up", job="a"), 1000, 1.0).as_dict()
        {'labels': {'__name__': 'up', 'job': 'a'}, 'timestamp': 1000, 'value': 1.0}
        """
        return {
            "labels": dict(self.labels),
            "timestamp": self.timestamp,
            "value": json_number(self.value),
        }


class StaleDataPoint(DataPoint):
    """The last known sample of a series whose last scrape failed."""

    __slots__ = ()

    @property
    def stale(self) -> bool:
        return True


@attrs.frozen
class Exemplar:
    """A trace or other reference that stands for one observation.

    Attributes:
        labels: what it refers to, often `trace_id`.
        value: the observation.
        timestamp: in milliseconds since the epoch, or None.
    """

    labels: Labels
    value: float
    timestamp: int | None = None


@attrs.frozen
class Metadata:
    """What an exposition says of a metric family.

    Attributes:
        type: the type; "unknown" where none was given.
        help: the help text.
        unit: the unit, as OpenMetrics has it; else "".
    """

    type: MetricType = "unknown"
    help: str = ""
    unit: str = ""


_UNKNOWN: Final = Metadata()

# Families: which one a sample belongs to, as far as the metadata tells

# What may stand behind a family's name, in the order in which it is written.
SUFFIXES: Final[Mapping[MetricType, tuple[str, ...]]] = {
    "counter": ("", "_total", "_created"),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count", "_created", ""),
    "gaugehistogram": ("_bucket", "_gsum", "_gcount", "_created", ""),
    "summary": ("", "_sum", "_count", "_created"),
    "info": ("", "_info"),
    "stateset": ("",),
    "unknown": ("",),
}
_ALL: Final = sorted({suffix for each in SUFFIXES.values() for suffix in each} - {""})

BOUND_LABEL: Final[Mapping[MetricType, str]] = {
    "histogram": "le",
    "gaugehistogram": "le",
    "summary": "quantile",
}


def family_of(metric: str, metadata: Mapping[str, Metadata]) -> str:
    """The family that a sample of this name belongs to; its own name if none is known."""
    if metric in metadata:
        return metric
    for suffix in _ALL:
        family = metric.removesuffix(suffix)
        told = metadata.get(family, _UNKNOWN)
        if family != metric and suffix in SUFFIXES[told.type]:
            return family
    return metric
