"""Snapshots of one source: what is replaced, updated, shared and counted."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from promlatest import Counts, Matcher, Metadata, Store
from promlatest._storage.snapshot import Commit, SourceSnapshot, replace, update, without
from promlatest.exposition import parse

HORIZON = 1_000_000


def commit(body, timestamp, content_type="text/plain"):
    read = parse(body, content_type)
    return Commit(read.rows, read.metadata, timestamp, HORIZON)


def put(held, body, timestamp, how=replace):
    snapshot, counts = how(held, commit(body, timestamp))
    snapshot._check()
    return snapshot, counts


def series(snapshot):
    """What a snapshot holds, as text: series, time and value."""
    return sorted(
        f"{labels.series()} {table.time(row)} {table.values[row]:g}"
        for table in snapshot.tables.values()
        for row, labels in enumerate(table.layout.labels())
    )


def tuple_of(counts):
    return (
        counts.samples,
        counts.added,
        counts.removed,
        counts.duplicates,
        counts.out_of_order,
        counts.out_of_bounds,
    )


EMPTY = SourceSnapshot()
# how, first body, at, second body, at, what is held, counts of the second
# (samples, added, removed, duplicates, out_of_order, out_of_bounds)
STEPS = [
    ("what is not brought is gone", replace,
     'm{a="1"} 1\nn 2\n', 10, 'm{a="2"} 3\n', 20,
     ['m{a="2"} 20 3'], (1, 1, 2, 0, 0, 0)),
    ("an update leaves the rest", update,
     'm{a="1"} 1\nn 2\n', 10, 'm{a="2"} 3\n', 20,
     ['m{a="1"} 10 1', 'm{a="2"} 20 3', "n 10 2"], (1, 1, 0, 0, 0, 0)),
    ("nothing replaces everything", replace,
     "m 1\nn 2\n", 10, "", 20,
     [], (0, 0, 2, 0, 0, 0)),
    ("nothing updates nothing", update,
     "m 1\n", 10, "", 20,
     ["m 10 1"], (0, 0, 0, 0, 0, 0)),
    ("new values", replace,
     'm{a="1"} 1\nm{a="2"} 2\n', 10, 'm{a="1"} 3\nm{a="2"} 4\n', 20,
     ['m{a="1"} 20 3', 'm{a="2"} 20 4'], (2, 0, 0, 0, 0, 0)),
    ("in another order", replace,
     'm{a="1"} 1\nm{a="2"} 2\n', 10, 'm{a="2"} 4\nm{a="1"} 3\n', 20,
     ['m{a="1"} 20 3', 'm{a="2"} 20 4'], (2, 0, 0, 0, 0, 0)),
    ("an older scrape is not taken at all", replace,
     "m 1\nn 1\n", 20, 'm 2\nm{a="1"} 3\n', 10,
     ["m 20 1", "n 20 1"], (0, 0, 0, 0, 2, 0)),
    ("an older push takes nothing", update,
     "m 1\n", 20, 'm 2\nm{a="1"} 3\n', 10,
     ["m 20 1", 'm{a="1"} 10 3'], (1, 1, 0, 0, 1, 0)),
    ("the same moment, another value", update,
     "m 1\n", 10, "m 2\n", 10,
     ["m 10 1"], (0, 0, 0, 1, 0, 0)),
    ("the same moment, another value, in a scrape", replace,
     "m 1\nn 1\n", 10, "m 2\nn 1\n", 10,
     ["m 10 1", "n 10 1"], (0, 0, 0, 1, 0, 0)),
    ("the same moment, the same value", update,
     "m 1\nn NaN\n", 10, "m 1\nn NaN\n", 10,
     ["m 10 1", "n 10 nan"], (0, 0, 0, 0, 0, 0)),
    ("times of its own, some newer", replace,
     "m 1 15\nn 1\n", 10, "m 2 14\nn 2\n", 20,
     ["m 15 1", "n 20 2"], (1, 0, 0, 0, 1, 0)),
    ("a time of its own newer than the scrape", update,
     "m 1 500\n", 10, "m 2\n", 20,
     ["m 500 1"], (0, 0, 0, 0, 1, 0)),
    ("twice in one scrape: the first", replace,
     "", 10, "m 1\nm 2\nm 1\n", 20,
     ["m 20 1"], (1, 1, 0, 2, 0, 0)),
    ("twice with other labels written otherwise", replace,
     "", 10, 'm{a="1",b="2"} 1\nm{b="2",a="1"} 2\nm{b="2",a="1",c=""} 3\n', 20,
     ['m{a="1", b="2"} 20 1'], (1, 1, 0, 2, 0, 0)),
    ("twice with times: the newest", replace,
     "", 10, "m 1 5\nm 2 7\nm 3 6\nm 4 7\n", 20,
     ["m 7 2"], (2, 1, 0, 1, 1, 0)),
    ("too far ahead", replace,
     "m 1\n", 10, f"m 2 {HORIZON + 1}\nn 3 {HORIZON}\n", 20,
     [f"n {HORIZON} 3"], (1, 1, 1, 0, 0, 1)),
    ("too far ahead, its label names go too", replace,
     "", 10, f'm{{a="1"}} 2 {HORIZON + 1}\nm 3\n', 20,
     ["m 20 3"], (1, 1, 0, 0, 0, 1)),
    ("too far ahead, in an update", update,
     "m 1\n", 10, f"m 2 {HORIZON + 1}\n", 20,
     ["m 10 1"], (0, 0, 0, 0, 0, 1)),
    ("a label name comes, with a row", replace,
     'm{a="1"} 1\n', 10, 'm{a="1"} 2\nm{a="1",b="2"} 3\n', 20,
     ['m{a="1", b="2"} 20 3', 'm{a="1"} 20 2'], (2, 1, 0, 0, 0, 0)),
    ("a label name goes", replace,
     'm{a="1",b="2"} 1\nm{a="1"} 1\n', 20, 'm{a="1"} 2\n', 30,
     ['m{a="1"} 30 2'], (1, 0, 1, 0, 0, 0)),
    ("names that sort elsewhere come by an update", update,
     'm{b="1"} 1\n', 10, 'm{a="1"} 2\nm{c="1"} 3\nm{b="1"} 4\n', 20,
     ['m{a="1"} 20 2', 'm{b="1"} 20 4', 'm{c="1"} 20 3'], (3, 2, 0, 0, 0, 0)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "first", "at", "second", "then", "expected", "counts"),
    [pytest.param(*step[1:], id=step[0]) for step in STEPS],
)
def test_steps(how, first, at, second, then, expected, counts):
    """Newer samples are taken, older ones never; the first of two stands (S-3, C-15)."""
    held, _ = put(EMPTY, first, at, how)

    after, counted = put(held, second, then, how)

    assert series(after) == expected
    assert tuple_of(counted) == counts
    assert after.size == len(expected)
    assert after.timestamp == max(at, then)


@pytest.mark.parametrize("how", [replace, update])
def test_the_snapshot_before_stays_as_it_was(how):
    """Building never changes what it is built from."""
    held, _ = put(EMPTY, 'm{a="1"} 1\nm{a="2"} 2 7\nn 1\n', 10)
    before = series(held)

    put(held, 'm{a="1"} 5\nm{a="3",b="1"} 6\nn 3\n', 20, how)
    without(held, [Matcher("a", "=", "1")])

    assert series(held) == before


@pytest.mark.parametrize("how", [replace, update])
def test_a_layout_is_carried_over_while_the_series_stay(how):
    """Indexes and selections survive a commit that brings new values only."""
    held, _ = put(EMPTY, 'm{a="1"} 1\nm{a="2"} 2\n', 10)
    layout = held.tables["m"].layout
    index = layout.index("a")
    selection = layout.select((Matcher("a", "=", "1"),))

    after, _ = put(held, 'm{a="1"} 3\nm{a="2"} 4\n', 20, how)

    carried = after.tables["m"].layout
    assert carried.index("a") is index
    assert carried.select((Matcher("a", "=", "1"),)) is selection


def test_a_layout_is_not_carried_over_otherwise():
    """A series that goes, comes or moves makes another layout."""
    held, _ = put(EMPTY, 'm{a="1"} 1\nm{a="2"} 2\n', 10)
    held.tables["m"].layout.select(())

    for body in ('m{a="1"} 1\n', 'm{a="1"} 1\nm{a="3"} 2\n', 'm{a="2"} 2\nm{a="1"} 1\n'):
        after, _ = put(held, body, 20)
        points = after.tables["m"].points(after.tables["m"].layout.select(()))
        assert [f"{p.labels.series()} {p.value:g}" for p in points] == sorted(
            body.splitlines()
        )


def test_an_update_shares_the_tables_it_does_not_touch():
    """A push copies only the tables that it brings something for."""
    held, _ = put(EMPTY, "m 1\nn 2\n", 10)

    after, _ = put(held, "m 3\n", 20, update)

    assert after.tables["n"] is held.tables["n"]
    assert after.tables["m"] is not held.tables["m"]


def test_metadata_goes_with_a_scrape_and_stays_with_a_push():
    """A scrape's metadata is what it says; a push adds to what was known."""
    held, _ = put(EMPTY, "# TYPE m gauge\nm 1\n", 10)

    pushed, _ = put(held, "# TYPE n counter\nn 1\n", 20, update)
    scraped, _ = put(held, "# TYPE n counter\nn 1\n", 20, replace)

    assert pushed.metadata == {"m": Metadata("gauge"), "n": Metadata("counter")}
    assert scraped.metadata == {"n": Metadata("counter")}


