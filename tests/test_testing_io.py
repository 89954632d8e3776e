"""The two faces of one method: blocking, and to be awaited in asyncio or trio."""

from __future__ import annotations

import asyncio
import gc
import inspect
import types
import warnings

import pytest
from prometheus_client import CollectorRegistry, Counter, make_asgi_app

from promlatest.exceptions import UsageError
from promlatest.testing import (
    AsyncMark,
    AsyncScrapeTarget,
    Mark,
    ScrapeTarget,
    TargetDownError,
    UnaskedError,
    UnaskedWarning,
    UnknownMetricError,
)
from promlatest.testing._io import BLOCKING, finished
from promlatest.testing._unasked import Ledger

BODY = b"# TYPE jobs_total counter\njobs_total 3\n"
FACES = [(ScrapeTarget, AsyncScrapeTarget), (Mark, AsyncMark)]


def methods(kind: type) -> dict[str, object]:
    return {
        name: getattr(kind, name)
        for name in dir(kind)
        if not name.startswith("_") and name not in ("aio", "process", "target")
    }


@pytest.mark.parametrize(("sync", "other"), FACES, ids=["target", "mark"])
def test_both_faces_have_the_same_methods(sync, other):
    """Whatever can be asked of one face can be asked of the other, with one docstring."""
    ours, theirs = methods(sync), methods(other)

    assert set(ours) == set(theirs)
    assert [n for n in ours if ours[n].__doc__ != theirs[n].__doc__] == []
    assert [n for n in ours if not ours[n].__doc__] == []


@pytest.mark.parametrize(("sync", "other"), FACES, ids=["target", "mark"])
def test_both_faces_have_the_same_signatures(sync, other):
    """One signature, but for what is given back."""
    for name, method in methods(sync).items():
        if callable(method):
            ours = inspect.signature(method).parameters
            theirs = inspect.signature(getattr(other, name)).parameters
            assert list(ours) == list(theirs), name


async def test_everything_can_be_asked_in_a_loop():
    """Points, snapshot, name and close are there, too."""
    target = AsyncScrapeTarget(lambda: BODY)

    assert [point.value for point in await target.points("jobs_total")] == [3]
    assert len(await target.snapshot()) == 1
    assert (
        target.name == "callable:test_everything_can_be_asked_in_a_loop.<locals>.<lambda>"
    )
    mark = await target.mark()
    assert (mark.on_reset, len(mark.snapshot), mark.reading.value("jobs_total")) == (
        "fail",
        1,
        3,
    )
    await target.assert_exposes("jobs_total 3")
    target.close()


async def test_marks_in_a_loop_are_looks_too():
    """What a mark looked at is there for the report, as with the blocking face."""
    target = AsyncScrapeTarget(lambda: BODY)
    mark = await target.mark()
    await mark.increase("jobs_total")
    await mark.expect("jobs_total").to_stay(throughout=0.01)

    texts = [look.text for look in target._shared.looks]
    assert texts[:2] == ["", "jobs_total"]
    assert texts[-1] == "jobs_total"


@pytest.mark.parametrize(
    "call",
    [
        lambda target: target.value("jobs_total"),
        lambda target: target.mark(),
        lambda target: target.expect("jobs_total").to_reach(4),
    ],
    ids=["value", "mark", "wait"],
)
async def test_the_blocking_face_is_refused_in_a_loop(call):
    """It would block the application that it waits for, so it names the other face."""
    with pytest.raises(UsageError, match=r"\.aio"):
        call(ScrapeTarget(lambda: BODY))


async def test_a_question_is_a_coroutine():
    """Tasks, timeouts and gathers take it."""
    target = AsyncScrapeTarget(lambda: BODY)

    task = asyncio.create_task(target.value("jobs_total"))
    gathered = await asyncio.gather(target.count("jobs_total"), target.sum("jobs_total"))
    assert await asyncio.wait_for(target.value("jobs_total"), 60) == 3
    assert (await task, gathered) == (3, [1, 3])


# What was never asked


def forget_a_verb(target):
    target.expect("jobs_total")


def forget_to_await(target):
    target.aio.value("jobs_total")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forget", "words"),
    [
        (forget_a_verb, "expect('jobs_total') says nothing by itself"),
        (forget_to_await, "`await` is missing"),
        (lambda target: target.expect_that(lambda shop: None), "call one of its methods"),
        (
            lambda target: target.aio.expect("x").to_reach(1),
            "waiting for x was never awaited",
        ),
    ],
    ids=["verb", "await", "check", "wait"],
)
def test_what_was_never_asked_warns(forget, words):
    """A plain target warns in words about what was dropped unasked."""
    with pytest.warns(UnaskedWarning) as caught:  # noqa: PT031 not every Python counts
        forget(ScrapeTarget(lambda: BODY))
        gc.collect()

    assert words in str(caught[0].message)


