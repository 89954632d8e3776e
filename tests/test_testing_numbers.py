"""Numbers are compared as a person means it, and increases tell their story."""

from __future__ import annotations

import copy
import math
import pickle
import unittest

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge

from promlatest.exceptions import UsageError
from promlatest.testing import Increase, Mark, NotReachedError, OvershootError, ScrapeTarget
from promlatest.testing._numbers import goal_of, same


def counting(amounts: list[float], kind=Counter) -> tuple[ScrapeTarget, Mark]:
    """A program that counts one amount more before each scrape."""
    registry = CollectorRegistry()
    metric = kind("spent", "", registry=registry)
    target = ScrapeTarget(registry)
    mark = target.mark()
    for amount in amounts:
        metric.inc(amount)
    return target, mark


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (0.1 + 0.2, 0.3, True),
        (sum([0.1] * 10), 1.0, True),
        (1e15, 1e15 + 1, False),
        (10_000_000_000.0, 10_000_000_001.0, False),
        (0.3, 0.3001, False),
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (math.inf, 1.0, False),
        (0.0, 1e-300, False),
    ],
)
def test_same(one, other, equal):
    """Rounding makes no difference, whole numbers are exact, NaN is NaN."""
    assert same(one, other) is equal
    assert same(other, one) is equal


@given(st.lists(st.sampled_from([0.1, 0.25, 1 / 3, 2.5]), min_size=1, max_size=50))
def test_an_increase_of_floats_is_met(amounts):
    """Whatever is counted in floats, its exact sum is what it increased by."""
    _, mark = counting(amounts)

    mark.expect("spent_total").to_increase_by(math.fsum(amounts), within=0)
    assert mark.increase("spent_total") == math.fsum(amounts)


def test_ten_tenths_are_one():
    """Ten times 0.1 is 1 for a wait for a value, too."""
    target, _ = counting([0.1] * 10)

    assert target.expect("spent_total").to_equal(1, already_ok=True, within=0)
    assert target.expect("spent_total").to_reach(1, already_ok=True, within=0)


def test_three_tenths_do_not_go_past():
    """0.30000000000000004 has not gone past 0.3, and 0.31 has."""
    _, mark = counting([0.1] * 3)
    mark.expect("spent_total").to_increase_by(0.3, within=0)

    _, mark = counting([0.31])
    with pytest.raises(OvershootError):
        mark.expect("spent_total").to_increase_by(0.3, within=0)


def test_a_tolerance_of_the_callers_own():
    """`tolerance` says what is close enough, and 0 that nothing but equal is."""
    _, mark = counting([0.1] * 3)
    mark.expect("spent_total").to_increase_by(0.29, tolerance=0.1, within=0)

    with pytest.raises(OvershootError):
        mark.expect("spent_total").to_increase_by(0.3, tolerance=0, within=0)


def test_approx_of_pytest_is_taken():
    """`pytest.approx` says itself what it takes for equal."""
    _, mark = counting([0.31])

    mark.expect("spent_total").to_increase_by(pytest.approx(0.3, abs=0.02), within=0)
    with pytest.raises(OvershootError, match=r"increase by 0\.3 ± 0\.001"):
        mark.expect("spent_total").to_increase_by(pytest.approx(0.3, abs=1e-3), within=0)
    assert mark.increase("spent_total") == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    ("wanted", "tolerance"),
    [
        ("5", None),
        (None, None),
        (1, -1),
        (1, 1),
        (1, math.nan),
        (1, "0.1"),
        (pytest.approx(1), 0.1),
    ],
    ids=["text", "none", "below", "all", "nan", "no number", "twice"],
)
def test_goals_that_make_no_sense(wanted, tolerance):
    """A goal is a number with one tolerance."""
    with pytest.raises(UsageError):
        goal_of(wanted, tolerance)


