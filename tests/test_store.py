"""The store: sources, snapshots, staleness, drops, limits and who is told of what."""

from __future__ import annotations

import logging
import pickle
import threading

import pytest

from promlatest import Change, Counts, Limits, Matcher, Store
from promlatest._storage.live import Slot
from promlatest.exceptions import LimitError, ParseError, SelectorError, UsageError
from promlatest.exposition import parse

NOW = 1_700_000_000_000


@pytest.fixture
def clock():
    return [NOW]


@pytest.fixture
def store(clock):
    return Store(clock=lambda: clock[0])


def values(queryable, metric="m"):
    return [point.value for point in queryable.query(metric)]


def append(store, metric, t, v, **labels):
    with store.appender() as app:
        app.append(0, {"__name__": metric, **labels}, t, v)


# Sources


def test_sources_do_not_touch_each_other(store):
    """What one source brings replaces nothing of another's (Z-2)."""
    store.ingest("m 1\nn 1\n", source="a", timestamp=1)
    store.ingest('m{x="1"} 2\n', source="b", timestamp=1)
    store.ingest("n 3\n", source="a", timestamp=2)
    append(store, "live", 1, 4.0)

    assert [(p.metric, p.value) for p in store] == [("live", 4.0), ("m", 2.0), ("n", 3.0)]
    assert list(store.sources) == ["a", "b"]
    assert [source.series for source in store.sources.values()] == [1, 1]


@pytest.mark.parametrize(
    ("a", "b", "shown"),
    [(10, 20, 2.0), (20, 10, 1.0), (10, 10, 1.0)],
)
def test_of_a_series_in_two_sources_the_newest_is_shown(store, a, b, shown):
    """The newest sample is shown; of equally new ones that of the first source."""
    store.ingest("m 1\n", source="a", timestamp=a)
    store.ingest("m 2\n", source="b", timestamp=b)

    assert values(store) == [shown]
    assert values(store.snapshot()) == [shown]


def test_what_was_appended_directly_comes_first(store):
    """Of equally new samples the directly appended one is shown."""
    store.ingest("m 1\n", source="a", timestamp=10)
    append(store, "m", 10, 2.0)

    assert values(store) == [2.0]


def test_a_source_has_two_slots(store):
    """A source keeps its snapshot and the one before, and never more (Z-1)."""
    for step in range(1, 4):
        store.ingest(f"m {step}\n", source="a", timestamp=step)

    source = store.sources["a"]
    assert (source.name, source.timestamp, source.series) == ("a", 3, 1)
    assert values(source.current) == [3.0]
    assert values(source.previous) == [2.0]
    assert source.last_known is None
    assert source.error is None
    assert [values(each) for each in source.history] == [[2.0], [3.0]]


def test_sources_is_a_copy(store):
    """Changing the mapping that one was given changes nothing in the store."""
    store.ingest("m 1\n", source="a")
    sources = store.sources

    sources.clear()

    assert list(store.sources) == ["a"]


def test_remove_forgets_a_source(store):
    """A removed source is gone with its series, and may come back from nothing."""
    store.ingest("m 1\n", source="a", timestamp=10)
    store.ingest("n 1\n", source="b", timestamp=10)

    store.remove("a")
    store.remove("a")

    assert [p.metric for p in store] == ["n"]
    assert list(store.sources) == ["b"]
    store.ingest("m 2\n", source="a", timestamp=5)
    assert values(store) == [2.0]
    assert values(store.sources["a"].previous) == []


def test_of_several_samples_in_one_scrape_the_newest_counts(store):
    """It counts whatever its kind; of equally new ones the first does (S-6)."""
    second = NOW - 1_000
    store.ingest("# TYPE m counter\nm 9\n", timestamp=NOW - 9_000)

    store.ingest(
        f"# TYPE m gauge\nm 1 {second - 1_000}\nm 2 {second}\nm 3 {second}\n",
        timestamp=NOW,
    )

    assert (store.value("m"), store.point("m").timestamp) == (2.0, second)
    assert store.metrics()["m"].type == "gauge"


# Staleness


def test_a_failed_source_is_not_seen(store):
    """A failed scrape makes all series of its source stale at once (Z-3, C-12)."""
    store.ingest("m 1\nup 1\n", source="a", timestamp=10)
    append(store, "m", 5, 9.0, live="1")
    error = OSError("refused")

    store.fail("a", error, report=parse("up 0\n"), timestamp=20)

    assert [(p.metric, p.value) for p in store] == [("m", 9.0), ("up", 0.0)]
    assert len(store) == 2
    source = store.sources["a"]
    assert (source.error, source.timestamp, source.series) == (error, 20, 1)
    assert values(source.last_known) == [1.0]
    assert store.label_values("__name__") == ["m", "up"]


