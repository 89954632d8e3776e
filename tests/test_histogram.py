"""Histograms: assembled, judged, estimated, combined; beside a slow literal model."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
import re
from collections.abc import Iterable
from itertools import accumulate, pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString

from promlatest import Store
from promlatest._assemble import assemble
from promlatest._datapoint import DataPoint
from promlatest._histogram import Bucket, Histogram
from promlatest._matching.floats import format_bound, parse_bound
from promlatest._matching.labels import Labels
from promlatest.exceptions import UsageError

INF, NAN = math.inf, math.nan
MOST = 1.7976931348623157e308


def of(
    *pairs: tuple[float, float], count: float | None = None, total: float = NAN
) -> Histogram:
    return Histogram.build(Labels(__name__="x"), pairs, count=count, sum=total)


def point(name: str, value: float, timestamp: int = 1000, /, **labels: str) -> DataPoint:
    return DataPoint(Labels({**labels, "__name__": name}), timestamp, value)


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


# -- the model: H-2 and H-4, step by step, slow and obvious ---------------------------


def ieee_ratio(a: float, b: float) -> float:
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a):
        return NAN
    return INF if (a > 0) == (math.copysign(1, b) > 0) else -INF


def model_coalesced(pairs: Iterable[tuple[float, float]]) -> list[list[float]]:
    rows: list[list[float]] = []
    for le, count in sorted(pairs, key=lambda pair: pair[0]):  # (2)
        if rows and rows[-1][0] == le:  # (4)
            rows[-1][1] += count
        else:
            rows.append([le, count])
    return rows


def model_quantile(q: float, pairs: Iterable[tuple[float, float]]) -> float:
    if math.isnan(q):  # (1)
        return NAN
    if q < 0:
        return -INF
    if q > 1:
        return INF
    rows = model_coalesced(pairs)
    if not rows or rows[-1][0] != INF:  # (3)
        return NAN
    previous = rows[0][1]
    for row in rows[1:]:  # (5)
        if row[1] == previous:
            continue
        size = min(abs(row[1]) + abs(previous), MOST)
        if ieee_ratio(abs(row[1] - previous), size) < 1e-12 or row[1] < previous:
            row[1] = previous
        else:
            previous = row[1]
    n = len(rows)
    if n < 2:  # (6)
        return NAN
    total = rows[-1][1]
    if total == 0:  # (7)
        return NAN
    rank = q * total  # (8)
    b = n - 1
    for i in range(n - 1):
        if rows[i][1] >= rank:
            b = i
            break
    if b == n - 1:  # (9)
        return rows[n - 2][0]
    if b == 0 and rows[0][0] <= 0:
        return rows[0][0]
    before = rows[b - 1] if b > 0 else [0.0, 0.0]
    ratio = ieee_ratio(rank - before[1], rows[b][1] - before[1])
    return before[0] + (rows[b][0] - before[0]) * ratio


def model_rank(value: float, rows: list[list[float]]) -> float:
    rank = 0.0
    for i, (end, count) in enumerate(rows):
        start = rows[i - 1][0] if i > 0 else 0.0 if end > 0 else -INF
        if start >= value:
            return rank
        if start < value < end:
            if start == -INF:
                return count
            if end == INF:
                return rank
            return rank + (count - rank) * (value - start) / (end - start)
        rank = count
    return rows[-1][1]


def model_fraction(
    lower: float, upper: float, pairs: Iterable[tuple[float, float]]
) -> float:
    rows = model_coalesced(pairs)
    if not rows or rows[-1][0] != INF:
        return NAN
    total = rows[-1][1]
    if total == 0 or math.isnan(lower) or math.isnan(upper):
        return NAN
    if lower >= upper:
        return 0.0
    ranks = [model_rank(value, rows) for value in (lower, upper)]
    low, high = (total if rank > total else rank for rank in ranks)
    return ieee_ratio(high - low, total)


# -- strategies -----------------------------------------------------------------------

some_bounds = st.one_of(
    st.sampled_from([-INF, -2.0, -1.0, -0.0, 0.0, 0.005, 0.5, 1.0, 2.0, 10.0, MOST]),
    st.floats(allow_nan=False),
)
dirty_counts = st.one_of(
    st.integers(-3, 20).map(float),
    st.sampled_from([NAN, INF, -INF, 0.0, -0.0, 5e-324, MOST, 10.0, 10 * (1 + 1e-14)]),
    st.floats(),
)
dirty_pairs = st.lists(st.tuples(some_bounds, dirty_counts), max_size=8).flatmap(
    lambda pairs: st.sampled_from([pairs, [*pairs, (INF, 30.0)]])
)
any_q = st.one_of(
    st.sampled_from([0.0, 0.25, 0.5, 0.99, 1.0, -0.1, 1.1, NAN, INF, -INF]),
    st.floats(0, 1),
)


@st.composite
def valid_histograms(
    draw: st.DrawFn, bounds: tuple[float, ...] | None = None, filled: bool = False
) -> Histogram:
    if bounds is None:
        finite = st.floats(-1e6, 1e6)
        bounds = (*sorted(draw(st.sets(finite, min_size=1, max_size=8))), INF)
    own = st.lists(st.integers(0, 1000), min_size=len(bounds), max_size=len(bounds)).filter(
        any if filled else lambda _: True
    )
    counts = map(float, accumulate(draw(own)))
    total = float(draw(st.integers(-1000, 1000)))
    return Histogram.build(
        Labels(__name__="x", a="b"), zip(bounds, counts, strict=True), sum=total
    )


@st.composite
def valid_pairs(draw: st.DrawFn) -> tuple[Histogram, Histogram]:
    first = draw(valid_histograms())
    return first, draw(valid_histograms(bounds=first.bounds))


# -- shape ----------------------------------------------------------------------------


def test_buckets_are_cumulative_and_bucket_counts_are_each_buckets_own() -> None:
    """`buckets` are cumulative as exposed; `bucket_counts` are each bucket's own (H-6)."""
    h = of((0.1, 3), (0.5, 7), (INF, 8))

    assert h.buckets == (Bucket(0.1, 3), Bucket(0.5, 7), Bucket(INF, 8))
    assert h.bucket_counts == (Bucket(0.1, 3), Bucket(0.5, 4), Bucket(INF, 1))


