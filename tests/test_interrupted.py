"""What interrupts a thread in the middle of a call: forks, finalisers, signals; and what
travels to another process."""

from __future__ import annotations

import copy
import gc
import json
import os
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from promlatest import Matcher, Store
from promlatest._cached import cached_property
from promlatest.exceptions import ParseError
from promlatest.exposition import parse

BODY = '# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 3\nh_sum 4\nh_count 3\n'


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_of_a_fork_can_use_the_store():
    """Children that are forked while threads append and create series do not hang."""
    store = Store()
    done = threading.Event()

    def append(number: int) -> None:
        app = store.appender()
        step = 0
        while not done.is_set():
            step += 1
            app.append(0, {"__name__": "m", "t": f"{number}", "s": f"{step}"}, step, 1.0)
            if not step % 200:
                store.drop("m")  # so that there is always one to create, and few to copy

    threads = [threading.Thread(target=append, args=(n,), daemon=True) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if not child:
                store.appender().append(0, {"__name__": "child"}, 1, 1.0)
                store.ingest("body 1")
                store.drop("m")
                os._exit(0 if store.value("child") == store.value("body") == 1.0 else 1)
            assert _status(child, 20) == 0
    finally:
        done.set()
        for thread in threads:
            thread.join(60)


def _status(child: int, seconds: float) -> int:
    """The exit status of a child, which is killed when its time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def test_a_finaliser_may_append_while_a_series_is_created():
    """An append from a callback of the garbage collector, in the middle of another one,
    is made afterwards, and nothing hangs."""
    store = Store()
    app = store.appender()
    numbers = iter(range(100))

    def collected(phase: str, _: object) -> None:
        number = next(numbers, None)
        if number is not None:
            app.append(0, {"__name__": "late", "n": f"{number}"}, 1, 1.0)

    threshold = gc.get_threshold()
    gc.callbacks.append(collected)
    gc.set_threshold(1, 1, 1)
    try:
        for number in range(200):
            app.append(0, {"__name__": "m", "n": f"{number}"}, 1, 1.0)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(collected)

    assert len(store.query("m")) == 200
    assert len(store.query("late")) == 100
    store._check()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs Unix signals")
def test_a_signal_handler_may_append_and_ask():
    """A handler that runs in the middle of an append uses the same store."""
    store = Store()
    app = store.appender()
    asked = []

    def handle(*_: object) -> None:
        app.append(0, {"__name__": "signal", "n": f"{len(asked)}"}, 1, 1.0)
        asked.append(store.select('m{n="0"}'))
        signal.setitimer(signal.ITIMER_REAL, 0.0005)  # the next one when this one is done

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
    try:
        for number in range(3_000):
            app.append(0, {"__name__": "m", "n": f"{number}"}, 1, 1.0)
    finally:
        # First nobody handles it: a handler that is due would set the timer again, and the
        # next signal would find none, and end the process.
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert len(store.query("m")) == 3_000
    assert len(store.query("signal")) == len(asked)
    store._check()


def travellers() -> dict[str, Any]:
    """One of everything that a store gives away, after it was asked about."""
    store = Store(history=3)
    store.ingest(BODY, timestamp=1)
    exposition = store.ingest(BODY, timestamp=2)
    store.fail("down", OSError("refused"), timestamp=2)
    snapshot = store.snapshot()
    matcher = Matcher("le", "=~", "1.*")
    found = snapshot.query("h_bucket", matcher), snapshot.histogram("h")
    return {
        "point": found[0][0],
        "labels": found[0][0].labels,
        "histogram": found[1],
        "matcher": matcher,
        "snapshot": snapshot,
        "source": store.sources["body"],
        "failed source": store.sources["down"],
        "exposition": exposition,
        "counts": exposition.counts,
        "movement": store.increase("h_sum")[0],
        "error": _error(),
    }


def _error() -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse("a{ 1\n")
    return caught.value


@pytest.mark.parametrize("what", sorted(travellers()))
@pytest.mark.parametrize(
    "way",
    [lambda each: pickle.loads(pickle.dumps(each)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_what_travels_arrives(what, way):
    """Everything that is given away can be pickled and copied, whatever was asked."""
    sent = travellers()[what]

    came = way(sent)

    assert type(came) is type(sent)
    assert str(came) == str(sent)
    if what == "snapshot":
        assert list(came) == list(sent)
        assert came.histogram("h") == sent.histogram("h")
        assert came.increase("h_sum") == sent.increase("h_sum")


def _refused() -> None:
    parse("a{ 1\n")


@pytest.mark.slow
def test_an_error_leaves_a_process_pool_whole():
    """A job that raises ParseError tells so, and the pool goes on."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with pytest.raises(ParseError, match="line 1"):
            pool.submit(_refused).result(60)
        assert pool.submit(abs, -1).result(60) == 1


def test_a_store_stays_in_its_process():
    """A store is not pickled, and says what is."""
    with pytest.raises(TypeError, match="snapshot"):
        pickle.dumps(Store())


def test_a_point_is_json():
    """What `as_dict` gives can be written as JSON."""
    store = Store()
    store.ingest("a NaN", timestamp=5)

    written = json.loads(json.dumps(store.point("a").as_dict()))

    assert written["labels"] == {"__name__": "a"}
    assert written["timestamp"] == 5


@pytest.mark.parametrize("arguments", [{"limits": 5}, {"clock": 5}, {"history": 1}])
def test_wrong_arguments_are_refused_in_words(arguments):
    """A store that is made wrongly says what was expected."""
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Store(**arguments)


def test_no_body_is_refused_in_words():
    """`ingest(None)` is a wrong call."""
    with pytest.raises(ValueError, match="bytes or str"):
        Store().ingest(None)


def test_an_empty_store_is_not_false_and_reprs_are_short():
    """Truth is no question of size, and a repr is one line whatever is held."""
    store = Store()
    assert store
    assert store.snapshot()
    store.ingest("".join(f'm{{a="{n}"}} 1\n' for n in range(500)))

    for each in (store, store.snapshot(), store.sources["body"], parse("m 1")):
        assert len(repr(each)) < 100
        assert "\n" not in repr(each)


@pytest.mark.slow
def test_questions_are_bounded():
    """Thousands of different questions keep no more than a bound, and no old scrape."""
    store = Store()
    body = "".join(f'm{{a="{n}"}} 1\n' for n in range(300))
    before = 0
    for step in range(6_000):
        if step % 10 == 0:
            store.ingest(body.replace(" 1\n", f" {step}\n"), timestamp=step)
        store.query("m", a=f"{step}", b=None)
        if step == 3_000:
            gc.collect()
            before = sys.getallocatedblocks()
    gc.collect()

    assert sys.getallocatedblocks() < before * 1.05


def test_a_change_in_the_middle_of_a_change_waits():
    """Whatever runs while a series is put into its table finds the table whole: what it
    appends is put there afterwards."""
    store = Store()
    app = store.appender()
    refs = []

    class Value(str):
        __slots__ = ()

        def __hash__(self) -> int:
            if sys._getframe(1).f_code.co_name == "put" and not refs:
                refs.append(app.append(0, {"__name__": "m", "n": "within"}, 1, 2.0))
            return str.__hash__(self)

    app.append(0, {"__name__": "m", "n": "first"}, 1, 0.0)
    app.append(0, {"__name__": "m", "n": Value("outer")}, 1, 1.0)

    assert refs
    assert [point.value for point in store.query("m")] == [0.0, 1.0, 2.0]
    store._check()


def test_no_series_is_counted_before_it_is_there():
    """Whoever looks in the middle of an append counts no more series than are found, in a
    row that was free as in a new one."""
    store = Store()
    app = store.appender()
    seen: list[tuple[int, int]] = []

    def look(frame, event, argument):
        if not frame.f_code.co_filename.endswith("live.py"):
            return None
        seen.append((len(store), len(store.query("m"))))
        return look

    for number in range(4):
        app.append(0, {"__name__": "m", "n": f"{number}"}, 1, 1.0)
    store.drop('m{n="2"}')
    store.query("m", n="1")
    before = sys.gettrace()
    sys.settrace(look)
    try:
        for number in range(4, 6):
            app.append(0, {"__name__": "m", "n": f"{number}"}, 1, 1.0)
    finally:
        sys.settrace(before)

    assert {(3, 3), (3, 4), (4, 4), (4, 5), (5, 5)} == set(seen)
    store._check()


def test_an_append_in_the_middle_of_many_is_kept():
    """Whoever appends to one of many series in the middle of an append of them all finds
    its sample there, as it is the newest."""
    store = Store()
    app = store.appender()
    refs = [app.append(0, {"__name__": "m", "n": f"{n}"}, 1, 0.0) for n in range(4)]

    class Moment(int):
        def __ge__(self, other: int) -> bool:
            if other == 30:
                app.append(refs[3], {}, 40, -1.0)
            return int.__ge__(self, other)

    for moment in range(10, 20):
        app.append_many(refs, moment, [1.0] * 4)
    for ref in refs[:3]:
        app.append(ref, {}, Moment(25), 2.0)

    app.append_many(refs, 30, [3.0] * 4)

    assert [point.value for point in store.query("m")] == [3.0, 3.0, 3.0, -1.0]
    app.append_many(refs, 35, [3.5] * 4)
    assert [point.value for point in store.query("m")] == [3.5, 3.5, 3.5, -1.0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_does_not_wait_for_what_a_thread_works_out():
    """A fork while another thread works out a property of an object leaves a child that
    can ask for that of another object."""
    entered, go_on = threading.Event(), threading.Event()

    class Worked:
        @cached_property
        def out(self) -> int:
            if threading.current_thread() is thread:
                entered.set()
                go_on.wait(60)
            return 7

    held = Worked()
    thread = threading.Thread(target=lambda: held.out)
    thread.start()
    try:
        assert entered.wait(60)
        child = os.fork()
        if not child:
            os._exit(Worked().out)
        assert _status(child, 20) == 7
    finally:
        go_on.set()
        thread.join(60)
    assert held.__dict__["out"] == 7
