"""Which family a sample belongs to, as far as the metadata tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from promlatest._datapoint import Metadata, MetricType

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
        if family != metric and suffix in SUFFIXES[_type(family, metadata)]:
            return family
    return metric


def _type(family: str, metadata: Mapping[str, Metadata]) -> MetricType:
    return metadata[family].type if family in metadata else "unknown"
