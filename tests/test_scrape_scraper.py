"""The scraper in the background: rhythm, demand, freshness, targets that come and go.

What it scrapes here are callables, so nothing of it needs HTTP or waits for a network.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from math import nan

import pytest
from meanwhile import later
from prometheus_client import CollectorRegistry

from promlatest import Change, Store
from promlatest._clock import now_ms
from promlatest.exceptions import PromlatestError, TimeoutExceededError, UsageError
from promlatest.scrape import AsyncScraper, Job, Scraper, ScrapeResult, Target
from promlatest.scrape._schedule import Schedule
from promlatest.scrape._workers import Workers

pytestmark = pytest.mark.slow


class Counting:
    """Exposes how often it was asked.

    Args:
        takes: seconds for an answer.
        shut: answer nobody before the gate is opened.
    """

    def __init__(self, takes: float = 0.0, *, shut: bool = False) -> None:
        self.takes = takes
        self.gate = threading.Event()
        if not shut:
            self.gate.set()
        self.times: list[float] = []
        self.at_once = 0
        self.most_at_once = 0

    def __call__(self) -> bytes:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.times.append(time.monotonic())
        assert self.gate.wait(60)
        time.sleep(self.takes)
        self.at_once -= 1
        return b"asked %d\n" % len(self.times)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [each for each in threading.enumerate() if each not in before]
    for thread in left:
        thread.join(60)
    assert not any(thread.is_alive() for thread in left), left


def until(reached: Callable[[], bool], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def waiting(scraper: Scraper | AsyncScraper) -> int:
    """How many wait for the end of a scrape that has not begun."""
    loops = scraper._engine.loops.values()
    return sum(len(each._demands) + len(each._watchers) for each in loops)


# The rhythm


def test_first_tick_is_immediate() -> None:
    """The first scrape is due at once, the others at the interval (C-7)."""
    rhythm = Schedule(100.0, 10.0)
    ticks = [rhythm.tick]
    for _ in range(3):
        rhythm.advance(rhythm.tick + 1)
        ticks.append(rhythm.tick)

    assert ticks == [100.0, 110.0, 120.0, 130.0]


def test_late_scrape_skips_its_tick() -> None:
    """Ticks that pass during a scrape are left out, and the phase stays."""
    rhythm = Schedule(100.0, 10.0)

    assert rhythm.advance(135.0) == 3
    assert rhythm.tick == 140.0


def test_a_timeout_as_long_as_the_interval() -> None:
    """A scrape that ends just after the next tick does not miss it."""
    rhythm = Schedule(100.0, 10.0)

    assert rhythm.advance(110.5) == 0
    assert rhythm.tick == 110.0


def test_targets_are_spread() -> None:
    """Many targets are spread over the interval, and none is scraped twice in half of it."""
    phases, gaps = [], []
    for number in range(100):
        rhythm = Schedule(0.0, 10.0, number)
        first = rhythm.tick
        rhythm.advance(first)
        phases.append(rhythm.tick % 10)
        gaps.append(rhythm.tick - first)

    assert 5.0 <= min(gaps) <= max(gaps) <= 15.0
    found = sorted(phases)
    assert max(b - a for a, b in itertools.pairwise(found)) < 0.3


def test_targets_are_scraped_together() -> None:
    """A thousand targets share the moments of an interval, the same at every interval;
    the second scrape of one is half an interval behind the first at the least."""
    schedules = [Schedule(7.77 + number / 2000, 5.0, number) for number in range(1000)]
    first = [each.tick for each in schedules]
    for each in schedules:
        each.advance(each.tick)
    moments = {round(each.tick, 6) for each in schedules}

    assert len(moments) <= 60
    assert all(each.tick - at >= 2.5 for each, at in zip(schedules, first, strict=True))
    for each in schedules:
        each.advance(each.tick)
    assert {round(each.tick - 5, 6) for each in schedules} == moments


def test_lateness_is_overlooked() -> None:
    """A scrape within 2 ms and 1 % of the interval has the time of its tick (C-6)."""
    assert Schedule(1.0, 10.0).lateness(1.001) == pytest.approx(0.001)
    assert Schedule(1.0, 10.0).lateness(1.003) == 0.0
    assert Schedule(1.0, 0.1).lateness(1.0015) == 0.0


# Scraping


def test_background() -> None:
    """A scraper scrapes at once, and then at its interval."""
    store, counting = Store(), Counting()

    def gaps() -> list[float]:
        return [b - a for a, b in itertools.pairwise(counting.times)]

    with Scraper(store, [counting], interval=0.05):
        until(lambda: len(gaps()) >= 4 and min(gaps()) < 0.08)

    assert sum(gaps()) / len(gaps()) > 0.03


def test_one_scrape_at_a_time() -> None:
    """A target that takes longer than the interval is never asked twice at a time."""
    counting = Counting(takes=0.12)
    with Scraper(Store(), [counting], interval=0.05):
        until(lambda: len(counting.times) >= 4)
    until(lambda: counting.at_once == 0)

    assert counting.most_at_once == 1


def test_hanging_callable() -> None:
    """A callable that hangs fails by the deadline, and holds neither others nor the end."""
    release, counting, store = threading.Event(), Counting(), Store()

    def hangs() -> bytes:
        release.wait(60)
        return b"a 1\n"

    with Scraper(store, [hangs, counting], interval=0.1) as scraper:
        until(lambda: len(counting.times) >= 5 and len(scraper.results) == 2)
        error = scraper.results[Target.of(hangs).name].error
        stopping = time.monotonic()
    stopped = time.monotonic() - stopping
    release.set()

    assert isinstance(error, TimeoutExceededError)
    assert stopped < 30
    assert [p.value for p in store.query("up")].count(0.0) == 1


def test_scrape_on_demand() -> None:
    """A scraper that was not started scrapes when it is told to."""
    store = Store()
    scraper = Scraper(store, [lambda: b"a 1\n"])
    result = scraper.scrape()
    scraper.stop()

    assert (result.up, result.samples, result.bytes) == (True, 1, 4)
    assert len(store.query("a")) == 1


def test_demand_starts_a_new_scrape() -> None:
    """A scrape on demand starts after it was asked for, whatever is under way."""
    counting = Counting(shut=True)
    with Scraper(Store(), [counting], interval=30) as scraper:
        until(lambda: counting.at_once == 1)
        asked = time.monotonic()
        with later(lambda: until(lambda: waiting(scraper) == 1), counting.gate.set):
            scraper.scrape()

    assert len(counting.times) == 2
    assert counting.times[1] > asked


def test_demands_share_a_scrape() -> None:
    """Those who ask while a scrape is under way share the next one."""
    counting = Counting(shut=True)
    with Scraper(Store(), [counting], interval=30) as scraper:
        until(lambda: counting.at_once == 1)
        results: list[ScrapeResult] = []
        threads = [
            threading.Thread(target=lambda: results.append(scraper.scrape()))
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        until(lambda: waiting(scraper) == 5)
        counting.gate.set()
        for thread in threads:
            thread.join()

    assert len(counting.times) == 2
    assert len({id(result) for result in results}) == 1


def test_fresh_since_now() -> None:
    """Waiting for a fresh scrape gives one that started afterwards."""
    counting = Counting(takes=0.05)
    with Scraper(Store(), [counting], interval=0.5) as scraper:
        until(lambda: counting.at_once == 1)
        asked = time.monotonic()
        scraper.wait_fresh()

    assert counting.times[-1] > asked


def test_fresh_since_a_moment() -> None:
    """A scrape that started after the moment is enough, also if it is over."""
    with Scraper(Store(), [lambda: b"a 1\n"], interval=30) as scraper:
        result = scraper.scrape()

        assert scraper.wait_fresh(since=result.timestamp - 1) == result
        with pytest.raises(TimeoutError):
            scraper.wait_fresh(since=now_ms() + 1, timeout=0.02)  # whole milliseconds


def test_a_scrape_of_the_same_moment_is_not_fresh(monkeypatch) -> None:
    """What started at the moment itself may have been answered before it."""
    monkeypatch.setattr("promlatest.scrape._engine.perf_counter", lambda: 100.0)
    with Scraper(Store(), [lambda: b"a 1\n"], interval=30) as scraper:
        scraper.scrape()

        with pytest.raises(TimeoutError, match=r"ended within 0\.02 s"):
            scraper.wait_fresh(timeout=0.02)
        with pytest.raises(UsageError, match="expected seconds for timeout, not nan"):
            scraper.wait_fresh(timeout=nan)


def test_fresh_needs_a_start() -> None:
    """Waiting for what was never started is refused, not waited for."""
    scraper = Scraper(Store(), [lambda: b"a 1\n"])
    with pytest.raises(UsageError, match="start"):
        scraper.wait_fresh()
    scraper.stop()


def test_which_target() -> None:
    """A target need not be named if there is one, and must be there."""
    first, second = Counting(), Counting()
    scraper = Scraper(Store(), [first, second])
    with pytest.raises(UsageError, match="there are 2 targets"):
        scraper.scrape()
    with pytest.raises(UsageError, match="no target is called"):
        scraper.scrape("localhost:1")
    scraper.scrape(first)
    scraper.scrape(list(scraper.targets)[1])

    assert (len(first.times), len(second.times)) == (1, 1)
    assert len(scraper.scrape_all()) == 2
    scraper.stop()


def test_interval_and_timeout() -> None:
    """A timeout above the interval is refused; the default one gives way (C-5)."""
    with pytest.raises(UsageError, match="must not be above the interval"):
        Scraper(Store(), [], interval=1, timeout=2)
    with pytest.raises(UsageError, match="seconds, above 0"):
        Job(interval=0)


def test_two_scrapes_in_one_millisecond() -> None:
    """The second of two scrapes in one millisecond counts as newer."""
    now = now_ms()
    store, counting = Store(clock=lambda: now), Counting()
    scraper = Scraper(store, [counting])
    times = [scraper.scrape().timestamp for _ in range(3)]
    scraper.stop()

    assert times == [now, now + 1, now + 2]
    assert store.query("asked")[0].value == 3.0


def test_clock_that_is_set_back(caplog: pytest.LogCaptureFixture) -> None:
    """After the clock was set back values are taken, and do not stand until it caught up."""
    moments = iter([3_600_000, 3_605_000, 10_000, 15_000])
    now = [0]
    store, counting = Store(clock=lambda: now[0]), Counting()
    scraper = Scraper(store, [counting])
    found = []
    for now[0] in moments:
        assert scraper.scrape().up
        found.append(tuple(store.query("asked")[0])[1:])
    scraper.stop()

    assert found == [(3_600_000, 1.0), (3_605_000, 2.0), (10_000, 3.0), (15_000, 4.0)]
    assert "the clock was set back" in caplog.text


# Targets that come and go


def test_add_and_remove() -> None:
    """A target can be added and removed while it runs; its series go with it (C-17)."""
    store = Store()
    with Scraper(store, [Counting()], interval=0.05) as scraper:
        name = scraper.add(lambda: b"added 1\n")
        until(lambda: bool(store.query("added")))
        assert name in scraper.targets
        scraper.remove(name)
        assert store.query("added") == []
        assert name not in store.sources
        time.sleep(0.1)
        assert store.query("added") == []
        assert list(scraper.results) == [*scraper.targets]


def test_removed_while_it_is_scraped() -> None:
    """A scrape that is under way when its target is removed does not bring it back."""
    counting, store = Counting(shut=True), Store()
    with Scraper(store, [counting], interval=30) as scraper:
        until(lambda: counting.at_once == 1)
        scraper.remove(counting)
        counting.gate.set()
        until(lambda: counting.at_once == 0)
        time.sleep(0.05)

    assert len(store) == 0


def test_removed_while_somebody_waits() -> None:
    """Who waits for a target that is removed is told, and does not wait for ever."""
    counting, caught = Counting(shut=True), []
    with Scraper(Store(), [counting], interval=30) as scraper:
        until(lambda: counting.at_once == 1)

        def wait() -> None:
            with pytest.raises(PromlatestError, match="not scraped any more"):
                scraper.scrape()
            caught.append(True)

        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: waiting(scraper) == 1)
        scraper.remove(counting)
        thread.join(60)
        counting.gate.set()

    assert caught == [True]


def test_targets_of_one_name() -> None:
    """Two targets of one name are two sources and two instances."""
    store = Store()
    scraper = Scraper(store, [Counting(), Counting()])
    scraper.scrape_all()
    scraper.stop()

    names = ["callable:Counting", "callable:Counting#2"]
    assert sorted(store.sources) == names
    assert [point.labels["instance"] for point in store.query("asked")] == names


def test_nothing_is_written_after_stop() -> None:
    """After stop the store keeps what it has, and nothing is written to it any more."""
    store = Store()
    with Scraper(store, [Counting()], interval=0.01):
        until(lambda: bool(store.query("asked")))
    before = list(store)
    time.sleep(0.1)

    assert list(store) == before


def test_start_again() -> None:
    """A scraper that was stopped can be started again."""
    counting = Counting()
    scraper = Scraper(Store(), [counting], interval=0.05)
    for _ in range(2):
        counting.times.clear()
        with scraper:
            until(lambda: len(counting.times) >= 2)


def test_subscribers_must_not_wait() -> None:
    """A function that the store calls after a commit cannot wait for a scrape."""
    store, caught = Store(), []
    scraper = Scraper(store, [lambda: b"a 1\n"])

    def waits(_: Change) -> None:
        try:
            scraper.scrape()
        except UsageError as error:
            caught.append(str(error))

    store.subscribe(waits)
    scraper.scrape()
    scraper.stop()

    (message,) = caught
    assert message.startswith("a subscriber of the store must not wait for a scrape")


def test_which_thread_commits() -> None:
    """A small body is read and committed on the loop itself, once it has shown to be
    quick; but not where somebody is told, who may take his time."""
    names: list[str] = []

    class Naming(Store):
        def batch(self, *args: object, **options: object) -> object:  # type: ignore[override]
            names.append(threading.current_thread().name.rstrip("-0123456789"))
            return super().batch(*args, **options)  # type: ignore[arg-type]

    store = Naming()
    scraper = Scraper(store, [lambda: b"a 1\n"])
    for _ in range(500):  # a busy machine may not be quick at once
        scraper.scrape()
        if names[-1] == "promlatest-scrape":
            break
    unwatched = set(names)
    store.subscribe(lambda _: None)
    names.clear()
    scraper.scrape()
    scraper.stop()

    assert "promlatest-scrape" in unwatched
    assert names == ["promlatest-commit"]


def test_a_larger_body_is_read_on_a_worker() -> None:
    """A body that has grown is not read on the loop, however quick the last one was."""
    names: list[str] = []

    class Naming(Store):
        def batch(self, *args: object, **options: object) -> object:  # type: ignore[override]
            names.append(threading.current_thread().name.rstrip("-0123456789"))
            return super().batch(*args, **options)  # type: ignore[arg-type]

    bodies = [b"a 1\n", b"a 1\n", b"".join(b"a%d 1\n" % n for n in range(1000))]
    scraper = Scraper(Naming(), [lambda: bodies.pop(0)])
    for _ in range(3):
        scraper.scrape()
    scraper.stop()

    assert names[-1] == "promlatest-commit"


def test_broken_sink() -> None:
    """A store that raises does not end the scraping."""

    class Broken(Store):
        broken = True

        def batch(self, *args: object, **options: object) -> object:  # type: ignore[override]
            if self.broken:
                raise RuntimeError("no luck")
            return super().batch(*args, **options)  # type: ignore[arg-type]

    store = Broken()
    scraper = Scraper(store, [lambda: b"a 1\n"])
    failed = scraper.scrape()
    store.broken = False
    again = scraper.scrape()
    scraper.stop()

    assert "RuntimeError: no luck" in str(failed.error)
    assert again.up


def test_sink_that_cannot_even_fail() -> None:
    """A store that raises at every turn fails who waits, and the scraping goes on."""

    class Broken(Store):
        broken = True

        def fail(self, *args: object, **options: object) -> None:  # type: ignore[override]
            if self.broken:
                raise RuntimeError("no luck")

    store = Broken()
    scraper = Scraper(store, [lambda: b"{"])
    with pytest.raises(RuntimeError, match="no luck"):
        scraper.scrape()
    store.broken = False
    assert not scraper.scrape().up
    scraper.stop()


def test_stopped_while_somebody_waits() -> None:
    """Who waits for a scrape while another thread stops the scraper is told."""
    for _ in range(20):
        counting, caught = Counting(takes=0.02), []
        scraper = Scraper(Store(), [counting], interval=30)
        scraper.start()
        # Not that it is under way now: a busy machine may look 20 ms too late.
        until(lambda counting=counting: bool(counting.times))

        def wait(scraper: Scraper = scraper, caught: list[bool] = caught) -> None:
            try:
                scraper.wait_fresh()
            except PromlatestError:
                caught.append(True)

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.002)
        scraper.stop()
        thread.join(60)

        assert not thread.is_alive()
    scraper.stop()


def test_forgotten_scraper() -> None:
    """A scraper that nobody holds any more ends by itself."""
    counting = Counting()
    scraper = Scraper(Store(), [counting], interval=0.01)
    scraper.start()
    until(lambda: bool(counting.times))
    del scraper
    gc.collect()
    until(lambda: not any(t.name == "promlatest-scrape" for t in threading.enumerate()))


def test_program_that_does_not_stop_its_scraper() -> None:
    """A program that ends without stopping its scraper ends at once, and quietly."""
    code = """
