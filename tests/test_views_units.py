"""Numbers that a person reads."""

from __future__ import annotations

import math
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promlatest.views import units
from promlatest.views.text import cells

INF, NAN = math.inf, math.nan

DURATIONS = [
    (0, "0 s"),
    (1e-12, "0.001 ns"),
    (5e-10, "0.5 ns"),
    (1e-08, "10 ns"),
    (9.999999999999999e-06, "10 µs"),
    (0.001, "1 ms"),
    (0.25, "250 ms"),
    (0.0825, "82.5 ms"),
    (0.9994, "999 ms"),
    (0.9996, "1 s"),
    (1, "1 s"),
    (2.5, "2.5 s"),
    (1.25, "1.25 s"),
    (59.9, "59.9 s"),
    (59.96, "1 min"),
    (59.98, "1 min"),
    (60, "1 min"),
    (180, "3 min"),
    (1000, "16.7 min"),
    (3600, "1 h"),
    (86_400, "1 d"),
    (31_536_000, "1 y"),
    (1e300, "1e+300 s"),
    (-0.25, "-250 ms"),
]
SIZES = [
    (0, "0 B"),
    (0.5, "0.5 B"),
    (512, "512 B"),
    (1000, "1000 B"),
    (1023, "1023 B"),
    (1024, "1 KiB"),
    (1_048_575, "1 MiB"),
    (47_395_635, "45.2 MiB"),
    (64_512_000, "61.5 MiB"),
    (2.0**64, "16 EiB"),
    (1e300, "1e+300 B"),
]
COUNTS = [
    (0, "0"),
    (0.5, "0.5"),
    (9999, "9999"),
    (9999.6, "10k"),
    (12_345, "12.3k"),
    (999_600, "1M"),
    (1_048_576, "1.05M"),
    (5e18, "5E"),
    (1e300, "1e+300"),
    (-3, "-3"),
]
RATES = [
    (0, "0/s"),
    (0.001, "<0.01/s"),
    (0.05, "0.05/s"),
    (0.5, "0.5/s"),
    (4.2, "4.2/s"),
    (123.456, "123/s"),
    (12_345, "12.3k/s"),
]
PERCENTS = [
    (0, "0%"),
    (0.0001, "<0.1%"),
    (0.005, "0.5%"),
    (0.123, "12.3%"),
    (0.99999, ">99.9%"),
    (1, "100%"),
    (3.5, "350%"),
]
PLAIN = [
    (0, "0"),
    (-5, "-5"),
    (0.005, "0.005"),
    (1_048_576, "1048576"),
    (1e7, "10M"),
    (-12_345_678, "-12.35M"),
    (1.23456, "1.235"),
]
TABLES = {
    units.duration: DURATIONS,
    units.size: SIZES,
    units.count: COUNTS,
    units.rate: RATES,
    units.percent: PERCENTS,
    units.plain: PLAIN,
}
# The widest text of each, a minus sign included.
WIDEST = {"duration": 11, "size": 10, "count": 8, "rate": 10, "percent": 8, "plain": 11}

CASES = [(form, value, text) for form, table in TABLES.items() for value, text in table]


@pytest.mark.parametrize(("form", "value", "text"), CASES)
def test_reads_as_a_person_writes_it(form, value, text):
    """A number has the unit and the digits that a person would give it."""
    assert form(value) == text


@pytest.mark.parametrize("form", TABLES)
def test_what_is_no_number_is_said_alike(form):
    """None and NaN are unknown, and infinities keep their names."""
    assert [form(v) for v in (None, NAN, INF, -INF)] == ["–", "–", "+Inf", "-Inf"]


@given(st.floats())
def test_no_number_is_wider_than_promised(value):
    """Whatever comes, a column of it does not grow beyond what it was made for."""
    for form in TABLES:
        assert cells(form(value)) <= WIDEST[form.__name__], form.__name__


@given(st.floats(1e-9, 1e9))
def test_a_duration_says_what_it_stands_for(seconds):
    """Three digits are right to half a percent, whatever the unit."""
    number, unit = units.duration(seconds).split()
    step = {
        "ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400,
        "y": 31_536_000,
    }[unit]  # fmt: skip

    assert float(number) * step == pytest.approx(seconds, rel=0.0051)


UNITS = [
    ("workqueue_queue_duration_seconds", "", "seconds"),
    ("process_cpu_seconds_total", "", "seconds"),
    ("go_memstats_alloc_bytes", "", "bytes"),
    ("latency", "seconds", "seconds"),
    ("latency_seconds", "furlongs", ""),
    ("seconds", "", ""),
    ("up", "", ""),
]


@pytest.mark.parametrize(("metric", "unit", "expected"), UNITS)
def test_the_unit_is_that_of_the_metadata_or_else_of_the_name(metric, unit, expected):
    """What the endpoint says comes first, then the suffix."""
    assert units.unit_of(metric, unit) == expected


def test_different_bounds_are_never_shown_alike():
    """Bounds that three digits cannot tell apart get more of them."""
    assert units.distinct([1.0, 1.0001], "seconds") == ["1 s", "1.0001 s"]


def test_seconds_since_1970_are_a_moment():
    """A timestamp is no 57 years: it is a day, and today a time of day."""
    now = datetime.now()
    today, then = now.replace(hour=0, minute=0, second=0), datetime(2017, 7, 14, 2, 40)

    assert units.duration(today.timestamp()) == "00:00:00"
    assert units.duration(then.timestamp()) == "2017-07-14"
    assert units.duration(now.timestamp() * 2).endswith(" y")
