"""The two appenders: one that writes at once, and one that writes all or nothing."""

from __future__ import annotations

import contextlib
import math

import pytest

from promlatest import Appendable, Appender, Counts, Labels, Limits, Queryable, Store
from promlatest._storage.appender import DirectAppender
from promlatest.exceptions import (
    AppenderClosedError,
    LabelError,
    LimitError,
    UsageError,
)
from promlatest.exposition import parse

NOW = 1_700_000_000_000
AHEAD = NOW + 600_000


@pytest.fixture
def store():
    return Store(clock=lambda: NOW)


def direct(store):
    return store.appender()


def batch(store):
    return store.batch("s")


def broken(app):
    """A context that an exception leaves."""
    with app:
        app.append(0, {"__name__": "m"}, 2, 2.0)
        raise KeyError


# What holds of both appenders.


@pytest.fixture(params=[direct, batch], ids=["direct", "batch"])
def take(request):
    return request.param


def test_both_are_appenders(store, take):
    """Both keep the one protocol, and the store those of its roles."""
    assert isinstance(take(store), Appender)
    assert isinstance(store.snapshot(), Queryable)
    assert isinstance(store, Appendable)
    assert isinstance(store, Queryable)
    assert not isinstance(object(), Appender)


def test_appends(store, take):
    """A sample is visible when its appender has ended, with its time and value."""
    with take(store) as app:
        app.append(0, {"__name__": "m", "a": "1"}, NOW - 1, 2)

    assert store.query("m") == [(Labels(__name__="m", a="1"), NOW - 1, 2.0)]
    assert isinstance(store.query("m")[0].value, float)


def test_a_series_has_one_ref(store, take):
    """Appending again, with or without the ref, gives the same ref, and another
    series another (S-1)."""
    with take(store) as app:
        ref = app.append(0, {"__name__": "m"}, 1, 1.0)

        assert ref > 0
        assert app.append(ref, {"__name__": "m"}, 2, 2.0) == ref
        assert app.append(0, Labels(__name__="m"), 3, 3.0) == ref
        assert app.append(0, {"__name__": "m", "a": "1"}, 3, 3.0) not in (0, ref)
        assert app.append(0, {"__name__": "m", "a": ""}, 4, 4.0) == ref
    assert [point.value for point in store] == [4.0, 3.0]


@pytest.mark.parametrize("ref", [0, -1, 10**12, 2**70])
def test_an_unknown_ref_is_as_good_as_none(store, take, ref):
    """A ref that means nothing falls back to the labels (S-1)."""
    with take(store) as app:
        known = app.append(0, {"__name__": "m"}, 1, 1.0)

        assert app.append(ref, {"__name__": "m"}, 2, 2.0) == known


def test_a_foreign_ref_is_as_good_as_none(store, take):
    """A ref of another store, or of the other appender, means nothing here (S-1)."""
    refs = []
    for other in (Store(), store):
        with other.appender() as app, other.batch("other") as pending:
            refs.append(app.append(0, {"__name__": "x"}, 1, 1.0))
            refs.append(pending.append(0, {"__name__": "y"}, 1, 1.0))

    with take(Store(clock=lambda: NOW)) as app:
        known = [app.append(ref, {"__name__": "m"}, 2, 2.0) for ref in refs]

    assert len(set(known)) == 1
    assert known[0] not in refs


def test_refs_of_batches_and_of_direct_appends_are_apart(store):
    """However many there are of each: one handed to the other kind is an unknown one."""
    given = []
    for app in direct(store), batch(store):
        labels = ({"__name__": "m", "n": f"{n}"} for n in range(5_000))
        given.append({app.append(0, each, 1, 1.0) for each in labels})

    assert given[0].isdisjoint(given[1])


@pytest.mark.parametrize(
    "t", [1.5, 1e12, float(NOW), "1", None, True, 1 << 63, -(1 << 63)], ids=repr
)
def test_a_time_is_an_int_in_milliseconds(store, take, t):
    """Seconds as a float are refused, and so is what 64 bits cannot hold; the least that
    they hold, too, for it stands for none."""
    with take(store) as app, pytest.raises(UsageError, match="timestamp"):
        app.append(0, {"__name__": "m"}, t, 1.0)

    assert len(store) == 0


def test_a_time_may_be_as_old_as_64_bits_hold(store, take):
    """It is kept as it is."""
    with take(store) as app:
        app.append(0, {"__name__": "m"}, 1 - (1 << 63), 1.0)

    assert [point.timestamp for point in store.query("m")] == [1 - (1 << 63)]