@pytest.mark.parametrize(
    "wait",
    [
        lambda e: e.to_reach(5, within=0.02),
        lambda e: e.to_fall_to(0, within=0.02),
        lambda e: e.to_increase(at_least=1, within=0.02),
        lambda e: e.to_increase(within=0.02),
    ],
    ids=["reach", "fall to", "at least", "increase"],
)
def test_nan_is_neither_above_nor_below(wait):
    """A value that became NaN has reached nothing."""
    bodies = iter(["depth 3", *["depth NaN"] * 99])

    with pytest.raises(NotReachedError):
        wait(ScrapeTarget(lambda: next(bodies)).expect("depth"))


def test_a_gauge_that_became_infinite_has_an_increase():
    """It is infinite, however many scrapes have seen it, and is known where it ends."""
    bodies = iter(["depth 3", *["depth +Inf"] * 3, "depth 5"])
    mark = ScrapeTarget(lambda: next(bodies)).mark()

    outcome = mark.expect("depth").to_equal(5)

    assert outcome.gain == 2


def test_a_gauge_that_was_not_there_counts_from_0_where_that_is_said():
    """At its first scrape and at those after it."""
    bodies = iter(["up 1", "up 1\ndepth 5", "up 1\ndepth 5", "up 1\ndepth 8"])
    mark = ScrapeTarget(lambda: next(bodies)).mark()

    outcome = mark.expect("depth").to_increase_by(8, within=5, missing=0)

    assert outcome.gain == 8


def test_nothing_is_above_nan():
    """NaN can be met, and neither reached nor fallen to."""
    target = ScrapeTarget(lambda: b"x NaN\n")

    target.expect("x").to_equal(math.nan, already_ok=True)
    with pytest.raises(UsageError, match="NaN"):
        target.expect("x").to_reach(math.nan)


def test_a_gauge_decreases():
    """`to_decrease_by` is exact, and sees what went past."""
    _, mark = counting([-2.5], Gauge)

    mark.expect("spent").to_decrease_by(2.5, within=0)
    with pytest.raises(OvershootError, match=r"has decreased by 2\.5"):
        mark.expect("spent").to_decrease_by(2, within=0)


# An increase


def test_an_increase_is_a_number():
    """It compares, adds and formats as a number does."""
    increase = Increase(2.0, 5.0, 7.0, 1)

    assert increase == 2
    assert increase != 3
    assert 1 < increase <= 2
    assert 3 > increase >= 2
    assert increase + 1 == 3
    assert f"{increase:.1f} {increase}" == "2.0 2.0"


def test_an_increase_tells_its_story():
    """Its repr says from where to where, in how many series, and with how many resets."""
    assert repr(Increase(2.0, 5.0, 7.0, 1)) == "2 (5 -> 7, in 1 series)"
    assert repr(Increase(7.0, None, 7.0, 2)) == "7 (missing -> 7, in 2 series)"
    assert repr(Increase(3.0, 5.0, 3.0, 1, 1)) == "3 (5 -> 3, in 1 series, 1 reset)"


def test_an_increase_orders_as_it_equals():
    """What equals but for rounding is neither above nor below."""
    increase = Increase(0.1 + 0.2, 0.0, 0.1 + 0.2, 1)

    assert increase <= 0.3
    assert not increase > 0.3
    assert not increase < 0.3
    assert increase >= 0.3


def test_an_increase_travels():
    """It can be copied and pickled, and keeps its story."""
    increase = Increase(2.0, 5.0, 7.0, 1)

    for other in (copy.copy(increase), pickle.loads(pickle.dumps(increase))):
        assert repr(other) == repr(increase)
    with pytest.raises(TypeError):
        hash(increase)


def test_unittest_shows_the_story():
    """A failure of assertEqual has the values before and after."""
    _, mark = counting([1, 1])

    with pytest.raises(AssertionError) as caught:
        unittest.TestCase().assertEqual(mark.increase("spent_total"), 1)  # noqa: PT009

    assert "2 (0 -> 2, in 1 series) != 1" in str(caught.value)


def test_a_plain_assert_shows_the_story():
    """pytest's own words have the values before and after, and no address."""
    _, mark = counting([1, 1])

    with pytest.raises(AssertionError) as caught:
        assert mark.increase("spent_total") == 1

    assert "assert 2 (0 -> 2, in 1 series) == 1" in str(caught.value)
    assert "0x" not in str(caught.value)