def test_stale_series_are_shown_when_asked_for(store):
    """`stale=True` shows the last known points, marked, beside what is visible."""
    store.ingest("m 1\nup 1\n", source="a", timestamp=10)
    store.ingest("n 1\n", source="b", timestamp=10)
    store.fail("a", OSError(), report=parse("up 0\n"), timestamp=20)

    shown = store.snapshot(stale=True)

    assert [(p.metric, p.timestamp, p.value, p.stale) for p in shown] == [
        ("m", 10, 1.0, True),
        ("n", 10, 1.0, False),
        ("up", 20, 0.0, False),
    ]
    assert [p.stale for p in store.select("m", stale=True)] == [True]
    assert store.select("m") == []
    assert store.select("n", stale=True) == store.select("n")
    assert shown.metrics().keys() == {"m", "n", "up"}


@pytest.mark.parametrize("failures", [1, 3])
def test_a_good_scrape_brings_a_source_back(store, failures):
    """After any number of failures the last good snapshot is still the one before."""
    store.ingest("m 1\nn 1\n", source="a", timestamp=10)
    for step in range(failures):
        store.fail("a", OSError(), timestamp=20 + step)
    assert len(store) == 0
    assert values(store.sources["a"].last_known) == [1.0]

    store.ingest("m 2\n", source="a", timestamp=30)

    source = store.sources["a"]
    assert values(store) == [2.0]
    assert values(source.previous) == [1.0]
    assert (source.error, source.last_known) == (None, None)
    assert not store.select("n", stale=True)


@pytest.mark.parametrize("last", ["a scrape", "a failure"])
def test_a_failure_from_before_the_last_commit_changes_nothing(store, last):
    """A failure of an earlier moment is counted and not taken: history stays in order."""
    store.ingest("m 1\n", source="a", timestamp=10)
    if last == "a scrape":
        store.ingest("m 2\n", source="a", timestamp=30)
    else:
        store.fail("a", OSError("last"), timestamp=30)
    held = store.sources["a"]

    store.fail("a", OSError("late"), report=parse("up 0\n"), timestamp=20)

    assert store.sources["a"] is held
    assert [each.timestamp for each in held.history] == [10, 30]
    assert store.counts.out_of_order == 1


def test_a_batch_from_before_a_failure_is_not_taken(store):
    """What was scraped before the last failure does not end it: history stays in order."""
    store.ingest("m 1\n", source="a", timestamp=10)
    store.fail("a", OSError("last"), timestamp=30)

    late = store.ingest("m 2\n", source="a", timestamp=20)

    assert late.counts.out_of_order == 1
    assert [each.timestamp for each in store.sources["a"].history] == [10, 30]
    assert str(store.sources["a"].error) == "last"


def test_an_update_from_before_a_failure_is_taken_after_it(store):
    """What a push brings counts by the time of its samples; history stays in order."""
    store.ingest("m 1\nn 1\n", source="a", timestamp=10)
    store.fail("a", OSError("last"), timestamp=30)

    with store.batch("a", replace=False, timestamp=20) as batch:
        batch.append(0, {"__name__": "m"}, 20, 2.0)

    source = store.sources["a"]
    assert [each.timestamp for each in source.history] == [30, 30]
    assert [(p.value, p.timestamp) for p in store] == [(2.0, 20), (1.0, 10)]
    assert source.error is None
    store._check()


def test_a_failure_counts_as_the_last_where_the_clock_was_set_back(store, clock):
    """A failure of now is taken, whatever the clock says, and stands in order."""
    store.ingest("m 1\n", source="a", timestamp=NOW)
    clock[0] = NOW - 5_000

    store.fail("a", OSError("now"))

    assert [each.timestamp for each in store.sources["a"].history] == [NOW, NOW]
    assert str(store.sources["a"].error) == "now"


def test_a_source_that_never_worked(store):
    """A source whose first scrape fails is there, with its error and no series."""
    store.fail("a", OSError("refused"))

    source = store.sources["a"]
    assert str(source.error) == "refused"
    assert source.timestamp == NOW
    assert (source.series, len(source.last_known)) == (0, 0)


def test_a_refused_body_changes_nothing(store):
    """Of a body that cannot be read, nothing is kept; what was held stays (C-12)."""
    store.ingest("m 1\n", source="a", timestamp=1)

    with pytest.raises(ParseError):
        store.ingest("m 2\nn 1\nbroken{ 3\n", source="a", timestamp=2)

    assert [(p.metric, p.value) for p in store] == [("m", 1.0)]
    assert store.sources["a"].timestamp == 1


def test_lenient_ingest_takes_what_can_be_read(store):
    """`lenient` skips lines that cannot be read, and says so."""
    exposition = store.ingest("m 1\nbroken{ 3\nn 2\n", lenient=True)

    assert [(p.metric, p.value) for p in store] == [("m", 1.0), ("n", 2.0)]
    assert [each.line for each in exposition.diagnostics] == [2]