def test_bounds_sort_as_numbers() -> None:
    """Buckets are sorted by the number `le`, not by its text (H-2 step 2)."""
    h = of((10, 3), (INF, 4), (9, 2), (-1, 1))

    assert h.bounds == (-1, 9, 10, INF)
    assert h.cumulative == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("pairs", "count", "expected"),
    [
        ([(1, 2), (INF, 5)], 5.0, 5),
        ([(1, 2), (INF, 5)], None, 5),
        ([(1, 2)], 5.0, 5),
        ([(1, 2)], None, NAN),
        ([], None, NAN),
    ],
)
def test_count_falls_back_to_the_inf_bucket(
    pairs: list[tuple[float, float]], count: float | None, expected: float
) -> None:
    """Without `_count`, the count is the +Inf bucket's; without both it is NaN (H-6)."""
    h = Histogram.build(Labels(), pairs, count=count)

    assert same(h.count, expected)


@pytest.mark.parametrize(
    ("total", "count", "mean"),
    [(6, 4, 1.5), (0, 0, NAN), (NAN, 4, NAN), (1, 0, INF), (-6, 4, -1.5)],
)
def test_mean_is_sum_by_count(total: float, count: float, mean: float) -> None:
    """The mean is `_sum / _count`, NaN where there is no observation or no sum (H-5)."""
    h = Histogram.build(Labels(), [(INF, count)], sum=total)

    assert same(h.mean, mean)


def test_a_histogram_is_a_value() -> None:
    """Equal histograms are equal and hash alike, NaN in them or not."""
    one, other = (of((1, float("nan")), (INF, 2)) for _ in range(2))

    assert one == other
    assert hash(one) == hash(other)
    assert one != of((1, 1), (INF, 2))


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda h: pickle.loads(pickle.dumps(h))]
)
def test_a_histogram_can_be_copied(again) -> None:  # type: ignore[no-untyped-def]
    """A copy equals the original, estimates and problems too."""
    h = of((1, 5), (2, 3), (INF, 7), count=8)
    before = h.quantile(0.5), h.problems

    other = again(h)

    assert other == h
    assert (other.quantile(0.5), other.problems) == before


def test_a_histogram_cannot_be_changed() -> None:
    """A histogram is frozen."""
    with pytest.raises(AttributeError):
        of((INF, 1)).count = 2  # type: ignore[misc]


def test_as_dict_is_json() -> None:
    """`as_dict` survives strict JSON: `le` is text (F-3), NaN is null, Inf is text."""
    h = Histogram.build(Labels(a="b"), [(1, 2.0), (INF, INF)], count=NAN, timestamp=7)

    read = json.loads(json.dumps(h.as_dict(), allow_nan=False))

    assert read == {
        "labels": {"a": "b"},
        "timestamp": 7,
        "count": None,
        "sum": None,
        "buckets": [{"le": "1.0", "count": 2.0}, {"le": "+Inf", "count": "+Inf"}],
        "problems": list(h.problems),
    }


