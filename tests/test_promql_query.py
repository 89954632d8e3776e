"""Questions in process: what comes back, several sources, coverage, and what is kept."""

from __future__ import annotations

import gc
import math
import random
from array import array
from weakref import ref

import attrs
import pytest
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from promlatest import DataPoint, Labels, Store
from promlatest.exceptions import EvaluationError, QueryError, UsageError
from promlatest.promql import (
    Annotations,
    Block,
    Matrix,
    Scalar,
    Series,
    Vector,
    _engine,
    query,
    query_range,
)

SECOND = 1000


def series(name: str, **labels: str) -> Labels:
    return Labels({"__name__": name, **labels})


@attrs.define
class Scrapes:
    """Scrapes of one or more targets, as blocks."""

    blocks: list[Block]

    def columns(self, matchers, start, end, /):
        found = []
        for block in self.blocks:
            places = [
                at
                for at, labels in enumerate(block.labels)
                if all(each.matches(labels.get(each.name, "")) for each in matchers)
            ]
            times = [at for at, time in enumerate(block.times) if start < time <= end]
            if places:
                found.append(self._part(block, places, times))
        return found

    def _part(self, block, places, times):
        if len(places) == len(block.labels):
            labels = block.labels
        else:
            labels = tuple(block.labels[place] for place in places)
        return Block(
            labels,
            [block.times[at] for at in times],
            [[block.values[at][place] for place in places] for at in times],
            block.stamps
            and [
                block.stamps[at] and [block.stamps[at][p] for p in places] for at in times
            ],
            block.since,
        )


@attrs.frozen
class Whole:
    """A block as it is, whatever is asked."""

    block: Block

    def columns(self, matchers, start, end, /):
        return [self.block]


def scrapes(labels, rows, *, since=None, stamps=None, first=0, step=SECOND):
    times = [first + at * step for at in range(len(rows))]
    return Block(tuple(labels), times, rows, stamps, since)


X = series("x_total", a="1")
Y = series("x_total", a="2")


# -- what comes back ------------------------------------------------------------------


def test_a_vector_is_a_sequence_of_points_sorted_by_labels():
    """It has a length, items and slices, and equals a list of the same points (Q-2)."""
    store = Store()
    store.ingest('m{a="2"} 2\nm{a="1"} 1', timestamp=5000)

    vector = query(store, "m", at=6000)

    points = [DataPoint(series("m", a=a), 6000, float(a)) for a in "12"]
    assert isinstance(vector, Vector)
    assert (len(vector), vector[0], vector[-1:], list(vector)) == (
        2,
        points[0],
        points[1:],
        points,
    )
    assert vector == points
    assert vector != points[:1]
    assert vector.annotations == Annotations()


def test_a_scalar_and_a_text_come_as_what_they_are():
    """A number has its moment; a text is a str."""
    store = Store()

    assert query(store, "1 + 1", at=7) == Scalar(2.0, 7)
    assert float(query(store, "time()", at=7000)) == 7.0
    assert query(store, '"a"') == "a"


def test_a_range_vector_comes_as_its_samples():
    """`x[5m]` gives every sample in the range, oldest first."""
    source = Scrapes([scrapes([Y, X], [[1, 2], [None, 3], [4, 5]], step=10 * SECOND)])

    matrix = query(source, "x_total[15s]", at=20_000)

    assert isinstance(matrix, Matrix)
    assert matrix == [
        Series(X, ((10_000, 3), (20_000, 5))),
        Series(Y, ((20_000, 4),)),
    ]


def test_annotations_are_shortened():
    """Of a kind ten are shown, and how many more there are."""
    labels = [series(f"g{at:02}", n=str(at)) for at in range(12)]
    source = Scrapes([scrapes(labels, [[1.0] * 12, [2.0] * 12])])

    answer = query(source, 'rate({__name__=~"g.*"}[2s])', at=SECOND)

    assert len(answer.annotations.infos) == 11
    assert answer.annotations.infos[-1] == "2 more info annotations omitted"


def test_now_is_the_moment_where_none_is_said():
    """Without `at` the question is about now."""
    store = Store()
    store.ingest("m 1")

    assert [point.value for point in query(store, "m")] == [1.0]
    assert query(store, "m", at=1) == []


# -- scrapes and sources --------------------------------------------------------------


def test_a_failed_scrape_hides_from_selectors_and_not_from_ranges():
    """A column of None is stale to an instant selector, and rates reach over it."""
    source = Scrapes([scrapes([X], [[100.0], [110.0], [None], [130.0]])])

    assert query(source, "x_total", at=2500) == []
    assert query(source, "rate(x_total[4s])", at=3000)[0].value == 10.0


