"""Random steps on the store and on the naive model: every answer is the same."""

from __future__ import annotations

import math
import re

import attrs
import pytest
from fuzz import examples
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from naive import Condition, NaiveStore, Series, TooManyError, series_of

from promlatest import Counts, Matcher, Store
from promlatest._storage.appender import Batch
from promlatest._storage.limits import Limits
from promlatest.exceptions import LimitError, UsageError
from promlatest.exposition import parse

pytestmark = pytest.mark.slow

START = 1_700_000_000_000
LIMIT = 14

METRICS = st.sampled_from(["m", "n", "m_bucket", "m_sum", "m_count", "n_total"])
LABELS = st.fixed_dictionaries(
    {},
    optional={
        "a": st.sampled_from(["", "x", "y", "x\ny"]),
        "B": st.sampled_from(["x", "é"]),  # sorts before __name__
        "le": st.sampled_from(["0.5", "+Inf"]),
    },
)
SERIES = st.builds(lambda metric, rest: {"__name__": metric, **rest}, METRICS, LABELS)
VALUES = st.sampled_from([0.0, -0.0, 1.0, 2.5, math.nan, math.inf])
OFFSETS = st.sampled_from([0, 0, 1, 1, 5, -1, -7, -300_003, 600_000, 600_001])
PAST = st.sampled_from([None, None, None, 0, 3, -2, -90_000])
SOURCES = st.sampled_from(["s", "t"])
NAMES = st.sampled_from(["__name__", "a", "B", "le", "absent"])
TEXTS = st.sampled_from(["", "m", "x", "y", "é", "+Inf", "x\ny"])
PATTERNS = st.sampled_from(
    ["", "x", "x|y", "x|", ".*", ".+", "x.*", "m.*", ".*_(sum|count)", "[^x]+", "m|n|zz"]
)
CONDITION = st.one_of(
    st.tuples(NAMES, st.sampled_from(["=", "!="]), TEXTS),
    st.tuples(NAMES, st.sampled_from(["=~", "!~"]), PATTERNS),
)
CONDITIONS = st.lists(CONDITION, max_size=3)
KEYWORD = st.one_of(
    TEXTS,
    st.none(),
    st.lists(TEXTS, max_size=3),
    st.sets(TEXTS, max_size=2),
    st.sampled_from(["x|y", ".", "[a-z]*", "(?s:.*)"]).map(re.compile),
)
TYPES = st.dictionaries(
    st.sampled_from(["m", "n", "n_total"]),
    st.sampled_from(["histogram", "counter", "gauge"]),
    max_size=2,
)

# What is asked after every step.
ALWAYS: list[list[Condition]] = [
    [],
    [("__name__", "=", "m")],
    [("__name__", "=~", "m.*"), ("a", "!=", "x")],
    [("__name__", "!=", "m"), ("a", "=", "")],
    [("a", "=~", "x|"), ("B", "!~", "x")],
    [("le", "=~", ".+")],
]


def matchers(conditions: list[Condition]) -> list[Matcher]:
    return [Matcher(*each) for each in conditions]


def condition(name: str, keyword: object) -> Condition:
    """What a keyword of a query says, in the naive model's words."""
    if isinstance(keyword, re.Pattern):
        return name, "python", keyword
    if isinstance(keyword, list | set):
        return name, "in", frozenset(keyword)
    return name, "=", keyword or ""


def comparable(points: list) -> list:
    """Points that are equal if their values are, NaN included."""
    return [(point.labels.flat, point.timestamp, repr(point.value)) for point in points]


def body(samples: list, types: dict[str, str]) -> str:
    """An exposition of these samples, written the simplest way."""
    lines = [f"# TYPE {family} {kind}" for family, kind in types.items()]
    for labels, t, v in samples:
        pairs = [
            f'{name}="{value}"'.replace("\n", "\\n")
            for name, value in labels.items()
            if name != "__name__"
        ]
        time = "" if t is None else f" {t}"
        lines.append(f"{labels['__name__']}{{{','.join(pairs)}}} {v!r}{time}")
    return "\n".join([*lines, ""])