def test_ingest_takes_text_and_bytes_of_both_formats(store):
    """The Content-Type decides how a body is read (C-3)."""
    store.ingest(b"m 1\n", source="a")
    seconds = NOW / 1000 - 1
    store.ingest(f"n 1 {seconds}\n# EOF\n", "application/openmetrics-text", source="b")

    assert [(p.metric, p.timestamp) for p in store] == [("m", NOW), ("n", NOW - 1000)]


# Snapshots


def test_a_snapshot_says_what_it_is(store):
    """How many series it has, and of which moment; nothing is of moment 0."""
    assert repr(store.snapshot()) == "<Snapshot of 0 series at 0>"
    store.ingest("a 1\nb 2\n", timestamp=5)
    assert repr(store.snapshot()) == "<Snapshot of 2 series at 5>"


def test_a_snapshot_is_frozen(store):
    """Nothing that is written later is seen in a snapshot, direct appends included."""
    app = store.appender()
    ref = app.append(0, {"__name__": "live"}, 1, 1.0)
    store.ingest("m 1\n", source="a", timestamp=1)
    snapshot = store.snapshot()
    before = list(snapshot)

    app.append(ref, {}, 2, 2.0)
    app.append(0, {"__name__": "live", "new": "1"}, 2, 2.0)
    app.append(0, {"__name__": "other"}, 2, 2.0)
    store.ingest("m 2\nn 1\n", source="a", timestamp=2)
    store.ingest("o 1\n", source="b", timestamp=2)
    store.drop("live")
    store.fail("b", OSError())

    assert list(snapshot) == before
    assert [(p.metric, p.value) for p in before] == [("live", 1.0), ("m", 1.0)]
    assert len(snapshot) == 2
    assert snapshot.label_names() == ["__name__"]
    assert snapshot.metrics().keys() == {"live", "m"}


def test_two_bodies_in_one_millisecond(store):
    """Without a timestamp what comes later counts as later, whatever the clock says."""
    store.ingest("m 1")
    store.ingest("m 2")

    assert values(store) == [2.0]
    assert store.counts.duplicates == 0


def test_a_scrape_from_before_the_last_one_is_not_taken(store):
    """It says nothing of what is there now, so it cannot remove a series either."""
    store.ingest("m 1\nn 1\n", timestamp=20)
    store.ingest("m 2\n", timestamp=10)

    assert [point.value for point in store] == [1.0, 1.0]
    assert store.sources["body"].timestamp == 20