# -- problems -------------------------------------------------------------------------

PROBLEMS = [
    ([(1, 2), (INF, 5)], 5, []),
    ([(1, 2), (INF, 5)], None, []),
    ([(INF, 0)], 0, []),
    ([], 5, ["no buckets"]),
    ([(1, 5)], 5, ["no +Inf bucket"]),
    ([(1, 2), (INF, 5)], 6, ["the +Inf bucket holds 5, the count is 6"]),
    ([(1, 2), (INF, 5)], NAN, ["the +Inf bucket holds 5, the count is NaN"]),
    ([(1, 5), (2, 3), (INF, 7)], 7, ['not monotonic at le="2.0": 3 after 5']),
    (
        [(1, 5), (2, 3), (3, 4), (INF, 7)],
        7,
        [
            'not monotonic at le="2.0": 3 after 5',
            'not monotonic at le="3.0": 4 after 5',
        ],
    ),
    ([(1, 1.0), (2, 1.0 - 1e-14), (INF, 2.0)], 2, []),
    ([(1, 0.1), (INF, 0.3)], 0.1 + 0.2, []),
    ([(1, -1), (INF, 7)], 7, ['a negative count at le="1.0": -1']),
    ([(1, NAN), (INF, 7)], 7, ['no finite count at le="1.0": NaN']),
    ([(1, 2), (1, 2), (INF, 4)], 4, ['double bound le="1.0"']),
    ([(NAN, 2), (INF, 4)], 4, ['le="NaN" is no bound']),
]


@pytest.mark.parametrize(("pairs", "count", "problems"), PROBLEMS)
def test_problems_say_what_is_wrong(
    pairs: list[tuple[float, float]], count: float | None, problems: list[str]
) -> None:
    """Each fault is a sentence in `problems`, and a histogram without any is valid (H-6)."""
    h = Histogram.build(Labels(), pairs, count=count)

    assert list(h.problems) == problems
    assert h.valid is not bool(problems)


@given(dirty_pairs, st.none() | dirty_counts)
def test_no_histogram_raises(pairs: list[tuple[float, float]], count: float | None) -> None:
    """Faults are told and never raised: whatever is exposed can be looked at (H-6)."""
    h = Histogram.build(Labels(), pairs, count=count)

    assert all(isinstance(problem, str) for problem in h.problems)
    assert len(h.buckets) == len(h.bucket_counts) == len(h.bounds)
    assert all(low < high for low, high in pairwise(h.bounds))
    json.dumps(h.as_dict(), allow_nan=False)


@given(valid_histograms())
def test_what_is_in_order_has_no_problems(h: Histogram) -> None:
    """Ascending bounds up to +Inf with counts that never fall are valid."""
    assert h.problems == ()


# -- quantiles ------------------------------------------------------------------------

SIMPLE = [(1, 2), (2, 4), (4, 8), (INF, 10)]

