"""The bridge to prometheus_client: a store as a collector of a program's registry.

The other way, a registry read into a store, is `Store.collect`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Final

from prometheus_client import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from promlatest._arguments import checked_queryable
from promlatest._datapoint import Metadata, family_of
from promlatest._interfaces import Queryable
from promlatest._matching.floats import parse_bound

__all__ = ["StoreCollector"]

_COUNTER: Final = "_total"
_BOUND_LABELS: Final = ("le", "quantile")


class StoreCollector(Collector):
    """Exposes what a store holds, wherever a prometheus_client registry is exposed.

        >>> from prometheus_client import CollectorRegistry, generate_latest
        >>> from promlatest import Store
        >>> store = Store()
        >>> _ = store.ingest("# TYPE depth gauge\\ndepth 3\\n")
        >>> registry = CollectorRegistry()
        >>> registry.register(StoreCollector(store))
        >>> print(generate_latest(registry).decode().splitlines()[-1])
        depth 3.0

    The registry exposes the names that the store has. prometheus_client writes a
    counter's family with `_total`, so a counter whose samples lack it is exposed
    without a type.
    """

    def __init__(self, queryable: Queryable) -> None:
        self._queryable = checked_queryable(queryable)

    def describe(self) -> list[Metric]:
        """Nothing: what a store holds changes, so no name can be promised."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families that are there now."""
        described = self._queryable.metrics()
        families: dict[str, Metric] = {}
        for labels, _, value in self._queryable.match(()):
            name = family_of(labels.metric, described)
            if name not in families:
                # What came after `described` was asked for is not in it.
                known = described.get(name, Metadata())
                families[name] = _family(name, known.type, known.help, labels.metric)
            rest = dict(labels.without("__name__"))
            families[name].add_sample(labels.metric, rest, value)
        for family in families.values():
            family.samples.sort(key=_exposed_order)
            yield family


def _family(name: str, kind: str, text: str, sampled: str) -> Metric:
    if kind == "counter":
        if not sampled.endswith((_COUNTER, "_created")):
            kind = "unknown"
        else:
            name = name.removesuffix(_COUNTER)
    elif kind == "info":
        name = name.removesuffix("_info")
    return Metric(name, text, kind)


def _exposed_order(sample: Sample) -> tuple[list[tuple[str, str]], str, float]:
    """The parts of one histogram or summary together, its buckets by their bounds:
    OpenMetrics wants it so, and its readers refuse another order."""
    rest = [pair for pair in sample.labels.items() if pair[0] not in _BOUND_LABELS]
    bounds = [parse_bound(sample.labels.get(name, "")) for name in _BOUND_LABELS]
    return rest, sample.name, next((each for each in bounds if each is not None), inf)
