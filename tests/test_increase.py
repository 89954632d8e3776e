"""What moved between scrapes: one answer to it."""

from __future__ import annotations

import re

import pytest
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import NaiveSource

from promlatest import Labels, Movement, Snapshot, Store
from promlatest.exceptions import UsageError


def scraped(*bodies: str | None, step: int = 5_000) -> Store:
    """A store that saw these bodies, 5 s apart; None is a scrape that failed."""
    store = Store(history=60)
    for at, body in enumerate(bodies, 1):
        if body is None:
            store.fail("body", OSError("refused"), timestamp=at * step)
        else:
            store.ingest(body, timestamp=at * step)
    return store


def told(store: Store, metric: str = "c_total") -> list[tuple[float | None, float, int]]:
    return [(each.value, each.seconds, each.resets) for each in store.increase(metric)]


def test_an_increase_is_the_last_less_the_first():
    """A counter that never fell increased by its last value less its first."""
    assert told(scraped("c_total 1\n", "c_total 4\n", "c_total 11\n")) == [(10, 10, 0)]


def test_every_scrape_in_between_counts():
    """100, 5, 120 is an increase of 120 with one reset."""
    assert told(scraped("c_total 100\n", "c_total 5\n", "c_total 120\n")) == [(120, 10, 1)]


def test_a_failed_scrape_is_reached_over():
    """A gap says nothing about a counter."""
    assert told(scraped("c_total 1\n", None, "c_total 4\n")) == [(3, 10, 0)]


@pytest.mark.parametrize(
    ("moved", "expected"),
    [(0.2, (20, 5, 0)), (0.9, (20, 5, 0)), (1, (20, 5, 0)), (2, (120, 5, 1))],
)
def test_a_start_time_may_tremble(moved, expected):
    """A start time that moves by a second at most is no restart; by more it is."""
    start = "process_start_time_seconds"
    store = scraped(f"c_total 100\n{start} 7\n", f"c_total 120\n{start} {7 + moved}\n")

    assert told(store) == [expected]


def test_a_created_time_that_moves_is_a_reset_of_its_series():
    """Only the series whose `_created` moved began anew."""
    store = scraped(
        'c_total{a="1"} 5\nc_created{a="1"} 1\nc_total{a="2"} 5\nc_created{a="2"} 1\n',
        'c_total{a="1"} 9\nc_created{a="1"} 8\nc_total{a="2"} 9\nc_created{a="2"} 1\n',
    )

    assert told(store) == [(9, 5, 1), (4, 5, 0)]


@pytest.mark.parametrize(
    ("beside", "value"),
    [
        ("", None),
        ("process_start_time_seconds 7\n", 10),
        ("process_start_time_seconds 1\n", None),
        ("c_created 8\n", 10),
        ("c_created 4.5\n", 10),
        ("c_created 4\n", None),
        ("c_created 2\n", None),
    ],
    ids=[
        "nothing",
        "young process",
        "old process",
        "created since",
        "created at the first scrape, as far as clocks agree",
        "created a second before",
        "created before",
    ],
)
def test_a_counter_that_was_not_there_before(beside, value):
    """It counts from 0 where it is known to have begun since, and is unknown otherwise."""
    store = scraped("up 1\n", f"up 1\nc_total 10\n{beside}")

    (found,) = store.increase("c_total")

    assert found.value == value
    assert bool(found.note) == (value is None)


def test_a_rate_is_over_what_is_covered():
    """10 more in one second is a rate of 10/s, however long a range was asked for."""
    store = scraped("c_total 0\n", "c_total 10\n", step=1_000)

    assert [each.value for each in store.rate("c_total", over=300)] == [10.0]


def test_at_one_moment_there_is_no_rate():
    """What moved between two scrapes of one moment is an increase, over no time."""
    store = scraped("c_total 0\n", "c_total 10\n", step=0)

    assert told(store) == [(10, 0, 0)]
    (rate,) = store.rate("c_total")
    assert (rate.value, rate.note) == (None, "all of it was seen at one moment")


def test_over_leaves_out_older_scrapes():
    """`over` counts seconds back from the newest scrape, to the millisecond: one of just
    then is in."""
    store = scraped("c_total 0\n", "c_total 100\n", "c_total 101\n")

    for over, moved in (5, (1, 5)), (9.999, (1, 5)), (10, (101, 10)):
        (found,) = store.increase("c_total", over=over)
        assert (found.value, found.seconds) == moved


@pytest.mark.parametrize("over", [-1, "5m", float("nan"), float("inf")])
def test_what_is_no_time_back_is_refused(over):
    """Seconds at least 0: not an empty answer, and no error from within."""
    with pytest.raises(UsageError, match="over: expected seconds"):
        scraped("c_total 0\n").increase("c_total", over=over)