QUANTILES = [
    ("H-2 (1): q of NaN", SIMPLE, NAN, NAN),
    ("H-2 (1): q below 0", SIMPLE, -0.01, -INF),
    ("H-2 (1): q above 1", SIMPLE, 1.01, INF),
    ("H-2 (1): q comes before the buckets", [], 2, INF),
    ("H-2 (3): no +Inf bucket", SIMPLE[:-1], 0.5, NAN),
    ("H-2 (3): no bucket at all", [], 0.5, NAN),
    ("H-2 (4): equal bounds add up", [(1, 2), (1, 2), (2, 8), (INF, 8)], 0.25, 0.5),
    ("H-2 (5): a fall is lifted", [(1, 4), (2, 2), (4, 8), (INF, 8)], 0.75, 3.0),
    ("H-2 (5): a fall in +Inf is lifted", [(1, 4), (2, 8), (INF, 5)], 1, 2.0),
    ("H-2 (5): rounding up is no change", [(1, 1e15), (2, 1e15 + 1), (INF, 1e15 + 1)], 1, 1.0),
    ("H-2 (5): rounding down is no change", [(1, 1e15), (2, 1e15 - 1), (INF, 2e15)], 0.5, 1.0),
    ("H-2 (6): one bucket", [(INF, 5)], 0.5, NAN),
    ("H-2 (6): one bucket after coalescing", [(INF, 5), (INF, 5)], 0.5, NAN),
    ("H-2 (7): no observation", [(1, 0), (INF, 0)], 0.5, NAN),
    ("H-2 (8): a rank equal to a count", SIMPLE, 0.4, 2.0),
    ("H-2 (9): in the +Inf bucket", SIMPLE, 0.9, 4),
    ("H-2 (9): q = 1 in the +Inf bucket", SIMPLE, 1, 4),
    ("H-2 (9): q = 1 below it", [(1, 2), (2, 4), (INF, 4)], 1, 2.0),
    ("H-2 (9): in the first bucket", SIMPLE, 0.1, 0.5),
    ("H-2 (9): between two bounds", SIMPLE, 0.6, 3.0),
    ("H-3: first bound below 0", [(-1, 2), (1, 4), (INF, 4)], 0.25, -1),
    ("H-3: first bound 0", [(0, 2), (1, 4), (INF, 4)], 0.25, 0),
    ("H-3: first bound 0, empty", [(0, 0), (1, 4), (INF, 4)], 0, 0),
    ("H-3: all zero, first bound below 0", [(-1, 0), (INF, 0)], 0.5, NAN),
    ("H-3: second bucket below 0", [(-2, 2), (-1, 4), (INF, 4)], 0.75, -1.5),
    ("H-3: q = 0 with a filled first bucket", SIMPLE, 0, 0.0),
    ("H-3: q = 0 with an empty first bucket", [(1, 0), (2, 4), (INF, 4)], 0, NAN),
    ("H-3: q = 0, first bound below 0, empty", [(-1, 0), (2, 4), (INF, 4)], 0, -1),
    ("H-3: a NaN count is skipped", [(1, NAN), (2, 4), (INF, 8)], 0.25, NAN),
    ("H-3: a NaN before the bucket is not used", [(1, NAN), (2, 4), (4, 8), (INF, 8)], 0.75, 3.0),
    ("H-3: what comes after a NaN may be less", [(1, 4), (2, NAN), (4, 2), (INF, 8)], 0.5, 1.0),
    ("H-3: a NaN total reaches nothing", [(1, 2), (2, 4), (INF, NAN)], 0.5, 2),
    ("H-3: an infinite total", [(1, 2), (INF, INF)], 0.5, 1),
    ("H-3: 0 times an infinite total", [(1, 2), (2, 3), (INF, INF)], 0, 2),
    ("H-3: division as in IEEE 754", [(1, -0.0), (2, NAN), (INF, -5)], 0.5, INF),
    ("H-3: a bound of -Inf is returned", [(-INF, 2), (INF, 4)], 0.5, -INF),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "q", "expected"),
    [row[1:] for row in QUANTILES],
    ids=[row[0] for row in QUANTILES],
)
def test_quantile_edges(
    pairs: list[tuple[float, float]], q: float, expected: float
) -> None:
    """Each step and edge of the quantile is Prometheus' (H-2, H-3)."""
    shuffled = random.Random(1).sample(pairs, len(pairs))

    assert same(of(*pairs).quantile(q), expected)
    assert same(model_quantile(q, pairs), expected)
    if len({le for le, _ in pairs}) == len(pairs):
        assert same(of(*shuffled).quantile(q), expected)


@given(dirty_pairs, any_q)
def test_the_quantile_is_the_models(pairs: list[tuple[float, float]], q: float) -> None:
    """The fast quantile equals H-2 written out step by step, on clean data and dirty."""
    assert same(of(*pairs).quantile(q), model_quantile(q, pairs))


@given(valid_histograms(filled=True), st.floats(0, 1), st.floats(0, 1))
def test_the_quantile_is_the_models_on_valid_histograms(
    h: Histogram, q: float, r: float
) -> None:
    """Asking twice and in any order changes nothing: the fix-up is kept (H-2 step 5)."""
    pairs = list(zip(h.bounds, h.cumulative, strict=True))

    for asked in (q, r, q):
        assert same(h.quantile(asked), model_quantile(asked, pairs))


@given(valid_histograms(filled=True), st.floats(0, 1), st.floats(0, 1))
def test_the_quantile_rises_with_q(h: Histogram, q: float, r: float) -> None:
    """A greater q never has a smaller quantile (H-2)."""
    lower, upper = h.quantile(min(q, r)), h.quantile(max(q, r))
    assume(not math.isnan(lower))
    rounding = 1e-9 * (1 + abs(lower))

    assert lower <= upper + rounding