@pytest.mark.parametrize(
    "v", ["1", b"1", None, 1j, [1], 10**400], ids=lambda v: repr(v)[:9]
)
def test_a_value_is_a_number(store, take, v):
    """What is no number is refused, a text that looks like one as well."""
    with take(store) as app, pytest.raises(UsageError, match="number"):
        app.append(0, {"__name__": "m"}, 1, v)

    assert len(store) == 0


@pytest.mark.parametrize("v", [True, 3, math.inf, -0.0, 1e-320], ids=repr)
def test_any_number_is_a_value(store, take, v):
    """Whole numbers and truth values are kept as floats, of a known series too."""
    with take(store) as app:
        ref = app.append(0, {"__name__": "m"}, 1, 7.0)
        app.append(ref, {}, 2, v)

    assert repr(store.query("m")[0].value) == repr(float(v))


@pytest.mark.parametrize(
    "labels",
    [{}, {"a": "1"}, {"__name__": ""}, {"__name__": "m", "": "x"}, {"__name__": 1}],
    ids=repr,
)
def test_a_series_needs_a_name(store, take, labels):
    """A label set without a metric name, or with what is no label, is refused (S-2)."""
    with take(store) as app, pytest.raises(LabelError):
        app.append(0, labels, 1, 1.0)

    assert len(store) == 0


