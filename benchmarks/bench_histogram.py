"""Histograms: many of 20 buckets, one quantile each."""

from __future__ import annotations

import random
from bisect import bisect_left
from itertools import count, repeat
from typing import Final

from benchmarks.bodies import Body, moved
from benchmarks.harness import OURS, Fed, Run
from promlatest import Store

BOUNDS: Final = (
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.5", "0.75",
    "1.0", "1.5", "2.0", "2.5", "5.0", "7.5", "10.0", "30.0", "+Inf",
)  # fmt: skip

NAIVE: Final = "naive: scan, group, sort, walk"


def run(run: Run) -> None:
    run.begin("histogram", "one quantile of each histogram")
    for size in run.pick((10,), (1_000,), (10, 100, 1_000, 10_000)):
        _at_size(run, size)


def _at_size(run: Run, size: int) -> None:
    store = Store()
    body = histograms(size, run.seed)
    store.ingest(body.bytes)
    points = {
        tuple(point.labels.items()): point.value for point in store.select("latency_bucket")
    }
    naive = [naively(points)]
    ours = [quantiles(store)]
    assert all(abs(a - b) < 1e-9 for a, b in zip(*naive, *ours, strict=True))
    rows = contiguous(points)
    bounds = tuple(map(float, BOUNDS))
    run.compare(
        "all quantiles, again",
        {
            OURS: lambda: quantiles(store),
            NAIVE: lambda: naively(points),
            "floor: a bisection in a column": lambda: bisected(rows, bounds),
        },
        size=size,
        unit="ms for all",
    )
    if size != 1_000:
        return
    run.compare(
        "all quantiles, after a scrape",
        {
            OURS: scraped(store, body),
            NAIVE: Fed(repeat(points), naively),
        },
        size=size,
        unit="ms for all",
        once=True,
    )


def scraped(store: Store, body: Body) -> Fed:
    """All quantiles, each time of values that have just moved."""
    bodies = [moved(body, 1, clustered=True, seed=at).bytes for at in range(2)]
    scrapes = (store.ingest(bodies[at % 2]) for at in count())
    return Fed(scrapes, lambda _: quantiles(store))


def quantiles(store: Store) -> list[float]:
    """Ours."""
    return [each.quantile(0.99) for each in store.histograms("latency")]


def histograms(size: int, seed: int) -> Body:
    """A body of this many histograms, with their sums and counts."""
    chance = random.Random(seed)
    series, values = [], []
    for number in range(size):
        labels = f'controller="controller-{number % 10}",queue="queue-{number:05}"'
        total = 0
        for bound in BOUNDS:
            total += chance.randrange(1, 50)
            series.append(f'latency_bucket{{{labels},le="{bound}"}}')
            values.append(str(total))
        series += [f"latency_sum{{{labels}}}", f"latency_count{{{labels}}}"]
        values += [f"{total * 0.3:.6f}", str(total)]
    series[0] = f"# TYPE latency histogram\n{series[0]}"
    return Body(series, values)


Points = dict[tuple[tuple[str, str], ...], float]


def naively(points: Points, q: float = 0.99) -> list[float]:
    """As one writes it at first: group the points, sort each group, walk up."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for labels, value in points.items():
        if ("__name__", "latency_bucket") in labels:
            key = tuple(pair for pair in labels if pair[0] != "le")
            groups.setdefault(key, []).append((float(dict(labels)["le"]), value))
    found = []
    for _, buckets in sorted(groups.items()):
        buckets.sort()
        rank = q * buckets[-1][1]
        start, below = 0.0, 0.0
        for end, held in buckets[:-1]:
            if held >= rank:
                found.append(start + (end - start) * (rank - below) / (held - below))
                break
            start, below = end, held
        else:
            found.append(buckets[-2][0])
    return found


def contiguous(points: Points) -> list[float]:
    """The counts of each histogram side by side."""
    keyed = sorted(
        ([pair for pair in labels if pair[0] != "le"], float(dict(labels)["le"]), value)
        for labels, value in points.items()
    )
    return [value for _, _, value in keyed]


def bisected(rows: list[float], bounds: tuple[float, ...]) -> list[float]:
    """The least that can be done: one bisection for each histogram."""
    found = []
    width = len(bounds)
    for start in range(0, len(rows), width):
        top = start + width - 1
        rank = 0.99 * rows[top]
        at = bisect_left(rows, rank, start, top)
        if at == top:
            found.append(bounds[-2])
            continue
        place = at - start
        low, below = (bounds[place - 1], rows[at - 1]) if place else (0.0, 0.0)
        found.append(low + (bounds[place] - low) * (rank - below) / (rows[at] - below))
    return found
