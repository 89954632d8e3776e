"""PromQL over a store, beside the same samples kept series by series.

Random scrapes: series come and go, counters fall, scrapes fail and leave a report, two
sources expose the same series. Whatever a store makes of them, the answers must be those
of the plain list of samples that Prometheus would have.
"""

from __future__ import annotations

import gc
import math
import weakref

import attrs
import pytest
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from promlatest import Labels, Matcher, Store
from promlatest.exceptions import CoverageError
from promlatest.exposition import parse
from promlatest.promql import Block, query, query_range

STEP = 10_000
QUESTIONS = [
    "m",
    "sum by (b) (m)",
    'm{a=~"1|3"}',
    "count(m)",
    "timestamp(m)",
    "m offset 15s",
    "rate(m[25s])",
    "increase(m[1m])",
    "delta(m[45s])",
    "resets(m[1m])",
    "changes(m[1m])",
    "sum by (b) (rate(m[40s]))",
    "max_over_time(m[35s])",
    "count_over_time(m[1m])",
    "last_over_time(m[1m])",
    "irate(m[1m])",
    "m / on (a, b) rate(m[30s])",
    "max_over_time(m[30s:10s])",
    "absent(m)",
    "m or n",
]

value = st.sampled_from([0.0, 1.0, 2.0, 5.0, 5.0, 8.0, math.nan])
names = [Labels(__name__="m", a=a, b=b) for a in "123" for b in "xy"]
scrape = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from(names), value, min_size=1),
    st.dictionaries(st.sampled_from(names), value, min_size=5),
)
report = st.dictionaries(st.sampled_from(names), value, max_size=1)


@attrs.define
class Plain:
    """Each series' samples in a list; None is a stale marker."""

    samples: dict[tuple[str, Labels], list[tuple[int, float | None]]] = attrs.field(
        factory=dict
    )
    times: dict[str, list[int]] = attrs.field(factory=dict)

    def scraped(self, source, time, values):
        for (other, labels), own in self.samples.items():
            if other == source and labels not in values:
                own.append((time, None))
        before = self.times.setdefault(source, [])
        for labels, each in values.items():
            own = self.samples.setdefault((source, labels), [(t, None) for t in before])
            own.append((time, each))
        before.append(time)

    def columns(self, matchers, start, end, /):
        found = []
        for (source, labels), own in self.samples.items():
            if all(each.matches(labels.get(each.name, "")) for each in matchers):
                there = [(time, each) for time, each in own if start < time <= end]
                if all(each is None for _, each in there):
                    continue  # it was not there
                columns = [(each,) for _, each in there]
                times = [time for time, _ in there]
                found.append(Block((labels,), times, columns, None, self.times[source][0]))
        return found


def answered(source, expr, at):
    try:
        points = query(source, expr, at=at)
    except CoverageError:
        return "refused"
    return {point.labels: point.value for point in points}


def alike(one, other):
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return one.keys() == other.keys() and all(
        value == pytest.approx(other[labels], nan_ok=True) for labels, value in one.items()
    )


def body(values):
    return "\n".join(f"{labels.series()} {value!r}" for labels, value in values.items())


@settings(max_examples=examples(150), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["one", "two"]), scrape), min_size=2, max_size=10),
    st.data(),
)
def test_a_store_answers_as_a_list_of_samples(scrapes, data):
    """Every question gives the same of a store as of the samples series by series."""
    store, plain = Store(history=20), Plain()
    for at, (source, values) in enumerate(scrapes):
        time = at * STEP
        if values is None:
            values = data.draw(report)
            page = parse(body(values))
            store.fail(source, OSError("away"), report=page, timestamp=time)
        else:
            store.ingest(body(values), source=source, timestamp=time)
        plain.scraped(source, time, values)
    end = (len(scrapes) - 1) * STEP
    at = data.draw(st.sampled_from([end, end + 3000, max(0, end - 14_000)]))
    for expr in data.draw(st.lists(st.sampled_from(QUESTIONS), min_size=3, max_size=6)):
        got, wanted = answered(store, expr, at), answered(plain, expr, at)
        assert alike(got, wanted), (expr, at, got, wanted)


