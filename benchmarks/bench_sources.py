"""Many sources in one store: a commit of one, a question about it, a series beside them.

The sources have 20 series each, and a value of a source moves in each of its scrapes. The
naive way is a dict of dicts, which is what a program has that scrapes many targets by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Final

from benchmarks.bench_parse import rpartition
from benchmarks.harness import OURS, Fed, Run, Way
from promlatest import Store

_SERIES: Final = 20
_START: Final = 1_700_000_000_000  # ms

Change = tuple[str, int]  # a source, and how often one was scraped before


def run(run: Run) -> None:
    run.begin("sources", f"sources of {_SERIES} series, µs each")
    for size in run.pick((1, 10), (1, 100, 10_000), (1, 10, 100, 1_000, 10_000)):
        for case, ways in _cases(size).items():
            run.compare(case, ways, size=size, unit="µs")


def _cases(size: int) -> dict[str, dict[str, Way]]:
    store, held = Store(), dict[str, dict[str, float]]()
    for at in range(size):
        store.ingest(_body(_name(at), 0), source=_name(at), timestamp=_START)
        held[_name(at)] = rpartition(_body(_name(at), 0).encode(), {})
    append = store.appender().append
    append(0, {"__name__": "direct", "n": "first"}, 1, 1.0)

    def commit(change: Change) -> None:
        name, step = change
        store.ingest(_body(name, step), source=name, timestamp=_START + step)

    def read(change: Change) -> None:
        name, step = change
        rpartition(_body(name, step).encode(), held[name])

    def committed(change: Change) -> str:
        commit(change)
        return change[0]

    def pick(name: str) -> list[float]:
        key = f'pod="{name}"'
        return [value for series, value in held[name].items() if key in series]

    def create(number: int) -> None:
        append(0, {"__name__": "direct", "n": f"{number}"}, 1, 1.0)

    points: dict[frozenset[tuple[str, str]], float] = {}

    def insert(number: int) -> None:
        points[frozenset({"__name__": "direct", "n": f"{number}"}.items())] = 1.0

    def summed(_: str) -> float:
        return sum(value for each in held.values() for value in each.values())

    asked = map(committed, _changes(size))
    all_of = map(committed, _changes(size))
    cases: dict[str, dict[str, Way]] = {
        "a commit of one": {
            OURS: Fed(_changes(size), commit),
            "dict of dicts": Fed(_changes(size), read),
        },
        "one pod, after its commit": {
            OURS: Fed(asked, lambda pod: store.query("pod_requests_total", pod=pod)),
            "dict of dicts": Fed((name for name, _ in _changes(size)), pick),
        },
        "a new direct series": {
            OURS: Fed(count(), create),
            "dict by frozenset": Fed(count(), insert),
        },
    }
    if size <= 1_000:  # an answer of 200,000 points takes its time
        cases["all of them, after a commit"] = {
            OURS: Fed(all_of, lambda _: store.query("pod_requests_total")),
            "dict of dicts": Fed((name for name, _ in _changes(size)), summed),
        }
    return cases


def _name(number: int) -> str:
    return f"pod-{number:05}"


_moments: Final = count(1)


def _changes(size: int) -> Iterator[Change]:
    """Sources in an order that hits all, each with a step that is always another."""
    return ((_name(7 * step % size), step) for step in _moments)


def _body(pod: str, step: int) -> str:
    lines = (
        f'pod_requests_total{{pod="{pod}",code="{code}"}} {step if code == 7 else code}'
        for code in range(_SERIES)
    )
    return "\n".join(["# TYPE pod_requests_total counter", *lines, ""])
