"""PromQL: five questions of one process, over 31 scrapes.

The naive way is what one writes without: points in a dict, and a loop for each question.
prombed is the one other package on PyPI that answers PromQL in process.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any, Final

from benchmarks.harness import OURS, Fed, Run, Way
from promlatest import Store
from promlatest.promql import Vector, query

try:
    from prombed import Prombed
except ModuleNotFoundError:  # make bench installs it
    Prombed = None

SCRAPES: Final = 31
PERIOD: Final = 2.0  # seconds between two, so that a minute of them is asked about
NAIVE: Final = "naive: a loop over points"
UNMOVED: Final = "after a scrape into another store"

QUESTIONS: Final = {
    "one series": 'requests_total{pod="pod-7"}',
    "sum by": "sum by (code) (requests_total)",
    "rates": "rate(requests_total[1m])",
    "p99": (
        "histogram_quantile(0.99, sum by (handler, le) (rate(latency_seconds_bucket[1m])))"
    ),
    "absent": 'absent(queue_depth{name="nobody"})',
}

_BOUNDS: Final = (
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.5", "0.75",
    "1.0", "1.5", "2.0", "2.5", "5.0", "7.5", "10.0", "30.0", "+Inf",
)  # fmt: skip


def run(run: Run) -> None:
    run.begin("promql", f"a question about {SCRAPES} scrapes, answered in process")
    for size in run.pick((210,), (10_500,), (10_500, 105_000)):
        _at_size(run, size)


def _at_size(run: Run, size: int) -> None:
    store, last = scraped(size)
    rival = _rival(size) if size <= 10_500 else None
    for title, expr in QUESTIONS.items():
        ask = partial(answer, store, expr, last)
        again: dict[str, Way] = {OURS: ask}
        if title in _NAIVE:
            again[NAIVE] = partial(_NAIVE[title], store)
        if rival is not None and title != "absent":  # which it does not know
            assert same(rival.query(expr, last), ask()), title
            again["prombed"] = partial(rival.query, expr, last)
        run.compare(f"{title}, again", again, size=size, unit="µs a question")
    for title, expr in QUESTIONS.items():
        moves = {
            OURS: Fed(after_scrapes(size), partial(_asked, expr)),
            # Of another text, so that neither makes the other forget what it keeps.
            UNMOVED: Fed(after_scrapes(size, elsewhere=True), partial(_asked, f"{expr} ")),
        }
        run.compare(
            f"{title}, after a scrape", moves, size=size, unit="µs a question", once=True
        )


def answer(store: Store, expr: str, at: int) -> Vector:
    """Ours, with the value of every series."""
    found = query(store, expr, at)
    assert isinstance(found, Vector)
    return found


def _asked(expr: str, moment: tuple[Store, int]) -> Vector:
    store, at = moment
    return answer(store, expr, at)


def scraped(size: int) -> tuple[Store, int]:
    """A store that was scraped so often, and when the last time was (ms)."""
    store = Store(history=SCRAPES + 1)
    for moment, text in scrapes(size):
        store.ingest(text, timestamp=moment)
    return store, store.snapshot().timestamp


def scrapes(size: int, begun: int | None = None) -> Iterator[tuple[int, str]]:
    """When each scrape was (ms), and what was exposed then.

    Args:
        begun: when the first was; None: so that the last was just now.
    """
    if begun is None:
        begun = time.time_ns() // 1_000_000 - round(1000 * PERIOD * SCRAPES)
    for number in range(SCRAPES):
        yield begun + round(1000 * PERIOD * number), body(size, number)


def after_scrapes(size: int, *, elsewhere: bool = False) -> Iterator[tuple[Store, int]]:
    """The store and the moment, each time after one more scrape.

    Args:
        elsewhere: the scrape goes to another store: the same work has pushed the same
            out of the processor's caches, and nothing is new to the one that is asked.
    """
    store, last = scraped(size)
    for expr in QUESTIONS.values():
        answer(store, f"{expr} " if elsewhere else expr, last)
    fed, moment = scraped(size) if elsewhere else (store, last)
    for number in count(SCRAPES):
        moment += round(1000 * PERIOD)
        fed.ingest(body(size, number), timestamp=moment)
        gc.collect()  # what the scrape left is not charged to the question
        yield store, last if elsewhere else moment


def body(size: int, number: int) -> str:
    """What a process of so many series exposes at one scrape; all counters move."""
    some = size * 10 // 21  # as many requests as buckets, and a twentieth of queues
    lines = ["# TYPE requests_total counter"]
    lines += [
        f'requests_total{{code="{(200, 204, 404, 429, 500)[at % 5]}",'
        f'handler="/v1/{at % 50}",pod="pod-{at}"}} {at % 97 * 10 + number * (at % 7 + 1)}'
        for at in range(some)
    ]
    lines.append("# TYPE latency_seconds histogram")
    lines += [
        f'latency_seconds_bucket{{handler="/v1/{at // 20 % 50}",pod="pod-{at // 1000}",'
        f'le="{_BOUNDS[at % 20]}"}} {(at % 20 + 1) * (number + 1) * 3}'
        for at in range(some)
    ]
    lines.append("# TYPE queue_depth gauge")
    lines += [
        f'queue_depth{{name="q{at}"}} {(at + number) % 9}' for at in range(some // 10)
    ]
    return "\n".join(lines) + "\n"


def _rival(size: int) -> Any:
    if Prombed is None:
        print("not installed: prombed")
        return None
    rival = Prombed(max_series=10 * size)
    for moment, text in scrapes(size):
        rival.ingest(text, timestamp_ms=moment)
    return rival


def same(theirs: dict[str, Any], ours: Vector) -> bool:
    """Whether another answered with as many series."""
    return len(theirs["data"]["result"] if "data" in theirs else theirs["result"]) == len(
        ours
    )


def _sum_by(store: Store) -> dict[str, float]:
    sums: dict[str, float] = {}
    for point in store.query("requests_total"):
        code = point.labels["code"]
        sums[code] = sums.get(code, 0.0) + point.value
    return sums


def _one(store: Store) -> list[float]:
    points = store.query("requests_total")
    return [point.value for point in points if point.labels.get("pod") == "pod-7"]


_NAIVE: Final[dict[str, Callable[[Store], object]]] = {
    "one series": _one,
    "sum by": _sum_by,
}
