"""prometheus_client's metric families to samples, without text in between.

It needs the shape of a family only, so it imports nothing of prometheus_client. The names
are those that the program's `/metrics` shows in the text format, so that a registry and a
scrape of it give the same series (F-4).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from itertools import chain
from operator import itemgetter
from typing import Any, Final, Protocol

from promlatest._arguments import shown
from promlatest._datapoint import BOUND_LABEL, METRIC_TYPES, Exemplar, Metadata
from promlatest._matching.floats import normalise_bound
from promlatest._matching.labels import Labels
from promlatest._samples import NO_TIME, Rows, Samples
from promlatest.exceptions import UsageError

# The text format names these families by their samples.
_NAME_SUFFIX: Final[Mapping[str, str]] = {"counter": "_total", "info": "_info"}
# It has these samples in families of their own, which are gauges.
_APART: Final = ("_created", "_gsum", "_gcount")


class FamilySample(Protocol):
    """One sample of a family, as `prometheus_client.samples.Sample` has it."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> dict[str, str]: ...
    @property
    def value(self) -> float: ...
    @property
    def timestamp(self) -> Any: ...
    @property
    def exemplar(self) -> Any: ...


class MetricFamily(Protocol):
    """A family, as `prometheus_client.Metric` has it."""

    name: str
    documentation: str
    unit: str
    type: str
    samples: list[Any]


class Registry(Protocol):
    """Whatever collects families: a `CollectorRegistry` or one of its collectors."""

    def collect(self) -> Iterable[Any]: ...


def samples_of(families: Iterable[MetricFamily]) -> tuple[Samples, dict[str, Metadata]]:
    """The samples of families in columns, and what is known of the families.

    Native histograms have no sample of their own here and are left out.

    Raises:
        UsageError: one of them is no family.
    """
    groups: dict[tuple[str, ...], list[tuple[int, FamilySample, str]]] = {}
    metadata: dict[str, Metadata] = {}
    place = 0
    for family in families:
        if not hasattr(family, "samples"):
            raise UsageError(f"expected a family of metrics, not {shown(family)}")
        metadata |= _metadata(family)
        bound = BOUND_LABEL.get(METRIC_TYPES.get(family.type, "unknown"), "")
        for sample in family.samples:
            if sample.value is None:
                continue
            key = (sample.name, *sorted(sample.labels))
            groups.setdefault(key, []).append((place, sample, bound))
            place += 1
    rows = tuple(_rows(key, group) for key, group in groups.items())
    came = sorted(chain.from_iterable(groups.values()), key=itemgetter(0))
    values = array("d", [float(sample.value) for _, sample, _ in came])
    times = array("q", [_milliseconds(sample.timestamp) for _, sample, _ in came])
    exemplars = {
        place: _exemplar(sample.exemplar)
        for place, sample, _ in came
        if sample.exemplar is not None
    }
    timed = times.count(NO_TIME) < len(times)
    return Samples(rows, values, times if timed else None, exemplars), metadata


def _metadata(family: MetricFamily) -> dict[str, Metadata]:
    kind = METRIC_TYPES.get(family.type, "unknown")
    name = family.name + _NAME_SUFFIX.get(family.type, "")
    known = {name: Metadata(kind, family.documentation, family.unit)}
    sampled = {sample.name for sample in family.samples}
    for suffix in _APART:
        if family.name + suffix in sampled:
            known[family.name + suffix] = Metadata("gauge", family.documentation)
    return known


def _rows(key: tuple[str, ...], group: list[tuple[int, FamilySample, str]]) -> Rows:
    metric, *names = key
    return Rows(
        metric,
        tuple(names),
        tuple([_cell(name, sample, bound) for _, sample, bound in group] for name in names),
        array("i", [place for place, _, _ in group]),
    )


def _cell(name: str, sample: FamilySample, bound: str) -> str:
    value = str(sample.labels[name])
    return normalise_bound(value) if name == bound else value


def _exemplar(exemplar: Any) -> Exemplar:
    labels = Labels(exemplar.labels)
    time = exemplar.timestamp
    when = None if time is None else _milliseconds(time)
    return Exemplar(labels, float(exemplar.value), when)


def _milliseconds(seconds: Any) -> int:
    """Milliseconds of a time in seconds, rounded: it may be any kind of number, or None."""
    return NO_TIME if seconds is None else round(float(seconds) * 1000)