def test_of_two_sources_the_newest_sample_counts():
    """A series that stands in two blocks has at every moment the newest value of both."""
    one = scrapes([X, Y], [[1.0, 5.0], [3.0, None]], step=10 * SECOND)
    other = scrapes([X], [[2.0]], first=5000)
    source = Scrapes([one, other])

    at = {
        t: [p.value for p in query(source, "x_total", at=t)] for t in (4000, 6000, 11_000)
    }
    assert at == {4000: [1.0, 5.0], 6000: [2.0, 5.0], 11_000: [3.0]}
    assert query(source, "timestamp(x_total)", at=6000)[0].value == 5.0
    assert query(source, "count_over_time(x_total[30s])", at=11_000) == [
        DataPoint(Labels(a="1"), 11_000, 3.0),
        DataPoint(Labels(a="2"), 11_000, 1.0),
    ]


def test_explicit_timestamps_count_before_the_scrape():
    """A sample's own timestamp says when it is visible (Q-1), and what it lies between."""
    stamps = [[1000, 0], None, [12_000, 21_000]]
    rows = [[1.0, 7.0], [2.0, 8.0], [3.0, 9.0]]
    source = Scrapes([scrapes([X, Y], rows, stamps=stamps, step=10 * SECOND)])

    assert [p.value for p in query(source, "x_total", at=20_000)] == [3.0, 8.0]
    assert [p.value for p in query(source, "timestamp(x_total)", at=20_000)] == [12.0, 10.0]
    assert [p.value for p in query(source, "count_over_time(x_total[1m])", at=30_000)] == [
        3.0,
        3.0,
    ]
    assert query(source, "x_total", at=400_000) == []


def test_many_series_are_worked_on_as_each_alone():
    """Rates over columns are those of every series alone: falls, gaps, NaN and all."""
    dice = random.Random(7)
    labels = [series("x_total", a=str(at)) for at in range(60)]
    rows = [[float(at * k) for at in range(60)] for k in range(8)]
    for _ in range(60):
        value = dice.choice([None, 0.0, math.nan, 5.0, math.inf])
        rows[dice.randrange(8)][dice.randrange(60)] = value
    together = Scrapes([scrapes(labels, rows)])
    alone = Scrapes(
        [
            scrapes([each], [[row[at]] for row in rows if row[at] is not None])
            for at, each in enumerate(labels)
        ]
    )
    for at, block in enumerate(alone.blocks):
        times = [t * SECOND for t in range(8) if rows[t][at] is not None]
        alone.blocks[at] = attrs.evolve(block, times=times)

    for expr in ("rate(x_total[6s])", "increase(x_total[9s])", "delta(x_total[5s])", "irate(x_total[5s])"):  # fmt: skip
        got, wanted = query(together, expr, at=7000), query(alone, expr, at=7000)
        assert [point.labels for point in got] == [point.labels for point in wanted]
        pairs = zip(got.values, wanted.values, strict=True)
        assert all(a == pytest.approx(b, nan_ok=True) for a, b in pairs)


def test_a_question_asked_after_a_scrape_sees_it():
    """What is kept between questions is about labels and pairs of scrapes, and no answer."""
    labels = (X, Y)
    rows = [[0.0, 0.0], [1.0, 9.0], [2.0, 4.0], [3.0, 5.0]]
    increases = []
    for count in (2, 3, 4):
        block = Block(labels, range(0, count * SECOND, SECOND), rows[:count])
        end = (count - 1) * SECOND
        answer = query(Scrapes([block]), f"increase(x_total[{count}s])", at=end)
        increases.append([point.value for point in answer])

    assert increases == [[1.0, 9.0], [2.0, 13.0], [3.0, 14.0]]


@pytest.mark.slow
def test_what_is_kept_between_questions_holds_no_column():
    """A store that is gone leaves labels behind, and none of its scrapes."""
    columns = [array("d", [1.0, 2.0]), array("d", [2.0, 1.0])]
    block = Block((X, Y), [0, SECOND], columns)
    gone = ref(columns[0])

    for _ in range(2):
        rates = query(Whole(block), "rate(x_total[2s])", at=SECOND)
        assert [point.value for point in rates] == [1.0, 1.0]
    del columns, block
    gc.collect()

    assert gone() is None


# -- coverage -------------------------------------------------------------------------

ERRORS = series("errors_total", code="500")
CALLS = series("calls_total", code="500")


