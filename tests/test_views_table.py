"""Text in cells, and tables that never spill."""

from __future__ import annotations

import pytest
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from promlatest.views.table import Column, beside, grid_lines, table_lines
from promlatest.views.text import cells, fold, harmless, pad, shorten, to_ascii

WIDTHS = st.integers(40, 200)
# Wide, combining, widening and control characters among plain ones.
TEXT = st.text(
    st.sampled_from("ab9 \x1b\n\t容器é\u0301❤\ufe0f\u202e\u200d…–") | st.characters()
)

CELLS = [
    ("", 0),
    ("pods", 4),
    ("容器", 4),
    ("ｗｉｄｅ", 8),
    ("e\u0301", 1),
    ("❤\ufe0f", 2),
    ("█▏", 2),
]


@pytest.mark.parametrize(("text", "width"), CELLS)
def test_cells_are_those_of_a_terminal(text, width):
    """East Asian characters take two cells, and marks above letters none."""
    assert cells(text) == width


HOSTILE = [
    ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
    ("a\nb\tc\r", r"a\nb\tc\r"),
    ("\x00\x7f\x9b2J", r"\x00\x7f\x9b2J"),
    ("\u202egpj.exe", r"\u202egpj.exe"),
    ("\ud800", r"\ud800"),
    ("pods-容器", "pods-容器"),
]


@pytest.mark.parametrize(("value", "shown"), HOSTILE)
def test_a_label_value_gives_the_terminal_no_orders(value, shown):
    """Escape sequences, control characters and turned writing are shown, not obeyed."""
    assert harmless(value) == shown


SHORTENED = [
    ("certificates", 12, "certificates"),
    ("certificates", 11, "certi…cates"),
    ("certificates", 2, "c…"),
    ("certificates", 1, "…"),
    ("certificates", 0, ""),
    ("容器容器", 5, "容…器"),
    ("容器容器", 4, "容…"),
]


@pytest.mark.parametrize(("text", "width", "expected"), SHORTENED)
def test_a_long_text_loses_its_middle(text, width, expected):
    """Names differ at their ends, so the middle goes first; half a character never stays."""
    assert shorten(text, width) == expected


@given(TEXT.map(harmless), st.integers(0, 50), st.booleans())
def test_texts_are_as_wide_as_asked_for(text, width, prose):
    """Shortened is never wider than asked, padded never narrower, ASCII neither."""
    short = shorten(text, width, prose)

    assert cells(short) <= width
    assert cells(pad(short, width)) == width
    assert cells(to_ascii(short)) == cells(short)
    assert to_ascii(short).isascii()


@given(st.lists(TEXT.map(harmless)), WIDTHS)
def test_folded_lines_fit_and_leave_nothing_out(items, width):
    """Each item is somewhere, shortened only if it fits on no line."""
    lines = [*fold(items, width, "  ")]

    assert all(cells(line) <= width for line in lines)
    kept = "".join("".join(lines).split())
    assert kept == "".join("".join(shorten(item, width) for item in items).split())


NAMES = Column("name", "left", least=8)
WIDE = (
    NAMES,
    Column("busy"),
    Column("p50", group="wait"),
    Column("p99", group="wait"),
    Column("note", "left", optional=True),
)
ROWS = [("pods", "1/4", "250 ms", "2.5 s", "fine"), ("容器", "0/1", "10 µs", "–", "")]
BLOCKS = [
    (
        40,
        """
            ─── wait ────
name  busy     p50    p99  note
pods   1/4  250 ms  2.5 s  fine
容器   0/1   10 µs      –
""",
    ),
    (
        26,
        """
            ─── wait ────
name  busy     p50    p99
pods   1/4  250 ms  2.5 s
容器   0/1   10 µs      –
""",
    ),
    (
        20,
        """
name  busy
pods   1/4
容器   0/1

      ─── wait ────
name     p50    p99
pods  250 ms  2.5 s
容器   10 µs      –
""",
    ),
]


@pytest.mark.parametrize(("width", "expected"), BLOCKS)
def test_a_table_sheds_options_then_goes_on_below(width, expected):
    """What is optional goes first, then columns move to a block of their own, by groups."""
    assert "\n".join(table_lines(WIDE, ROWS, width)) == expected.strip("\n")


def test_columns_without_content_take_no_place():
    """An empty column is left out, and so is a table without rows."""
    columns = (NAMES, Column("unit"), Column("n"))

    assert table_lines(columns, [("a", "", "1")], 40) == ["name  n", "a     1"]
    assert table_lines(columns, [], 40) == []


def test_fewer_blocks_come_before_longer_names():
    """The first column is shortened rather than another block begun."""
    name = "a-very-long-name-of-a-controller-in-some-namespace"

    assert table_lines((NAMES, Column("n")), [(name, "12")], 24) == [
        "name                   n",
        "a-very-lon…namespace  12",
    ]


COLUMNS = st.lists(
    st.builds(
        Column,
        TEXT,
        st.sampled_from(["left", "right"]),
        group=st.sampled_from(["", "one", "two 容器"]),
        least=st.sampled_from([0, 0, 6, 20]),
        optional=st.booleans(),
        prose=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=examples(200))
@given(st.data(), COLUMNS, WIDTHS)
def test_no_line_of_a_table_is_wider_than_the_terminal(data, columns, width):
    """Whatever is in the cells, the width holds and nothing unprintable is shown."""
    row = st.tuples(*[TEXT] * len(columns))
    rows = data.draw(st.lists(row, max_size=3))

    for line in table_lines(columns, rows, width):
        assert cells(line) <= width
        assert line.isprintable()


@given(st.dictionaries(TEXT, TEXT, max_size=8), WIDTHS)
def test_no_line_of_a_grid_is_wider_than_the_terminal(pairs, width):
    """Pairs are placed beside each other only where they fit."""
    for line in grid_lines(pairs, width):
        assert cells(line) <= width
        assert line.isprintable()


def test_blocks_stand_beside_each_other_where_they_fit():
    """Two blocks share lines if the width allows it, and follow each other if not."""
    assert beside(["a", "b"], ["1"], 10) == ["a    1", "b"]
    assert beside(["a", "b"], ["1"], 5) == ["a", "b", "", "1"]
    assert beside([], ["1"], 5) == ["1"]