def test_repeated_scrapes_leave_old_snapshots_alone(store):
    """A body read again into the same columns changes no snapshot before it."""
    snapshots = []
    for step in range(1, 5):
        store.ingest(f'm{{a="1"}} {step}\nm{{a="2"}} {step}0\n', timestamp=step)
        snapshots.append(store.snapshot())

    assert [values(each) for each in snapshots] == [
        [1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("then", "shown", "counts"),
    [
        (11, [3.0, 4.0], Counts(samples=4, added=2)),
        (10, [3.0, 4.0], Counts(samples=4, added=2)),
        (9, [1.0, 2.0], Counts(samples=2, added=2, out_of_order=2)),
    ],
    ids=["newer", "same", "older"],
)
def test_a_body_of_the_same_series_is_held_to_the_same_rules(store, then, shown, counts):
    """Reading a body by comparison with the last one skips no check of times (S-3)."""
    store.ingest('m{a="1"} 1\nm{a="2"} 2\n', timestamp=10)
    store.ingest('m{a="1"} 3\nm{a="2"} 4\n', timestamp=then)

    assert values(store) == shown
    assert store.counts == counts


# Drops


def test_drop_counts_what_is_gone(store):
    """Drop takes matchers or a selector text and says how many series are gone."""
    store.ingest('m{a="1"} 1\nm{a="2"} 2\nn{a="1"} 3\n', source="a")
    store.ingest('m{a="1"} 1\no 2\n', source="b")
    append(store, "m", 1, 5.0, a="1", b="1")
    append(store, "p", 1, 5.0)

    assert store.drop('m{a="1"}') == 3
    assert store.drop(Matcher("__name__", "=~", "n|o"), 'n{a="1"}') == 1
    assert store.drop(Matcher("a", "=", ""), Matcher("__name__", "!=", "o")) == 1
    assert store.drop("m", Matcher("a", "=", "3")) == 0

    assert [(p.metric, p.value) for p in store] == [("m", 2.0), ("o", 2.0)]
    assert store.counts.removed == 3
    store._check()


def test_drop_needs_to_be_told_what(store):
    """A drop without a matcher would empty the store, and is refused."""
    store.ingest("m 1\n")

    with pytest.raises(UsageError, match="no whole store"):
        store.drop()
    with pytest.raises(SelectorError):
        store.drop("{}")

    assert len(store) == 1


def test_drop_reaches_failed_sources(store):
    """A drop forgets stale series as well, and the source stays failed."""
    store.ingest("m 1\nn 1\nup 1\n", source="a", timestamp=10)
    store.fail("a", OSError(), report=parse("up 0\n"), timestamp=20)

    assert store.drop("m") == 1
    assert store.drop("up") == 2
    assert store.drop("up") == 0

    assert [p.metric for p in store.snapshot(stale=True)] == ["n"]
    assert isinstance(store.sources["a"].error, OSError)
    store._check()


def test_a_report_may_be_dropped_and_come_again(store):
    """After a drop of everything, the next failure shows its own report."""
    store.ingest("m 1\nup 1\n", source="a", timestamp=10)
    store.fail("a", OSError(), report=parse("up 0\n"), timestamp=20)
    store.drop(Matcher("__name__", "=~", ".+"))
    assert [*store.snapshot(stale=True)] == []

    store.fail("a", OSError(), report=parse("up 0\n"), timestamp=30)

    assert [(p.metric, p.timestamp) for p in store.snapshot(stale=True)] == [("up", 30)]
    assert len(store) == 1
    store._check()


def test_a_scrape_brings_back_what_was_dropped(store):
    """What a source still exposes is there again after its next scrape."""
    store.ingest("m 1\n", timestamp=1)
    store.drop("m")
    assert values(store) == []

    store.ingest("m 2\n", timestamp=2)

    assert values(store) == [2.0]


# Limits


def test_the_limit_on_series_is_exact():
    """At the limit everything passes; past it nothing does, and the store keeps what
    it had."""
    store = Store(limits=Limits(series=3))
    store.ingest("m 1\nn 1\n", source="a", timestamp=1)
    append(store, "live", 1, 1.0)
    assert len(store) == 3
    before = (list(store), store.counts, list(store.sources))

    for grow in (
        lambda: store.ingest("m 2\nn 2\no 2\n", source="a", timestamp=2),
        lambda: store.ingest("p 1\n", source="b", timestamp=2),
        lambda: append(store, "live", 2, 1.0, a="1"),
        lambda: store.fail("b", OSError(), report=parse("up 0\n")),
    ):
        with pytest.raises(LimitError) as caught:
            grow()
        assert (caught.value.limit, caught.value.allowed) == ("series", 3)

    assert (list(store), store.counts, list(store.sources)) == before
    store.ingest("x 3\ny 3\n", source="a", timestamp=3)
    append(store, "live", 3, 3.0)
    assert [p.metric for p in store] == ["live", "x", "y"]


def test_a_drop_makes_room():
    """Series that were dropped or removed no longer count for the limit."""
    store = Store(limits=Limits(series=2))
    store.ingest("m 1\n", source="a")
    append(store, "live", 1, 1.0)
    store.drop("live")
    append(store, "live", 1, 1.0, a="1")
    store.remove("a")

    append(store, "live", 1, 1.0, a="2")

    assert len(store) == 2


def test_a_body_past_the_limit_is_not_read_to_the_end():
    """More samples in a body than the store may hold are refused by its reader."""
    store = Store(limits=Limits(series=2))

    with pytest.raises(LimitError):
        store.ingest("m 1\nn 1\no 1\n")

    assert len(store) == 0
    assert len(store.sources) == 0


def test_what_is_dropped_is_out_of_the_indexes(store, monkeypatch):
    """Of the series that share a label, those that are left are found by it, also after
    others have taken the place of those that are gone."""
    monkeypatch.setattr("promlatest._storage.table._FEW", 0)
    for number in range(100):
        append(store, "m", 10, float(number), kind=f"k{number % 10}", n=f"{number}")
    assert len(store.query("m", kind="k3")) == 10

    assert store.drop('m{n=~"3|13"}') == 2
    left = [point.labels["n"] for point in store.query("m", kind="k3")]
    append(store, "m", 10, 1.0, kind="k4", n="late")

    assert left == sorted(f"{number}" for number in range(23, 100, 10))
    assert [point.labels["n"] for point in store.query("m", kind="k3")] == left
    assert len(store.query("m", kind="k4")) == 11
    store._check()


# Counts


def test_counts_are_those_of_all_commits(store):
    """The store's counts add up what became of all samples, refused ones included."""
    store.ingest("m 1\nm 2\nn 1\n", source="a", timestamp=10)
    store.ingest("m 1\n", source="a", timestamp=5)
    store.ingest(f"m 1 {NOW + 600_001}\n", source="b", timestamp=10)
    append(store, "live", 10, 1.0)
    append(store, "live", 9, 1.0)
    append(store, "live", 10, 2.0)
    append(store, "live", NOW + 600_001, 2.0)

    assert store.counts == Counts(
        samples=2, added=2, removed=0, duplicates=2, out_of_order=2, out_of_bounds=2
    )
    store.counts.samples = 99
    assert store.counts.samples == 2


def test_what_an_update_brings_is_counted_by_the_sample(store):
    """Each sample of an update is counted once: taken, too far ahead, old, or there."""
    with store.batch("push", replace=False, timestamp=10) as push:
        for name in ("a", "b", "c"):
            push.append(0, {"__name__": name}, 10, 1.0)

    with store.batch("push", replace=False, timestamp=20) as push:
        push.append(0, {"__name__": "a"}, 20, 2.0)
        push.append(0, {"__name__": "b"}, 9, 2.0)
        push.append(0, {"__name__": "c"}, 10, 2.0)
        push.append(0, {"__name__": "d"}, NOW + 600_001, 2.0)

    assert store.counts == Counts(
        samples=4, added=3, out_of_order=1, duplicates=1, out_of_bounds=1
    )
    assert [store.value(name) for name in ("a", "b", "c")] == [2.0, 1.0, 1.0]


def test_a_push_is_compared_with_what_a_scrape_brought(store):
    """What is older, also with the same value, or of the same moment, is not taken."""
    store.ingest("a 1\nb 1\nc 1\nd 1\ne 1\n", source="app", timestamp=10)

    with store.batch("app", replace=False, timestamp=20) as push:
        push.append_samples(parse("a 2 9\nb 2 10\nc 1 10\nd 2 11\ne 1 9\n"))

    assert [p.value for p in store] == [1.0, 1.0, 1.0, 2.0, 1.0]
    assert store.counts == Counts(samples=6, added=5, out_of_order=2, duplicates=1)


def test_a_push_leaves_exemplars_of_snapshots_alone(store):
    """What was read before it stays as it was."""
    snapshots = []
    for value in 1, 2:
        text = f'# TYPE a counter\na_total {value} # {{t="{value}"}} 1\n# EOF\n'
        with store.batch("push", replace=False, timestamp=value) as push:
            push.append_samples(parse(text, "application/openmetrics-text"))
        snapshots.append(store.snapshot())

    told = [snapshot.exemplars("a_total")[0][1].labels["t"] for snapshot in snapshots]
    assert told == ["1", "2"]


def test_what_an_update_leaves_out_keeps_its_time(store):
    """Samples without a timestamp are of the moment of their own update."""
    for text, moment in ("a 1\nb 1\n", 10), ("a 2\n", 20):
        with store.batch("push", replace=False, timestamp=moment) as push:
            push.append_samples(parse(text))

    assert [(p.labels.metric, p.timestamp) for p in store] == [("a", 20), ("b", 10)]


def test_what_a_push_says_of_a_family_is_added(store):
    """One that says nothing of families leaves what is known."""
    for text in "# TYPE a gauge\na 1\n", "# TYPE b counter\nb 1\n", "a 2\nb 2\n":
        with store.batch("push", replace=False) as push:
            read = parse(text)
            push.append_samples(read, read.metadata)

    assert {name: known.type for name, known in store.metrics().items()} == {
        "a": "gauge",
        "b": "counter",
    }


def test_one_of_many_is_updated(store):
    """However the store is read then, and whatever is put over it: the new sample is there
    with its time, and all others are as they were."""
    body = "".join(f'm{{n="{number}"}} {number}\n' for number in range(2_000))
    for text, moment in (body, 10), ('m{n="7"} 70\n', 20):
        with store.batch("push", replace=False, timestamp=moment) as push:
            push.append_samples(parse(text))
    wanted = {f"{number}": (number, 10) for number in range(2_000)} | {"7": (70, 20)}

    def read(points):
        return {p.labels["n"]: (p.value, p.timestamp) for p in points}

    assert read(store) == read(store.query("m")) == read(store.snapshot()) == wanted
    assert read(store.query("m", n=["7", "8"])) == {"7": (70, 20), "8": (8, 10)}

    late = store.ingest('m{n="7"} 1 15\nm{n="8"} 1 15\n', source="push", timestamp=30)

    assert late.counts.out_of_order == 1
    assert read(store) == {"7": (70, 20), "8": (1, 15)}


def test_a_time_of_its_own_is_compared_with_that_of_a_scrape(store):
    """The last scrape had none: its samples are of its own moment."""
    store.ingest("a 1\nb 1\n", timestamp=20)

    late = store.ingest("a 2 10\nb 2 21\n", timestamp=30)

    assert late.counts == Counts(samples=1, out_of_order=1)
    assert [(p.timestamp, p.value) for p in store] == [(20, 1.0), (21, 2.0)]


@pytest.mark.parametrize("order", [1, -1], ids=["the same lines", "in another order"])
def test_samples_of_a_scrape_that_are_held_already_are_counted(store, order):
    """Timestamps of their own: older ones and other values for one that is held are not
    taken, and counted; what is the same again is neither."""
    store.ingest("a 1 10\nb 1 10\nc 1 10\nd 1 10\n", source="x", timestamp=20)

    lines = ["a 2 9\n", "b 2 10\n", "c 1 10\n", "d 2 11\n"][::order]
    again = store.ingest("".join(lines), source="x", timestamp=30)

    assert again.counts == Counts(samples=1, out_of_order=1, duplicates=1)
    assert "a" in again.counts.example or "b" in again.counts.example
    assert [store.value(name) for name in "abcd"] == [1.0, 1.0, 1.0, 2.0]


def test_a_line_that_stands_twice_is_counted_once_at_every_scrape(store):
    """With a timestamp of its own, too: what its place in the body had before is not held."""
    body = "a 1\na 7 10\n"
    for moment in 1_000, 2_000, 3_000:
        counts = store.ingest(body, timestamp=moment).counts

    assert counts == Counts(samples=1, out_of_order=1)


def test_of_two_scrapes_of_one_moment_the_later_counts_in_whole(store):
    """Also where its samples have older timestamps of their own."""
    store.ingest("m 1 900\nn 1\n", timestamp=1_000)

    again = store.ingest("m 2 800\n", timestamp=1_000)

    assert [(p.metric, p.timestamp, p.value) for p in store] == [("m", 800, 2.0)]
    assert again.counts == Counts(samples=1, removed=1)


def test_of_a_series_in_two_sources_the_exemplar_is_that_of_the_newer_sample(store):
    """As the value is; a series has one exemplar."""
    for source, moment in ("a", 2_000), ("b", 1_000):
        line = f'a_total 1 # {{t="{source}"}} 1'
        body = f"# TYPE a counter\n{line}\n# EOF\n"
        store.ingest(body, "application/openmetrics-text", source=source, timestamp=moment)

    [(_, exemplar)] = store.exemplars("a_total")
    assert exemplar.labels == {"t": "a"}


def test_an_exemplar_goes_with_its_sample(store):
    """Where a sample is not taken since the one held is newer, its exemplar is not, and
    that of the one held stays."""
    kinds, openmetrics = (
        "# TYPE a counter\n# TYPE b counter\n",
        "application/openmetrics-text",
    )
    held = 'a_total 1 10 # {t="old"} 1\nb_total 1 10\n# EOF\n'
    late = 'a_total 2 9 # {t="new"} 1\nb_total 2 9 # {t="new"} 1\n# EOF\n'
    store.ingest(kinds + held, openmetrics, timestamp=20_000)

    store.ingest(kinds + late, openmetrics, timestamp=30_000)

    [(_, exemplar)] = store.exemplars("a_total")
    assert exemplar.labels == {"t": "old"}
    assert store.exemplars("b_total") == []


@pytest.mark.parametrize("more", ["", "b 1\n"], ids=["the same series", "one more"])
def test_a_sample_that_says_the_same_again_is_the_new_one(store, more):
    """With its exemplar and its sign, whichever series stand beside it."""
    for exemplar, value, beside in ("old", "0", ""), ("new", "-0", more):
        line = f'a_bucket{{le="1"}} {value} 10 # {{t="{exemplar}"}} 1\n'
        store.ingest(
            f"# TYPE a histogram\n{line}{beside}# EOF\n",
            "application/openmetrics-text",
            timestamp=20_000 + (exemplar == "new"),
        )

    [(_, exemplar)] = store.exemplars("a_bucket")
    assert exemplar.labels == {"t": "new"}
    assert repr(store.value("a_bucket")) == "-0.0"


def test_samples_that_are_late_are_found_in_lines_of_every_form(store):
    """One series is written with an empty label and one without: both are compared with
    what is held."""
    store.ingest('m{a="",b="1"} 1\nm{b="2"} 2\n', timestamp=20)

    late = store.ingest('m{a="",b="1"} 3 10\nm{b="2"} 4 10\n', timestamp=30)

    assert late.counts == Counts(out_of_order=2)
    assert values(store) == [1.0, 2.0]


@pytest.mark.parametrize("replace", [True, False], ids=["scrape", "push"])
def test_a_sample_from_ahead_stays_until_a_scrape_is_as_new(store, replace):
    """Whether a scrape or a push brought it, and whatever form the lines have."""
    same = 'm{a="",b="1"} 1\nm{b="2"} 2\n'
    ahead = f'm{{a="",b="1"}} 1 {NOW}\nm{{b="2"}} 9 {NOW + 5_000}\n'
    store.ingest(same, source="app", timestamp=NOW)
    batch = store.batch("app", replace=replace, timestamp=NOW + 1)
    batch.append_samples(parse(ahead))
    batch.commit()

    between = store.ingest(same, source="app", timestamp=NOW + 10)

    assert [(p.timestamp - NOW, p.value) for p in store] == [(10, 1.0), (5_000, 9.0)]
    assert between.counts == Counts(samples=1, out_of_order=1)
    store.ingest(same, source="app", timestamp=NOW + 5_001)
    assert [(p.timestamp - NOW, p.value) for p in store] == [(5_001, 1.0), (5_001, 2.0)]


@pytest.mark.parametrize("replace", [True, False], ids=["scrape", "push"])
@pytest.mark.parametrize(
    ("time", "words"),
    [
        (NOW, f"m has another value at {NOW} ms already"),
        (NOW - 5, f"m is of {NOW - 5} ms, and one of {NOW} ms is held"),
        (NOW + 600_001, f"m is of {NOW + 600_001} ms, more than 10 minutes ahead"),
    ],
    ids=["another value", "older", "ahead"],
)
def test_the_counts_say_of_one_sample_why_it_is_not_taken(store, replace, time, words):
    """With its time, and that of what is held."""
    for value, moment, own in (1, NOW, NOW), (2, NOW + 1, time):
        batch = store.batch("app", replace=replace, timestamp=moment)
        batch.append_samples(parse(f"m {value} {own}\n"))
        counts = batch.commit()

    assert counts.example == words
    assert counts.samples == 0


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (NOW // 1_000, "s before the scrape; is it in seconds?"),
        (NOW * 1_000, "10 minutes ahead; was it in milliseconds for seconds?"),
        (NOW - 3_600_000, f"m is of {NOW - 3_600_000} ms, 3600 s before the scrape"),
    ],
)
def test_a_time_in_another_unit_is_taken_for_one(store, time, words):
    """Of a sample too old it is said by how much, and of both what the mistake may be."""
    assert store.ingest(f"m 1 {time}\n", timestamp=NOW).counts.example.endswith(words)