@pytest.mark.slow
def test_what_was_asked_does_not_warn():
    """Also where the answer is a failure, or a wrong call."""
    target = ScrapeTarget(lambda: BODY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        target.expect("jobs_total").to_reach(3, already_ok=True)
        with pytest.raises(AssertionError):
            target.expect("jobs_total").to_reach(4, within=0)
        with pytest.raises(UsageError):
            target.expect("jobs_total").to_increase_by(-1)
        gc.collect()


def test_a_watched_ledger_fails_at_its_check():
    """Where a fixture watches, what was dropped is remembered, and told together."""
    target = ScrapeTarget(lambda: BODY)
    target._shared.ledger = Ledger(lambda: "")
    forget_a_verb(target)
    forget_a_verb(target)

    with pytest.raises(UnaskedError) as caught:
        target._shared.ledger.check()
    assert len(str(caught.value).splitlines()) == 2
    target._shared.ledger.check()


@pytest.mark.parametrize(
    "use",
    [
        bool,
        float,
        lambda asked: asked == 3,
        lambda asked: asked < 3,
        lambda asked: asked != 3,
    ],
    ids=["bool", "float", "==", "<", "!="],
)
def test_a_question_has_no_value(use):
    """Without `await` there is nothing to compare, and it says so."""
    asked = AsyncScrapeTarget(lambda: BODY).value("jobs_total")

    with pytest.raises(UsageError, match="`await` is missing"):
        use(asked)
    asked.close()


def test_a_question_without_its_await_has_no_methods():
    """`target.aio.mark().increase(...)` says what is missing."""
    pending = ScrapeTarget(lambda: b"jobs_total 1").aio.mark()

    with pytest.raises(AttributeError, match=r"no increase.*`await` is missing before it"):
        pending.increase("jobs_total")
    pending.close()


def test_both_faces_are_context_managers():
    """Either closes what was started."""
    with ScrapeTarget(lambda: b"jobs_total 1") as target, target.aio as other:
        assert other.target is target


def test_a_blocking_way_that_suspends_is_a_mistake():
    """Nothing that the blocking face runs may suspend."""

    @types.coroutine
    def suspending():
        yield

    async def work() -> None:
        await suspending()

    with pytest.raises(AssertionError, match="suspended"):
        finished(work())
    finished(BLOCKING.sleep(0))


def test_accounts_are_told_apart():
    """A thing that takes the place of a dropped one does not settle its account."""
    ledger = Ledger(lambda: "")
    ledger.dropped(ledger.opened("the first"))
    ledger.settled(ledger.opened("the second"))

    with pytest.raises(UnaskedError, match="the first"):
        ledger.check()


# Trio


@pytest.fixture
def trio():
    return pytest.importorskip("trio")


def test_waits_in_trio(trio):
    """An application that runs in trio is read and waited for there."""
    registry = CollectorRegistry()
    counter = Counter("jobs", "", registry=registry)
    app = make_asgi_app(registry)

    async def asgi(scope, receive, send):
        await trio.sleep(0)  # it fails outside of trio
        await app(scope, receive, send)

    async def work() -> None:
        await trio.sleep(0.02)
        counter.inc()

    async def main() -> float:
        mark = await AsyncScrapeTarget(asgi).mark()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            outcome = await mark.expect("jobs_total").to_increase_by(1)
        with pytest.raises(UnknownMetricError):
            await AsyncScrapeTarget(asgi).value("job_total")
        return outcome.gain

    assert trio.run(main) == 1


def test_a_slow_application_in_trio(trio):
    """The timeout of a scrape holds in trio, too."""

    async def slow(scope, receive, send):
        await trio.sleep(60)

    async def main() -> None:
        with pytest.raises(TargetDownError, match=r"within 0\.02 s"):
            await AsyncScrapeTarget(slow, timeout=0.02).value("jobs_total")

    trio.run(main)


def test_blocking_in_trio_is_refused(trio):
    """The blocking face is refused there as in asyncio."""

    async def main() -> None:
        with pytest.raises(UsageError, match=r"\.aio"):
            ScrapeTarget(lambda: BODY).value("jobs_total")

    trio.run(main)


def test_what_blocks_runs_on_a_thread_in_trio(trio):
    """A WSGI application is called beside the loop."""

    def wsgi(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [BODY]

    async def main() -> float:
        return await AsyncScrapeTarget(wsgi).value("jobs_total")

    assert trio.run(main) == 3