def young() -> Scrapes:
    """Two scrapes, a second apart: 10 errors and 20 calls more. Nothing before is known."""
    return Scrapes([scrapes([ERRORS, CALLS], [[5.0, 50.0], [15.0, 70.0]], since=0)])


@pytest.mark.parametrize(
    "expr",
    [
        "rate(errors_total[5m])",
        "increase(errors_total[5m])",
        "sum(rate(errors_total[5m])) > 3",
        "delta(errors_total[5m])",
        "avg_over_time(errors_total[5m])",
        "count_over_time(errors_total[5m])",
        "rate(errors_total[5m]) / calls_total",
        "rate(errors_total[5m]) + rate(calls_total[5m])",
        "rate(errors_total[5m]) / increase(calls_total[5m])",
        "max_over_time(errors_total[5m:1s])",
    ],
)
def test_a_range_that_is_not_reached_is_refused(expr):
    """A number that depends on all of a range is not given for a part of it; the error
    says what is covered, and how to get more (Q-12)."""
    with pytest.raises(EvaluationError, match="history=") as caught:
        query(young(), expr, at=1000)

    assert caught.value.line == 1


def test_the_refusal_says_what_is_covered():
    """One second of five minutes is there."""
    with pytest.raises(EvaluationError) as caught:
        query(young(), "sum(rate(errors_total[5m]))", at=1000)

    assert str(caught.value) == (
        "1:10: the scrapes kept cover 1s of the 5m asked for: keep more of them (history=),"
        " ask for a shorter range, or take the answer over what is covered (partial=True)"
    )


def test_what_is_covered_can_be_asked_for():
    """With `partial` the answer is over what is covered, by what is covered, and says so."""
    answer = query(young(), "rate(errors_total[5m])", at=1000, partial=True)

    assert [point.value for point in answer] == [10.0]
    assert answer.annotations.warnings == (
        "PromQL warning: the answer is over 1s of 5m: all that was kept (1:6)",
    )


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        ("rate(errors_total[5m]) / on () rate(calls_total[5m])", 0.5),
        ("sum(rate(errors_total[5m])) / sum(rate(calls_total[5m])) > 0.2", 0.5),
        ("100 * (sum(increase(errors_total[5m])) / sum(increase(calls_total[5m])))", 50.0),
        ("1 - sum(rate(errors_total[5m])) * 2 / sum(rate(calls_total[5m]))", 0.0),
        ("changes(errors_total[5m])", 1.0),
        ("resets(errors_total[5m])", 0.0),
        ("irate(errors_total[5m])", 10.0),
        ("last_over_time(errors_total[5m])", 15.0),
        ("count(rate(errors_total[5m]) > 0)", 1.0),
    ],
)
def test_what_is_right_whatever_the_coverage_is_answered(expr, value):
    """A ratio, a comparison with 0, changes and resets do not need the whole range."""
    assert [point.value for point in query(young(), expr, at=1000)] == [
        pytest.approx(value)
    ]


def test_a_quantile_of_rates_is_answered_whatever_the_coverage():
    """The shape of a histogram is the same over a part of the range."""
    labels = [series("t_bucket", le=le) for le in ("1", "2", "+Inf")]
    source = Scrapes([scrapes(labels, [[0.0, 0.0, 0.0], [10.0, 20.0, 20.0]], since=0)])

    expr = "histogram_quantile(0.75, sum by (le) (rate(t_bucket[5m])))"
    answer = query(source, expr, at=1000)

    assert [point.value for point in answer] == [1.5]
    assert answer.annotations == Annotations()


def test_a_comparison_with_0_says_that_it_is_over_a_part():
    """What is left of it are values, which are over what is covered."""
    answer = query(young(), "rate(errors_total[5m]) > 0", at=1000)

    assert [point.value for point in answer] == [10.0]
    assert "over 1s of 5m" in answer.annotations.warnings[0]


def test_a_range_is_reached_if_a_scrape_more_would_not_fit():
    """What is missing at the edge is what Prometheus extrapolates over (Q-11)."""
    rows = [[100.0 + at] for at in range(6)]
    source = Scrapes([scrapes([X], rows, since=0)])

    assert query(source, "rate(x_total[6s])", at=5000)[0].value == pytest.approx(1.0)
    with pytest.raises(EvaluationError, match="cover 5s of the 7s"):
        query(source, "rate(x_total[7s])", at=5000)


def test_a_moment_before_all_scrapes_is_empty_and_says_so():
    """As in Prometheus nothing comes back, and a warning tells why."""
    answer = query(young(), "errors_total offset 1h", at=1000)

    assert answer == []
    assert "(history=)" in answer.annotations.warnings[0]


