"""Layouts and tables: which series there are, where each stands, how they are found."""

from __future__ import annotations

import pytest

from promlatest import Labels, Limits, Matcher, Store
from promlatest._matching.matcher import fulfils
from promlatest._samples import Rows
from promlatest._storage.layout import EMPTY, changes, laid_out
from promlatest._storage.plan import plan_of
from promlatest.exceptions import LimitError
from promlatest.exposition import parse


def layout_of(text: str, before=EMPTY):
    read = parse(text)
    return laid_out(read.rows, len(read.values), before)


PODS = "".join(f'm{{pod="p{n:02}",odd="{n % 2}"}} {n}\n' for n in range(40))


@pytest.mark.parametrize("few", [0, 1_000], ids=["by an index", "by asking each"])
@pytest.mark.parametrize(
    ("condition", "hits"),
    [
        (("pod", "=", "p07"), 1),
        (("pod", "=~", "p0.*"), 10),
        (("pod", "=~", "p0[1-3]"), 3),
        (("pod", "=~", "p01|p39|nobody"), 2),
        (("pod", "!~", "p0.*"), 30),
        (("odd", "!=", "0"), 20),
        (("absent", "=", ""), 40),
        (("absent", "!=", ""), 0),
        (("pod", "=~", ".*9"), 4),
    ],
)
def test_every_kind_of_matcher_finds_its_rows(monkeypatch, condition, hits, few):
    """A literal, a range of a prefix, and a scan of the values find the same as asking
    each series does."""
    monkeypatch.setattr("promlatest._storage.table._FEW", few)
    layout = layout_of(PODS)
    wanted = Matcher(*condition)

    found = layout.select(plan_of((Matcher("__name__", "=", "m"), wanted)))

    asked = [
        labels
        for labels, _ in layout.series()
        if wanted.matches(labels.get(wanted.name, ""))
    ]
    assert list(found.labels) == sorted(asked)
    assert len(found.places) == hits


CONDITIONS = [
    ("pod", "=", "p07"),
    ("pod", "=~", "p0.*"),
    ("pod", "=~", "p01|p39"),
    ("pod", "!=", "p07"),
    ("odd", "=", "1"),
    ("odd", "!~", "0"),
    ("odd", "=~", ".*1"),
]


@pytest.mark.parametrize("one", CONDITIONS, ids="".join)
@pytest.mark.parametrize("other", CONDITIONS, ids="".join)
def test_several_conditions_find_what_all_ask_for(one, other):
    """Whichever of them picks the rows that the others are asked about."""
    layout = layout_of(PODS)
    wanted = Matcher(*one), Matcher(*other)

    found = layout.select(plan_of((Matcher("__name__", "=", "m"), *wanted)))

    series = [labels for labels, _ in layout.series()]
    assert list(found.labels) == sorted(
        labels for labels in series if fulfils(labels, wanted)
    )


def test_metrics_are_found_by_the_prefix_of_a_name():
    """A pattern of names is looked up in the range of its prefix."""
    layout = layout_of("".join(f"name_{n:03} 1\n" for n in range(200)))

    found = layout.select(plan_of((Matcher("__name__", "=~", "name_01.*"),)))

    assert [each.metric for each in found.labels] == [f"name_01{n}" for n in range(10)]


def test_each_set_of_label_names_is_a_table_of_its_own():
    """Three hundred label names on three hundred series make small tables, and no cell
    is empty."""
    layout = layout_of("".join(f'm{{p="{n}",l{n}="x"}} 1\n' for n in range(300)))

    layout._check()
    assert layout.size == 300
    assert all(len(table.names) == 2 for table in layout.tables["m"])


def test_what_did_not_change_is_shared():
    """Tables whose series are the same are the same objects, or share their indexes."""
    before = layout_of("a 1\n" + PODS)
    before.tables["m"][0].index("pod")

    after = layout_of("b 1\nc 1\n" + PODS, before)

    assert after.tables["m"][0].series is before.tables["m"][0].series
    assert after.tables["m"][0].index("pod") is before.tables["m"][0].index("pod")
    assert changes(before, after) == (2, 1)


def test_a_map_leads_from_places_to_those_of_the_layout_before():
    """Where series stood before is known after others came between them."""
    before = layout_of('a 1\nm{x="1"} 1\nm{x="2"} 1\n')
    after = layout_of('m{x="2"} 1\nnew 1\na 1\n', before)

    assert list(after.places_in(before)) == [2, -1, 0, -1]  # the last: of no place


def test_of_a_series_that_stands_twice_the_first_counts():
    """The places of both are noted, and the table has one row."""
    layout = layout_of('m{x="1"} 1\nm{x="2"} 1\nm{x="1"} 3\n')

    assert layout.size == 2
    assert layout.twins == ((0, 2),)


def test_an_update_shares_what_it_does_not_touch():
    """New series of a push become a table of their own beside a large one."""
    store = Store()
    with store.batch("s", replace=False, timestamp=1) as batch:
        for n in range(100):
            batch.append(0, {"__name__": "m", "n": f"{n}"}, 1, 1.0)
    before = store.sources["s"]._visible.layout
    with store.batch("s", replace=False, timestamp=2) as batch:
        batch.append(0, {"__name__": "m", "n": "new"}, 2, 1.0)
    after = store.sources["s"]._visible.layout

    assert after.tables["m"][0] is before.tables["m"][0]
    assert [len(table) for table in after.tables["m"]] == [100, 1]
    assert after.find(Labels(__name__="m", n="new")) >= 0
    after._check()


