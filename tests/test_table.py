"""One metric as a table: selections, indexes, and what is kept of them."""

from __future__ import annotations

from array import array

import pytest

from promlatest import Labels, Matcher
from promlatest._storage import table as module
from promlatest._storage.table import Layout, Table

LINES = [
    {"b": "2"},
    {"a": "1", "b": "1"},
    {},
    {"a": "1"},
    {"Z": "1", "a": "2"},
    {"a": "10", "b": "x\ny"},
]


@pytest.fixture
def layout():
    names = ("Z", "a", "b")
    columns = tuple([line.get(name, "") for line in LINES] for name in names)
    return Layout("m", names, columns, len(LINES))


# matchers, and the rows that fulfil them in the order of their label sets
SELECTED = [
    ([], [4, 2, 3, 1, 5, 0]),
    ([("__name__", "=", "other")], [4, 2, 3, 1, 5, 0]),  # not a layout's affair
    ([("a", "=", "1")], [3, 1]),
    ([("a", "=", "")], [2, 0]),
    ([("a", "!=", "")], [4, 3, 1, 5]),
    ([("a", "!=", "1")], [4, 2, 5, 0]),
    ([("a", "=~", "1|2")], [4, 3, 1]),
    ([("a", "=~", "1.*")], [3, 1, 5]),
    ([("a", "=~", "1|")], [2, 3, 1, 0]),
    ([("a", "!~", "1|")], [4, 5]),
    ([("b", "=~", "x.y")], [5]),
    ([("a", "=", "1"), ("b", "=", "")], [3]),
    ([("b", "=~", ".+"), ("a", "=~", ".+")], [1, 5]),
    ([("a", "=", "1"), ("a", "=", "2")], []),
    ([("a", "=", "3")], []),
    ([("c", "=", "")], [4, 2, 3, 1, 5, 0]),
    ([("c", "!=", "x")], [4, 2, 3, 1, 5, 0]),
    ([("c", "=~", ".*")], [4, 2, 3, 1, 5, 0]),
    ([("c", "=", "x")], []),
    ([("c", "=~", ".+")], []),
    ([("Z", "=", "1")], [4]),
]


@pytest.mark.parametrize(("conditions", "rows"), SELECTED, ids=str)
def test_selects_rows_in_the_order_of_labels(layout, conditions, rows):
    """All matchers hold of what is selected, and it is sorted by labels (M-1, L-2)."""
    selection = layout.select(tuple(Matcher(*each) for each in conditions))

    assert list(selection.rows) == rows
    assert list(selection.labels) == [
        Labels({"__name__": "m"} | LINES[row]) for row in rows
    ]
    layout._check()


def test_a_repeated_selection_is_not_made_again(layout):
    """The second question with the same matchers gets the same selection."""
    first = layout.select((Matcher("a", "=", "1"),))

    assert layout.select((Matcher("a", "=", "1"),)) is first


def test_kept_selections_are_bounded(layout, monkeypatch):
    """Selections are kept up to a number of hits, and empty ones count as well."""
    monkeypatch.setattr(module, "_HITS_KEPT", 20)

    for i in range(100):
        assert not layout.select((Matcher("a", "=", f"none{i}"),)).rows
        assert len(layout.select((Matcher("a", "!=", f"none{i}"),)).rows) == 6
    assert len(layout._selections) <= 21
    kept = sum(1 + len(each.rows) for each in layout._selections.values())
    assert kept <= 21


def test_an_index_lists_the_rows_of_each_value(layout):
    """The index of a label has all its values, and "" for the rows that lack it."""
    index = layout.index("a")

    assert {value: list(rows) for value, rows in index.items()} == {
        "": [0, 2], "1": [1, 3], "2": [4], "10": [5],
    }  # fmt: skip


def test_find_is_by_all_cells(layout):
    """A row is found by all of its label values, and by nothing less."""
    assert layout.find(("", "1", "")) == 3
    assert layout.find(("", "1", "1")) == 1
    assert layout.find(("", "", "")) == 2
    assert layout.find(("", "9", "")) == -1


def test_cells_are_none_where_a_label_has_no_column(layout):
    """A label set with a label that no row has can be no row."""
    assert layout.cells(Labels(__name__="m", a="1")) == ("", "1", "")
    assert layout.cells(Labels(__name__="m")) == ("", "", "")
    assert layout.cells(Labels(__name__="m", a="1", c="2")) is None


def test_points_have_the_time_of_the_table_or_their_own():
    """Points come in the order of the selection, each with its own sample."""
    layout = Layout("m", ("a",), (["y", "x"],), 2)
    everything = layout.select(())
    one = Table(layout, array("d", [1.0, 2.0]), 5)
    two = Table(layout, array("d", [1.0, 2.0]), 5, array("q", [7, 8]))

    assert one.points(everything) == [
        (Labels(__name__="m", a="x"), 5, 2.0),
        (Labels(__name__="m", a="y"), 5, 1.0),
    ]
    assert [point.timestamp for point in two.points(everything)] == [8, 7]
    assert not any(point.stale for point in two.points(everything))


@pytest.mark.parametrize(
    "layout",
    [
        Layout("m", ("b", "a"), (["1"], ["1"]), 1),
        Layout("m", ("a",), (["1"],), 2),
        Layout("m", ("a",), ([""],), 1),
        Layout("m", ("a",), (["1", "1"],), 2),
    ],
    ids=["unsorted", "short", "empty", "twice"],
)
def test_check_finds_what_is_broken(layout):
    """A layout can tell that a promise of its own is broken."""
    with pytest.raises(AssertionError):
        layout._check()
