"""A window of scrapes: what increases over it cost, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

from benchmarks.harness import OURS, Run
from promlatest import Store

_SCRAPES = 60


def run(run: Run) -> None:
    run.begin("window", "an increase over 60 scrapes, ms")
    for size in run.pick((200,), (1_000, 10_000), (1_000, 10_000, 100_000)):
        steady, moving = _filled(size, 0), _filled(size, 1)
        naive = _naive(size)
        ways = {
            OURS: partial(steady.increase, "jobs_total"),
            "promlatest, one replaced a scrape": partial(moving.increase, "jobs_total"),
            "dicts of lists": naive,
        }
        run.compare("increase, asked again", ways, size=size, per=1, unit="ms")


def _body(size: int, step: int, moved: int) -> str:
    first = moved * step
    return "".join(
        f'jobs_total{{n="{n}"}} {n + step}\n' for n in range(first, first + size)
    )


def _filled(size: int, moved: int) -> Store:
    store = Store(history=_SCRAPES)
    for step in range(_SCRAPES):
        store.ingest(_body(size, step, moved), timestamp=1_000 * (step + 1))
    return store


def _naive(size: int) -> Callable[[], dict[int, float]]:
    held = {n: [(step, float(n + step)) for step in range(_SCRAPES)] for n in range(size)}

    def increase() -> dict[int, float]:
        found = {}
        for key, samples in held.items():
            gained = 0.0
            for (_, before), (_, now) in pairwise(samples):
                gained += now - before if now >= before else now
            found[key] = gained
        return found

    return increase