def test_a_series_that_came_and_went_is_followed():
    """Series of other label sets coming and going do not disturb the ones that stay, of
    the same metric or of others."""
    bodies = [
        f'b_total {n}\nc_total{{a="0"}} {n}\nc_total{{a="x{n}"}} 1\nd_total {n}\n'
        for n in range(8)
    ]
    store = scraped(*bodies)

    by_label = {each.labels["a"]: each.value for each in store.increase("c_total")}

    assert by_label["0"] == 7
    assert len(by_label) == 9
    assert told(store, "b_total") == told(store, "d_total") == [(7, 35, 0)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((3, 4, 7, None, 8), (5, 20, 0)),
        ((3, 4, 7, None, 2), (6, 20, 1)),
        ((0, 1, None, None, 5, 9), (9, 25, 0)),
        ((0, 1, None, 5, None, 7, 8), (8, 30, 0)),
    ],
)
def test_a_series_that_came_back_is_counted_over_its_absence(values, expected):
    """What a counter did before it went and after it came back is one increase."""
    bodies = ["up 1\n" if value is None else f"up 1\nc_total {value}\n" for value in values]

    assert told(scraped(*bodies)) == [expected]


@pytest.mark.parametrize("scraped_first", [True, False], ids=["scraped", "pushed"])
def test_a_counter_that_is_pushed_increases_too(scraped_first):
    """By what was pushed, wherever that is kept; others stay as they were."""
    store = Store(history=60)
    store.ingest(
        "c_total 5\nd_total 1\n" if scraped_first else "d_total 1\n", timestamp=5_000
    )
    for moment, value in (10_000, 5), (15_000, 8), (20_000, 12):
        with store.batch("body", replace=False, timestamp=moment) as push:
            push.append(0, {"__name__": "c_total"}, moment, value)

    [moved] = store.increase("c_total", over=10)
    assert (moved.value, moved.seconds, moved.resets) == (7, 10, 0)
    assert store.increase("d_total")[0].value == 0


@pytest.mark.parametrize("name", ["c", "c_total", "c_count", "c_sum", "c_bucket"])
def test_created_stands_beside_names_of_every_kind(name):
    """Beside that of an old counter, which has no ending, too."""
    store = scraped(f"{name} 5\nc_created 1\n", f"{name} 9\nc_created 8\n")

    assert told(store, name) == [(9, 5, 1)]


def test_what_was_seen_once_moved_by_nothing_that_is_known():
    """Nor is it known of a reset."""
    assert told(scraped("c_total 5\n")) == [(None, 0, 0)]


def test_a_created_time_that_came_back_later_is_a_reset():
    """The `_created` of a series that went and came back tells of its new beginning."""
    before, after = "c_total 3\nc_created 1\n", "c_total 9\nc_created 16\n"
    store = scraped(before, before, "up 1\n", after, after)

    assert told(store) == [(9, 20, 1)]


@pytest.mark.parametrize("is_failure", [True, False])
def test_of_a_series_in_two_sources_the_one_that_is_seen_counts(is_failure):
    """Where one source lost the series, by a failure or not, the increase is the other's,
    as the value is."""
    store = Store()
    for at in 1, 2:
        store.ingest(f"c_total {10 + at}\n", source="left", timestamp=at * 5_000)
        store.ingest(f"c_total {20 * at}\n", source="lost", timestamp=at * 5_000 + 1)
    assert told(store) == [(20, 5, 0)]

    if is_failure:
        store.fail("lost", OSError("refused"), timestamp=15_000)
    else:
        store.ingest("up 1\n", source="lost", timestamp=15_000)

    assert store.value("c_total") == 12
    assert told(store) == [(1, 5, 0)]


def test_of_a_series_in_two_sources_the_newer_sample_counts_not_the_newer_scrape():
    """Where samples have timestamps of their own, the increase is that of the value, too;
    of equally new ones the source that was there first."""
    store = Store(clock=lambda: 20_000)
    for at, (old, new) in enumerate([(1, 10), (2, 30)]):
        store.ingest(f"c_total {new}\ne_total {new}", source="a", timestamp=10_000 + at)
        lines = f"c_total {old} {9_000 + at}\ne_total {old} {10_000 + at}\n"
        store.ingest(lines, source="b", timestamp=11_000 + at)

    assert (store.value("c_total"), store.value("e_total")) == (30, 30)
    assert [store.increase(name)[0].value for name in ("c_total", "e_total")] == [20, 20]


def test_one_scrape_tells_no_increase():
    """With one scrape only an increase is not known, and it says so."""
    (found,) = scraped("c_total 1\n").increase("c_total")

    assert (found.value, found.note) == (None, "it was seen once only")


def test_what_began_in_between_is_covered_from_the_first_scrape_on():
    """It was 0 at the first, and so 10 in the 10 s since then, one scrape of it or more."""
    assert told(scraped("up 1\n", "up 1\n", "c_total 10\nc_created 8\n")) == [(10, 10, 0)]


def test_a_start_time_that_rises_and_falls_is_a_restart():
    """One of several start times in the window is later than the one before it, whatever
    comes behind; that it falls says nothing, as a clock may be set."""
    start = "process_start_time_seconds"
    store = scraped(
        f"c_total 5\n{start} 1\n", f"c_total 9\n{start} 8\n", f"c_total 11\n{start} 1\n"
    )

    assert told(store) == [(11, 10, 1)]