@pytest.mark.parametrize("ahead", [600_000, 600_001])
def test_ten_minutes_ahead_are_the_most(store, ahead):
    """Of a sample's own timestamp, however it comes."""
    store.ingest(f"scrape 1 {NOW + ahead}\n", source="scrape", timestamp=NOW)
    with store.batch("push", replace=False, timestamp=NOW) as push:
        push.append(0, {"__name__": "push"}, NOW + ahead, 1.0)
    append(store, "direct", NOW + ahead, 1.0)

    assert len(store) == (3 if ahead == 600_000 else 0)


def test_a_scrape_counts_the_series_that_came_and_went(store):
    """Of one metric some stayed, one came and two are gone."""
    store.ingest('m{a="1"} 1\nm{a="2"} 1\nm{a="3"} 1\nm{a="4"} 1\n', timestamp=10)

    counts = store.ingest('m{a="2"} 1\nm{a="5"} 1\nm{a="4"} 1\n', timestamp=20).counts

    assert counts == Counts(samples=3, added=1, removed=2)


def test_a_pushed_label_that_is_empty_is_none(store):
    """So two lines of a push may be of one series: the first of one moment counts; and
    what is pushed again is the same series."""
    lines = 'm{a="",b="x"} 1\nm{b="x"} 2\nm{b="y"} 3\nm{a="",b="y"} 4\nn{a=""} 5\n'
    for moment in 10, 20:
        with store.batch("push", replace=False, timestamp=moment) as push:
            push.append_samples(parse(lines))

    assert [(p.labels.series(), p.timestamp, p.value) for p in store] == [
        ('m{b="x"}', 20, 1.0),
        ('m{b="y"}', 20, 3.0),
        ("n", 20, 5.0),
    ]
    assert store.counts == Counts(samples=6, added=3, duplicates=4)