@pytest.mark.parametrize(
    ("matchers", "left"),
    [
        ([("a", "=", "1")], ['m{a="2"} 7 2', "m 10 3", "n 10 4"]),
        ([("a", "!=", "2")], ['m{a="2"} 7 2']),
        ([("__name__", "=", "m")], ["n 10 4"]),
        ([("__name__", "=~", "m|n"), ("a", "=", "")], ['m{a="1"} 10 1', 'm{a="2"} 7 2']),
        ([("__name__", "!=", "m"), ("__name__", "!=", "n")], None),
        ([("x", "=", "1")], None),
        ([("x", "=", "")], []),
    ],
    ids=str,
)
def test_without(matchers, left):
    """What fulfils all matchers is left out, with its time; the rest keeps its own."""
    held, _ = put(EMPTY, 'm{a="1"} 1\nm{a="2"} 2 7\nm 3\nn 4\n', 10)

    after = without(held, [Matcher(*each) for each in matchers])

    after._check()
    assert series(after) == sorted(series(held) if left is None else left)


def test_without_leaves_no_empty_column():
    """A label name goes with the last series that has it."""
    held, _ = put(EMPTY, 'm{a="1"} 1\nm{b="2"} 2\n', 10)

    after = without(held, [Matcher("a", "=", "1")])

    assert after.tables["m"].layout.names == ("b",)


