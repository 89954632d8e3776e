"""Rows: samples in columns, merged by place and cut without mixing anything up."""

from __future__ import annotations

from array import array

import pytest

from promlatest import Exemplar, Labels
from promlatest._rows import Rows, labels_of, merge, take


def rows(names, *lines, metric="m"):
    """Rows of lines (place, cells, value, timestamp, exemplar)."""
    times = [line[3] for line in lines]
    return Rows(
        metric,
        tuple(names),
        tuple([line[1][at] for line in lines] for at in range(len(names))),
        array("d", [line[2] for line in lines]),
        [line[0] for line in lines],
        times if any(time is not None for time in times) else None,
        {row: line[4] for row, line in enumerate(lines) if line[4] is not None},
    )


def content(held):
    """Each row as (place, labels, value, timestamp, exemplar)."""
    times = held.timestamps or [None] * len(held)
    return [
        (place, dict(labels), value, time, held.exemplars.get(row))
        for row, (place, labels, value, time) in enumerate(
            zip(held.places, held.labels(), held.values, times, strict=True)
        )
    ]


E1 = Exemplar(Labels(trace_id="1"), 1.0)
E2 = Exemplar(Labels(trace_id="2"), 2.0)


def test_labels_leave_out_what_a_row_lacks():
    """A row's label set has its metric, and no label with an empty value (L-1)."""
    held = rows("ab", (0, ("1", ""), 1.0, None, None), (1, ("", ""), 2.0, None, None))

    assert list(held.labels()) == [Labels(__name__="m", a="1"), Labels(__name__="m")]


def test_labels_are_sorted_around_the_name():
    """Names that sort before `__name__` come before it (L-1)."""
    [labels] = labels_of("m", ("A", "a"), (["1"], ["2"]), 1)

    assert labels.flat == ("A", "1", "__name__", "m", "a", "2")
    assert labels == Labels({"__name__": "m", "A": "1", "a": "2"})


def test_labels_of_a_metric_without_labels():
    """A row without columns has its metric's name only."""
    assert list(labels_of("m", (), (), 2)) == [Labels(__name__="m")] * 2


def test_take_moves_all_that_belongs_to_a_row():
    """Times and exemplars go with their rows, in the order that is asked for."""
    held = rows(
        "a",
        (0, ("x",), 1.0, 10, E1),
        (1, ("y",), 2.0, None, None),
        (2, ("z",), 3.0, 30, E2),
    )

    assert content(take(held, [2, 1])) == [
        (2, {"__name__": "m", "a": "z"}, 3.0, 30, E2),
        (1, {"__name__": "m", "a": "y"}, 2.0, None, None),
    ]


def test_merge_of_one_is_the_same():
    """Rows that need no merging are handed on as they are."""
    held = rows("a", (0, ("x",), 1.0, None, None))

    assert merge([held]) is held


def test_merge_brings_rows_in_the_order_of_their_places():
    """Rows of different label names become one table's, by place, with all they have."""
    merged = merge(
        [
            rows("b", (0, ("1",), 1.0, None, None), (3, ("2",), 4.0, None, E1)),
            rows("a", (1, ("1",), 2.0, 20, E2)),
            rows("", (2, (), 3.0, None, None)),
        ]
    )

    assert merged.names == ("a", "b")
    assert content(merged) == [
        (0, {"__name__": "m", "b": "1"}, 1.0, None, None),
        (1, {"__name__": "m", "a": "1"}, 2.0, 20, E2),
        (2, {"__name__": "m"}, 3.0, None, None),
        (3, {"__name__": "m", "b": "2"}, 4.0, None, E1),
    ]


@pytest.mark.parametrize("split", [False, True])
def test_merge_leaves_out_names_without_a_value(split):
    """A label name that no row has a value for is not there (L-1)."""
    lines = [(0, ("", "1"), 1.0, None, None), (1, ("", "2"), 2.0, None, None)]
    group = [rows("ab", line) for line in lines] if split else [rows("ab", *lines)]

    merged = merge(group)

    assert merged.names == ("b",)
    assert [dict(labels) for labels in merged.labels()] == [
        {"__name__": "m", "b": "1"},
        {"__name__": "m", "b": "2"},
    ]
