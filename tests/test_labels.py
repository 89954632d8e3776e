"""Label sets: identity, order and printing (L-1 to L-6)."""

from __future__ import annotations

import copy
import pickle
from collections import ChainMap
from types import MappingProxyType

import pytest
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from promlatest import Labels, Store, parse_selector
from promlatest._matching.labels import quote, quote_name
from promlatest.exceptions import LabelError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
LABELS = st.dictionaries(TEXT.filter(bool), TEXT, max_size=4)

# In the order in which Prometheus sorts them (L-1, L-2).
SORTED = [
    {},
    {"A": "z"},
    {"__name__": "a"},
    {"__name__": "a", "b": "1"},
    {"__name__": "a", "b": "1", "c": "0"},
    {"__name__": "a", "b": "10"},
    {"__name__": "a", "b": "2"},
    {"__name__": "a", "c": "0"},
    {"__name__": "b"},
    {"a": "é"},
    {"a": "\uffff"},
    {"a": "\U0001f600"},
    {"é": "1"},
]

# labels, as Go prints the set, as one writes the series (L-6)
PRINTED = [
    ({}, "{}", "{}"),
    ({"__name__": "up"}, '{__name__="up"}', "up"),
    ({"__name__": "up", "a": "b"}, '{__name__="up", a="b"}', 'up{a="b"}'),
    ({"b": "2", "a": "1"}, '{a="1", b="2"}', '{a="1", b="2"}'),
    ({"__name__": "my.metric"}, '{__name__="my.metric"}', '{"my.metric"}'),
    (
        {"__name__": "my.metric", "a": "b"},
        '{__name__="my.metric", a="b"}',
        '{"my.metric", a="b"}',
    ),
    ({"my.label": "x"}, '{"my.label"="x"}', '{"my.label"="x"}'),
    ({"a": 'q"\\\n\t'}, '{a="q\\"\\\\\\n\\t"}', '{a="q\\"\\\\\\n\\t"}'),
]

QUOTED = [
    ("", '""'),
    ("é µ", '"é µ"'),
    ('say "hi"', r'"say \"hi\""'),
    (r"C:\dir", r'"C:\\dir"'),
    ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
    ("\x00\x7f", r'"\x00\x7f"'),
    ("\x80\xa0", r'"\u0080\u00a0"'),
    ("\u2028", r'"\u2028"'),
    ("\udc80\udcff", r'"\x80\xff"'),  # bytes that are no UTF-8
    ("\U000e0001", r'"\U000e0001"'),
    ("'", '"\'"'),
]


def test_reads_like_a_dict():
    """A label set is a Mapping, and equals a dict with the same labels."""
    labels = Labels({"b": "2", "a": "1"})

    assert labels == {"a": "1", "b": "2"}
    assert list(labels.items()) == [("a", "1"), ("b", "2")]
    assert labels["b"] == "2"
    assert "c" not in labels
    assert labels.get("c", "") == ""
    assert len(labels) == 2
    with pytest.raises(KeyError):
        labels["c"]


def test_keywords_come_over_the_mapping():
    """Keywords add to the mapping and win over it, also those called like arguments."""
    labels = Labels({"a": "1", "b": "2"}, b="3", labels="4", self="5")

    assert labels == {"a": "1", "b": "3", "labels": "4", "self": "5"}


def test_empty_values_are_absent():
    """A label without a value is one that is not there (L-1)."""
    assert Labels({"a": "", "b": "1"}) == Labels(b="1")
    assert "a" not in Labels(a="")
    assert hash(Labels(a="", b="1")) == hash(Labels(b="1"))


def test_order_is_that_of_prometheus():
    """Sets are compared pair by pair in code-point order, then the shorter first (L-2)."""
    sets = [Labels(each) for each in SORTED]
    backwards = sets[::-1]

    assert sorted(backwards) == sets
    assert sorted(backwards, key=lambda labels: labels.flat) == sets


def test_order_is_for_labels_only():
    """Labels have no order among other mappings."""
    with pytest.raises(TypeError):
        _ = Labels(a="1") < {"a": "2"}


def test_separators_do_not_matter():
    """Label sets whose texts are the same when strung together are two (L-3)."""
    assert Labels({"a": "bc"}) != Labels({"ab": "c"})
    assert Labels({"a": "b", "c": "d"}) != Labels({"a": 'b",c="d'})
    assert Labels({"a": "b\xffc"}) != Labels({"a": "b", "c": ""})


def test_without_takes_names_away():
    """`without` leaves the other labels, in order."""
    assert Labels(a="1", b="2", c="3").without("b", "x") == Labels(a="1", c="3")