def test_of_twins_the_newest_that_may_be_taken_counts(store):
    """One series five times in one scrape: too far ahead, newer and newer, old, ahead again.
    They are counted as if they had been appended one after the other."""
    times = [NOW + 600_001, NOW - 1, NOW, NOW - 1, NOW + 600_001]
    body = "".join(f"m {value} {time}\n" for value, time in enumerate(times))

    taken = store.ingest(body, timestamp=NOW)

    assert taken.counts == Counts(samples=2, added=1, out_of_bounds=2, out_of_order=1)
    assert taken.counts.example == "m stands there twice"
    assert values(store) == [2.0]


def test_a_series_with_an_empty_label_and_without_is_one(store):
    """Two lines of a scrape that are of one series in two forms: the first counts."""
    taken = store.ingest('m{a=""} 1\nm 2\n', timestamp=NOW)

    assert [(p.labels.series(), p.value) for p in store] == [("m", 1.0)]
    assert taken.counts == Counts(samples=1, added=1, duplicates=1)


# Subscriptions


def test_subscribers_are_told_of_every_change(store):
    """Commits, failures, drops and removals are told, direct appends are not."""
    told = []
    store.subscribe(told.append)

    store.ingest("m 1\nn 1\n", source="a", timestamp=1)
    store.ingest("m 1\n", source="b", timestamp=1)
    append(store, "live", 1, 1.0)
    store.drop("n")
    store.drop("live")
    store.drop("nothing")
    store.fail("a", OSError())
    store.remove("b")
    store.remove("b")

    assert [(c.source.name, c.source.series, c.counts.added, c.counts.removed) for c in told] == [
        ("a", 2, 2, 0),
        ("b", 1, 1, 0),
        ("a", 1, 0, 1),
        ("a", 0, 0, 0),
        ("b", 0, 0, 1),
    ]  # fmt: skip
    assert all(isinstance(change, Change) for change in told)


