"""A mapping that keeps what was put into it last, within a bound on its weight."""

from __future__ import annotations

import copy

from promlatest._storage.cache import Cache


def test_up_to_its_bound_everything_is_kept() -> None:
    """The bound itself is allowed."""
    cache: Cache[int, str] = Cache(10)
    for number in range(10):
        cache.keep(number, "x")

    assert list(cache) == list(range(10))


def test_past_its_bound_the_oldest_go() -> None:
    """One more than fits takes the older half away, and one."""
    cache: Cache[int, str] = Cache(10)
    for number in range(11):
        cache.keep(number, "x")

    assert list(cache) == [6, 7, 8, 9, 10]


def test_what_weighs_more_than_half_is_not_kept() -> None:
    """It would drive out all else; what weighs half of the bound is kept."""
    cache: Cache[str, int] = Cache(10)
    cache.keep("half", 1, weight=5)
    cache.keep("more", 1, weight=6)

    assert list(cache) == ["half"]


def test_weights_stay_within_the_bound() -> None:
    """However long it is put into."""
    cache: Cache[int, int] = Cache(100)
    for number in range(1_000):
        cache.keep(number, 7, weight=7)

        assert sum(cache.values()) <= 100

    assert sum(cache.values()) > 25


def test_a_copy_is_empty_and_has_the_bound() -> None:
    """What is kept can be found anew."""
    cache: Cache[int, str] = Cache(2)
    cache.keep(1, "x")

    again = copy.copy(cache)
    for number in range(5):
        again.keep(number, "x")

    assert list(cache) == [1]
    assert len(again) <= 2
