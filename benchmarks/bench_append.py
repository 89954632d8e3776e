"""Appends: one sample at a time to known series, and many at once."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from itertools import count
from threading import Lock

from prometheus_client import CollectorRegistry, Gauge

from benchmarks.harness import OURS, Fed, Run, Way
from promlatest import Store


def run(run: Run) -> None:
    run.begin("append", "ns a sample")
    size = run.pick(100, 10_000, 10_000)
    labels = [
        {"__name__": "depth", "queue": f"queue-{number:05}", "shard": f"{number % 7}"}
        for number in range(size)
    ]
    run.compare(
        "one at a time, by ref", _by_ref(labels), size=size, per=size, unit="ns a sample"
    )
    run.compare(
        "one at a time, by labels",
        _by_labels(labels),
        size=size,
        per=size,
        unit="ns a sample",
    )
    run.compare("many at once", many(labels), size=size, per=size, unit="ns a sample")


class Locked:
    """An append that takes a lock: the naive way."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.samples: dict[int, tuple[int, float]] = {}

    def append(self, ref: int, labels: Mapping[str, str], t: int, v: float) -> int:
        with self.lock:
            held = self.samples.get(ref)
            if held is None or held[0] < t:
                self.samples[ref] = (t, v)
            return ref


class Unlocked(Locked):
    """The same without the lock: the floor."""

    def append(self, ref: int, labels: Mapping[str, str], t: int, v: float) -> int:
        held = self.samples.get(ref)
        if held is None or held[0] < t:
            self.samples[ref] = (t, v)
        return ref


def _by_ref(labels: list[dict[str, str]]) -> dict[str, Way]:
    store = Store()
    app = store.appender()
    refs = [app.append(0, each, 1, 0.0) for each in labels]
    moments = count(2)
    locked, unlocked = Locked(), Unlocked()
    gauge = Gauge("depth", "", ["queue", "shard"], registry=CollectorRegistry())
    children = [gauge.labels(each["queue"], each["shard"]) for each in labels]
    batches = store.batch("warm")
    batch_refs = [batches.append(0, each, 1, 0.0) for each in labels]
    batches.commit()

    def ours() -> None:
        append, t = app.append, next(moments)
        for ref, each in zip(refs, labels, strict=True):
            append(ref, each, t, 1.0)

    def batch() -> None:
        t = next(moments)
        with store.batch("warm") as filled:
            append = filled.append
            for ref, each in zip(batch_refs, labels, strict=True):
                append(ref, each, t, 1.0)

    def plain(held: Locked) -> Way:
        def run() -> None:
            append, t = held.append, next(moments)
            for ref, each in zip(refs, labels, strict=True):
                append(ref, each, t, 1.0)

        return run

    def theirs() -> None:
        for child in children:
            child.set(1.0)

    return {
        OURS: ours,
        "with a lock": plain(locked),
        "without a lock (the floor)": plain(unlocked),
        "prometheus_client, Gauge.set": theirs,
        "promlatest, Batch.append + commit": batch,
    }


def _by_labels(labels: list[dict[str, str]]) -> dict[str, Way]:
    app = Store().appender()
    gauge = Gauge("depth", "", ["queue", "shard"], registry=CollectorRegistry())
    points: dict[frozenset[tuple[str, str]], tuple[int, float]] = {}
    moments = count(1)

    def ours() -> None:
        append, t = app.append, next(moments)
        for each in labels:
            append(0, each, t, 1.0)

    def naive() -> None:
        t = next(moments)
        for each in labels:
            points[frozenset(each.items())] = (t, 1.0)

    def theirs() -> None:
        for each in labels:
            gauge.labels(queue=each["queue"], shard=each["shard"]).set(1.0)

    return {
        OURS: ours,
        "dict by frozenset": naive,
        "prometheus_client, Gauge.labels.set": theirs,
    }


def many(labels: list[dict[str, str]]) -> dict[str, Way]:
    """Samples of known series, all at once: new values in a list, refs as they were."""
    store, pushed = Store(), Store()
    size = len(labels)
    appender = store.appender()
    refs = [appender.append(0, {"__name__": "depth", **each}, 0, 0.0) for each in labels]
    moments = count(1)
    points = dict.fromkeys(range(size), (0, 0.0))
    places = range(size)
    named = [{"__name__": "depth", **each} for each in labels]
    with pushed.batch("push", replace=False, timestamp=0) as first:
        batch_refs = [first.append(0, each, 0, 0.0) for each in named]

    def ours(values: list[float]) -> None:
        appender.append_many(refs, next(moments), values)

    def update(values: list[float]) -> None:
        t = next(moments)
        with pushed.batch("push", replace=False, timestamp=t) as batch:
            for known, labels_of, value in zip(batch_refs, named, values, strict=True):
                batch.append(known, labels_of, t, value)

    def naive(values: list[float]) -> None:
        t = next(moments)
        for ref, value in enumerate(values):
            points[ref] = (t, value)

    def fed(use: Callable[[list[float]], object]) -> Fed:
        return Fed(([float(at + step) for at in places] for step in count()), use)

    return {
        OURS: fed(ours),
        "dict, one by one": fed(naive),
        "an array made (the floor)": fed(lambda values: array("d", values)),
        "promlatest, as an update": fed(update),
    }