import logging, time
from promlatest import Store
from promlatest.scrape import Scraper
logging.getLogger("asyncio").setLevel("ERROR")  # a warning is: a busy machine was slow
scraper = Scraper(Store(), [lambda: b"a 1\\n", lambda: time.sleep(60)], interval=0.05)
scraper.start()
time.sleep(0.2)
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("", "")
    assert time.monotonic() - started < 30


# Under asyncio


async def test_asyncio() -> None:
    """The same engine runs in the loop of a program."""
    store, counting = Store(), Counting()
    async with AsyncScraper(store, [counting], interval=1) as scraper:
        first = await scraper.scrape()
        fresh = await scraper.wait_fresh()
        name = await scraper.add(lambda: b"b 1\n")
        await scraper.scrape(name)
        await scraper.remove(name)
        results = await scraper.scrape_all()

    assert first.up
    assert fresh.timestamp >= first.timestamp
    assert [result.source for result in results] == ["callable:Counting"]
    assert store.query("b") == []


async def test_asyncio_cancellation() -> None:
    """Cancelling who waits for a scrape does not harm the scrape."""
    counting = Counting(shut=True)
    async with AsyncScraper(Store(), [counting], interval=30) as scraper:
        await asyncio.to_thread(until, lambda: counting.at_once == 1)
        asked = asyncio.create_task(scraper.scrape())
        await asyncio.to_thread(until, lambda: waiting(scraper) == 1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        counting.gate.set()
        assert (await scraper.scrape()).up


# What it says about itself


def test_metrics() -> None:
    """promlatest_* metrics go to the registry of the user's choice."""
    registry = CollectorRegistry()
    bodies = itertools.cycle([b"a 1\na 2\n", b"{"])
    targets = [lambda: next(bodies)]
    for job in ("x", "y"):  # two scrapers may share a registry
        scraper = Scraper(Store(), targets, job=Job(name=job), registry=registry)
        for _ in range(4):
            scraper.scrape()
        scraper.stop()

    def metric(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"job": "x", **labels})

    assert metric("promlatest_scrapes_total") == 4.0
    assert metric("promlatest_scrape_failures_total", reason="parse") == 2.0
    assert metric("promlatest_refused_samples_total", reason="duplicates") == 2.0
    assert metric("promlatest_scrape_samples_total") == 4.0
    assert metric("promlatest_scrape_body_bytes_total") == 18.0
    assert metric("promlatest_targets") == 1.0
    assert (metric("promlatest_scrape_seconds_total", phase="fetch") or 0) > 0