def test_rolled_back_and_refused_batches_are_told_to_nobody(store):
    """What changed nothing is no change."""
    told = []
    store.subscribe(told.append)

    store.batch("a").rollback()
    with pytest.raises(ParseError):
        store.ingest("{\n")

    assert told == []


def test_a_subscription_ends(store):
    """After `unsubscribe` nothing is told; to end it twice does no harm."""
    first, second = [], []
    end = store.subscribe(first.append)
    store.subscribe(second.append)
    store.ingest("m 1\n", timestamp=1)

    end()
    end()
    store.ingest("m 2\n", timestamp=2)

    assert (len(first), len(second)) == (1, 2)


def test_a_callback_may_use_the_store(store):
    """Callbacks run outside the lock, after the change is visible; they may read,
    write, and end their own subscription."""
    seen = []

    def callback(change):
        end()
        seen.append((values(store), store.counts.samples))
        append(store, "live", 1, 1.0)
        store.ingest("n 1\n", source="other")
        other = threading.Thread(target=lambda: store.drop("live"))
        other.start()
        other.join(5)
        seen.append(other.is_alive())

    end = store.subscribe(callback)
    store.ingest("m 1\n", source="a")

    assert seen == [([1.0], 1), False]
    assert [p.metric for p in store] == ["m", "n"]


