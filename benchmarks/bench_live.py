"""What is appended sample by sample, and pushed in batches: cost as the store grows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from benchmarks.harness import OURS, Fed, Run, Way
from promlatest import Store


def run(run: Run) -> None:
    run.begin("live", "series appended one by one and pushed, us each")
    for size in run.pick((1_000,), (1_000, 100_000), (1_000, 10_000, 100_000, 1_000_000)):
        for case, ways in _cases(size).items():
            run.compare(case, ways, size=size, per=1, unit="µs")
    names = run.pick(400, 4_000, 40_000)
    run.compare("metric names, one by one", _names(names), size=names, per=names, unit="µs")


def _labels(number: int) -> dict[str, str]:
    return {"__name__": f"m{number % 50}", "pod": f"pod-{number}", "ns": f"ns-{number % 7}"}


def _filled(size: int) -> Store:
    store = Store()
    append = store.appender().append
    for number in range(size):
        append(0, _labels(number), 1, 1.0)
    return store


def _pushed(size: int) -> Store:
    store = Store()
    with store.batch("push", replace=False, timestamp=1) as batch:
        for number in range(size):
            batch.append(0, _labels(number), 1, 1.0)
    for number in range(min(size, 50)):  # what is built when a metric is first touched
        with store.batch("push", replace=False, timestamp=2) as batch:
            batch.append(0, _labels(number), 2, 1.0)
    return store


def _cases(size: int) -> dict[str, dict[str, Way]]:
    store, pushed = _filled(size), _pushed(size)
    held = {tuple(sorted(_labels(number).items())): (1, 1.0) for number in range(size)}
    append = store.appender().append
    fresh, moments = count(size), count(3)
    for number in range(50):
        store.query(f"m{number}", pod="pod-3")

    def create(number: int) -> None:
        append(0, _labels(number), 1, 1.0)

    def create_and_ask(number: int) -> None:
        append(0, _labels(number), 1, 1.0)
        store.query(f"m{number % 50}", pod=f"pod-{number}")

    def drop(number: int) -> None:
        append(0, _labels(number), 1, 1.0)
        assert store.drop(f'm{number % 50}{{pod="pod-{number}"}}') == 1

    def push(number: int) -> None:
        t = next(moments)
        with pushed.batch("push", replace=False, timestamp=t) as batch:
            batch.append(0, _labels(number), t, 2.0)

    def insert(number: int) -> None:
        held[tuple(sorted(_labels(number).items()))] = (1, 1.0)

    def remove(number: int) -> None:
        insert(number)
        held.pop(tuple(sorted(_labels(number).items())), None)

    bare: Way = Fed(count(size), insert)
    return {
        "append a new series": {OURS: Fed(fresh, create), "a bare dict": bare},
        "append one and ask for it": {
            OURS: Fed(fresh, create_and_ask),
            "a bare dict": bare,
        },
        "append one and drop it": {
            OURS: Fed(_once(size), drop),
            "a bare dict": Fed(_once(size), remove),
        },
        "push a known series": {OURS: Fed(_again(size), push), "a bare dict": bare},
        "push a new series": {OURS: Fed(count(size), push), "a bare dict": bare},
    }


def _once(size: int) -> Iterator[int]:
    """Series that are not there yet."""
    return count(size)


def _again(size: int) -> Iterator[int]:
    return (number * 7 % size for number in count())


def _names(names: int) -> dict[str, Way]:
    def ours() -> None:
        append = Store().appender().append
        for number in range(names):
            append(0, {"__name__": f"name_{number}"}, 1, 1.0)

    def naive() -> None:
        held = {}
        for number in range(names):
            held[frozenset({"__name__": f"name_{number}"}.items())] = (1, 1.0)

    return {OURS: ours, "dict by frozenset": naive}
