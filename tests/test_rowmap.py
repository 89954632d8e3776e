"""From label values to rows: a hash is a hint, and equality decides (L-3)."""

from __future__ import annotations

import pytest
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from promlatest import Labels, Store
from promlatest._storage import rowmap as module
from promlatest._storage.rowmap import RowMap

CELLS = st.tuples(st.text("ab", max_size=3), st.text("ab", max_size=3))


@pytest.fixture(params=["hash", "constant", "two"], ids=str)
def hashing(request, monkeypatch):
    """Hashing as it is, and so that every row, or every other, collides."""
    forced = {"constant": lambda cells: 7, "two": lambda cells: len(cells[0]) % 2}
    if request.param in forced:
        monkeypatch.setattr(module, "hash", forced[request.param], raising=False)


@pytest.mark.usefixtures("hashing")
def test_finds_every_row_and_no_other():
    """Every row is found by its cells, whatever they hash to, and nothing else is."""
    keys = [(f"{i}", f"{i % 7}") for i in range(100)]
    columns = ([key[0] for key in keys], [key[1] for key in keys])
    built = RowMap(columns, 100)
    grown = RowMap((), 0)
    for row, key in enumerate(keys):
        grown.put(key, row)

    for rowmap in (built, grown):
        rowmap._check(columns)
        assert [rowmap.find(key, columns) for key in keys] == list(range(100))
        assert rowmap.find(("1", "2"), columns) == -1
        assert rowmap.find(("100", "2"), columns) == -1


def test_a_table_without_columns_has_one_row():
    """A metric without labels has the one row of no cells."""
    assert RowMap((), 1).find((), ()) == 0
    assert RowMap((), 0).find((), ()) == -1


@given(st.lists(CELLS, unique=True, max_size=40), CELLS)
@settings(max_examples=examples(50), deadline=None)
def test_is_a_dict(keys, other):
    """It finds what a dict of tuples finds."""
    columns = ([key[0] for key in keys], [key[1] for key in keys])
    rowmap = RowMap(columns, len(keys))
    model = {key: row for row, key in enumerate(keys)}

    assert rowmap.find(other, columns) == model.get(other, -1)
    rowmap._check(columns)


@pytest.mark.usefixtures("hashing")
def test_label_sets_with_one_hash_stay_apart():
    """Series whose hashes collide are two series, however they are written (L-3)."""
    store = Store(clock=lambda: 10_000)
    with store.appender() as app:
        refs = [
            app.append(0, {"__name__": "live", "a": f"{i}", "b": f"{j}"}, 1, 10.0 * i + j)
            for i in range(4)
            for j in range(4)
        ]
        for i in range(4):  # found again without a ref
            app.append(0, {"__name__": "live", "a": f"{i}", "b": "0"}, 2, 10.0 * i + 0.5)
    for round_ in range(2):
        with store.batch("s", replace=False, timestamp=round_) as batch:
            for i in range(4):
                batch.append(
                    0, {"__name__": "kept", "a": f"{i}", "b": "x"}, round_, float(i)
                )
    store._check()

    assert len(set(refs)) == 16
    assert len(store) == 20
    assert [p.value for p in store.query("live", a="2")] == [20.5, 21.0, 22.0, 23.0]
    assert [(p.labels["a"], p.value) for p in store.query("kept")] == [
        ("0", 0.0), ("1", 1.0), ("2", 2.0), ("3", 3.0),
    ]  # fmt: skip


@pytest.mark.usefixtures("hashing")
def test_separators_do_not_matter():
    """`{a="bc"}` and `{ab="c"}` are two series, in one table or two batches (L-3)."""
    store = Store()
    store.ingest('m{a="bc"} 1\nm{ab="c"} 2\nm{a="b",ab="c"} 3\nm 4\n')

    assert [(p.labels, p.value) for p in store.select("m")] == [
        (Labels(__name__="m"), 4.0),
        (Labels(__name__="m", a="b", ab="c"), 3.0),
        (Labels(__name__="m", a="bc"), 1.0),
        (Labels(__name__="m", ab="c"), 2.0),
    ]
