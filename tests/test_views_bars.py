"""Histograms as bars."""

from __future__ import annotations

import math

import pytest
from fuzz import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promlatest._histogram import Histogram
from promlatest._matching.labels import Labels
from promlatest.views import histogram_page
from promlatest.views.bars import BarRow, bar_lines, bar_rows, quantile_text
from promlatest.views.cells import text_of, width_of

INF, NAN = math.inf, math.nan


def of(*pairs: tuple[float, float], name: str = "x_seconds", **more: float) -> Histogram:
    return Histogram.build(Labels(__name__=name), pairs, **more)


LATENCY = of(
    (1e-06, 0), (9.999999999999999e-06, 0), (0.001, 4), (0.25, 8), (2.5, 9), (60, 9),
    (INF, 10), sum=70,
)  # fmt: skip

PICTURES = [
    (
        "the whole",
        LATENCY,
        """
 10 µs  2 buckets up to here are empty
  1 ms  4     40%  █████████████████
250 ms  4     40%  █████████████████ p50
 2.5 s  1     10%  ████▎ p90
 1 min  0      0%
  +Inf  1     10%  ████▎ p99
count 10   sum 1.17 min   mean 7 s
p50 63.2 ms   p90 2.5 s   p99 ≥1 min
""",
    ),
    (
        "no +Inf bucket, and a count that knows more",
        of((1024, 3), (2048, 2), name="x_bytes", count=9, sum=4096),
        """
1 KiB   3   33.3%  ██████████▌
2 KiB  -1      0%
above   6   66.7%  █████████████████████
count 9   sum 4 KiB   mean 455 B   p50 –
p90 –   p99 –
problem: no +Inf bucket
problem: not monotonic at le="2048.0": 2
after 3
""",
    ),
    (
        "negative bounds and huge counts",
        of((-5, 1), (-1, 1e15), (0, 2e15), (INF, 2e15), name="x", sum=-1e15),
        """
  -5   1   <0.1%  ▏
  -1  1P     50%  ███████████████ p50
   0  1P     50%  ███████████████ p90·99
+Inf  empty
count 2P   sum -1P   mean -0.5   p50 -1
p90 -0.2   p99 -0.02
""",
    ),
    (
        "a single bucket",
        of((INF, 7), sum=3),
        """
+Inf  7    100%  ███████████████████████
count 7   sum 3 s   mean 429 ms   p50 –
p90 –   p99 –
""",
    ),
    (
        "nothing observed",
        of((1, 0), (INF, 0), sum=0),
        """
nothing observed yet in 2 buckets
count 0   sum 0 s
""",
    ),
    (
        "no buckets",
        of(),
        """
nothing observed yet in 0 buckets
count –   sum –
problem: no buckets
""",
    ),
]


@pytest.mark.parametrize(("histogram", "picture"), [case[1:] for case in PICTURES])
def test_a_histogram_at_forty_columns(histogram, picture):
    """Bounds in readable units, folded ends, quantiles at their rows, faults in words."""
    assert "\n".join(map(text_of, bar_lines(histogram, 40))) == picture.strip("\n")


def test_bars_grow_with_the_terminal():
    """The longest bar reaches the right edge, less what is marked there."""
    longest = [max(map(width_of, bar_lines(LATENCY, width)[:6])) for width in (40, 80, 200)]

    assert longest == [40, 80, 200]


def test_a_terminal_without_blocks_has_bars_too():
    """ASCII only means ASCII only, and what holds something has a bar."""
    found = of((1, 1000), (2, 1001), (INF, 1001))
    page = histogram_page([found], width=40, ascii_only=True)

    assert page.isascii()
    assert page.split("\n")[2].endswith("#")


def test_bars_are_told_from_figures():
    """A bar and the quantiles behind it have tones of their own."""
    (row,) = (each for each in bar_lines(LATENCY, 60) if "+Inf" in text_of(each))
    made = {cell.tone: cell.text for cell in row}

    assert set(made["bar"]) <= set("█▏▎▍▌▋▊▉")
    assert made["mark"] == "p99"


def test_the_infinite_bucket_is_shown_when_it_holds_something():
    """The origin of this project never drew it."""
    assert bar_rows(LATENCY)[-1] == BarRow("+Inf", 1, 0.1, 0.25, (0.99,))
    assert bar_rows(of((1, 3), (INF, 3)))[-1].folded == 1


def test_rows_hold_all_that_was_observed():
    """Folding loses no observation, and shares add up to all."""
    rows = bar_rows(LATENCY)

    assert sum(row.count for row in rows) == LATENCY.count
    assert sum(row.share for row in rows) == pytest.approx(1)


def test_a_quantile_beyond_all_bounds_is_a_lower_limit():
    """Prometheus names the highest finite bound then; a person is told it is more."""
    assert quantile_text(LATENCY, 0.9, "seconds") == "2.5 s"
    assert quantile_text(LATENCY, 0.99, "seconds") == "≥1 min"


NUMBERS = st.floats() | st.sampled_from([0, 1, 5, 7, 1e18])
HISTOGRAMS = st.builds(
    lambda pairs, count, total, name: Histogram.build(
        Labels(__name__=name), pairs, count=count, sum=total, noted=["bad \x1b[2J 容器" * 5]
    ),
    st.lists(st.tuples(st.floats() | st.just(INF), NUMBERS), max_size=12),
    st.none() | NUMBERS,
    NUMBERS,
    st.sampled_from(["x", "x_seconds", "x_bytes"]),
)


@settings(max_examples=examples(300))
@given(HISTOGRAMS, st.integers(40, 200))
@example(of((1, NAN), (INF, INF)), 40)
@example(of((1, 1.7e308), (2, -1.7e308), (INF, 1.7e308)), 40)
def test_no_line_is_wider_than_the_terminal(histogram, width):
    """Whatever an endpoint exposes, the bars keep to the width and to harmless text."""
    for line in bar_lines(histogram, width):
        assert width_of(line) <= width
        assert text_of(line).isprintable()
