"""The data of the query benchmarks, and the questions: metrics of 100 series each.

A series is a name, a controller (5) and a shard (20). One metric in a thousand, the
eighth of each, has shards of its own, so that a label value can be rare.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from promlatest import Store
from promlatest._samples import Rows, Samples  # what a parsed body hands to a batch

NOW: Final = 1_700_000_000_000  # ms
CONTROLLERS: Final = ("certificate", "deployment", "ingress", "issuer", "machine")
SHARDS: Final = tuple(f"shard-{number:02}" for number in range(20))
PER_METRIC: Final = len(CONTROLLERS) * len(SHARDS)

Series = tuple[str, str, str]  # name, controller, shard


@attrs.frozen
class Shape:
    """A question in the words of every store.

    Attributes:
        title: what is asked for.
        hits: how many series answer it.
        name: of the metric; "" for none.
        prefix: of the metric's name; "" for none.
        controllers: any of these; () for all.
        shard: "" for all.
    """

    title: str
    hits: int
    name: str = ""
    prefix: str = ""
    controllers: tuple[str, ...] = ()
    shard: str = ""

    def fits(self, series: Series) -> bool:
        name, controller, shard = series
        return (
            self.name in ("", name)
            and name.startswith(self.prefix)
            and (not self.controllers or controller in self.controllers)
            and self.shard in ("", shard)
        )

    @property
    def selector(self) -> str:
        """As selector text."""
        parts = []
        if self.prefix:
            parts.append(f'__name__=~"{self.prefix}.*"')
        if self.controllers:
            parts.append(f'controller=~"{"|".join(self.controllers)}"')
        if self.shard:
            parts.append(f'shard="{self.shard}"')
        text = f"{self.name}{{{','.join(parts)}}}"
        return text.replace("=~", "=") if len(self.controllers) == 1 else text


def metric_name(number: int) -> str:
    return f"app_{number:05}_total"


def shard_name(number: int, shard: str) -> str:
    return f"rare-{number:05}-{shard}" if number % 1000 == 7 else shard


def metrics_of(size: int) -> int:
    return max(1, size // PER_METRIC)


def all_series(size: int) -> Iterator[Series]:
    """The series of a store of this size."""
    for number in range(metrics_of(size)):
        name = metric_name(number)
        shards = [shard_name(number, shard) for shard in SHARDS]
        for controller in CONTROLLERS:
            for shard in shards:
                yield name, controller, shard


def shapes(size: int) -> Sequence[Shape]:
    """The questions; they ask about a metric in the middle."""
    middle = metrics_of(size) // 2
    name = metric_name(middle)
    tens = min(10, metrics_of(size))
    rare = shard_name(7, SHARDS[3])
    return (
        Shape("name + label", 20, name=name, controllers=CONTROLLERS[1:2]),
        Shape("name", 100, name=name),
        Shape("regex a|b|c", 60, name=name, controllers=CONTROLLERS[:3]),
        Shape("name prefix", 100 * tens, prefix=metric_name(middle - middle % 10)[:8]),
        Shape("one series", 1, name=name, controllers=CONTROLLERS[1:2], shard=SHARDS[5]),
        Shape("label, no name", len(CONTROLLERS), shard=rare),
    )


def rows_of(name: str, number: int = 0) -> Rows:
    """The series of one metric."""
    shards = [shard_name(number, shard) for shard in SHARDS]
    return Rows(
        name,
        ("controller", "shard"),
        (
            [controller for controller in CONTROLLERS for _ in SHARDS],
            shards * len(CONTROLLERS),
        ),
        range(number * PER_METRIC, (number + 1) * PER_METRIC),
    )


def samples_of(*rows: Rows) -> Samples:
    """All samples of some metrics, each 1."""
    return Samples(rows, array("d", [1.0]) * (PER_METRIC * len(rows)))


def store_of(size: int) -> Store:
    """A store of ours with them."""
    store = Store()
    with store.batch("bench", timestamp=NOW) as batch:
        numbers = range(metrics_of(size))
        rows = (rows_of(metric_name(number), number) for number in numbers)
        batch.append_samples(samples_of(*rows))
    return store