def test_log(caplog: pytest.LogCaptureFixture) -> None:
    """The log has a line for a change of state, and none for a scrape like the last."""
    played = (
        ["a 1"] * 3 + ["{"] * 3 + ["{}}"] * 2 + ["a 1"] * 2 + ["a 1\na 2"] * 2 + ["a 1"]
    )
    bodies = iter(played)
    scraper = Scraper(Store(), [lambda: next(bodies).encode()], job=Job(name="j"))
    with caplog.at_level(logging.INFO, "promlatest.scrape"):
        for _ in played:
            scraper.scrape()
    scraper.stop()

    assert [
        record.getMessage().partition(" of job j")[2][:20] for record in caplog.records
    ] == [
        " is up: 1 samples",
        " is down: line 1, co",
        " is up again: 1 samp",
        ": 1 of its samples n",
    ]
    assert "not taken, the first since a{" in caplog.messages[3]
    assert "stands there twice" in caplog.messages[3]
    assert all("\n" not in line for line in caplog.messages)
    record = caplog.records[1]
    assert (record.job, record.reason) == ("j", "parse")  # type: ignore[attr-defined]


# The threads


def outcome_of(workers: Workers, function: Callable[[], object]) -> Future[object]:
    future: Future[object] = Future()
    workers.submit(function, lambda result, error: future.set_result(result or error))
    return future


def test_workers_are_capped() -> None:
    """A pool never has more threads than it may, and the calls wait."""
    workers = Workers("test", 2)
    gate, running, most = threading.Event(), [], []

    def call(number: int) -> int:
        running.append(number)
        most.append(len(running))
        assert gate.wait(60)
        running.remove(number)
        return number

    futures = [outcome_of(workers, partial(call, number)) for number in range(1, 7)]
    until(lambda: len(running) == 2)
    gate.set()

    assert [future.result(60) for future in futures] == list(range(1, 7))
    assert max(most) <= 2
    workers.close()


def test_workers_reuse_threads() -> None:
    """A thread that is done is used again."""
    workers = Workers("test", 8)
    names = set()
    for _ in range(20):
        name = outcome_of(workers, lambda: threading.current_thread().name)
        names.add(name.result(60))
        until(lambda: workers._idle == 1)
    workers.close()

    assert len(names) == 1
