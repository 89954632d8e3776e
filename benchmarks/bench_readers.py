"""Readers beside a writer: a scrape every 100 ms, four threads that ask.

A reader asks each time for one of 100 metrics, at random. Every series of one has the
same value in a scrape, so an answer with two values is torn. Waiting is measured twice: paced, from the moment a query was due until it was
answered, so that what a thread waits for the GIL counts; and saturated, as queries
a second.
"""

from __future__ import annotations

import gc
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, Final, Protocol

import attrs

from benchmarks.bench_parse import rpartition
from benchmarks.bodies import body, moved
from benchmarks.harness import OURS, Run
from promlatest import Store

_READERS: Final = 4
_PERIOD: Final = 0.1  # seconds between two scrapes
_DRAWN: Final = 10_000  # names, before the clock runs: drawing one takes as long as asking
_PACE: Final = 0.002  # seconds between two queries of a paced reader
_HITS: Final = 20
_METRICS: Final = 100  # that are asked for; 40 series each


class Held(Protocol):
    """What is written to and asked."""

    def write(self, raw: bytes) -> object: ...

    def read(self, number: int) -> Sequence[float]:
        """Ask for one of the metrics."""


class Ours:
    def __init__(self) -> None:
        self.store = Store()

    def write(self, raw: bytes) -> object:
        return self.store.ingest(raw)

    def read(self, number: int) -> Sequence[float]:
        return [point.value for point in self.store.query(f"marker_{number}", set="a")]


class Dict:
    """A dict of values by series text that is updated in place."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.points: dict[str, float] = {}
        self.keys = [
            [f'marker_{number}{{set="a",shard="{shard}"}}' for shard in range(_HITS)]
            for number in range(_METRICS)
        ]

    def write(self, raw: bytes) -> object:
        with self.lock:
            return rpartition(raw, self.points)

    def read(self, number: int) -> Sequence[float]:
        points = self.points
        with self.lock:
            found = [(key, points[key]) for key in self.keys[number]]
        return [value for _, value in found]


_WAYS: Final[dict[str, Callable[[], Held]]] = {
    OURS: Ours,
    "one RLock, parse and apply": lambda: Dict(threading.RLock()),
    "no protection": lambda: Dict(nullcontext()),
}


def run(run: Run) -> None:
    size = run.pick(200, 20_000, 20_000)
    run.begin("readers", f"{_READERS} threads beside a scrape of {size:,} each 100 ms")
    rounds = run.pick(1, 3, 5)
    seconds = run.pick(0.15, 1.5, 3.0)
    bodies = _bodies(size, run.seed)
    seen: dict[str, list[_Seen]] = {way: [] for way in _WAYS}
    for _ in range(rounds):
        for way, make in _WAYS.items():
            seen[way].append(_watch(make(), bodies, seconds))
    for case, unit, pick in _FIGURES:
        figures = {way: [pick(each) for each in rounds] for way, rounds in seen.items()}
        run.measured(case, figures, size=size, unit=unit)


@attrs.define
class _Seen:
    """What one way let its readers see in one round."""

    waits: list[float] = attrs.field(factory=list)
    torn: int = 0
    answered: int = 0
    per_second: float = 0.0
    scrapes: int = 0


_FIGURES: Final[tuple[tuple[str, str, Callable[[_Seen], float]], ...]] = (
    ("p99, paced", "ms", lambda seen: 1e3 * _quantile(seen.waits, 0.99)),
    ("median, paced", "ms", lambda seen: 1e3 * _quantile(seen.waits, 0.5)),
    ("saturated", "queries a second", lambda seen: seen.per_second),
    ("torn reads", "of all", lambda seen: float(seen.torn)),
    ("scrapes taken while saturated", "in the time", lambda seen: float(seen.scrapes)),
)


def _bodies(size: int, seed: int) -> Sequence[bytes]:
    """Two bodies: a tenth has moved, and the markers' values are unlike."""
    first = body(max(43, size - 2 * _HITS * _METRICS), seed)
    second = moved(first, 0.1, clustered=True, seed=seed)
    return [_marked(first.text, 1), _marked(second.text, 2)]


def _marked(text: str, value: int) -> bytes:
    """Half of each metric stands first and half last, with all else between them."""
    halves = (
        "".join(
            f'marker_{number}{{set="{name}",shard="{shard}"}} {value}\n'
            for number in range(_METRICS)
            for shard in shards
            for name in "ab"
        )
        for shards in (range(_HITS // 2), range(_HITS // 2, _HITS))
    )
    return text.join(halves).encode()


def _watch(held: Held, bodies: Sequence[bytes], seconds: float) -> _Seen:
    """A paced stretch, then a saturated one."""
    gc.collect()
    gc.freeze()
    held.write(bodies[0])
    held.read(0)
    seen = _Seen()
    _stretch(held, bodies, seconds, seen, _paced)
    start = time.perf_counter()
    seen.answered = 0
    seen.scrapes = _stretch(held, bodies, seconds, seen, _saturating)
    seen.per_second = seen.answered / (time.perf_counter() - start)
    return seen


Reader = Callable[[Held, float, "_Seen", threading.Lock], None]


def _stretch(
    held: Held, bodies: Sequence[bytes], seconds: float, seen: _Seen, reader: Reader
) -> int:
    """Write and read beside it; the number of scrapes that were taken."""
    until = time.perf_counter() + seconds
    lock = threading.Lock()
    threads = [
        threading.Thread(target=reader, args=(held, until, seen, lock))
        for _ in range(_READERS)
    ]
    for thread in threads:
        thread.start()
    scrapes = 0
    due = time.perf_counter()
    while due < until:
        scrapes += 1
        held.write(bodies[scrapes % 2])
        due += _PERIOD
        time.sleep(max(0.0, due - time.perf_counter()))
    for thread in threads:
        thread.join()
    return scrapes


def _paced(held: Held, until: float, seen: _Seen, lock: threading.Lock) -> None:
    waits, torn = [], 0
    chosen = random.Random(threading.get_ident())
    due = time.perf_counter()
    while due < until:
        due += _PACE
        time.sleep(max(0.0, due - time.perf_counter()))
        torn += len(set(held.read(chosen.randrange(_METRICS)))) != 1
        now = time.perf_counter()
        waits.append(now - due)
        due = max(due, now - _PACE)  # one long wait counts once
    with lock:
        seen.waits += waits
        seen.torn += torn


def _saturating(held: Held, until: float, seen: _Seen, lock: threading.Lock) -> None:
    answered = torn = 0
    chosen = random.Random(threading.get_ident()).choices(range(_METRICS), k=_DRAWN)
    while time.perf_counter() < until:
        for at in range(answered, answered + 20):
            torn += len(set(held.read(chosen[at % _DRAWN]))) != 1
        answered += 20
    with lock:
        seen.answered += answered
        seen.torn += torn


def _quantile(values: Sequence[float], q: float) -> float:
    return sorted(values)[int(q * (len(values) - 1))] if values else 0.0