@pytest.mark.parametrize(
    ("limit", "labels"),
    [
        ("labels", {"a": "1", "b": "2", "c": "3"}),
        ("label_name_length", {"abcdefghi": "1"}),
        ("label_name_length", {"ééééé": "1"}),
        ("label_value_length", {"a": "123456"}),
        ("label_value_length", {"a": "€€"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("how", ["direct", "batch", "rows", "rows of an update"])
def test_label_limits(limit, labels, how):
    """Labels past a limit are refused, counted in bytes of UTF-8; at it they pass."""
    store = Store(limits=Limits(labels=3, label_name_length=8, label_value_length=5))
    fits = {"__name__": "m", "abcdefgh": "12345", "éééé": "€é"}
    past = {"__name__": "m", **labels}

    def put(series):
        if how == "direct":
            store.appender().append(0, series, 1, 1.0)
        elif how == "batch":
            with store.batch("s", replace=False) as app:
                app.append(0, series, 1, 1.0)
        else:
            pairs = ",".join(f'"{n}"="{v}"' for n, v in series.items() if n != "__name__")
            with store.batch("s", replace=how == "rows") as app:
                app.append_samples(parse(f"m{{{pairs}}} 1\n"))

    put(fits)
    with pytest.raises(LimitError) as caught:
        put(past)

    assert caught.value.limit == limit
    assert [point.labels for point in store] == [fits]


def test_numbers_of_numpy_like_kinds_are_values(store, take):
    """Whatever turns into a float is a number."""

    class Number:
        def __float__(self):
            return 2.5

    with take(store) as app:
        app.append(0, {"__name__": "m"}, 1, Number())

    assert store.query("m")[0].value == 2.5


# The direct appender


def test_direct_shows_at_once(store):
    """What is appended directly is visible before the commit."""
    app = store.appender()
    ref = app.append(0, {"__name__": "m"}, 1, 1.0)
    assert store.query("m")[0].value == 1.0

    app.append(ref, {}, 2, 2.0)

    assert store.query("m")[0] == (Labels(__name__="m"), 2, 2.0)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_direct_commit_and_rollback_do_nothing(store, end):
    """Ending the direct appender changes nothing, and it may be used on."""
    app = store.appender()
    ref = app.append(0, {"__name__": "m"}, 1, 1.0)

    assert getattr(app, end)() is None

    assert app.append(ref, {"__name__": "m"}, 2, 2.0) == ref
    assert [point.value for point in store] == [2.0]


def test_direct_keeps_what_came_before_an_exception(store):
    """An exception takes back nothing of what was written at once."""
    with pytest.raises(KeyError):
        broken(store.appender())

    assert len(store) == 1


@pytest.mark.parametrize("known", [False, True])
def test_direct_takes_newer_samples_only(store, known):
    """Older samples and second ones of one moment are refused and counted (S-3)."""
    app = store.appender()
    labels = {"__name__": "m"}
    first = app.append(0, labels, 10, 1.0)
    ref = first if known else 0

    for t, v in [(9, 2.0), (10, 3.0), (10, 1.0), (-5, 1.0)]:
        assert app.append(ref, labels, t, v) == first

    assert store.query("m") == [(Labels(labels), 10, 1.0)]
    assert store.counts == Counts(out_of_order=2, duplicates=1)


def test_direct_nan_equals_itself(store):
    """NaN is a value like others: again at the same moment it is the same sample (S-7)."""
    app = store.appender()
    for _ in range(2):
        app.append(0, {"__name__": "m"}, 10, math.nan)

    assert store.counts == Counts()


def test_direct_guards_against_the_future():
    """A sample more than ten minutes ahead is refused, on every way in, by the clock
    of the moment; it would pin its series."""
    now = NOW
    store = Store(clock=lambda: now)
    app = store.appender()
    assert app.append(0, {"__name__": "m"}, AHEAD + 1, 1.0) == 0
    ref = app.append(0, {"__name__": "m"}, AHEAD, 1.0)
    assert app.append(ref, {"__name__": "m"}, AHEAD + 1, 2.0) == ref
    assert store.query("m")[0].timestamp == AHEAD

    now += 1
    app.append(ref, {"__name__": "m"}, AHEAD + 1, 2.0)

    assert store.query("m")[0].timestamp == AHEAD + 1
    assert store.counts == Counts(out_of_bounds=2)


def test_direct_refs_die_with_their_series(store):
    """After a drop the ref means nothing; the series gets a new one (S-1)."""
    app = store.appender()
    labels = {"__name__": "m", "a": "1"}
    ref = app.append(0, labels, 10, 1.0)
    other = app.append(0, {"__name__": "m", "a": "2"}, 10, 2.0)
    store.drop('m{a="1"}')

    again = app.append(ref, labels, 5, 3.0)

    assert again not in (0, ref, other)
    assert app.append(other, {}, 11, 4.0) == other
    assert [(p.labels["a"], p.value) for p in store] == [("1", 3.0), ("2", 4.0)]
    store._check()


def test_direct_append_overtaken_by_a_drop_leaves_no_dead_ref(store):
    """A drop between the look-up of a ref and the write leaves no ref without a series:
    the next append with it is seen (S-1)."""
    app = store.appender()
    ref = app.append(0, {"__name__": "m"}, 1, 1.0)
    slot = store._live.slots[ref]
    store.drop("m")

    slot.sample = (2, 2.0)  # what an append writes that has looked the ref up before

    store._check()
    app.append(ref, {"__name__": "m"}, 3, 3.0)
    assert [point.value for point in store] == [3.0]


def test_direct_refs_survive_wider_tables(store):
    """New label names on other series leave refs and samples where they were."""
    app = store.appender()
    refs = {}
    for step in range(12):
        labels = {"__name__": "m", f"{'zab'[step % 3]}{step}": "1"}
        refs[step] = app.append(0, labels, 1, 0.0)
        assert len(store.query("m")) == step + 1
    for step, ref in refs.items():
        assert app.append(ref, {}, 2, float(step)) == ref

    for step in refs:
        name = f"{'zab'[step % 3]}{step}"
        assert [p.value for p in store.query("m", **{name: "1"})] == [float(step)]
    store._check()


def test_direct_refused_series_leave_nothing():
    """A series that the limit refuses is not there afterwards."""
    store = Store(limits=Limits(series=1))
    app = store.appender()
    ref = app.append(0, {"__name__": "m"}, 1, 1.0)

    with pytest.raises(LimitError) as caught:
        app.append(0, {"__name__": "m", "a": "1"}, 1, 1.0)

    assert (caught.value.limit, caught.value.allowed) == ("series", 1)
    assert app.append(ref, {}, 2, 2.0) == ref
    assert len(store) == 1
    store._check()


# The batch


def test_batch_shows_nothing_before_its_commit(store):
    """A batch becomes visible at once, by its commit (Z-2)."""
    pending = store.batch("s")
    pending.append(0, {"__name__": "m"}, 1, 1.0)
    pending.append_samples(parse("n 1\n"))
    assert len(store) == 0
    assert dict(store.sources) == {}

    assert pending.commit() == Counts(samples=2, added=2)

    assert [point.metric for point in store] == ["m", "n"]


def test_batch_rollback_keeps_nothing(store):
    """A batch that was rolled back leaves the store as it was, its counts too."""
    store.ingest("m 1\n", source="s", timestamp=1)
    pending = store.batch("s")
    pending.append(0, {"__name__": "m"}, 2, 2.0)

    pending.rollback()

    assert [point.value for point in store] == [1.0]
    assert store.counts == Counts(samples=1, added=1)


def test_batch_as_context_manager(store):
    """Leaving commits; an exception rolls back and goes on."""
    with store.batch("s") as pending:
        pending.append(0, {"__name__": "m"}, 1, 1.0)
    with pytest.raises(KeyError):
        broken(store.batch("s"))

    assert [point.value for point in store] == [1.0]


def test_batch_may_end_inside_its_context(store):
    """A batch that has ended is left alone when its context ends."""
    with store.batch("s") as pending:
        pending.append(0, {"__name__": "m"}, 1, 1.0)
        pending.commit()
    with store.batch("s") as pending:
        pending.rollback()
    pending = store.batch("s", replace=False)
    with contextlib.suppress(KeyError), pending:
        pending.append(0, {"__name__": "n"}, 1, 1.0)
        pending.commit()
        raise KeyError

    assert [point.metric for point in store] == ["m", "n"]


@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize(
    "use",
    [
        lambda b: b.append(0, {"__name__": "m"}, 1, 1.0),
        lambda b: b.append_samples(parse("")),
        lambda b: b.commit(),
        lambda b: b.rollback(),
    ],
    ids=["append", "append_samples", "commit", "rollback"],
)
def test_batch_ends_once(store, end, use):
    """A batch that has ended takes nothing and ends no second time (S-3)."""
    pending = store.batch("s")
    getattr(pending, end)()

    with pytest.raises(AppenderClosedError, match="take a new one"):
        use(pending)


def test_batch_that_fails_to_commit_is_rolled_back():
    """A commit past the limit ends the batch, says so, and changes nothing (S-3)."""
    store = Store(limits=Limits(series=1))
    store.ingest("m 1\n", source="s")
    pending = store.batch("s")
    pending.append_samples(parse("n 1\no 1\n"))

    with pytest.raises(LimitError):
        pending.commit()

    with pytest.raises(AppenderClosedError, match="rolled back"):
        pending.commit()
    assert [point.metric for point in store] == ["m"]
    assert store.counts == Counts(samples=1, added=1)


def test_parts_of_a_batch_keep_their_times_and_exemplars(store):
    """Whatever comes before them, in one way of appending or the other."""
    parts = (
        f"{name} 1 {n}\n# TYPE {name}s counter\n"
        f'{name}s_total 1 {n} # {{t="{n}"}} 1\n# EOF\n'
        for n, name in enumerate("abc", start=1)
    )
    with store.batch("s", timestamp=5_000) as pending:
        for part in parts:
            pending.append_samples(parse(part, "application/openmetrics-text"))
        pending.append(0, {"__name__": "d"}, 4_000, 1.0)

    assert [point.timestamp for point in store] == [
        *(1_000, 1_000, 2_000, 2_000, 3_000, 3_000),
        4_000,
    ]
    for n, name in enumerate("abc", start=1):
        [(_, exemplar)] = store.exemplars(f"{name}s_total")
        assert exemplar.labels == {"t": f"{n}"}


def test_batch_keeps_the_order_of_its_appends(store):
    """Of two samples of one series the first wins, however they came (C-15)."""
    with store.batch("s", timestamp=5) as pending:
        pending.append(0, {"__name__": "m"}, 5, 1.0)
        pending.append_samples(parse("m 2\nn 1\n"))
        pending.append_samples(parse("n 2\no 1\n"))
        pending.append(0, {"__name__": "o"}, 5, 2.0)
        pending.append_samples(parse(""))

    assert [(point.metric, point.value) for point in store] == [
        ("m", 1.0), ("n", 1.0), ("o", 1.0),
    ]  # fmt: skip
    assert store.counts == Counts(samples=3, added=3, duplicates=3)


@pytest.mark.parametrize("source", ["", None])
def test_batch_needs_a_source(store, source):
    """Every batch belongs to a source with a name."""
    with pytest.raises(UsageError, match="source"):
        store.batch(source)


@pytest.mark.parametrize("timestamp", [1.5, float(NOW), "1", True, AHEAD + 1, 1 << 64])
def test_batch_timestamps_are_milliseconds_and_not_ahead(store, timestamp):
    """A batch's own time is held to the rules of a sample's: it would pin all of it."""
    for use in (
        lambda: store.batch("s", timestamp=timestamp),
        lambda: store.ingest("m 1\n", timestamp=timestamp),
        lambda: store.collect([], timestamp=timestamp),
        lambda: store.fail("s", OSError(), timestamp=timestamp),
    ):
        with pytest.raises(UsageError, match="timestamp"):
            use()

    assert len(store.sources) == 0


def test_batch_without_a_timestamp_has_that_of_its_commit():
    """Samples without a time of their own have the moment of the commit."""
    now = NOW
    store = Store(clock=lambda: now)
    pending = store.batch("s")
    pending.append_samples(parse("m 1\nn 1 5\n"))
    now += 7

    pending.commit()

    assert [point.timestamp for point in store] == [NOW + 7, 5]
    assert store.sources["s"].timestamp == NOW + 7


@pytest.mark.parametrize("end", ["commit", "rollback", "fail"])
def test_batch_refs_are_bounded(end):
    """Refs of series that no batch uses any more are forgotten, however batches end."""
    store = Store(clock=lambda: NOW, limits=Limits(series=150))
    kept = {"__name__": "kept"}
    given = set()
    for round_ in range(30):
        pending = store.batch("s", replace=False)
        given.add(pending.append(0, kept, NOW + round_, 1.0))
        for i in range(100 if end != "fail" else 200):
            pending.append(0, {"__name__": "m", "a": f"{round_}", "b": f"{i}"}, NOW, 1.0)
        if end == "fail":
            with pytest.raises(LimitError):
                pending.commit()
        else:
            getattr(pending, end)()
            store.drop("m") if end == "commit" else None

    assert len(store._cells["s"].book._pages[0]) < 1_700
    assert len(given) == 1


def test_a_ref_outlives_batches_that_do_not_use_it(store):
    """A program that pushes now one series, now another keeps both refs."""
    refs = {}
    for step, name in enumerate(["m", "n", "n", "m"], start=1):
        with store.batch("s", replace=False) as pending:
            labels = {} if name in refs else {"__name__": name}
            refs[name] = pending.append(refs.get(name, 0), labels, step, step)

    assert [(p.metric, p.value) for p in store] == [("m", 4.0), ("n", 3.0)]


def test_batch_refs_are_not_reused(store):
    """A ref that was forgotten is never given to another series (S-1)."""
    first = store.batch("s")
    old = first.append(0, {"__name__": "old"}, 1, 1.0)
    first.commit()
    seen = {old}
    for _ in range(3):
        pending = store.batch("s")
        refs = {
            pending.append(0, {"__name__": f"m{len(seen) + i}"}, 1, 1.0)
            for i in range(1200)
        }
        assert not refs & seen
        seen |= refs
        pending.commit()

    pending = store.batch("s")
    assert pending.append(old, {"__name__": "other"}, 1, 1.0) != old


def test_the_same_series_in_the_same_order_are_laid_out_once():
    """A batch of the series of the last one keeps their layout; another order, or one more
    series, does not."""
    store = Store()
    refs = {"a": 0, "b": 0, "c": 0}
    layouts = []
    for names in "ab", "ab", "ba", "abc":
        with store.batch("s") as batch:
            for name in names:
                labels = {"__name__": "m", "name": name}
                refs[name] = batch.append(refs[name], labels, 1, len(layouts))
        layouts.append(store.sources["s"]._visible.layout)
        assert [p.labels["name"] for p in store.query("m")] == sorted(names)

    assert [layout is layouts[0] for layout in layouts] == [True, True, False, False]


# Many at once


def test_append_many_writes_a_sample_of_each_series():
    """Many known series get a sample of one moment by one call."""
    store = Store()
    app = store.appender()
    refs = [app.append(0, {"__name__": "m", "a": str(i)}, 1, 0.0) for i in range(3)]
    app.append_many(refs, 2, [1.0, 2, 3.5])

    assert [(p.timestamp, p.value) for p in store.query("m")] == [
        (2, 1.0),
        (2, 2.0),
        (2, 3.5),
    ]
    assert {type(point.value) for point in store.query("m")} == {float}


def test_append_many_takes_only_what_is_newer():
    """What is older than the sample held is counted, as in append."""
    store = Store()
    app = store.appender()
    refs = [app.append(0, {"__name__": "m", "a": str(i)}, 5 + i, 0.0) for i in range(2)]
    app.append_many(refs, 6, [1.0, 1.0])
    app.append_many(refs, 5, [2.0, 2.0])

    assert [point.value for point in store.query("m")] == [1.0, 0.0]
    assert store.counts == Counts(duplicates=1, out_of_order=2)


@pytest.mark.parametrize(
    ("refs", "t", "values", "words"),
    [
        ([1 << 60], 2, [1.0], "no series has the ref"),
        ([0], 2, [1.0], "no series has the ref"),
        ([], 2, [1.0], "expected 0 values"),
        ([[]], 2, [1.0], "expected refs as ints"),
        ([], 2.0, [], "int in milliseconds"),
    ],
)
def test_append_many_refuses(refs, t, values, words):
    """Without labels there is nothing to fall back on: an unknown ref is an error."""
    app = Store().appender()

    with pytest.raises(UsageError, match=words):
        app.append_many(refs, t, values)


@pytest.mark.parametrize("t", [2.0, True, "2"], ids=["float", "bool", "str"])
def test_a_time_that_is_no_int_is_refused_through_a_known_ref(t):
    """The short way through a ref asks for what the long one does."""
    store = Store()
    app = store.appender()
    ref = app.append(0, {"__name__": "m"}, 0, 1.0)
    with pytest.raises(UsageError, match="int in milliseconds"):
        app.append(ref, {}, t, 2.0)

    assert store.point("m").timestamp == 0


def test_append_many_of_nothing_counts_nothing():
    """Where no sample is refused there is no example of one."""
    store = Store(clock=lambda: 1_000)
    store.appender().append_many([], 10_000_000, [])

    assert (store.counts.untaken, store.counts.example) == (0, "")


def test_append_many_writes_all_or_nothing():
    """Where one of many samples is none, the others are not written either."""
    store = Store()
    app = store.appender()
    ref = app.append(0, {"__name__": "m"}, 1, 0.0)
    for refs, values in ([ref, 0], [1.0, 1.0]), ([ref, ref], [1.0, "2"]):
        with pytest.raises(UsageError):
            app.append_many(refs, 2, values)

    assert store.value("m") == 0.0


def test_append_many_counts_what_is_too_far_ahead():
    """Samples of a moment that is more than ten minutes ahead are not taken."""
    store = Store(clock=lambda: 1_000)
    app = store.appender()
    refs = [app.append(0, {"__name__": "m", "a": each}, 1, 0.0) for each in "ab"]
    app.append_many(refs, 10_000_000, [1.0, 1.0])

    assert [point.value for point in store.query("m")] == [0.0, 0.0]
    assert store.counts == Counts(out_of_bounds=2)


def gathered(store: Store, names: str) -> tuple[DirectAppender, list[int]]:
    """Series whose samples have come together often enough to be one vector."""
    app = store.appender()
    refs = [app.append(0, {"__name__": "m", "a": name}, 1, 0.0) for name in names]
    for t in 2, 3, 4:
        app.append_many(refs, t, [t + at / 10 for at in range(len(refs))])
    assert all(store._live.slots[ref].group.refs == refs for ref in refs)
    return app, refs


def samples(store: Store) -> list[tuple[int, float]]:
    return [(point.timestamp, point.value) for point in store.query("m")]


def test_samples_that_come_together_are_shown():
    """Series whose samples come as one vector show its values, in questions as in a
    snapshot that is kept."""
    store = Store()
    app, refs = gathered(store, "abc")
    before = store.snapshot()
    app.append_many(tuple(refs), 5, (1, 2, 3))

    assert samples(store) == [(5, 1.0), (5, 2.0), (5, 3.0)]
    assert samples(before) == [(4, 4.0), (4, 4.1), (4, 4.2)]
    store._check()


def test_a_series_of_many_may_get_a_sample_on_its_own():
    """The newer sample counts, whichever way each came; what is refused is counted."""
    store = Store()
    app, refs = gathered(store, "ab")
    app.append(refs[0], {}, 7, 7.0)
    app.append(refs[1], {}, 4, 9.0)
    app.append_many(refs, 6, [6.0, 6.1])

    assert samples(store) == [(7, 7.0), (6, 6.1)]
    assert store.counts == Counts(out_of_order=1, duplicates=1)
    app.append_many(refs, 7, [8.0, 8.1])
    app.append_many(refs, 8, [9.0, 9.1])
    assert samples(store) == [(8, 9.0), (8, 9.1)]
    assert store.counts == Counts(out_of_order=1, duplicates=2)


def test_a_sample_from_before_they_came_together_is_the_newer_one():
    """A series that is ahead of the others when these first come together stays so."""
    store = Store()
    app = store.appender()
    refs = [app.append(0, {"__name__": "m", "a": name}, 1, 0.0) for name in "ab"]
    app.append(refs[0], {}, 4, 4.0)
    for t in 2, 3, 4, 5:
        app.append_many(refs, t, [t + 0.5, t + 0.5])
        assert samples(store) == [(4, 4.0) if t < 5 else (5, 5.5), (t, t + 0.5)]

    assert store.counts == Counts(out_of_order=2, duplicates=1)


def test_samples_that_come_together_again_for_one_moment_are_counted():
    """An older vector is not taken, nor another one of the moment that is held."""
    store = Store()
    app, refs = gathered(store, "ab")
    app.append_many(refs, 3, [9.0, 9.0])
    app.append_many(refs, 4, [9.0, 4.1])

    assert samples(store) == [(4, 4.0), (4, 4.1)]
    assert store.counts == Counts(out_of_order=2, duplicates=1)


def test_a_series_of_many_that_was_dropped_is_unknown():
    """The others keep their samples, and come together without it."""
    store = Store()
    app, refs = gathered(store, "abc")
    store.drop('m{a="b"}')
    with pytest.raises(UsageError, match="no series has the ref"):
        app.append_many(refs, 5, [5.0, 5.1, 5.2])

    assert samples(store) == [(4, 4.0), (4, 4.2)]
    for t in 5, 6, 7:
        app.append_many([refs[0], refs[2]], t, [t, t + 0.5])
    assert samples(store) == [(7, 7.0), (7, 7.5)]
    store._check()


def test_series_may_come_together_with_others():
    """A list of refs that overlaps an earlier one takes its series along, and leaves the
    samples of the others where they were."""
    store = Store()
    app, refs = gathered(store, "abc")
    for t in 5, 6, 7:
        app.append_many([refs[2], refs[1]], t, [t, t + 0.5])

    assert samples(store) == [(4, 4.0), (7, 7.5), (7, 7.0)]
    app.append_many(refs, 8, [1.0, 2.0, 3.0])
    assert samples(store) == [(8, 1.0), (8, 2.0), (8, 3.0)]
    store._check()


def test_a_ref_that_comes_twice_gets_the_first_of_its_samples():
    """However often the same refs come: of two samples for one moment the first counts."""
    store = Store()
    app = store.appender()
    ref = app.append(0, {"__name__": "m"}, 1, 0.0)
    for t in 2, 3, 4:
        app.append_many([ref, ref], t, [t, t + 0.5])

    assert samples(store) == [(4, 4.0)]
    assert store.counts == Counts(duplicates=3)


def test_a_list_of_refs_belongs_to_the_caller():
    """Changing it afterwards does not change which series its samples were of."""
    store = Store()
    app = store.appender()
    refs = [app.append(0, {"__name__": "m", "a": name}, 1, 0.0) for name in "ab"]
    for t in 2, 3, 4, 5:
        refs.reverse()
        app.append_many(refs, t, [t, t + 0.5])

    assert samples(store) == [(5, 5.0), (5, 5.5)]
    refs.append(refs.pop(0))
    app.append_many(refs, 6, [6.0, 6.5])
    assert samples(store) == [(6, 6.5), (6, 6.0)]


def test_a_vector_from_too_far_ahead_is_counted():
    """Also where it were taken at once."""
    store = Store(clock=lambda: 1_000)
    app, refs = gathered(store, "ab")
    app.append_many(refs, 10_000_000, [1.0, 1.0])

    assert samples(store) == [(4, 4.0), (4, 4.1)]
    assert store.counts == Counts(out_of_bounds=2)


def test_a_sample_that_is_pushed_again_is_no_duplicate():
    """The same moment and value says nothing new; another value is refused and counted."""
    store, counts = Store(), []
    store.subscribe(lambda change: counts.append(change.counts))
    for value in (1.0, 1.0, 2.0):
        with store.batch("s", replace=False, timestamp=5) as push:
            push.append(0, {"__name__": "m"}, 5, value)

    assert [(each.samples, each.duplicates) for each in counts] == [(1, 0), (0, 0), (0, 1)]
