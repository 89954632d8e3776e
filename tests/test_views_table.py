"""Text in cells, and tables that never spill."""

from __future__ import annotations

import pytest
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from promlatest.views.cells import Cell, beside, grid, text_of, width_of
from promlatest.views.sheet import Column, Sheet
from promlatest.views.table import table_lines
from promlatest.views.text import apart, cells, escaped, fold, pad, shorten, to_ascii

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
    assert escaped(value) == shown


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


@given(
    st.lists(
        st.lists(st.sampled_from(["a", "bc", "_", "xyz_", "容"]), max_size=20).map("".join),
        unique=True,
        max_size=6,
    ),
    st.integers(0, 40),
)
def test_texts_that_differ_are_cut_apart(texts, width):
    """None is wider than asked for; from ten cells on no two of them look alike."""
    made = apart(texts, width)

    assert all(cells(each) <= width for each in made)
    assert width < 10 or len(set(made)) == len(texts)
    assert all(
        text == short
        for text, short in zip(texts, made, strict=True)
        if cells(text) <= width
    )


@given(TEXT.map(escaped), st.integers(0, 50), st.booleans())
def test_texts_are_as_wide_as_asked_for(text, width, prose):
    """Shortened is never wider than asked, padded never narrower, ASCII neither."""
    short = shorten(text, width, prose)

    assert cells(short) <= width
    assert cells(pad(short, width)) == width
    assert cells(to_ascii(short)) == cells(short)
    assert to_ascii(short).isascii()


@given(st.lists(TEXT.map(escaped)), WIDTHS)
def test_folded_lines_fit_and_leave_nothing_out(items, width):
    """Each item is somewhere, shortened only if it fits on no line."""
    lines = [*fold(items, width, "  ")]

    assert all(cells(line) <= width for line in lines)
    kept = "".join("".join(lines).split())
    assert kept == "".join("".join(shorten(item, width) for item in items).split())


def column(at: int, title: str, align: str = "right", **more) -> Column:
    """A column that says what stands at this place of a row."""
    return Column(title, lambda row: Cell(row[at]), align=align, **more)


def drawn(columns, rows, width: int) -> list[str]:
    sheet = Sheet(tuple(columns), dict(enumerate(rows)))
    return [text_of(each) for each in table_lines(sheet, width)]


NAMES = column(0, "name", "left", pinned=True)
WIDE = (
    NAMES,
    column(1, "busy"),
    column(2, "p50", group="wait"),
    column(3, "p99", group="wait"),
    column(4, "note", "left", optional=True),
)
ROWS = [("pods", "1/4", "250 ms", "2.5 s", "fine"), ("容器", "0/1", "10 µs", "–", "")]
BLOCKS = [
    (
        40,
        """
            wait ────────
name  busy     p50    p99  note
pods   1/4  250 ms  2.5 s  fine
容器   0/1   10 µs      –
""",
    ),
    (
        26,
        """
            wait ────────
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

      wait ────────
name     p50    p99
pods  250 ms  2.5 s
容器   10 µs      –
""",
    ),
]


@pytest.mark.parametrize(("width", "expected"), BLOCKS)
def test_a_table_sheds_options_then_goes_on_below(width, expected):
    """What is optional goes first, then columns move to a block of their own, by groups."""
    assert "\n".join(drawn(WIDE, ROWS, width)) == expected.strip("\n")


def test_what_is_optional_cuts_nothing():
    """A name is whole before a text that can be done without has room."""
    name = Column("metric", lambda row: Cell(row), align="left", least=10, pinned=True)
    help_ = Column("help", lambda row: Cell("what it counts is this"), align="left",
                   prose=True, optional=True)  # fmt: skip
    sheet = Sheet((name, help_), {"x" * 30: "x" * 30})

    lines = [text_of(each) for each in table_lines(sheet, 40)]

    assert lines == ["metric", "x" * 30]


def test_columns_that_say_nothing_take_no_place():
    """A column of which nothing is known is left out, and so is a table without rows."""
    columns = (NAMES, column(1, "unit"), column(2, "n"), column(3, "p99"))

    assert drawn(columns, [("a", "", "1", "–")], 40) == ["name  n", "a     1"]
    assert drawn(columns, [], 40) == []


def test_a_steady_table_keeps_its_columns():
    """On a screen a column stays that says nothing yet, as wide as it will be."""
    sheet = Sheet((NAMES, column(1, "p99", least=7)), {0: ("a", "–")})
    lines = [text_of(each) for each in table_lines(sheet, 40, steady=True)]

    assert lines == ["name      p99", "a           –"]


def test_fewer_blocks_come_before_longer_names():
    """The first column is shortened rather than another block begun."""
    name = "a-very-long-name-of-a-controller-in-some-namespace"

    assert drawn((NAMES, column(1, "n")), [(name, "12")], 24) == [
        "name                   n",
        "a-very-lon…namespace  12",
    ]


COLUMNS = st.lists(
    st.fixed_dictionaries(
        {
            "title": TEXT,
            "align": st.sampled_from(["left", "right"]),
            "group": st.sampled_from(["", "one", "two 容器"]),
            "least": st.sampled_from([0, 0, 6, 20]),
            "pinned": st.booleans(),
            "optional": st.booleans(),
            "prose": st.booleans(),
        }
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=examples(200))
@given(st.data(), COLUMNS, WIDTHS, st.booleans())
def test_no_line_of_a_table_is_wider_than_the_terminal(data, columns, width, steady):
    """Whatever is in the cells, the width holds and nothing unprintable is shown."""
    row = st.tuples(*[TEXT] * len(columns))
    rows = data.draw(st.lists(row, max_size=3))
    made = tuple(column(at, **settings) for at, settings in enumerate(columns))

    for line in table_lines(Sheet(made, dict(enumerate(rows))), width, steady=steady):
        assert width_of(line) <= width
        assert text_of(line).isprintable()


@given(st.dictionaries(TEXT, TEXT, max_size=8), WIDTHS)
def test_no_line_of_a_grid_is_wider_than_the_terminal(pairs, width):
    """Pairs are placed beside each other only where they fit."""
    for line in grid({name: Cell(value) for name, value in pairs.items()}, width, 0):
        assert width_of(line) <= width
        assert text_of(line).isprintable()


def test_blocks_stand_beside_each_other_where_they_fit():
    """Two blocks share lines if the width allows it, and follow each other if not."""

    def both(left, right, width):
        blocks = [[(Cell(text),) for text in block] for block in (left, right)]
        return [text_of(each) for each in beside(*blocks, width, 4)]  # type: ignore[call-arg]

    assert both(["a", "b"], ["1"], 10) == ["a    1", "b"]
    assert both(["a", "b"], ["1"], 5) == ["a", "b", "", "1"]
    assert both([], ["1"], 5) == ["1"]