@pytest.mark.parametrize("name", ["", 1, None, "\ud800"], ids=repr)
def test_refuses_what_is_no_name(name):
    """A label name is a text that is not empty and that UTF-8 can hold (L-4)."""
    with pytest.raises(LabelError):
        Labels({name: "x"})


@pytest.mark.parametrize("value", [1, None, b"x", "\udc80"], ids=repr)
def test_refuses_what_is_no_value(value):
    """A label value is a text that UTF-8 can hold (L-4)."""
    with pytest.raises(LabelError):
        Labels({"a": value})


@pytest.mark.parametrize(("labels", "printed", "series"), PRINTED, ids=str)
def test_prints_as_prometheus_does(labels, printed, series):
    """Sets are printed with a blank after the comma and Go's quoting (L-6)."""
    assert str(Labels(labels)) == printed
    assert Labels(labels).series() == series
    assert repr(Labels(labels)) == f"Labels({printed})"


@pytest.mark.parametrize("kind", [dict, MappingProxyType, ChainMap, Labels])
def test_any_mapping_makes_labels(kind):
    """What it is made of does not show."""
    given = kind({"__name__": "up", "a": "b"})

    assert Labels(given) == Labels(__name__="up", a="b")
    assert Labels(given, c="d") == Labels(__name__="up", a="b", c="d")


@pytest.mark.parametrize("what", [["up"], "up", 1, None, [("a", "b")]], ids=repr)
def test_what_is_no_mapping_makes_none(what):
    """Not even pairs, which `dict` would take."""
    with pytest.raises(LabelError, match="expected labels as a mapping, not"):
        Labels(what)


@pytest.mark.parametrize(("text", "quoted"), QUOTED, ids=ascii)
def test_quotes_as_go_does(text, quoted):
    """What cannot be printed is written as an escape, as strconv.Quote does (L-6)."""
    assert quote(text) == quoted


def test_quotes_names_that_are_not_legacy():
    """A label name is quoted if the old form does not allow it (L-6)."""
    assert quote_name("a_1") == "a_1"
    assert quote_name("a.b") == '"a.b"'
    assert quote_name("1a") == '"1a"'
    assert quote_name("é") == '"é"'


@given(LABELS)
@settings(max_examples=examples(100))
def test_a_series_is_cut_and_put_together(labels):
    """Into its metric, the other names and their values, whatever sorts before the name."""
    for more in {}, {"A": "z"}, {"A": "y", "B": "z"}:
        made = Labels({**labels, **more}, __name__="m")
        metric, names, cells = made._cut()

        assert (metric, dict(zip(names, cells, strict=True))) == (
            "m",
            {**made.without("__name__")},
        )
        assert Labels._from_cells(metric, names, cells).flat == made.flat


@given(LABELS, LABELS)
@settings(max_examples=examples(50), deadline=None)
def test_equality_is_that_of_the_dicts(one, other):
    """Two sets are equal if, and only if, their labels with a value are."""
    left = {name: value for name, value in one.items() if value}
    right = {name: value for name, value in other.items() if value}

    assert (Labels(one) == Labels(other)) == (left == right)
    assert (Labels(one) < Labels(other)) == (sorted(left.items()) < sorted(right.items()))
    assert dict(Labels(one)) == left


@given(LABELS)
@settings(max_examples=examples(50), deadline=None)
def test_travels_unchanged(labels):
    """A set survives copying and pickling, and keeps its hash."""
    held = Labels(labels)

    for twin in (pickle.loads(pickle.dumps(held)), copy.deepcopy(held), Labels(held)):
        assert twin == held
        assert hash(twin) == hash(held)


@given(LABELS.filter(lambda labels: any(labels.values())))
@settings(max_examples=examples(50), deadline=None)
def test_the_printed_series_selects_itself(labels):
    """What a series prints is a selector that it fulfils."""
    held = Labels({"__name__": "up"} | labels)

    assert all(m.matches(held.get(m.name, "")) for m in parse_selector(held.series()))


# The two pairs that xxhash64 cannot tell apart, as Prometheus hashes them (L-3).
COLLIDING = [
    ({"lbl": "HFnEaGl"}, {"lbl": "RqcXatm"}),
    ({"lbl1": "value", "lbl2": "l6CQ5y"}, {"lbl1": "value", "lbl2": "v7uDlF"}),
]


@pytest.mark.parametrize(("one", "other"), COLLIDING, ids=["strings", "slices"])
def test_prometheus_own_collisions_are_two_series(one, other):
    """Label sets with one xxhash stay two series (L-3)."""
    store = Store()

    with store.appender() as app:
        for value, labels in enumerate([one, other]):
            app.append(0, {"__name__": "metric", **labels}, 1, float(value))

    assert [point.value for point in store.query("metric", **one)] == [0.0]
    assert [point.value for point in store.query("metric", **other)] == [1.0]