def test_small_tables_of_a_push_are_put_together():
    """However many series come one by one, there are never more than a few tables."""
    store = Store()
    for n in range(300):
        with store.batch("s", replace=False, timestamp=n) as batch:
            batch.append(0, {"__name__": "m", "n": f"{n}"}, n, 1.0)

    layout = store.sources["s"]._visible.layout
    assert layout.size == 300
    assert len(layout.tables["m"]) < 10
    layout._check()


def test_series_side_by_side_are_a_range_of_places():
    """In the order of the places a selection of neighbours is a range; others keep theirs."""
    layout = layout_of('a{l="2"} 1\na{l="1"} 1\nb 1\na{l="3"} 1')
    both = layout.select(plan_of((Matcher("__name__", "=", "a"),))).by_place
    near = layout.select(plan_of((Matcher("l", "=~", "1|2"),))).by_place

    assert (both.places, [each["l"] for each in both.labels]) == (
        (0, 1, 3),
        ["2", "1", "3"],
    )
    assert (near.places, [each["l"] for each in near.labels]) == (range(2), ["2", "1"])


def test_a_series_that_stays_is_of_one_block():
    """Over all scrapes, though other series of its metric, or of others, come and go."""
    store = Store(history=10)
    for n in range(8):
        text = f'b {n}\nc{{a="0"}} {n}\nc{{a="x{n}"}} 1\nd{{a="y{n}"}} 1\ne {n}\n'
        store.ingest(text, timestamp=n)

    for name in "bce":
        blocks = store.columns([Matcher("__name__", "=", name)], -1, 10)
        [[*times]] = [each.times for each in blocks if each.labels[0].get("a", "0") == "0"]
        assert times == list(range(8))


def test_samples_with_a_time_of_their_own_have_it_in_columns():
    """Beside those that are of the moment of their scrape."""
    store = Store()
    for now in 10_000, 20_000:
        store.ingest(f'm{{a="1"}} 1 {now - 7}\nm{{a="2"}} 1\n', timestamp=now)

    [block] = store.columns([Matcher("__name__", "=", "m")], 0, 20_000)

    assert list(block.times) == [10_000, 20_000]
    assert [list(each) for each in block.stamps] == [[9_993, 10_000], [19_993, 20_000]]


def exchanged(before, cells):
    """The layout in which the last rows of a metric with one label have other values."""
    (rows,) = before.rows
    (column,) = rows.columns
    fresh = [*column[: -len(cells)], *cells]
    again = Rows(rows.metric, rows.names, (fresh,), rows.places)
    return laid_out((again,), before.length, before)


def test_series_that_take_the_places_of_others_are_told_from_those_that_stay():
    """Only the rows in which other series stand are counted, and found under their names."""
    before = layout_of("".join(f'm{{pod="{n}"}} 1\n' for n in range(9)))

    after = exchanged(before, ["new", "newer"])

    (table,) = after.tables["m"]
    assert table.others_than(before.tables["m"][0]) == [7, 8]
    assert changes(before, after) == (2, 2)
    assert after.find(Labels({"__name__": "m", "pod": "newer"})) == 8
    assert after.find(Labels({"__name__": "m", "pod": "8"})) == -1
    assert before.find(Labels({"__name__": "m", "pod": "8"})) == 8
    after._check()


@pytest.mark.parametrize("cells", [["new", "new"], ["new", "0"], ["", "new"], ["8", "7"]])
def test_series_that_are_there_take_no_places(cells):
    """A series that comes to stand twice, that loses its label or that changes its row is
    found as in a layout that was made anew."""
    before = layout_of("".join(f'm{{pod="{n}"}} 1\n' for n in range(9)))

    after = exchanged(before, cells)

    after._check()
    anew = laid_out(after.rows, after.length, EMPTY)
    assert sorted(after.series(), key=str) == sorted(anew.series(), key=str)
    assert after.twins == anew.twins
    had, has = names_of(before), names_of(after)
    assert changes(before, after) == (len(has - had), len(had - has))


def names_of(layout):
    return {str(labels) for labels, _ in layout.series()}


def test_the_label_values_of_series_that_take_places_have_limits():
    """A value that is too long is refused, also where it comes to a row that was there."""
    store = Store(limits=Limits(label_value_length=10))
    store.ingest('m{pod="a"} 1\nm{pod="b"} 1\n')

    with pytest.raises(LimitError, match="label_value_length"):
        store.ingest('m{pod="a"} 1\nm{pod="bbbbbbbbbbbb"} 1\n')


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (("__name__", "=~", "a_.*"), ["a_1", "a_2"]),
        (("__name__", "=~", ".*_2|c"), ["a_2", "c"]),
        (("__name__", "!=", "c"), ["a_1", "a_2"]),
        (("x", "=", "1"), ["a_2"]),
        (("__name__", "=", "d"), []),
    ],
)
def test_columns_are_of_every_metric_that_is_meant(condition, found):
    """Whether the matchers name it or not."""
    store = Store()
    store.ingest('a_1 1\na_2{x="1"} 2\nc 3\n', timestamp=1)

    blocks = store.columns([Matcher(*condition)], 0, 1)

    assert sorted(labels.metric for block in blocks for labels in block.labels) == found