def test_a_restart_is_that_of_the_target_alone():
    """Of two targets in one source the start time of the one says nothing of the other."""
    one, two = '{job="j",instance="1"}', '{job="j",instance="2"}'
    start = "process_start_time_seconds"
    store = scraped(
        f"c_total{one} 5\n{start}{one} 1\nc_total{two} 5\n{start}{two} 1\n",
        f"c_total{one} 9\n{start}{one} 8\nc_total{two} 9\n{start}{two} 1\n",
    )

    assert told(store) == [(9, 5, 1), (4, 5, 0)]


SCRAPES = st.lists(
    st.none() | st.dictionaries(st.sampled_from("abc"), st.integers(0, 4)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=examples(100), deadline=None)
@given(SCRAPES)
def test_whatever_comes_and_goes(scrapes: list[dict[str, int] | None]) -> None:
    """An increase is that of a series' own samples, whatever came and went beside it."""
    bodies = [
        None if each is None else "".join(f'c_total{{n="{n}"}} {each[n]}\n' for n in each)
        for each in scrapes
    ]
    history = tuple(
        each
        and {
            frozenset({("__name__", "c_total"), ("n", n)}): (at, float(value))
            for n, value in each.items()
        }
        for at, each in enumerate(scrapes)
    )

    found = scraped(*bodies).increase("c_total")

    moments = tuple(range(len(history)))
    expected = NaiveSource(history=history, moments=moments).increases()
    assert {frozenset(each.labels.items()): each.value for each in found} == expected


# Since a snapshot


def resets(history: int) -> tuple[Store, Snapshot]:
    """A store whose counter was reset twice after the first scrape, and that scrape."""
    store = Store(history=history)
    mark = None
    for moment, value in enumerate([100, 5, 120, 110]):
        store.ingest(f"a_total {value}", source="one", timestamp=1_000 * (moment + 1))
        mark = mark or store.snapshot()
    assert mark is not None
    return store, mark


def test_every_scrape_since_a_snapshot_counts_where_all_are_kept():
    """Resets between it and now are seen, and what came before it does not count."""
    store, mark = resets(history=10)
    store.ingest("a_total 111", source="one", timestamp=9_000)

    [moved] = store.increase("a_total", since=mark)
    assert (moved.value, moved.seconds, moved.resets) == (5 + 115 + 110 + 1, 8, 2)
    [moved] = store.snapshot().increase("a_total", since=store.sources["one"].history[3])
    assert (moved.value, moved.seconds, moved.resets) == (1, 5, 0)


def test_two_moments_alone_count_where_what_lies_between_is_not_kept():
    """An increase from the one to the other, as far as both tell."""
    store, mark = resets(history=2)

    assert store.increase("a_total", since=mark) == [
        Movement(Labels(__name__="a_total"), 10.0, 3.0)
    ]
    assert store.rate("a_total", since=mark)[0].value == pytest.approx(10 / 3)
    assert store.increase("a_total", since=mark, job="x") == []


@pytest.mark.parametrize("history", [2, 10])
def test_since_a_snapshot_each_source_counts_from_its_own_scrape(history):
    """Of sources that were scraped at other moments none counts what was before."""
    store = Store(history=history)
    for moment in range(1, 6):
        store.ingest(f"a_total {moment}", source="early", timestamp=moment * 1_000)
        store.ingest(f"b_total {moment}", source="late", timestamp=moment * 1_000 + 500)
        if moment == 3:
            mark = store.snapshot()

    assert [
        store.increase(each, since=mark)[0].value for each in ("a_total", "b_total")
    ] == [
        2.0,
        2.0,
    ]


def test_of_what_a_snapshot_does_not_show_nothing_before_it_counts():
    """A source that is not in it counts from its first scrape after it."""
    store = Store(history=10)
    for moment in range(1, 6):
        store.ingest(f"a_total {moment}", source="one", timestamp=moment * 1_000)
        store.ingest(f"b_total {moment}", source="other", timestamp=moment * 1_000)
    mark = store.sources["one"].history[1]

    assert store.increase("a_total", since=mark)[0].value == 3.0
    assert store.increase("b_total", since=mark)[0].value == 2.0


def test_what_is_appended_moves_since_a_snapshot():
    """A counter of no source has no scrapes, and two moments all the same."""
    store = Store()
    app = store.appender()
    ref = app.append(0, {"__name__": "a_total"}, 1_000, 1.0)
    mark = store.snapshot()
    app.append(ref, {}, 3_000, 5.0)

    assert store.increase("a_total", since=mark) == [
        Movement(Labels(__name__="a_total"), 4.0, 2.0)
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"since": 5}, "expected a store or a snapshot of one, not 5"),
        (
            {"since": Store().snapshot(), "over": 5},
            "expected `over` or `since`, and not both",
        ),
    ],
)
def test_what_is_no_snapshot_is_refused(arguments, words):
    """A snapshot, and no time back beside it."""
    with pytest.raises(UsageError, match=re.escape(words)):
        Store().increase("a_total", **arguments)
