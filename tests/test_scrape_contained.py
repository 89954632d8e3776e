"""Nothing that is done to a scraper from inside the process makes anybody wait for ever:
foreign functions that raise what is no Exception, files that nobody writes to, threads
that start and stop at once, forks, event loops that end.

Whatever could hang runs in a process or a thread that is waited for only so long.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.core import GaugeMetricFamily

from promlatest import Store
from promlatest.exceptions import (
    EndpointError,
    PromlatestError,
    TimeoutExceededError,
    UsageError,
)
from promlatest.scrape import (
    AsyncScraper,
    Auth,
    Scraper,
    ScrapeResult,
    Target,
    fetch_once,
    scrape_once,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX"),
]


def run(code: str, within: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a program that has to end by itself.

    From Python 3.12 on a fork beside threads is warned of, whoever's threads they are.
    """
    quiet = "ignore:This process:DeprecationWarning"
    return subprocess.run(
        [sys.executable, "-W", quiet, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=within,
    )


def within(seconds: float, function: Callable[[], object]) -> object:
    """What a function gives on a thread, or raises; it must come to its end in time."""
    outcome: list[object] = []

    def call() -> None:
        try:
            outcome.append(function())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return outcome[0]


# What is no Exception


def raises(error: BaseException) -> Callable[..., bytes]:
    def act(*_: object) -> bytes:
        raise error

    return act


ESCAPING = [SystemExit(3), KeyboardInterrupt(), pytest.fail.Exception("no luck")]


@pytest.mark.parametrize("error", ESCAPING, ids=["exit", "interrupt", "pytest.fail"])
def test_a_callable_that_raises_what_is_no_exception(error: BaseException) -> None:
    """Who asked for the scrape gets it; the target is down, and the others go on."""
    store = Store()
    scraper = Scraper(store, [lambda: b"a 1\n"])
    broken = scraper.add(raises(error))

    assert within(60, lambda: scraper.scrape(broken)) is error
    assert [p.value for p in store.query("up", instance=broken)] == [0.0]
    assert type(error).__name__ in str(store.sources[broken].error)
    good = next(name for name in scraper.targets if name != broken)
    assert scraper.scrape(good).up
    assert within(60, scraper.scrape_all) is error
    within(60, scraper.stop)


@pytest.mark.parametrize("error", ESCAPING, ids=["exit", "interrupt", "pytest.fail"])
def test_a_subscriber_that_raises_what_is_no_exception(error: BaseException) -> None:
    """Who asked for the scrape gets it, and the loop lives."""
    store = Store()
    scraper = Scraper(store, [lambda: b"a 1\n"])
    unsubscribe = store.subscribe(raises(error))

    assert within(60, scraper.scrape) is error
    unsubscribe()
    assert scraper.scrape().up
    within(60, scraper.stop)


def test_what_nobody_asked_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Where nobody waits for the scrape, the log tells; the scraping goes on."""
    store, calls = Store(), iter([*ESCAPING, *[None] * 1000])

    def act() -> bytes:
        error = next(calls)
        if error is not None:
            raise error
        return b"a 1\n"

    with Scraper(store, [act], interval=0.4):
        deadline = time.monotonic() + 60
        while not store.query("a"):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    assert "SystemExit" in caplog.text


def test_scrape_once_raises_what_a_callable_raised() -> None:
    """It is raised as it is, and the target is down."""
    store = Store()
    with pytest.raises(SystemExit):
        scrape_once(store, raises(SystemExit(3)))

    assert [point.value for point in store.query("up")] == [0.0]


async def test_asyncio_gives_it_to_who_waits() -> None:
    """The same under asyncio, in the loop of the program."""
    async with AsyncScraper(Store(), [raises(pytest.fail.Exception("no"))]) as scraper:
        with pytest.raises(pytest.fail.Exception):
            await scraper.scrape()


class Faulty(logging.Handler):
    """A clock of a store and a handler of a log, which raise while an error is set."""

    error: BaseException | None = None

    def clock(self) -> int:
        self.act()
        return time.time_ns() // 1_000_000

    def emit(self, record: logging.LogRecord) -> None:
        self.act()

    def act(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture(params=["clock", "log"])
def faulty(request: pytest.FixtureRequest) -> Iterator[tuple[Faulty, Store]]:
    """What raises, and a store whose scrapes call it on the event loop."""
    made, logger = Faulty(), logging.getLogger("promlatest.scrape")
    if request.param == "clock":
        yield made, Store(clock=made.clock)
        return
    logger.addHandler(made)
    yield made, Store()
    logger.removeHandler(made)


@pytest.mark.parametrize(
    "error", [*ESCAPING, ValueError("no")], ids=["exit", "interrupt", "fail", "value"]
)
def test_what_the_event_loop_calls_may_raise(
    faulty: tuple[Faulty, Store], error: BaseException
) -> None:
    """Who asked for the scrape gets what a clock or the log raised, and the loop lives."""
    what, store = faulty
    bodies = itertools.cycle([b"{", b"a 1\n"])  # each time it fails there is a line
    scraper = Scraper(store, [lambda: next(bodies)], interval=0.05)

    what.error = error
    try:
        assert within(60, scraper.scrape) is error
        scraper.start()
        time.sleep(0.2)
        what.error = None
        assert isinstance(within(60, scraper.wait_fresh), ScrapeResult)
    finally:  # else it goes on, and other tests find its thread and its log
        within(60, scraper.stop)


def test_whatever_goes_wrong_the_target_is_down() -> None:
    """A fetch that fails as nobody thought of takes the old values away."""
    store, bodies = Store(), iter([b"a 1\n", "a\ud800 1\n"])
    scraper = Scraper(store, [lambda: next(bodies)])  # type: ignore[list-item,return-value]
    scraper.scrape()
    failed = scraper.scrape()
    scraper.stop()

    assert "UnicodeEncodeError" in str(failed.error)
    assert store.query("a") == []
    assert [point.value for point in store.query("up")] == [0.0]


# Files


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A file that can be opened and never gives anything."""
    made = tmp_path / "pipe"
    os.mkfifo(made)
    return made


def secretive(pipe: Path) -> list[Target]:
    return [
        Target.parse("localhost:9", auth=Auth(bearer_token_file=str(pipe))),
        Target.parse("localhost:9", auth=Auth(username="a", password_file=str(pipe))),
    ]


def test_a_secret_that_does_not_come(pipe: Path) -> None:
    """A token file that hangs fails by the deadline; others go on, and stop ends."""
    store = Store()
    targets = [lambda: b"a 1\n", secretive(pipe)[0]]
    scraper = Scraper(store, targets, interval=1)
    scraper.start()
    result = within(60, lambda: scraper.scrape(targets[1]))

    assert isinstance(result.error, EndpointError)  # type: ignore[attr-defined]
    assert scraper.scrape(targets[0]).up
    assert within(60, scraper.stop) is None


@pytest.mark.parametrize("number", [0, 1])
def test_once_a_secret_that_does_not_come(pipe: Path, number: int) -> None:
    """A single scrape ends by its timeout."""
    target = secretive(pipe)[number]

    error = within(60, lambda: fetch_once(target, timeout=0.3))

    assert isinstance(error, EndpointError)


def test_a_certificate_that_does_not_come(pipe: Path) -> None:
    """OpenSSL opens the file of a CA by itself, and waits; nobody else does."""
    code = f"""
        from promlatest.scrape import *
        from promlatest import Store
        target = Target.parse("https://localhost:9", tls=TLS(ca_file={str(pipe)!r}))
        scraper = Scraper(Store(), [target, lambda: b"a 1\\n"], interval=1)
        with scraper:
            for _ in range(2):
                print(type(scraper.scrape(target).error).__name__)
            print(scraper.scrape(list(scraper.targets)[1]).up)
        """
    assert run(code).stdout.split() == ["TimeoutExceededError"] * 2 + ["True"]


# Threads


def test_start_and_stop_from_many_threads() -> None:
    """Any thread may start, stop, scrape, add and remove; nobody hangs, nothing leaks."""
    before = threading.active_count()
    store, scraper_ready = Store(), threading.Barrier(6)
    scraper = Scraper(store, [lambda: b"a 1\n"], interval=0.01)
    wrong: list[BaseException] = []

    def body() -> bytes:
        return b"b 1\n"

    acts: list[Callable[[], object]] = [
        scraper.start,
        scraper.stop,
        scraper.stop,
        lambda: scraper.scrape(next(iter(scraper.targets))),
        lambda: scraper.scrape_all(),
        lambda: scraper.wait_fresh(next(iter(scraper.targets)), timeout=0.05),
    ]

    def often(act: Callable[[], object]) -> None:
        scraper_ready.wait(60)
        for _ in range(40):
            try:
                act()
            except (EndpointError, TimeoutError, UsageError):
                pass
            except BaseException as error:
                if "not scraped any more" not in str(error):
                    wrong.append(error)

    threads = [threading.Thread(target=often, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    within(60, scraper.stop)
    deadline = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


# Forks

FORKED = """
    import os, sys, time
    from promlatest import Store
    from promlatest.scrape import *
    store = Store()
    scraper = Scraper(store, [lambda: b"a 1\\n"], interval=2)
    scraper.start()
    scraper.scrape()
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print(scraper.scrape().up)
        scraper.stop()
        sys.exit()
    """


@pytest.mark.parametrize(
    "act",
    [
        "assert scraper.scrape().up; scraper.stop()",
        "assert scraper.scrape().up",
        "scraper.stop()",
        "scraper.start(); assert scraper.wait_fresh(timeout=60).up; scraper.stop()",
        "assert scrape_once(Store(), lambda: b'a 1').up",
        "del scraper; import gc; gc.collect()",
        "pass",
    ],
)
def test_child_of_a_fork(act: str) -> None:
    """In a child a scraper is not running; it works there, or can be left, and the
    parent's goes on."""
    code = textwrap.dedent(FORKED) + act + "\nsys.exit(7)\n"
    done = run(code)

    assert done.stdout.split() == ["7", "True"]
    assert done.stderr == ""


def test_waiting_in_the_child_of_a_fork() -> None:
    """Nobody waits for what is not running there: it is refused at once."""
    code = textwrap.dedent(FORKED) + textwrap.dedent(
        """
        try:
            scraper.wait_fresh(timeout=60)
        except ValueError as error:
            os._exit(7 if "start()" in str(error) else 1)
        """
    )
    assert run(code).stdout.split() == ["7", "True"]


def test_forks_while_many_scrape() -> None:
    """Whatever threads hold at the moment of a fork, of a scraper or of its store, no
    child hangs."""
    code = """
        import os, threading
        from promlatest import Store
        from promlatest.scrape import *
        ended, store = False, Store()
        scraper = Scraper(store, [lambda: b"a 1\\n" for _ in range(4)], interval=0.01)
        def once():
            while not ended:
                scrape_once(store, lambda: b"b 1\\n")
        threads = [threading.Thread(target=once, daemon=True) for _ in range(2)]
        with scraper:
            for thread in threads:
                thread.start()
            for _ in range(20):
                child = os.fork()
                if not child:
                    scraper.scrape(list(scraper.targets)[0])  # 10 ms may be too little
                    ok = scrape_once(store, lambda: b"c 1\\n").up
                    scraper.stop()
                    os._exit(0 if ok else 1)
                assert os.waitpid(child, 0)[1] == 0
            ended = True
        print("done")
        """
    done = run(code, within=60)
    assert done.stdout == "done\n", done.stderr


# Event loops


def test_interrupt_under_asyncio() -> None:
    """Ctrl-C ends a scrape that blocks inside of a running event loop."""
    code = """
        import asyncio, os, signal, socket, threading, time
        from promlatest import Store
        from promlatest.scrape import scrape_once
        listener = socket.create_server(("127.0.0.1", 0))
        def interrupt():
            connection = listener.accept()  # so the scrape is on its way
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(600)
        async def main():
            threading.Thread(target=interrupt, daemon=True).start()
            scrape_once(Store(), f"127.0.0.1:{listener.getsockname()[1]}", timeout=600)
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
        """
    assert run(code).stdout == "interrupted\n"


def test_a_loop_that_was_closed_without_stop() -> None:
    """What was left running in a loop that is gone can be stopped, and used again."""
    store = Store()
    scraper = AsyncScraper(store, [lambda: b"a 1\n"], interval=30)
    asyncio.run(scraper.start())
    asyncio.run(scraper.stop())

    async def again() -> bool:
        async with scraper:
            return (await scraper.scrape()).up

    assert asyncio.run(again())


def left_of(before: list[threading.Thread], at_rest: int = 0) -> int:
    """How many threads have been started and are there, once garbage is collected."""
    deadline = time.monotonic() + 60
    while True:
        gc.collect()  # again: a thread that ends holds what it worked with until then
        left = len(set(threading.enumerate()) - set(before))
        if left <= at_rest or time.monotonic() > deadline:
            return left
        time.sleep(0.01)


def test_no_thread_outlives_its_event_loop() -> None:
    """A scraper that is used in one event loop after the other, and never stopped, has
    threads of the last one only; none once it is forgotten."""
    before = threading.enumerate()
    scraper = AsyncScraper(Store(), [lambda: b"a 1\n"])
    for _ in range(5):
        assert asyncio.run(scraper.scrape()).up
    assert left_of(before, 2) <= 2  # one that reads, one that commits

    del scraper
    assert left_of(before) == 0


def test_a_scraper_that_raised_can_be_forgotten() -> None:
    """What a scrape raised does not hold the scraper that nobody has any more."""

    def fails() -> bytes:
        raise SystemExit(3)

    before = threading.enumerate()
    scraper = Scraper(Store(), [fails], interval=60)
    with pytest.raises(SystemExit):
        scraper.scrape()
    del scraper

    assert left_of(before) == 0


@pytest.mark.parametrize("kind", ["scraper", "once"])
def test_a_registry_without_end(kind: str) -> None:
    """A registry that never comes to its end fails by the deadline."""

    class Endless:
        def collect(self) -> Iterator[GaugeMetricFamily]:
            while True:
                yield GaugeMetricFamily("a", "a", 1.0)
                time.sleep(0.01)

    before = threading.enumerate()
    if kind == "scraper":
        with Scraper(Store(), [Endless()], interval=60, timeout=0.1) as scraper:
            assert isinstance(scraper.scrape().error, TimeoutExceededError)
    else:
        with pytest.raises(TimeoutExceededError):
            scrape_once(Store(), Endless(), timeout=0.1)
    assert left_of(before) == 0


async def test_a_target_that_goes_and_comes_back_at_once() -> None:
    """A target that is added while it is being removed is scraped, and has its source for
    itself."""

    def slow() -> bytes:
        return b"a 1\n"

    store = Store()
    end = store.subscribe(lambda _: time.sleep(0.2))
    async with AsyncScraper(store, [slow], interval=60) as scraper:
        await asyncio.sleep(0.1)  # a commit is under way
        await asyncio.gather(scraper.remove(slow), scraper.add(slow))
        assert (await scraper.scrape(slow)).up
        assert store.value("a") == 1.0
        with pytest.raises(UsageError, match="by another scraper"):
            await AsyncScraper(store, [slow]).start()
    end()


@pytest.mark.parametrize("what", ["the log", "the clock"])
def test_stopped_while_what_it_calls_hangs(
    what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A log handler or a clock that hangs does not hold `stop` for ever: it is said, and the
    scraper can be started again, also when what hung goes on."""
    began, goes_on = threading.Event(), threading.Event()

    def hang(*_: object) -> int:
        if not began.is_set():
            began.set()
            goes_on.wait(60)
        return time.time_ns() // 1_000_000

    monkeypatch.setattr("promlatest.scrape._scrapers._HANGS", 0.1)
    if what == "the log":
        caplog.set_level(logging.INFO, "promlatest.scrape")
        monkeypatch.setattr(caplog.handler, "emit", hang)
    store = Store(clock=hang) if what == "the clock" else Store()
    scraper = Scraper(store, [lambda: b"a 1\n"], interval=60)
    scraper.start()
    assert began.wait(60)

    with pytest.raises(TimeoutError, match="a log handler or the store's clock hangs"):
        scraper.stop()
    scraper.start()
    goes_on.set()
    while not scraper.scrape().up:  # before what hung has come back
        time.sleep(0.01)
    scraper.stop()


def test_removed_while_a_commit_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The series of a removed target do not come back with a commit that was under way,
    although it takes longer than stopping would wait."""
    committing = threading.Event()

    class SlowStore(Store):
        def batch(self, *args: Any, **options: Any) -> Any:
            committing.set()
            time.sleep(0.3)
            return super().batch(*args, **options)

    def body() -> bytes:
        return b"a 1\n"

    monkeypatch.setattr("promlatest.scrape._engine._PATIENCE", 0.01)
    store = SlowStore()
    with Scraper(store, [body], interval=60) as scraper:
        assert committing.wait(60)
        scraper.remove(body)
        time.sleep(0.5)
        assert not store.sources


def test_another_event_loop_than_that_of_asyncio() -> None:
    """Where no event loop of asyncio runs (under trio), that is said."""
    waiting = AsyncScraper(Store(), [lambda: b"a 1\n"]).scrape()
    with pytest.raises(UsageError, match="needs an event loop of asyncio"):
        waiting.send(None)


def test_once_with_a_timeout_of_years(tmp_path: Path) -> None:
    """A timeout may be longer than the system can count."""
    file = tmp_path / "m"
    file.write_text("a 1\n")
    assert fetch_once(f"file:{file}", timeout=1e300).body == b"a 1\n"


def test_a_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no standard input, that is said."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(EndpointError, match="the standard input is closed"):
        fetch_once("-")


@pytest.mark.parametrize("ending", ["stop", "remove"])
async def test_a_scrape_that_is_asked_for_while_it_ends(ending: str) -> None:
    """Who asks while another stops the scraper, or removes the target, is told; no task of
    it is left to be destroyed, and nobody else is kept from the target."""
    store = Store()

    def body() -> bytes:
        return b"a 1\n"

    scraper = AsyncScraper(store, [body])
    await scraper.scrape()
    asked = asyncio.create_task(scraper.scrape_all())
    end = scraper.stop() if ending == "stop" else scraper.remove(body)
    await asyncio.create_task(end)

    with pytest.raises(PromlatestError, match="is not scraped any more"):
        await asked
    assert not [
        task for task in asyncio.all_tasks() if task.get_name().startswith("scrape ")
    ]
    assert scrape_once(store, body).up
    await scraper.stop()


async def test_two_loops_at_once() -> None:
    """A scraper that one loop has is refused to another, in words."""
    async with AsyncScraper(Store(), [lambda: b"a 1\n"]) as scraper:
        with pytest.raises(UsageError, match="another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(scraper.scrape()))


def test_names_that_hang_do_not_stop_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many names nobody answers for, another one is looked up at once."""
    import socket

    release, real = threading.Event(), socket.getaddrinfo

    def slow(host: str, *args: object, **options: object) -> object:
        if host.startswith("dead"):
            release.wait(20)
            raise socket.gaierror(socket.EAI_NONAME, "no answer")
        return real(host, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    dead = [f"dead{number}.test:80" for number in range(100)]
    scraper = Scraper(Store(), [*dead, "localhost:9"], interval=2)
    with scraper:
        time.sleep(0.5)
        error = scraper.scrape("localhost:9").error
    release.set()

    assert "connection refused" in str(error)
