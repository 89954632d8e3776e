"""By how much did it increase? One question, asked in four places: one answer."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from promlatest import Store
from promlatest.testing import ExpectationError, FakeTarget, ResetError, ScrapeTarget
from promlatest.views.operator import controllers

METRIC = "controller_runtime_reconcile_total"
START = "process_start_time_seconds"
SERIES = f'{METRIC}{{controller="c",result="success"}}'
SECONDS = 10


def body(
    value: float | None, start: float | None = None, created: float | None = None
) -> str:
    """A page of a small operator."""
    lines = ['workqueue_depth{name="c"} 0', f"# TYPE {METRIC} counter"]
    if value is not None:
        lines.append(f"{SERIES} {value}")
    if created is not None:
        lines.append(SERIES.replace("_total", "_created") + f" {created}")
    if start is not None:
        lines.append(f"{START} {start}")
    return "\n".join([*lines, ""])


Bodies = Callable[[float], list[str]]

# The scrapes, from a moment on; the increase, None: not known; resets.
CASES: dict[str, tuple[Bodies, float | None, int]] = {
    "not there before, nothing tells": (lambda at: [body(None), body(10)], None, 0),
    "not there before, a young process": (
        lambda at: [body(None, at - 9), body(10, at + 5)],
        10,
        0,
    ),
    "not there before, created since": (
        lambda at: [body(None), body(10, created=at + 5)],
        10,
        0,
    ),
    "100, 5, 120": (lambda at: [body(100), body(5), body(120)], 120, 1),
    "a start time that trembles": (lambda at: [body(100, 7), body(120, 7.2)], 20, 0),
    "only created moved": (
        lambda at: [body(100, created=1), body(120, created=at + 5)],
        120,
        1,
    ),
    "a restart that no value shows": (
        lambda at: [body(100, 7), body(120, at + 5)],
        120,
        1,
    ),
}


def scraped(bodies: Bodies) -> Store:
    """A store that saw them 10 s apart, from second 1000 on."""
    store = Store(history=10)
    for at, text in enumerate(bodies(1_000)):
        store.ingest(text, timestamp=(1_000 + SECONDS * at) * 1_000)
    return store


@pytest.mark.parametrize(("bodies", "increase", "resets"), CASES.values(), ids=CASES)
def test_the_store(bodies, increase, resets):
    """`Store.increase` and `Store.rate` over the scrapes that are kept."""
    store = scraped(bodies)

    (moved,) = store.increase(METRIC)
    (rate,) = store.rate(METRIC)

    assert (moved.value, moved.resets) == (increase, resets)
    assert bool(moved.note) == (increase is None)
    assert rate.value == (None if increase is None else increase / moved.seconds)


@pytest.mark.parametrize(("bodies", "increase", "resets"), CASES.values(), ids=CASES)
def test_the_overview(bodies, increase, resets):
    """The rate of a controller's row, over the same scrapes."""
    store = scraped(bodies)
    first, *later = store.sources["body"].history

    (row,) = controllers(store.snapshot(), first)

    expected = None if increase is None else increase / (SECONDS * len(later))
    assert row.results["success"].per_second == expected
    assert row.results["success"].reset == bool(resets)


@pytest.mark.parametrize("history", [2, 10])
@pytest.mark.parametrize(("since", "rate"), [(0, 1.5), (1, 2.0)])
def test_the_overview_since_a_snapshot(history, since, rate):
    """What moved before it does not count, however many scrapes are kept."""
    store, taken = Store(history=history), []
    for at, value in enumerate([0, 10, 30]):
        store.ingest(body(value), timestamp=1_000 * SECONDS * at)
        taken.append(store.snapshot())

    (row,) = controllers(taken[2], taken[since])

    assert row.results["success"].per_second == rate


@pytest.mark.slow
@pytest.mark.parametrize(("bodies", "increase", "resets"), CASES.values(), ids=CASES)
def test_a_mark(bodies, increase, resets):
    """A mark in a test, which sees the scrapes that it takes; a reset fails unless it is
    said to be meant, and what is not known fails."""
    with FakeTarget(*bodies(time.time())) as fake:
        mark = ScrapeTarget(fake.url).mark(on_reset="rebaseline")
        waiting = mark.expect(METRIC, controller="c")
        if increase is None:
            with pytest.raises(ExpectationError, match="began"):
                waiting.to_increase_by(10, within=0.5)
        else:
            waiting.to_increase_by(increase, within=5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2]])
def test_a_mark_fails_at_a_reset(name):
    """Without a word a reset is a failure, since what came before it is not known."""
    with FakeTarget(*CASES[name][0](time.time())) as fake:
        mark = ScrapeTarget(fake.url).mark()
        with pytest.raises(ResetError):
            mark.expect(METRIC, controller="c").to_increase_by(120, within=5)


@pytest.mark.slow
def test_a_mark_sees_a_restart_that_came_to_the_same_value():
    """It is the start time that tells, and the failure says so."""
    with FakeTarget(body(100, 7), body(100, time.time() + 5)) as fake:
        mark = ScrapeTarget(fake.url).mark()
        with pytest.raises(ResetError, match="100, then 100: its start time moved"):
            mark.expect(METRIC, controller="c").to_increase_by(100, within=5)


@pytest.mark.parametrize(("bodies", "increase", "resets"), CASES.values(), ids=CASES)
def test_the_series_page(bodies, increase, resets):
    """What a row of the series page says, over the same scrapes."""
    pytest.importorskip("textual")
    from promlatest.tui.model.watch import Watched

    store = Store()
    watched = Watched("body")
    for at, text in enumerate(bodies(1_000)):
        store.ingest(text, timestamp=(1_000 + SECONDS * at) * 1_000)
        watched.take(store.sources["body"])

    (moved,) = watched.view(1e9).state.increase(METRIC)

    assert (moved.value, moved.resets) == (increase, resets)
