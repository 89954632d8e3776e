"""Charts with axes: lines of values, and heat maps of histograms."""

from __future__ import annotations

import pytest
from fuzz import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promlatest import Labels
from promlatest._histogram import Histogram
from promlatest.views.cells import text_of, width_of
from promlatest.views.charts import chart_lines, heat_lines
from promlatest.views.units import count


def drawn(values, ages, width=20, height=6) -> list[str]:
    return [text_of(each) for each in chart_lines(values, ages, width, height, count)]


def test_a_rising_line_has_both_axes():
    """From zero at the bottom to the most at the top, the oldest at the left."""
    assert drawn([0, 1, 2, 4], [3, 2, 1, 0]) == [
        "4 ┤              ⢀⠔⠊",
        "  ┤           ⢀⡠⠊⠁",
        "2 ┤     ⣀⡠⠤⠔⠒⠊⠁",
        "0 ┤⣀⠤⠔⠊⠉",
        "  └─────────────────",
        "   -3 s          now",
    ]


def test_what_is_steady_is_level():
    """A steady value is a straight line at the top, and not a mountain range."""
    top, *rest = drawn([20, 20, 20], [2, 1, 0])

    assert top.startswith("20 ┤⠉⠉⠉")
    assert all(not set(row) & set("⠉⠒⠤⣀") for row in rest)


def test_a_gap_stays_one():
    """Where nothing is known nothing is drawn, and no line goes over it."""
    whole = drawn([1, 1, 1, 1, 1], [4, 3, 2, 1, 0], width=40)[0]
    gap = drawn([1, 1, None, 1, 1], [4, 3, 2, 1, 0], width=40)[0]

    assert " " not in whole.partition("┤")[2]
    assert "   " in gap.partition("┤")[2]


def test_nothing_known_is_said():
    """In a word, and no axes."""
    assert drawn([None, None], [1, 0]) == ["nothing is known yet"]
    assert drawn([], []) == ["nothing is known yet"]


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.floats() | st.none(), max_size=30), st.integers(24, 120), st.integers(4, 40)
)
@example([None, -5e-324, 0.0], 24, 4)
def test_no_chart_spills(values, width, height):
    """Whatever the values are, the width and the height hold."""
    lines = chart_lines(values, list(range(len(values)))[::-1], width, height, count)

    assert len(lines) <= height
    assert all(width_of(each) <= width for each in lines)


def histogram(*counts: float):
    bounds = (0.1, 1.0, float("inf"))
    return Histogram.build(
        Labels(__name__="x_seconds"), list(zip(bounds, counts, strict=True)), sum=1
    )


def test_a_heat_map_is_darker_where_more_came():
    """A row for each bucket that got any, the largest on top; a column for each scrape."""
    held = [
        histogram(0, 0, 0),
        histogram(4, 4, 4),
        histogram(4, 5, 5),
        histogram(8, 11, 11),
    ]

    assert [text_of(each) for each in heat_lines(held, [3, 2, 1, 0], 30)] == [
        "   1 s ┤ ░▒",
        "100 ms ┤█ █",
        "       └────────────",
        "        -3 s     now",
        "        █ 4 between two scrapes",
    ]


def test_a_heat_map_knows_gaps_and_resets():
    """A scrape without the histogram is blank, and after a reset all is new."""
    held = [histogram(9, 9, 9), None, histogram(9, 9, 9), histogram(2, 2, 2)]

    assert text_of(heat_lines(held, [3, 2, 1, 0], 30)[0]) == "100 ms ┤  █"


@pytest.mark.parametrize(
    "held", [[], [None], [histogram(1, 1, 1)], [histogram(1, 1, 1)] * 3]
)
def test_a_heat_map_of_nothing_says_so(held):
    """Nothing observed, or only one scrape."""
    (only,) = heat_lines(held, [0.0] * len(held), 30)

    assert text_of(only) == "nothing observed in this time"
