"""Queries: six shapes at three sizes, and one metric of 100,000 series.

"again" is a query that was asked before, with nothing committed since; "after a commit"
one whose values have moved; "first" one about a metric that nobody asked about yet.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import partial
from itertools import count

from benchmarks.harness import OURS, Fed, Run, Way
from benchmarks.rivals import Rival, installed
from benchmarks.series import (
    CONTROLLERS,
    NOW,
    Shape,
    metric_name,
    rows_of,
    samples_of,
    shapes,
    store_of,
)
from promlatest import Counts, Store
from promlatest._samples import Rows, Samples


def run(run: Run) -> None:
    run.begin("query", "µs for one query, points out")
    sizes = run.pick((1_000,), (1_000, 100_000), (1_000, 10_000, 100_000, 1_000_000))
    tables = installed()
    for size in sizes:
        # Growth needs one figure at 10,000 and not every rival's.
        _at_size(run, size, tables[:1] if size == 10_000 else tables)
    _one_large_metric(run, run.pick(2_000, 100_000, 100_000))


def _at_size(run: Run, size: int, tables: Sequence[type[Rival]]) -> None:
    store = store_of(size)
    rivals = [table(size) for table in tables]
    for shape in shapes(size):
        if shape.shard.startswith("rare") and size < 1_000:
            continue
        ways: dict[str, Way] = {OURS: _asked(store, shape)}
        for rival in rivals:
            ways[rival.title] = _checked(rival.prepare(shape), shape)
        ways[f"{OURS}, as selector text"] = _checked(
            partial(store.select, shape.selector), shape
        )
        run.compare(f"{shape.title}, again", ways, size=size, unit="µs a query")
    _after_a_commit(run, store, size, rivals[0])
    first = _first(store, size)
    run.compare(
        "name + label, first", {OURS: first}, size=size, unit="µs a query", once=True
    )


def _asked(store: Store, shape: Shape) -> Way:
    """As one writes it with `Store.query`, where it has a name to give."""
    text, name = shape.selector, shape.name
    if not name:
        return _checked(lambda: store.select(text), shape)
    labels: dict[str, str | tuple[str, ...]] = {}
    if shape.controllers:
        single = len(shape.controllers) == 1
        labels["controller"] = shape.controllers[0] if single else shape.controllers
    if shape.shard:
        labels["shard"] = shape.shard
    return _checked(lambda: store.query(name, **labels), shape)


def _checked(query: Way, shape: Shape) -> Way:
    """The query, seen to find what it should."""
    assert not isinstance(query, Fed)
    found = query()
    assert isinstance(found, Sequence), found
    assert len(found) == shape.hits, (shape, len(found))
    return query


def _after_a_commit(run: Run, store: Store, size: int, rival: Rival) -> None:
    """A query that was asked before, of values that have moved since.

    Five are asked after each commit, since one takes no longer than reading the clock.
    """
    name = shapes(size)[0].name
    moments = count(NOW + 1)
    queries = [
        rival.prepare(Shape("", 20, name=name, controllers=(controller,)))
        for controller in CONTROLLERS
    ]

    def commit() -> Counts:
        batch = store.batch("bench", replace=False, timestamp=next(moments))
        batch.append_samples(samples_of(rows_of(name)))
        return batch.commit()

    def ask(_: object) -> None:
        for controller in CONTROLLERS:
            store.query(name, controller=controller)

    def look_up(_: object) -> None:
        for query in queries:
            query()

    run.compare(
        "name + label, after a commit",
        {
            OURS: Fed((commit() for _ in count()), ask),
            rival.title: Fed((None for _ in count()), look_up),
        },
        size=size,
        per=len(CONTROLLERS),
        unit="µs a query",
        once=True,
        rounds=run.pick(1, 25, 45),
    )


def _first(store: Store, size: int) -> Fed:
    """Each call asks about another metric."""
    names = (metric_name(number) for number in count())
    controller = CONTROLLERS[2]
    return Fed(names, lambda name: store.query(name, controller=controller))


def _one_large_metric(run: Run, size: int) -> None:
    columns = (
        [f"node-{row % 50:02}" for row in range(size)],
        [f"pod-{row // 20:06}" for row in range(size)],
    )
    rounds = run.pick(1, 3, 5)
    stores = [_large(columns, size) for _ in range(rounds + 2)]
    kept = stores.pop()
    keys = enumerate(zip(*columns, strict=True))
    points = {key: (NOW, float(row)) for row, key in keys}
    pod = columns[1][size // 2]
    run.compare(
        "one metric, a label (20 hits), again",
        {
            OURS: lambda: kept.query("large", pod=pod),
            "dict + linear scan": lambda: [i for i in points.items() if i[0][1] == pod],
        },
        size=size,
        unit="µs a query",
    )
    run.compare(
        "one metric, a label (20 hits), first",
        {OURS: Fed(iter(stores), lambda store: store.query("large", pod=pod))},
        size=size,
        unit="µs a query",
        once=True,
        rounds=rounds,
    )
    run.compare(
        "one metric, all of it, again",
        {OURS: lambda: kept.query("large"), "dict, copied": lambda: list(points.items())},
        size=size,
        unit="µs a query",
        once=True,
    )


def _large(columns: tuple[list[str], ...], size: int) -> Store:
    store = Store()
    with store.batch("bench", timestamp=NOW) as batch:
        rows = Rows("large", ("node", "pod"), columns, range(size))
        batch.append_samples(Samples((rows,), array("d", [1.0]) * size))
    return store