def test_over_a_time_a_store_answers_step_by_step():
    """Each step of a range is what is answered at that moment."""
    store = Store(history=20)
    for at in range(10):
        series = [f'm{{a="{a}"}} {at * a}' for a in range(at % 4 + 1)]
        store.ingest("\n".join(series), timestamp=at * STEP)

    for expr in ("m", "sum(m)", "rate(m[30s]) > 0", "topk(1, m)"):
        matrix = query_range(store, expr, 40_000, 90_000, 5)
        for time in range(40_000, 90_001, 5000):
            wanted = {point.labels: point.value for point in query(store, expr, at=time)}
            got = {
                each.labels: dict(each.samples)[time]
                for each in matrix
                if time in dict(each.samples)
            }
            assert got == wanted


def test_what_is_appended_is_answered():
    """Points that were appended one by one are there beside what was scraped."""
    store = Store(history=5)
    store.ingest('m{a="1"} 1', timestamp=1000)
    with store.appender() as appender:
        appender.append(0, {"__name__": "m", "a": "2"}, 1500, 2.0)

    assert [point.value for point in query(store, "m", at=2000)] == [1.0, 2.0]
    assert query(store, "sum(m)", at=2000)[0].value == 3.0


def test_a_window_that_moved_on_is_refused():
    """Scrapes that are not kept any more are not taken for none."""
    store = Store(history=4)
    for at in range(10):
        store.ingest(f"m_total {at}", timestamp=at * STEP)

    assert query(store, "increase(m_total[30s])", at=90_000)[0].value == pytest.approx(3.0)
    with pytest.raises(CoverageError) as caught:
        query(store, "increase(m_total[1m])", at=90_000)
    assert (caught.value.asked, caught.value.since) == (30_000, 60_000)


def test_of_two_scrapes_of_one_moment_the_later_counts():
    """A range has one sample a moment, the one that is there now."""
    store = Store(history=4)
    for time, value in ((1000, 1), (2000, 2), (2000, 4)):
        store.ingest(f"m_total {value}", timestamp=time)

    series = query(store, "m_total[2s]", at=2000)[0]
    assert series.samples == ((1000, 1.0), (2000, 4.0))
    assert query(store, "irate(m_total[2s])", at=2000)[0].value == 3.0
    assert not query(store, "rate(m_total[1s])", at=2000)  # one sample is no rate


def test_several_selectors_see_one_state():
    """A scrape that comes in the middle of a question is not seen by half of it."""
    store = Store()
    moments = iter(range(1, 10))

    def scrape():
        now = next(moments)
        store.ingest(f"a {now}\nb {now}", timestamp=1000 * now)

    class Moving:
        """Is scraped whenever it was read."""

        def snapshot(self):
            return store.snapshot()

        def columns(self, *asked):
            found = store.columns(*asked)
            scrape()
            return found

    scrape()

    assert query(Moving(), "a", at=9000)[0].value == 1.0
    assert query(Moving(), "a == b", at=9000)[0].value == 2.0


def test_blocks_keep_their_labels_and_columns():
    """What is derived from a block is kept by the identity of its labels, and of two
    columns: both are the same objects at every call, also where series came and went."""
    store = Store(history=10)
    for at in range(5):
        store.ingest(
            f'm{{a="1"}} {at}\nm{{a="2"}} {at}\nm{{b="{at}"}} 1', timestamp=at * STEP
        )

    def blocks():
        return store.columns([Matcher("__name__", "=", "m")], -1, 50_000)

    assert [len(block.labels) for block in blocks()] == [1, 2, 1, 1, 1, 1]
    for one, other in zip(blocks(), blocks(), strict=True):
        assert one.labels is other.labels
        assert all(
            a is b for a, b in zip(one.values, other.values, strict=True) if None not in a
        )