def test_the_quantile_uses_the_coalesced_counts() -> None:
    """`le="1"` and `le="1.0"` double up, as they do in Prometheus (H-2 step 4)."""
    points = [
        point("x_bucket", 2, le="1"),
        point("x_bucket", 2, le="1.0"),
        point("x_bucket", 8, le="2"),
        point("x_bucket", 8, le="+Inf"),
    ]

    [h] = assemble(points, "x")

    assert h.buckets == (Bucket(1, 4), Bucket(2, 8), Bucket(INF, 8))
    assert h.problems == ('double bound le="1.0"',)
    assert h.quantile(0.25) == 0.5


# -- fractions ------------------------------------------------------------------------

FRACTIONS = [
    ("H-4: all", SIMPLE, -INF, INF, 1.0),
    ("H-4: from 0", SIMPLE, 0, INF, 1.0),
    ("H-4: lower = upper", SIMPLE, 1, 1, 0.0),
    ("H-4: lower above upper", SIMPLE, 2, 1, 0.0),
    ("H-4: lower NaN", SIMPLE, NAN, 1, NAN),
    ("H-4: upper NaN", SIMPLE, 1, NAN, NAN),
    ("H-4: no +Inf bucket", SIMPLE[:-1], 0, 1, NAN),
    ("H-4: no bucket", [], 0, 1, NAN),
    ("H-4: no observation", [(1, 0), (INF, 0)], 0, 1, NAN),
    ("H-4: no observation comes before lower >= upper", [(1, 0), (INF, 0)], 1, 0, NAN),
    ("H-4: on bounds", SIMPLE, 1, 4, 0.6),
    ("H-4: inside a bucket", SIMPLE, 2.5, 3, 0.1),
    ("H-4: the first bucket starts at 0", SIMPLE, 0.5, 1, 0.1),
    ("H-4: below 0 there is nothing", SIMPLE, -INF, 0, 0.0),
    ("H-4: within the +Inf bucket", SIMPLE, 5, 6, 0.0),
    ("H-4: from within the +Inf bucket", SIMPLE, 5, INF, 0.2),
    ("H-4: the -Inf-wide bucket counts whole", [(-1, 4), (1, 6), (INF, 8)], -INF, -5, 0.5),
    ("H-4: nothing is above it in that bucket", [(-1, 4), (1, 6), (INF, 8)], -5, -1, 0.0),
    ("H-4: a first bound of 0 is -Inf-wide too", [(0, 4), (1, 6), (INF, 8)], -5, 1, 0.25),
    ("H-4: the +Inf bucket is not divided by Inf", [(1, 2), (INF, INF)], 0.5, 5, 0.0),
    ("H-4: only a +Inf bucket", [(INF, 8)], 0, INF, 1.0),
    ("H-4: only a +Inf bucket is not divided", [(INF, 8)], 0, 5, 0.0),
    ("H-4: equal bounds add up", [(1, 2), (1, 2), (INF, 8)], 0, 1, 0.5),
    ("H-4: no monotonic fix", [(1, 4), (2, 2), (INF, 8)], 1, 2, -0.25),
    ("H-4: ranks are capped at the total", [(1, 9), (INF, 6)], 0, 1, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "lower", "upper", "expected"),
    [row[1:] for row in FRACTIONS],
    ids=[row[0] for row in FRACTIONS],
)
def test_fraction_edges(
    pairs: list[tuple[float, float]], lower: float, upper: float, expected: float
) -> None:
    """Each edge of the fraction is Prometheus' (H-4)."""
    expected_about = pytest.approx(expected, nan_ok=True)

    assert of(*pairs).fraction(lower, upper) == expected_about
    assert model_fraction(lower, upper, pairs) == expected_about


@given(dirty_pairs, any_q | some_bounds, any_q | some_bounds)
def test_the_fraction_is_the_models(
    pairs: list[tuple[float, float]], lower: float, upper: float
) -> None:
    """The fast fraction equals the walk over all buckets that H-4 describes."""
    found = of(*pairs).fraction(lower, upper)

    assert same(found, model_fraction(lower, upper, pairs))


@given(valid_histograms(filled=True))
def test_the_fraction_of_everything_is_one(h: Histogram) -> None:
    """All observations lie between -Inf and +Inf (H-4)."""
    assert h.fraction(-INF, INF) == 1


# -- exact counts ---------------------------------------------------------------------


def test_count_le_is_exact_on_a_bound() -> None:
    """`count_le` gives the cumulative count of the bucket with that number as bound."""
    h = of(*SIMPLE)

    assert [h.count_le(le) for le in (1, 2.0, 4, INF)] == [2, 4, 8, 10]


