"""The whole public API, used as a user would use it.

It is never run: `mypy --strict` reads it, so that a hint that is too narrow, or lost, is
found before a user finds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry

from promlatest import (
    Appendable,
    Appender,
    Bucket,
    Change,
    Counts,
    DataPoint,
    Exemplar,
    Histogram,
    Labels,
    Limits,
    Matcher,
    Metadata,
    Queryable,
    Snapshot,
    Source,
    Store,
    format_selector,
    parse_selector,
)
from promlatest.exceptions import (
    AppenderClosedError,
    EndpointError,
    LimitError,
    ParseError,
    PromlatestError,
    SelectionError,
    SelectorError,
    UsageError,
)
from promlatest.exposition import Diagnostic, Exposition, Sample, parse
from promlatest.promql import Matrix, QueryError, Scalar, Vector, query, query_range
from promlatest.promql import parse as parse_promql
from promlatest.registry import StoreCollector


def write(store: Store) -> int:
    app: Appender
    with store.appender() as app:
        ref: int = app.append(0, {"__name__": "depth", "name": "pods"}, 1_000, 3.0)
        ref = app.append(ref, Labels(__name__="depth"), 1_001, 3)
        app.commit()
        app.rollback()
    with store.batch("pushed", replace=False, timestamp=1_000) as batch:
        batch.append(0, {"__name__": "depth"}, 1_000, True)
        batch.append_samples(parse("depth 3\n"), {"depth": Metadata("gauge", "How deep.")})
    counts: Counts = store.batch("scraped").commit()
    return ref + counts.samples + counts.added + counts.removed + counts.out_of_bounds


def write_to_anything(target: Appendable) -> None:
    pending = target.batch("s", replace=True)
    pending.append(0, {"__name__": "m"}, 1, 1.0)
    pending.append_samples(parse(""))
    pending.commit()
    with target.batch("s", timestamp=5) as app:
        appended(app)


def appended(app: Appender) -> int:
    return app.append(0, Labels({"__name__": "m"}), 1, 1.0)


def read(store: Queryable) -> list[float]:
    points: list[DataPoint] = store.query("depth", name="pods")
    points += store.query("depth", Matcher("name", "!=", "pods"), priority=None)
    points += store.query("depth", name=re.compile("p.*"), le=["1", "2"], zone={"a"})
    points += store.query("depth", **{"class": "x", "from": "y", "self": "z"})
    points += store.select('depth{name=~"pods|nodes"}')
    points += store.match(parse_selector("depth"))
    names: list[str] = store.label_names(Matcher("__name__", "=", "depth"))
    values: list[str] = store.label_values("name", *parse_selector("depth"))
    known: Mapping[str, Metadata] = store.metrics()
    kinds: list[str] = [each.type + each.help + each.unit for each in known.values()]
    assert len(store) > len(names) + len(values) + len(kinds)
    for labels, timestamp, value in points:
        print(labels["name"], labels.metric, timestamp + 1, value + 0.5)
    return [point.value for point in points if not point.stale and point.metric]


def read_histograms(store: Store) -> float:
    histogram: Histogram = store.histogram("wait_seconds", name="pods")
    everything: list[Histogram] = store.histograms("wait_seconds", Matcher("a", "=", "b"))
    bucket: Bucket = histogram.buckets[0]
    parts: tuple[Bucket, ...] = histogram.bucket_counts
    total = sum(everything, start=histogram)
    assert histogram.valid or histogram.problems
    difference: Histogram = histogram - everything[0]
    return (
        bucket.le
        + parts[0].count
        + total.quantile(0.99)
        + histogram.fraction(0.1, 0.5)
        + histogram.count_le(0.1)
        + difference.count
        + histogram.sum
    )


def sources(store: Store) -> Snapshot:
    source: Source = store.sources["s"]
    before: Snapshot = source.previous
    now: Snapshot = source.current
    stale: Snapshot | None = source.last_known
    error: Exception | None = source.error
    print(source.name + "", source.series + 1, source.timestamp + 1, error)
    points: Iterator[DataPoint] = iter(now)
    print(next(points), len(before), stale)
    store.fail("s", OSError("refused"), report=parse("up 0\n"), timestamp=1)
    store.remove("s")
    dropped: int = store.drop('depth{name="pods"}', Matcher("a", "=~", ".+"))
    print(dropped, store.select("depth", stale=True), store.snapshot(stale=True))
    return store.snapshot()


def subscribe(store: Store) -> None:
    def told(change: Change) -> None:
        print(change.source.name, change.counts.samples, change.counts.duplicates)

    end: Callable[[], None] = store.subscribe(told)
    end()


def ingest(store: Store) -> None:
    read: Exposition = store.ingest(
        b"depth 3\n", "text/plain", source="file", timestamp=1, lenient=True
    )
    sample: Sample
    for sample in read.samples():
        exemplar: Exemplar | None = sample.exemplar
        print(sample.labels, sample.value, sample.timestamp, exemplar and exemplar.value)
    finding: Diagnostic
    for finding in read.diagnostics:
        print(finding.line, finding.column, finding.reason)
    found: list[tuple[Labels, Exemplar]] = store.exemplars("jobs_total", name="pods")
    print(read.format, len(read), found)


def bridge() -> None:
    registry = CollectorRegistry()
    store = Store(limits=Limits(series=1_000, labels=30), clock=lambda: 1_000)
    counts: Counts = store.collect(registry, source="program", timestamp=1)
    store.collect([])
    registry.register(StoreCollector(store))
    registry.register(StoreCollector(store.snapshot()))
    print(counts)


def labels() -> str:
    held: Labels = Labels({"__name__": "depth"}, name="pods")
    as_mapping: Mapping[str, str] = held
    ordered: list[Labels] = sorted([held, held.without("name")])
    matcher = Matcher("name", "=~", "p.*")
    assert matcher.matches("pods")
    print(as_mapping, ordered, hash(held), {held: 1}, matcher.name, matcher.value)
    return format_selector([matcher]) + held.series() + str(held) + matcher.operator


def errors(store: Store) -> str:
    try:
        store.select("{")
    except SelectorError as error:
        return error.text[error.position] + error.reason
    except SelectionError as error:
        return str(error.found)
    except (AppenderClosedError, UsageError, ValueError):
        return "ours"
    except ParseError as error:
        return f"{error.line}:{error.column}: {error.reason} {error.text} {error.target}"
    except LimitError as error:
        return f"{error.limit} {error.allowed}"
    except (EndpointError, PromlatestError) as error:
        return str(error)
    return ""


def roles(store: Store) -> tuple[Appendable, Queryable, Queryable]:
    return store, store, store.snapshot()


def promql(store: Store) -> list[float]:
    answer = query(store, "sum by (code) (hits_total)", at=1000, partial=True)
    if isinstance(answer, Vector):
        return [point.value for point in answer]
    if isinstance(answer, Scalar):
        return [answer.value, float(answer)]
    if isinstance(answer, str):
        return [float(answer)]
    return [value for series in answer for _, value in series.samples]


def over_a_time(store: Store) -> tuple[str, ...]:
    matrix: Matrix = query_range(store, "up", 0, 60_000, step=15)
    return matrix.annotations.warnings


def unread(text: str) -> str:
    try:
        return str(parse_promql(text))
    except QueryError as error:
        return f"{error.line}:{error.column}: {error.reason}"