OPENMETRICS = "application/openmetrics-text"


def exemplars(store, metric="c_total"):
    return [(labels.get("a"), found.value) for labels, found in store.exemplars(metric)]


def openmetrics(*lines):
    return "\n".join(["# TYPE c counter", *lines, "# EOF", ""])


def test_exemplars_go_with_their_rows():
    """An exemplar stays with its series through drops and other orders."""
    store = Store(clock=lambda: 10_000)
    store.ingest(
        openmetrics(
            'c_total{a="2"} 2 # {t="x"} 0.2',
            'c_total{a="1"} 1',
            'c_total{a="3"} 3 # {t="z"} 0.3',
        ),
        OPENMETRICS,
    )
    assert exemplars(store) == [("2", 0.2), ("3", 0.3)]

    store.drop('c_total{a="2"}')

    assert exemplars(store) == [("3", 0.3)]


def test_an_exemplar_of_a_refused_sample_is_refused():
    """Where the held sample stays, its exemplar stays with it."""
    store = Store(clock=lambda: 10_000)
    held = openmetrics('c_total{a="1"} 2 # {t="x"} 0.2')
    older = openmetrics('c_total{a="1"} 1 # {t="y"} 0.1', 'c_total{a="2"} 1 # {t="z"} 0.3')
    store.ingest(held, OPENMETRICS, timestamp=20)
    store.ingest(older, OPENMETRICS, timestamp=20)

    assert exemplars(store) == [("1", 0.2), ("2", 0.3)]