@pytest.mark.parametrize(
    ("bound", "nearest"),
    [
        (1.5, '"1.0", "2.0"'),
        (0.5, '"1.0"'),
        (9, '"4.0", "+Inf"'),
        (-INF, '"1.0"'),
        (NAN, '"1.0"'),
    ],
)
def test_count_le_refuses_what_it_would_have_to_guess(bound: float, nearest: str) -> None:
    """Between bounds there is no exact count: UsageError, with the nearest bounds."""
    with pytest.raises(UsageError, match="the nearest: ") as caught:
        of(*SIMPLE).count_le(bound)

    assert str(caught.value).endswith(f"the nearest: {nearest}")


def test_count_le_without_buckets_refuses() -> None:
    """Without buckets there is no exact count at all."""
    with pytest.raises(UsageError, match="nearest: none"):
        of().count_le(1)


def test_between_is_exact_on_bounds() -> None:
    """`between` counts above the lower bound, up to and with the upper."""
    h = of(*SIMPLE)

    assert h.between(1, 4) == 6
    assert h.between(-INF, 2) == 4
    assert h.between(4, INF) == 2
    assert h.between(2, 2) == 0


@pytest.mark.parametrize(("lower", "upper"), [(2, 1), (1.5, 2), (1, 3), (0, 1)])
def test_between_refuses_what_it_would_have_to_guess(lower: float, upper: float) -> None:
    """`between` takes bounds that there are, in order, and nothing else."""
    with pytest.raises(UsageError):
        of(*SIMPLE).between(lower, upper)


# -- differences and sums -------------------------------------------------------------


def test_a_difference_is_what_was_observed_in_between() -> None:
    """`later - earlier` subtracts counts and sums, with later's labels and time."""
    earlier = Histogram.build(Labels(a="1"), [(1, 2), (INF, 5)], sum=10, timestamp=1000)
    later = Histogram.build(Labels(a="2"), [(1, 4), (INF, 9)], sum=15, timestamp=3000)

    expected = Histogram.build(Labels(a="2"), [(1, 2), (INF, 4)], sum=5, timestamp=3000)

    assert later - earlier == expected
    assert later.since(earlier) == expected
    assert not later.reset_since(earlier)


def test_a_sum_keeps_the_labels_in_common() -> None:
    """`a + b` adds counts and sums; it has the labels of both and the later time."""
    one = Histogram.build(
        Labels(a="1", b="x", c="y"), [(1, 2), (INF, 5)], sum=10, timestamp=3000
    )
    other = Histogram.build(
        Labels(a="2", b="x"), [(1, 4), (INF, 9)], sum=15, timestamp=1000
    )

    both = Histogram.build(Labels(b="x"), [(1, 6), (INF, 14)], sum=25, timestamp=3000)

    assert one + other == both
    assert other + one == both


def test_the_builtin_sum_works() -> None:
    """`sum(histograms)` starts from 0 and ends in a histogram."""
    total = sum([of(*SIMPLE), of(*SIMPLE), of(*SIMPLE)])

    assert isinstance(total, Histogram)
    assert total.count == 30


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "since", "reset_since"])
def test_bounds_must_agree(operation: str) -> None:
    """Histograms of other buckets are not combined; the error names those that differ."""
    one, other = of((1, 2), (2, 3), (INF, 5)), of((1, 2), (5, 4), (INF, 5))

    with pytest.raises(UsageError) as caught:
        getattr(one, operation)(other)

    assert str(caught.value) == (
        'the bounds differ: only the left has le="2.0"; only the right has le="5.0"'
    )


@pytest.mark.parametrize(
    ("later", "what"),
    [
        (of((1, 1), (INF, 5)), 'the bucket le="1.0" fell from 2 to 1'),
        (of((1, 2), (INF, 4)), 'the bucket le="+Inf" fell from 5 to 4'),
        (of((1, 2), (INF, 5), count=4), "the count fell from 5 to 4"),
    ],
)
def test_a_reset_is_no_difference(later: Histogram, what: str) -> None:
    """After a counter reset `-` raises, and `since` gives all there is now."""
    earlier = of((1, 2), (INF, 5))

    with pytest.raises(UsageError, match="counter reset") as caught:
        later - earlier

    assert str(caught.value).startswith(what)
    assert later.reset_since(earlier)
    assert later.since(earlier) is later


def test_a_falling_sum_is_no_reset() -> None:
    """The sum may fall without a reset, since observations may be negative."""
    earlier, later = of((INF, 5), total=10), of((INF, 6), total=8)

    assert (later - earlier).sum == -2