@attrs.define
class OpenBatch:
    batch: Batch
    source: str
    replacing: bool
    timestamp: int | None
    samples: list
    types: dict


class StoreMachine(RuleBasedStateMachine):
    """Both stores are told the same; whatever can be asked is then asked of both."""

    @initialize()
    def start(self) -> None:
        self.naive = NaiveStore(LIMIT, keep=4)
        self.naive.now = START
        self.store = Store(
            clock=lambda: self.naive.now, limits=Limits(series=LIMIT), history=4
        )
        self.appender = self.store.appender()
        self.refs: dict[Series, int] = {}
        self.batch_refs: dict[Series, int] = {}
        self.dead: set[int] = set()
        self.open: list[OpenBatch] = []
        self.kept: list = []

    @rule(step=st.sampled_from([1, 1, 10, 1_000, 700_000]))
    def time_goes_on(self, step: int) -> None:
        self.naive.now += step

    # Direct appends

    @rule(
        labels=SERIES,
        offset=OFFSETS,
        v=VALUES,
        known=st.booleans(),
        odd=st.sampled_from([0, -1, 10**12]),
        again=st.booleans(),
    )
    def append(self, labels, offset, v, known, odd, again) -> None:
        series = series_of(labels)
        t = self.naive.now + offset
        ref = self.refs.get(series, odd) if known else odd
        if again:
            self.appender = self.store.appender()
        try:
            self.naive.append(labels, t, v)
        except TooManyError:
            with pytest.raises(LimitError):
                self.appender.append(ref, labels, t, v)
            return
        returned = self.appender.append(ref, labels, t, v)
        assert returned not in self.dead
        if series in self.naive.live:
            assert returned or offset > 600_000
            if returned:
                assert self.refs.setdefault(series, returned) == returned
        else:
            assert returned == 0

    @rule(
        offset=OFFSETS,
        values=st.lists(VALUES, min_size=LIMIT, max_size=LIMIT),
        times=st.integers(1, 4),
        skipped=st.integers(0, 2),
        twice=st.booleans(),
    )
    def append_many(self, offset, values, times, skipped, twice) -> None:
        known = [*self.refs.items()][skipped:]
        if twice:
            known += known[:1]
        for t in range(self.naive.now + offset, self.naive.now + offset + times):
            pairs = [*zip(known, values, strict=False)]
            for (series, _), value in pairs:
                self.naive.append(dict(series), t, value)
            refs = [ref for (_, ref), _ in pairs]
            self.appender.append_many(refs, t, [value for _, value in pairs])
            values = values[::-1]

    @rule(labels=SERIES, t=st.sampled_from([1.5, True, None, 1 << 63]), v=VALUES)
    def append_what_is_no_sample(self, labels, t, v) -> None:
        with pytest.raises(UsageError):
            self.appender.append(0, labels, t, v)
        with pytest.raises(UsageError):
            self.appender.append(0, labels, START, "1")

    # Batches

    @rule(source=SOURCES, replacing=st.booleans(), past=PAST)
    def take_batch(self, source, replacing, past) -> None:
        if len(self.open) == 3:
            return
        timestamp = None if past is None else self.naive.now + past
        batch = self.store.batch(source, replace=replacing, timestamp=timestamp)
        self.open.append(OpenBatch(batch, source, replacing, timestamp, [], {}))

    @rule(data=st.data(), labels=SERIES, offset=OFFSETS, v=VALUES, known=st.booleans())
    def append_to_batch(self, data, labels, offset, v, known) -> None:
        if self.open:
            held = data.draw(st.sampled_from(self.open))
            t = self.naive.now + offset
            series = (held.source, *sorted(series_of(labels)))
            ref = self.batch_refs.get(series, -5) if known else 0
            self.batch_refs[series] = held.batch.append(ref, labels, t, v)
            held.samples.append((labels, t, v))

    @rule(
        data=st.data(),
        samples=st.lists(st.tuples(SERIES, st.none() | OFFSETS, VALUES), max_size=4),
        types=TYPES,
    )
    def append_rows_to_batch(self, data, samples, types) -> None:
        if self.open:
            held = data.draw(st.sampled_from(self.open))
            now = self.naive.now
            timed = [(s, None if t is None else now + t, v) for s, t, v in samples]
            read = parse(body(timed, types))
            held.batch.append_samples(read, read.metadata)
            held.samples += timed
            held.types |= types

    @rule(data=st.data(), how=st.sampled_from(["commit", "with", "rollback", "exception"]))
    def end_batch(self, data, how) -> None:
        if not self.open:
            return
        held = data.draw(st.sampled_from(self.open))
        self.open.remove(held)
        if how == "rollback":
            held.batch.rollback()
        elif how == "exception":
            with pytest.raises(KeyError), held.batch:
                raise KeyError
        else:
            self.commit(held, how)
        with pytest.raises(UsageError):
            held.batch.append(0, {"__name__": "m"}, START, 1.0)

    def commit(self, held: OpenBatch, how: str) -> None:
        try:
            expected = self.naive.commit(
                held.source,
                held.samples,
                replacing=held.replacing,
                timestamp=held.timestamp,
                types=held.types,
            )
        except TooManyError:
            with pytest.raises(LimitError):
                held.batch.commit()
            return
        if how == "with":
            with held.batch:
                pass
        else:
            assert held.batch.commit() == expected

    @rule(
        source=SOURCES,
        samples=st.lists(st.tuples(SERIES, st.none() | OFFSETS, VALUES), max_size=6),
        types=TYPES,
        past=PAST,
    )
    def ingest(self, source, samples, types, past) -> None:
        now = self.naive.now
        timed = [(s, None if t is None else now + t, v) for s, t, v in samples]
        timestamp = None if past is None else now + past
        how = {"source": source, "timestamp": timestamp}
        try:
            self.naive.commit(
                source,
                timed,
                replacing=True,
                timestamp=timestamp,
                types=types,
                lookback=True,
            )
        except TooManyError:
            with pytest.raises(LimitError):
                self.store.ingest(body(timed, types), **how)
            return
        self.store.ingest(body(timed, types), **how)

    # What takes away

    @rule(source=SOURCES, reported=st.booleans())
    def fail(self, source, reported) -> None:
        report = {series_of({"__name__": "m", "a": "x"}): 0.0} if reported else {}
        rows = parse("m{a='x'} 0".replace("'", '"')) if reported else None
        try:
            self.naive.fail(source, report, self.naive.now)
        except TooManyError:
            with pytest.raises(LimitError):
                self.store.fail(source, OSError("gone"), report=rows)
            return
        self.store.fail(source, OSError("gone"), report=rows)

    @rule(source=SOURCES)
    def remove(self, source) -> None:
        self.naive.remove(source)
        self.store.remove(source)

    @rule(conditions=st.lists(CONDITION, min_size=1, max_size=2))
    def drop(self, conditions) -> None:
        expected = self.naive.drop(conditions)

        assert self.store.drop(*matchers(conditions)) == expected
        for series in self.refs.keys() - self.naive.live.keys():
            self.dead.add(self.refs.pop(series))

    # What is asked

    @rule(conditions=CONDITIONS)
    def match(self, conditions) -> None:
        moment = self.naive.moment()
        asked = matchers(conditions)

        assert comparable(self.store.match(asked)) == comparable(moment.match(conditions))
        assert self.store.label_names(*asked) == moment.label_names(conditions)
        for name in ("__name__", "a", "B", "absent"):
            values = moment.label_values(name, conditions)
            assert self.store.label_values(name, *asked) == values

    @rule(
        metric=METRICS,
        conditions=CONDITIONS,
        keywords=st.dictionaries(NAMES, KEYWORD, max_size=2),
    )
    def query(self, metric, conditions, keywords) -> None:
        asked = matchers(conditions)
        rest = [*conditions, *(condition(*each) for each in keywords.items())]
        moment = self.naive.moment()

        points = self.store.query(metric, *asked, **keywords)
        expected = moment.match([("__name__", "=", metric), *rest])
        assert comparable(points) == comparable(expected)
        found = self.store.histograms("m", *asked, **keywords)
        assert found == moment.histograms("m", rest)

    @rule(stale=st.booleans())
    def take_snapshot(self, stale) -> None:
        snapshot = self.store.snapshot(stale=stale)
        moment = self.naive.moment(stale=stale)
        self.kept = [*self.kept[-3:], (snapshot, moment)]

    @invariant()
    def all_answers_are_the_same(self) -> None:
        moment = self.naive.moment()
        self.store._check()
        for conditions in ALWAYS:
            found = self.store.match(matchers(conditions))
            assert comparable(found) == comparable(moment.match(conditions))
        assert comparable(list(self.store)) == comparable(moment.match())
        assert len(self.store) == len(moment)
        assert {f: m.type for f, m in self.store.metrics().items()} == moment.types()
        assert self.store.counts == self.naive.counts
        assert self.store.histograms("m") == moment.histograms("m", ())

    @invariant()
    def snapshots_stay_what_they_were(self) -> None:
        for snapshot, moment in self.kept:
            assert comparable(snapshot.match(())) == comparable(moment.match())
            assert len(snapshot) == len(moment)

    @invariant()
    def sources_keep_their_scrapes(self) -> None:
        for name, source in self.store.sources.items():
            kept = [None if each.failed else held(each) for each in source.history]
            naive = self.naive.sources[name].history
            assert kept == [None if each is None else naive_of(each) for each in naive]

    @invariant()
    def increases_are_the_same(self) -> None:
        if len(self.naive.sources) != 1 or self.naive.live:
            return
        (naive,) = self.naive.sources.values()
        expected = {
            series: value
            for series, value in naive.increases().items()
            if ("__name__", "n_total") in series
        }
        found = {
            frozenset(e.labels.items()): e.value for e in self.store.increase("n_total")
        }
        assert {k: repr(v) for k, v in found.items()} == {
            k: repr(v) for k, v in expected.items()
        }

    @invariant()
    def sources_have_two_slots(self) -> None:
        assert list(self.store.sources) == list(self.naive.sources)
        for name, source in self.store.sources.items():
            naive = self.naive.sources[name]
            assert held(source.current) == naive_of(naive.current)
            assert held(source.previous) == naive_of(naive.previous)
            assert source.series == len(naive.current)
            assert (source.last_known is None) == (naive.last_known is None)
            if naive.last_known is not None:
                assert held(source.last_known) == naive_of(naive.last_known)


def held(snapshot) -> list:
    return comparable(snapshot.match(()))


def naive_of(samples) -> list:
    return sorted(
        (tuple(text for pair in sorted(series) for text in pair), t, repr(v))
        for series, (t, v) in samples.items()
    )


StoreMachine.TestCase.settings = settings(
    max_examples=examples(60), stateful_step_count=30, deadline=None
)
TestStoreMachine = StoreMachine.TestCase


def test_the_model_refuses_what_the_store_refuses() -> None:
    """The naive model's limit counts live series and those of all sources."""
    naive = NaiveStore(1)
    naive.append({"__name__": "m"}, 1, 1.0)

    with pytest.raises(TooManyError):
        naive.commit("s", [({"__name__": "m"}, 1, 1.0)], replacing=True)
    assert naive.counts == Counts()