def test_a_failed_scrape_is_answered_by_its_report():
    """`up` is 0 at a failed scrape and 1 at a good one, for ranges as for moments."""
    store = Store(history=9, clock=lambda: 5000)
    for at, up in ((1000, 1), (2000, 0), (3000, 0), (4000, 1), (5000, 0)):
        page = f'up{{job="a"}} {up}\n'
        if up:
            store.ingest(f"{page}m {at}\n", source="a", timestamp=at)
        else:
            store.fail("a", OSError("away"), report=parse(page), timestamp=at)

    def answers(expr, at):
        return [point.value for point in query(store, expr, at, partial=True)]

    assert [answers("up", at) for at in (1500, 2500, 3500, 4500, 5500)] == [
        [1], [0], [0], [1], [0],
    ]  # fmt: skip
    assert answers("count_over_time(up[4s])", 5000) == [4]
    assert answers("avg_over_time(up[4s])", 5000) == [0.25]
    assert answers("changes(up[4s])", 5000) == [2]
    series = query(store, "up[4s]", 5000, partial=True)[0]
    assert [value for _, value in series.samples] == [0, 0, 1, 0]
    assert answers("m", 4500) == [4000]
    assert answers("m", 5500) == []


def test_a_range_is_near_enough_by_all_scrapes_of_its_source():
    """How far apart scrapes are is a matter of the source, not of the series asked for:
    one that is there only now covers a range that begins shortly before the scrapes do."""
    store = Store(history=9)
    for at in (10_000, 20_000):
        store.ingest("m 1", source="a", timestamp=at)
    store.fail("a", OSError("away"), report=parse("up 0"), timestamp=30_000)

    assert query(store, "count_over_time(up[25s])", 30_000)[0].value == 1
    with pytest.raises(CoverageError):
        query(store, "count_over_time(up[35s])", 30_000)


def test_a_source_that_never_answered():
    """Its `up` is 0, and nothing else is there."""
    store = Store(clock=lambda: 1000)
    store.fail("a", OSError("away"), report=parse('up{job="a"} 0'), timestamp=1000)

    point = query(store, "up == 0", 1000)[0]
    assert point.labels["job"] == "a"


def test_what_was_asked_holds_no_old_scrape() -> None:
    """Blocks are kept for the next question, but not past the scrapes they are made of."""
    store = Store(history=2)
    old: list[weakref.ref[object]] = []
    for moment in range(1_000, 6_000, 1_000):
        store.ingest(f"depth {moment}", timestamp=moment, source="a")
        assert query(store, "depth", moment)[0].value == moment
        assert len(query(store, "depth[5s]", moment, partial=True)[0].samples) <= 2
        old.append(weakref.ref(store.sources["a"]._scrapes[-1]))
    gc.collect()

    assert [each() is None for each in old] == [True, True, True, False, False]


def test_now_is_by_the_clock_of_the_store() -> None:
    """A store that has a clock of its own is asked about its now, not about ours."""
    store = Store(clock=lambda: STEP)
    store.ingest("m 3\n")

    assert [point.value for point in query(store, "m")] == [3]
    assert query(store, "time()").value == STEP / 1000


@pytest.mark.parametrize("expr", ["m", "rate(m[1m])"])
@pytest.mark.parametrize("way", ["scraped", "appended"])
def test_nothing_says_how_old_the_newest_sample_is(expr: str, way: str) -> None:
    """Where all samples are too old for the moment, an info tells their age."""
    store = Store()
    if way == "scraped":
        store.ingest("m 3\n", timestamp=1_000)
    else:
        with store.appender() as appender:
            appender.append(0, {"__name__": "m"}, 1_000, 3.0)

    answer = query(store, expr, 7_201_000)
    [info] = answer.annotations.infos
    assert not answer
    assert "the newest sample is 2h older than the moment asked for" in info


def test_nothing_of_a_snapshot_says_how_old_it_is() -> None:
    """The same of what knows one moment only."""
    store = Store()
    store.ingest("m 3\n", timestamp=1_000)

    class Moment:
        match = store.match
        query = store.query

    [info] = query(Moment(), "m", 3_601_000).annotations.infos  # type: ignore[arg-type]
    assert "the newest sample is 1h older" in info


def test_nothing_says_nothing_where_nothing_was() -> None:
    """A metric that there never was, or that is gone since, has no age to tell."""
    store = Store()
    store.ingest("m 3\n", timestamp=1_000)
    store.ingest("n 3\n", timestamp=2_000)

    assert query(store, "missing", 3_000).annotations.infos == ()
    assert query(store, "m", 3_000).annotations.infos == ()
