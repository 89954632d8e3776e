"""Threads: nobody sees half a batch, and nothing is lost.

The switch interval is made so short that the interpreter changes threads in the middle of
everything; each test is bounded by a number of rounds, not by time.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pytest

from promlatest import Labels, Limits, Store
from promlatest._storage.appender import RefBook
from promlatest.exceptions import LimitError

pytestmark = pytest.mark.slow

NOW = 1_700_000_000_000
BOUNDS = ["0.1", "0.5", "1.0", "+Inf"]


@pytest.fixture(autouse=True)
def _many_switches():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def together(*work: Callable[[], object]) -> None:
    """Run everything at once, each in a thread of its own; raise what any raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(work))

    def run(each: Callable[[], object]) -> None:
        try:
            start.wait(60)
            each()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads)


def exposition(count: int, series: int) -> str:
    """Histograms of which every part says the same number."""
    lines = ["# TYPE h histogram"]
    for each in range(series):
        lines += [f'h_bucket{{s="{each}",le="{le}"}} {count}' for le in BOUNDS]
        lines += [f'h_sum{{s="{each}"}} {count}', f'h_count{{s="{each}"}} {count}']
    return "\n".join([*lines, ""])


def test_no_reader_sees_half_a_batch():
    """`+Inf == _count` in every histogram at every moment, and all of them are of one
    scrape, whether values change or series come and go (Z-2, S-4)."""
    store = Store(clock=lambda: NOW)
    store.ingest(exposition(0, 3), timestamp=1)
    done = threading.Event()
    seen = set()

    def write() -> None:
        for step in range(1, 400):
            store.ingest(exposition(step, 3 + step % 3 // 2), timestamp=1 + step)
        done.set()

    def read() -> None:
        while not done.is_set():
            found = store.histograms("h")
            counts = {bucket.count for each in found for bucket in each.buckets}
            counts |= {each.count for each in found} | {each.sum for each in found}
            assert len(counts) == 1, counts
            assert all(each.valid for each in found)
            assert len({point.value for point in store.match(())}) == 1
            assert len(store) in (18, 24)
            seen.update(counts)

    together(write, read, read)

    assert len(seen) > 5
    store._check()


def test_failures_show_all_or_nothing():
    """A source that fails and comes back is seen whole, or not at all (Z-3)."""
    store = Store(clock=lambda: NOW)
    done = threading.Event()

    def write() -> None:
        for step in range(400):
            store.ingest(exposition(step, 2), timestamp=1 + step)
            store.fail("body", OSError())
        done.set()

    def read() -> None:
        while not done.is_set():
            assert len(store.match(())) in (0, 12)
            assert len(store.snapshot(stale=True)) in (0, 12)

    together(write, read, read)

    assert len(store) == 0


def test_direct_appends_lose_no_series():
    """Many threads append new and known series of one metric; all are there at the end,
    each with the newest of its samples, while readers see whole points only."""
    store = Store(clock=lambda: NOW)
    threads, series, steps = 4, 60, 8
    done = threading.Event()
    shared: dict[int, set[int]] = {each: set() for each in range(series)}

    def write(own: int) -> Callable[[], None]:
        def run() -> None:
            app = store.appender()
            refs = [0] * series
            for step in range(1, steps + 1):
                for each in range(series):
                    mine = {"__name__": "m", f"own{own}": f"{each}"}
                    refs[each] = app.append(refs[each], mine, step, float(step))
                    ref = app.append(
                        0, {"__name__": "m", "all": f"{each}"}, step, float(step)
                    )
                    shared[each].add(ref)

        return run

    def read() -> None:
        while not done.is_set():
            points = store.query("m")
            assert all(point.value == point.timestamp for point in points)
            assert len({point.labels for point in points}) == len(points)

    def all_writers() -> None:
        together(*(write(own) for own in range(threads)))
        done.set()

    together(all_writers, read)

    assert len(store) == (threads + 1) * series
    for own in range(threads):
        for each in range(series):
            assert [p.value for p in store.query("m", **{f"own{own}": f"{each}"})] == [
                steps
            ]
    assert {len(refs) for refs in shared.values()} == {1}
    assert all(p.value >= steps - 1 for p in store.query("m"))
    store._check()


def test_appends_beside_drops_are_never_lost_for_ever():
    """An append that races with a drop may be dropped with its series, but the next one
    is seen again, whatever ref it uses (S-1)."""
    store = Store(clock=lambda: NOW)
    done = threading.Event()

    def write() -> None:
        app = store.appender()
        ref = 0
        for step in range(1, 4_000):
            ref = app.append(ref, {"__name__": "m", "a": "1"}, step, 1.0)
        done.set()

    def drop() -> None:
        while not done.is_set():
            store.drop("m")

    together(write, drop)
    store._check()
    app = store.appender()
    app.append(0, {"__name__": "m", "a": "1"}, 5_000, 2.0)

    assert [point.value for point in store.query("m")] == [2.0]


def test_a_known_ref_of_a_dropped_series_brings_it_back():
    """However the threads were interleaved, one further append with the old ref shows
    its series again."""
    store = Store(clock=lambda: NOW)
    for round_ in range(150):
        app = store.appender()
        ref = app.append(0, {"__name__": "m"}, 10_000 * round_ + 1, 1.0)

        def write(app=app, ref=ref, first=10_000 * round_ + 2) -> None:
            for step in range(60):
                app.append(ref, {"__name__": "m"}, first + step, 1.0)

        together(write, lambda: store.drop("m"))
        app.append(ref, {"__name__": "m"}, 10_000 * round_ + 9_000, 2.0)

        assert [point.value for point in store.query("m")] == [2.0]
        store.drop("m")
        store._check()


def test_samples_of_many_beside_single_ones_keep_the_newest():
    """Threads that append many samples at once to overlapping series, and others that
    append to each on its own: the newest sample of each series is held."""
    store = Store(clock=lambda: NOW)
    app = store.appender()
    refs = [app.append(0, {"__name__": "m", "a": f"{i}"}, 0, 0.0) for i in range(8)]

    def many(own: list[int], first: int) -> Callable[[], None]:
        def run() -> None:
            app = store.appender()
            for t in range(first, 3_000, 4):
                app.append_many(own, t, [float(t)] * len(own))

        return run

    def single() -> None:
        app = store.appender()
        for t in range(2, 3_000, 4):
            for ref in refs[2:6]:
                app.append(ref, {}, t, float(t))

    def read() -> None:
        held = 0.0
        for _ in range(300):
            points = store.query("m")
            assert [p.timestamp for p in points] == [p.value for p in points]
            assert points[0].value >= held
            held = points[0].value

    together(many(refs[:5], 0), many(refs[3:], 1), single, read)
    app.append_many(refs, 4_000, [1.0] * 8)

    assert {point.timestamp for point in store.query("m")} == {4_000}
    store._check()


def test_drops_take_only_what_they_match():
    """Series of one table that a drop does not match survive it, with their refs."""
    store = Store(clock=lambda: NOW)
    keep = store.appender()
    refs = [keep.append(0, {"__name__": "m", "keep": f"{i}"}, 1, 1.0) for i in range(20)]
    done = threading.Event()

    def create() -> None:
        app = store.appender()
        for step in range(300):
            app.append(0, {"__name__": "m", "drop": f"{step}"}, 1, 1.0)
        done.set()

    def drop() -> None:
        while not done.is_set():
            store.drop('m{drop=~".+"}')

    def update() -> None:
        step = 1
        while not done.is_set():
            step += 1
            for ref in refs:
                assert keep.append(ref, {}, step, 1.0) == ref

    together(create, drop, update)
    store.drop('m{drop=~".+"}')

    assert [p.labels["keep"] for p in store] == sorted(f"{i}" for i in range(20))
    store._check()


def test_updates_of_one_source_lose_nothing():
    """Pushes from several threads into one source all arrive, whoever was faster (S-3)."""
    store = Store(clock=lambda: NOW)
    threads, rounds = 4, 80

    def push(own: int) -> Callable[[], None]:
        def run() -> None:
            for step in range(1, rounds + 1):
                with store.batch("s", replace=False, timestamp=step) as batch:
                    batch.append(0, {"__name__": "m", "own": f"{own}"}, step, float(step))
                    labels = {"__name__": "m", "own": f"{own}", "step": f"{step}"}
                    batch.append(0, labels, step, float(step))

        return run

    together(*(push(own) for own in range(threads)))

    assert len(store) == threads * (rounds + 1)
    assert [p.value for p in store.query("m", step=None)] == [float(rounds)] * threads
    assert store.counts.samples == 2 * threads * rounds
    assert store.counts.added == threads * (rounds + 1)
    store._check()


def test_refs_of_one_source_are_shared_without_harm():
    """Batches of one source in several threads forget refs beside each other, and every
    sample still lands in its own series (S-1)."""
    store = Store(clock=lambda: NOW)
    held = store.batch("s", replace=False)
    many = [
        Labels(__name__="m", own=f"{own}", each=f"{i}")
        for own in range(4)
        for i in range(400)
    ]

    def push(own: int) -> Callable[[], None]:
        def run() -> None:
            refs: dict[Labels, int] = {}
            for step in range(1, 40):
                batch = store.batch("s", replace=False)
                for labels in many[own * 400 + step : own * 400 + 400 : step]:
                    refs[labels] = batch.append(refs.get(labels, 0), labels, step, own)
                batch.rollback() if step % 2 else batch.commit()

        return run

    together(*(push(own) for own in range(4)))
    for labels in many:
        held.append(0, labels, 1, 0.0)
    held.rollback()

    assert all(point.labels["own"] == f"{point.value:g}" for point in store)
    store._check()


def test_refs_are_forgotten_beside_new_ones():
    """A book of refs may be written in while another batch forgets: a ref leads to its
    own series or to none."""
    book = RefBook()
    done = threading.Event()

    def add() -> None:
        for each in range(15_000):
            labels = Labels._from_flat(("__name__", "m", "each", f"{each}"))
            assert book.labels(book.ref(labels)) in (labels, None)
        done.set()

    def forget() -> None:
        while not done.is_set():
            book.forget_all_but({Labels(__name__="m", each="0")})

    together(add, forget, forget)


def test_the_limit_holds_among_threads():
    """Threads that fill the store together stop exactly at its limit."""
    store = Store(limits=Limits(series=50), clock=lambda: NOW)
    refused = []

    def fill(own: int) -> Callable[[], None]:
        def run() -> None:
            for each in range(40):
                try:
                    if own % 2:
                        app = store.appender()
                        app.append(0, {"__name__": "m", own_name: f"{own}.{each}"}, 1, 1.0)
                    else:
                        with store.batch(f"s{own}", replace=False) as batch:
                            batch.append(0, {"__name__": "m", "a": f"{own}.{each}"}, 1, 1.0)
                except LimitError:
                    refused.append(own)

        own_name = "b"
        return run

    together(*(fill(own) for own in range(4)))

    assert len(store) == 50
    assert len(refused) == 110


def test_subscribers_and_sources_come_and_go():
    """Subscribing, removing and dropping beside commits deadlocks nothing."""
    store = Store(clock=lambda: NOW)
    told = []

    def commit() -> None:
        for step in range(60):
            store.ingest(f"m {step}\n", source=f"s{step % 3}", timestamp=step)

    def churn() -> None:
        for step in range(60):
            end = store.subscribe(told.append)
            store.remove(f"s{step % 3}")
            store.drop("m")
            end()

    together(commit, commit, churn)

    assert store._subscribers == ()
    assert store.counts.added == store.counts.removed + len(store)
    store._check()


def test_no_question_goes_back_behind_another(monkeypatch):
    """Where one question saw a commit that is being shown, no other gives what was before
    it, although it had kept that answer."""
    store = Store(clock=lambda: NOW)
    store.ingest("m 1")
    assert store.value("m") == 1  # its answer is kept
    seen = []
    change = store._directory.change

    def ask_meanwhile(*args) -> None:
        seen.extend((store.select("m")[0].value, store.value("m")))
        change(*args)

    monkeypatch.setattr(store._directory, "change", ask_meanwhile)
    store.ingest("m 2\nn 1")

    assert seen in ([1, 1], [2, 2])
    assert store.value("m") == store.select("m")[0].value == 2