def test_buckets_read_one_by_one_are_no_reset() -> None:
    """A bucket's own count may fall while the cumulative ones rise: told, not raised."""
    earlier, later = of((1, 5), (INF, 6)), of((1, 6), (INF, 6))

    gained = later - earlier

    assert gained.cumulative == (1, 0)
    assert 'not monotonic at le="+Inf": 0 after 1' in gained.problems


def test_what_the_points_told_stays_with_the_result() -> None:
    """What was noted at assembly is in the problems of a difference and a sum, once."""
    one = of((1, 1), (1, 1), (INF, 5))

    assert (one + one).problems == (one - one).problems == ('double bound le="1.0"',)


@pytest.mark.parametrize("other", [1, None, "x", 0.5])
def test_only_histograms_are_combined(other: object) -> None:
    """Anything but a histogram is a TypeError, as Python has it."""
    with pytest.raises(TypeError):
        of() + other  # type: ignore[operator]
    with pytest.raises(TypeError):
        other + of()  # type: ignore[operator]
    with pytest.raises(TypeError):
        of() - other  # type: ignore[operator]


@given(valid_pairs())
def test_a_difference_added_again_is_the_original(
    pair: tuple[Histogram, Histogram],
) -> None:
    """(earlier + gain) - earlier = gain, and (later - earlier) + earlier = later."""
    earlier, gain = pair

    later = earlier + gain

    assert later.valid
    assert later - earlier == gain
    assert (later - earlier) + earlier == later


# -- assembling -----------------------------------------------------------------------


def exposed(le_counts: dict[str, float], **labels: str) -> list[DataPoint]:
    points = [point("x_bucket", c, le=le, **labels) for le, c in le_counts.items()]
    last = list(le_counts.values())[-1]
    return [*points, point("x_sum", 2.5, **labels), point("x_count", last, **labels)]


def test_a_histogram_is_put_together() -> None:
    """`_bucket`, `_sum` and `_count` of equal labels but `le` are one histogram (H-1)."""
    [h] = assemble(exposed({"0.5": 1, "+Inf": 3}, job="a"), "x")

    assert h == Histogram.build(
        Labels(__name__="x", job="a"), [(0.5, 1), (INF, 3)], sum=2.5, timestamp=1000
    )
    assert h.valid


def test_histograms_are_grouped_and_sorted_by_labels() -> None:
    """Each label set is a histogram of its own, whatever order the points come in (H-1)."""
    label_sets: list[dict[str, str]] = [
        {},
        {"A": "upper"},
        {"job": "b"},
        {"job": "a"},
        {"job": "a", "zone": "le"},
        {"le_": "1"},
        {"job": "x_bucket"},
    ]
    points = [p for s in label_sets for p in exposed({"1": 1, "+Inf": 2}, **s)]
    random.Random(7).shuffle(points)

    found = [h.labels for h in assemble(points, "x")]

    assert found == sorted(Labels({**s, "__name__": "x"}) for s in label_sets)


def test_a_label_may_sort_before_the_name() -> None:
    """Its histogram is of the labels that its points have, in their order."""
    for labels in {"A": "z"}, {"A": "y", "B": "z", "job": "a"}:
        [h] = assemble(exposed({"0.5": 1, "+Inf": 3}, **labels), "x")

        assert h.labels.flat == Labels(labels, __name__="x").flat


def test_points_of_other_metrics_are_left_out() -> None:
    """Only the metric's own series are taken; a name that starts alike is another."""
    strangers = [
        point("x", 1),
        point("xx_bucket", 1, le="1"),
        point("x_bucket_total", 1, le="1"),
        point("x_created", 1),
        DataPoint(Labels(le="1"), 1000, 1.0),
    ]

    assert assemble(strangers, "x") == []
    assert len(assemble([*strangers, *exposed({"+Inf": 1})], "x")) == 1


def test_a_gauge_histogram_is_put_together() -> None:
    """`_gcount` and `_gsum` are the count and sum of a gauge histogram."""
    points = [
        point("x_bucket", 3, le="+Inf"),
        point("x_gcount", 3),
        point("x_gsum", 7.5),
    ]

    [h] = assemble(points, "x")

    assert (h.count, h.sum, h.valid) == (3, 7.5, True)


ODD = [
    (point("x_bucket", 9, le="abc"), 'le="abc" is no number'),
    (point("x_bucket", 9, le="1_0"), 'le="1_0" is no number'),
    (point("x_bucket", 9), "a bucket without le"),
    (point("x_bucket", 9, le="NaN"), 'le="NaN" is no bound'),
    (point("x_bucket", 0, le="1e0"), 'double bound le="1.0"'),
    (point("x_count", 9), "a second count, 9, not taken"),
    (point("x_sum", 9), "a second sum, 9, not taken"),
    (point("x_bucket", 1, 999, le="0.5"), "parts of different moments: 999 to 1000"),
]