def test_a_failing_callback_is_logged(store, caplog):
    """What a callback raises is logged, and the others are told all the same."""
    told = []

    def broken(change):
        raise KeyError("oh")

    store.subscribe(broken)
    store.subscribe(told.append)
    with caplog.at_level(logging.ERROR, "promlatest"):
        store.ingest("m 1\n", source="a")

    assert len(told) == 1
    assert [record.name for record in caplog.records] == ["promlatest"]
    assert "'a'" in caplog.records[0].getMessage()
    assert caplog.records[0].exc_info[0] is KeyError


def test_check_finds_a_ref_without_a_series(store):
    """The store can tell that a promise of its own is broken."""
    append(store, "m", 1, 1.0)
    store._check()
    store._live.slots[99] = Slot((1, 1.0))

    with pytest.raises(AssertionError):
        store._check()


def test_a_snapshot_shows_what_is_stale_as_the_store_does():
    """`select(stale=True)` of a snapshot shows what was last known when it was taken, after
    it has travelled too; without it nothing is seen."""
    store = Store()
    store.ingest("depth 3", source="app")
    store.fail("app", OSError("gone"))
    taken = store.snapshot()
    store.ingest("depth 4", source="app")

    for snapshot in (taken, pickle.loads(pickle.dumps(taken))):
        [point] = snapshot.select("depth", stale=True)
        assert (point.value, point.stale) == (3.0, True)
        assert snapshot.select("depth") == []
    assert store.sources["app"].current.select("depth", stale=True)[0].value == 4.0


def test_only_a_function_can_subscribe():
    """What cannot be called is refused at once, and not at the first commit."""
    with pytest.raises(UsageError, match="expected a function"):
        Store().subscribe("print")  # type: ignore[arg-type]


def test_columns_can_be_pickled():
    """The blocks of a store are the same in another process."""
    store = Store(history=3)
    for value in (1, 2):
        store.ingest(f"a {value}\nb 1 {value}000\n", timestamp=1000 * value)
    for block in store.columns([Matcher("__name__", "=~", "a|b")], 0, 5000):
        again = pickle.loads(pickle.dumps(block))
        for name in ("labels", "times", "since", "first"):
            assert getattr(again, name) == getattr(block, name)
        assert [list(each) for each in again.values] == [
            list(each) for each in block.values
        ]
        assert [*(again.stamps or ())] == [*(block.stamps or ())]


def test_series_pushed_one_by_one_are_found_in_however_many_pushes(store, clock):
    """Each pushed series has its own moment and value, whether what came lies over the
    vectors or was put into them."""
    for step in range(1_300):
        with store.batch("push", replace=False, timestamp=NOW + step) as batch:
            batch.append(0, {"__name__": "m", "a": f"{step % 1_200:04}"}, NOW + step, step)
        clock[0] += 1
        if step % 100 == 0:
            store._check()

    moments = [NOW + step + (1_200 if step < 100 else 0) for step in range(1_200)]
    assert [point.timestamp for point in store.query("m")] == moments
    assert values(store) == [moment - NOW for moment in moments]
    assert len(store) == 1_200
    store._check()


def test_a_push_of_new_series_leaves_the_vectors_alone(store):
    """What a push of one series costs does not depend on how many there are."""
    store.ingest(
        "".join(f'm{{a="{n}"}} 1\n' for n in range(2_000)), source="push", timestamp=NOW
    )
    before = store._cells["push"].visible.values
    append_one = store.batch("push", replace=False, timestamp=NOW + 1)
    append_one.append(0, {"__name__": "m", "a": "new"}, NOW + 1, 2.0)
    append_one.commit()

    assert store._cells["push"].visible.values is before
    assert store.value("m", a="new") == 2.0
    assert len(store.snapshot().query("m")) == 2_001