def test_over_a_time_only_covered_moments_are_answered():
    """Moments that the scrapes kept do not reach are left out, with a warning."""
    rows = [[float(at)] for at in range(11)]
    source = Scrapes([scrapes([X], rows, since=0)])

    matrix = query_range(source, "rate(x_total[4s])", 0, 10_000, 1)

    assert [time for time, _ in matrix[0].samples] == list(range(3000, 11_000, 1000))
    assert matrix.annotations.warnings[0].startswith(
        "PromQL warning: 3 of 11 moments left out"
    )


def test_what_can_only_be_asked_for_now_covers_now():
    """A queryable without columns answers for the moment of its points, no range."""
    store = Store()
    store.ingest("x_total 1", timestamp=1000)
    points = store.snapshot()

    class Now:
        def match(self, matchers, /):
            return points.match(matchers)

    assert [point.value for point in query(Now(), "x_total", at=2000)] == [1.0]
    with pytest.raises(EvaluationError, match="cover"):
        query(Now(), "rate(x_total[1m])", at=2000)


# -- wrong questions ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda store: query(store, "1", at=1.5), "expected at in milliseconds as an int"),
        (
            lambda store: query_range(store, "1", 5, 1, 1),
            "end: expected no less than start",
        ),
        (lambda store: query_range(store, "1", 0, 1, 0), "step: expected seconds"),
        (lambda store: query_range(store, "1", 0, 10**9, 1), "at most 11000 steps"),
        (lambda store: query_range(store, "1", -(2**63), 2**63 - 1, 1), "not 184467440737"),
        (lambda store: query_range(store, "1", -(10**30), 0, 1), "start: expected millis"),
        (lambda store: query(store, "time()", at=10**400), "at: expected milliseconds"),
        (
            lambda store: query_range(store, "x[5m]", 0, 1, 1),
            "1:1: expected an instant vector",
        ),
        (lambda store: query_range(store, "'x'", 0, 1, 1), "over a time, got a string"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    """What cannot be asked says what was expected and what came."""
    with pytest.raises(UsageError, match=words):
        call(Store())


def test_a_deep_question_is_answered():
    """What the parser lets through is answered without a RecursionError."""
    expr = "(" * 98 + "1" + " + 1" * 400 + ")" * 98
    chain = "m" + " or m" * 400

    assert query(Store(), expr).value == 401.0
    assert query(Store(), chain) == []
    assert query(Store(), "abs(" * 97 + "m" + ")" * 97) == []


def test_subqueries_are_bounded_by_their_values(monkeypatch):
    """Many series at many steps are refused in words before memory is full."""
    monkeypatch.setattr(_engine, "_INNER_VALUES", 1000)
    labels = [series("x_total", a=str(at)) for at in range(60)]
    source = Scrapes([scrapes(labels, [[1.0] * 60])])

    assert len(query(source, "max_over_time(x_total[15s:1s])", at=0)) == 60
    with pytest.raises(EvaluationError, match="1:15: expected at most 1000 values of sub"):
        query(source, "max_over_time(x_total[17s:1s])", at=17_000)


def test_errors_of_evaluation_are_query_errors():
    """One class catches all that is wrong with an expression."""
    assert issubclass(EvaluationError, QueryError)


PIECES = [
    "x_total", "rate(x_total[3s])", "sum by (a) (", ")", "(", " + ", " / on (a) ", "1", "-", " > bool ", " and ", "topk(2, ", "histogram_quantile(0.5, ", "[5s:1s]", " offset 1s", "label_replace(x_total, 'a', '$1', 'b', '(.*)')", "quantile_over_time(NaN, x_total[5s])", " or ", "scalar(x_total)", "time()", "count_values('v', ", " @ end()", "absent(", "1e300 ^ ", " % 0", "max_over_time(", "vector(1)", "day_of_week(", "round(x_total, 0)",
]  # fmt: skip


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8), st.integers(-1000, 9000))
def test_any_question_is_answered_or_refused_with_a_place(pieces, at):
    """Whatever the expression and the moment: an answer, or the one kind of error."""
    rows = [[1.0, None], [2.0, math.nan], [0.0, 1e308], [math.inf, -1e308]]
    source = Scrapes([scrapes([X, Y], rows)])
    for ask in (query, lambda *asked: query_range(*asked, at + 3000, 1)):  # type: ignore[call-arg]
        try:
            answer = ask(source, "".join(pieces), at)
        except QueryError as error:
            answer = error.line, error.column
        assert answer is not None