def test_an_update_keeps_exemplars_until_newer_ones_come():
    """A push without an exemplar leaves the last one; a newer one takes its place."""
    store = Store(clock=lambda: 10_000)

    def push(timestamp, *lines):
        with store.batch("s", replace=False, timestamp=timestamp) as batch:
            batch.append_rows(parse(openmetrics(*lines), OPENMETRICS).rows)
        return exemplars(store)

    assert push(1, 'c_total{a="1"} 1 # {t="x"} 0.1') == [("1", 0.1)]
    assert push(2, 'c_total{a="1"} 2') == [("1", 0.1)]
    assert push(3, 'c_total{a="0"} 1 # {t="y"} 0.3', 'c_total{a="1"} 3') == [
        ("0", 0.3),
        ("1", 0.1),
    ]
    assert push(4, 'c_total{a="0"} 4', 'c_total{a="1"} 4 # {t="z"} 0.4') == [
        ("0", 0.3),
        ("1", 0.4),
    ]


def test_counts_add_up():
    """Counts of commits are added field by field."""
    total = Counts(1, 2, 3, 4, 5, 6)

    total.add(Counts(10, 20, 30, 40, 50, 60))

    assert tuple_of(total) == (11, 22, 33, 44, 55, 66)


def test_nan_is_a_value_like_others():
    """NaN is kept, and a newer number takes its place (S-7)."""
    held, _ = put(EMPTY, "m NaN\n", 10)
    assert math.isnan(held.tables["m"].values[0])

    after, counts = put(held, "m 1\n", 20)

    assert series(after) == ["m 20 1"]
    assert counts.samples == 1


# The index for selectors without a name


def test_metrics_are_found_by_a_label():
    """The index tells which metrics have a label of some value."""
    store = Store()
    store.ingest('m{a="1"} 1\nm{a="2"} 1\nn{a="1"} 1\no{b="1"} 1\n')
    snapshot = store.sources["body"]._snapshot

    assert sorted(snapshot.metrics_with("a", "1")) == ["m", "n"]
    assert snapshot.metrics_with("a", "3") == []
    assert snapshot.metrics_with("c", "1") == []


def test_the_index_lasts_while_the_series_are_the_same():
    """Values that change leave the index; a series more or less takes it away."""
    store = Store()
    kept = []
    for body in (
        'm{a="1"} 1\n',
        'm{a="1"} 2\n',
        'm{a="1"} 2\nn{a="1"} 2\n',
        'n{a="1"} 3\n',
    ):
        store.ingest(body)
        kept.append(store.sources["body"]._snapshot._index)
        found = [point.metric for point in store.select('{a="1"}')]
        assert found == [line[0] for line in body.splitlines()]

    assert [one is two for one, two in pairwise(kept)] == [
        True,
        False,
        False,
    ]


def test_the_index_of_a_scrape_with_its_report_lasts():
    """Samples about the commit itself are the same series each time."""
    store = Store()
    kept = []
    for value in (1, 2, 3):
        batch = store.batch("s")
        batch.append_rows(parse(f'm{{a="1"}} {value}\n').rows)
        batch.commit(lambda counts: parse(f"up {counts.added}\n").rows)
        kept.append(store.sources["s"]._snapshot._index)

    assert kept[1] is kept[2]