@pytest.mark.parametrize(("odd", "problem"), ODD, ids=[row[1] for row in ODD])
def test_what_does_not_fit_is_noted(odd: DataPoint, problem: str) -> None:
    """A point that has no place is noted with its histogram, and the rest stands (H-1)."""
    [h] = assemble([*exposed({"1": 1, "+Inf": 3}), odd], "x")

    assert h.problems == (problem,)
    assert h.count_le(1) == 1
    assert (h.count, h.sum, h.timestamp) == (3, 2.5, 1000)


def test_a_histogram_without_any_readable_bucket_is_still_told() -> None:
    """Points without a bucket make a histogram whose problems say so (H-1)."""
    [h] = assemble([point("x_count", 3), point("x_sum", 6)], "x")

    assert h.problems == ("no buckets",)
    assert h.mean == 2
    assert math.isnan(h.quantile(0.5))


LE = [
    ("+Inf", INF), ("Inf", INF), ("inf", INF), ("-inf", -INF), ("Infinity", INF),
    ("1e-08", 1e-08), ("9.999999999999999e-06", 9.999999999999999e-06),
    ("1", 1.0), ("1.", 1.0), (".5", 0.5), ("+2", 2.0), ("-2.5E+1", -25.0), ("007", 7.0),
    ("1e-999", 0.0), ("nan", NAN), ("NaN", NAN),
    ("1e400", None), ("-1e400", None), ("+NaN", None), ("-nan", None), ("1_0", None),
    (" 1", None), ("1 ", None), ("1\n", None), ("١", None), ("", None), (".", None),
    ("+", None), ("e5", None), ("1e", None), ("0x10", None), ("0x1p-2", None),
    ("infi", None), ("ınf", None), ("1,5", None), ("--1", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "number"), LE)
def test_le_is_read_as_go_reads_it(text: str, number: float | None) -> None:
    """`le` is a number in Go's syntax or none at all (F-1)."""
    found = parse_bound(text)

    assert (found is None) == (number is None)
    assert found is None or number is None or same(found, number)


@given(st.floats())
@example(5.960464477539063e-08)  # half-way between two texts of 16 digits
@example(999999.9999999999)
@example(-1e6)
@example(1e16)
def test_le_is_written_as_prometheus_writes_it(le: float) -> None:
    """`le` is written in the digits and exponents of Prometheus 3, and read back (F-3)."""
    text = format_bound(le)
    read = parse_bound(text)

    # client_python never writes a negative number with an exponent, as Go does, and before
    # 0.26 it wrote three digits of an exponent from 10 on.
    sign = "-" if math.copysign(1, le) < 0 and not math.isnan(le) else ""
    theirs = re.sub(r"e\+0(\d\d)$", r"e+\1", floatToGoString(abs(le)))
    assert text.removeprefix("+") == sign + theirs.removeprefix("+")
    assert read is not None
    assert same(read, le)


@given(valid_histograms(), st.randoms(use_true_random=False))
def test_what_is_taken_apart_is_put_together(h: Histogram, rng: random.Random) -> None:
    """A histogram written as points, shuffled, assembles to itself (H-1)."""
    points = [point("x_bucket", b.count, le=format_bound(b.le), a="b") for b in h.buckets]
    points += [point("x_sum", h.sum, a="b"), point("x_count", h.count, a="b")]
    rng.shuffle(points)

    [again] = assemble(points, "x")

    assert again.as_dict() == {**h.as_dict(), "timestamp": 1000}


def test_parts_of_different_moments_are_told_of_whenever_they_come():
    """Of a scrape whose timestamps differ it is said, in the first scrape of a layout as in
    the next; of one whose timestamps agree nothing is."""

    def body(*times: str) -> str:
        names = 'h_bucket{le="1"}', 'h_bucket{le="+Inf"}', "h_sum", "h_count"
        lines = (f"{each} 1 {time}\n" for each, time in zip(names, times, strict=True))
        return "# TYPE h histogram\n" + "".join(lines)

    store = Store()
    said = []
    for times in ("", "", "", ""), ("15", "15", "15", "15"), ("16", "17", "17", "17"):
        store.ingest(body(*times), timestamp=10 + len(said))
        said.append(store.histogram("h").problems)

    assert said == [(), (), ("parts of different moments: 16 to 17",)]
