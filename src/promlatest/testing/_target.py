"""What a test holds: a target, and the marks it made of it.

`ScrapeTarget` blocks; `ScrapeTarget.aio` is the same for event loops. Every method is
written once, as a coroutine, or taken from `Reading` and `Difference`, for both faces
(`_io`). All of them scrape whenever they are asked: nothing here remembers a value.
"""

from __future__ import annotations

import functools
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, Final, Generic, ParamSpec, Self, TypeVar

import attrs

from promlatest._arguments import checked, checked_function, checked_seconds
from promlatest._matching.matcher import LabelValue, Matcher
from promlatest._storage.snapshot import Snapshot
from promlatest._storage.store import Store
from promlatest.exceptions import EndpointError, UsageError
from promlatest.scrape import Target
from promlatest.testing._applications import AppRequest, application
from promlatest.testing._conditions import Awaited
from promlatest.testing._difference import Difference
from promlatest.testing._errors import (
    EndedError,
    ExpectationError,
    Observation,
    StaleError,
    StaleScrapeError,
    TargetDownError,
    UntakenError,
    cause,
    hides,
    reason,
)
from promlatest.testing._expectation import Expectation, Holding
from promlatest.testing._golden import assert_exposes
from promlatest.testing._io import (
    Awaits,
    Blocks,
    Face,
    Faced,
    Pending,
    Stopwatch,
    asked,
    finished,
)
from promlatest.testing._lint import assert_lint
from promlatest.testing._movement import OnReset, checked_policy
from promlatest.testing._pace import LONGEST, SHORTEST
from promlatest.testing._process import Subprocess, free_port
from promlatest.testing._reading import Reading, sections_of
from promlatest.testing._rules import alerts_since, assert_rules_match
from promlatest.testing._selection import Wanted, selection
from promlatest.testing._sources import (
    ProcessSource,
    RegistrySource,
    Scrapable,
    StoreSource,
    TargetSource,
)
from promlatest.testing._unasked import Ledger
from promlatest.testing._wait import How, Outcome, Terms, Wait, Waiting
from promlatest.testing._wait_check import CheckWait
from promlatest.testing._words import seconds

__tracebackhide__ = hides

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_WITHIN: Final = 5.0  # seconds
_TIMEOUT: Final = 10.0  # seconds, as Prometheus' scrape_timeout
_READY: Final = 1.0  # seconds; of one scrape of a program that may not be ready
_LOOKS_KEPT: Final = 8


def source_of(what: object, request: AppRequest, source: str = "") -> Scrapable:
    """The source that a thing is.

    Args:
        what: see `ScrapeTarget`.
        request: how an application is asked.
        source: the source of a store to look at; "" for all of it.

    Raises:
        UsageError: it is nothing that can be scraped.
    """
    if isinstance(what, Store):
        return StoreSource(what, source)
    if source:
        raise UsageError(f"source= is of a Store, and this is none: {what!r}")
    if callable(what) and (called := application(what, request)) is not None:
        return called
    if request != AppRequest():
        raise UsageError(f"path=, host= and headers= are of an application: {what!r}")
    if (found := getattr(what, "scrape_source", None)) is not None:  # of what is pushed to
        pushed: Scrapable = found
        return pushed
    if isinstance(what, type) or not _is_scraped(what):
        raise UsageError(f"expected {_SCRAPED}, not {what!r}")
    if hasattr(what, "collect"):
        return RegistrySource(what)
    return TargetSource(Target.of(what))


def _is_scraped(what: object) -> bool:
    plain = isinstance(what, str | os.PathLike | Target)
    return plain or callable(what) or hasattr(what, "collect")


_SCRAPED: Final = (
    "a URL, a path, a registry, a metric, a Store, an application or a function"
)


@attrs.frozen(eq=False)
class Look:
    """A scrape that something was asked of; for reports.

    Attributes:
        text: what was looked at, as a selector text; "" if that is the whole scrape.
        reading: the scrape.
    """

    text: str
    reading: Reading

    def sections(self) -> dict[str, str]:
        """The series that were looked at, for a report; none for a text that no parser
        reads, since a compiled pattern has no text of its own."""
        try:
            return sections_of(self.reading, selection(self.text)) if self.text else {}
        except UsageError:
            return {}


@attrs.define(eq=False)
class Shared:
    """What a target, its async face and their marks share. Safe to use from any thread.

    Attributes:
        source: what is scraped.
        within, timeout: in seconds, where nothing else is said.
        untaken_ok: whether a scrape may have samples that no scraper takes.
        process: the program that was started for it.
        ambient: what overrules `within` and `timeout` for the test that runs now.
    """

    source: Scrapable
    within: float
    timeout: float
    untaken_ok: bool = False
    process: Subprocess | None = None
    ambient: Mapping[str, float] = attrs.field(factory=dict)
    ledger: Ledger = attrs.field(factory=Ledger)
    # For reports alone; appending to a deque needs no lock.
    looks: deque[Look] = attrs.field(factory=lambda: deque(maxlen=_LOOKS_KEPT))

    def option(self, name: str) -> float:
        """One of `within` and `timeout`, as it is now."""
        return float(self.ambient.get(name, getattr(self, name)))

    def ended(self) -> str:
        """How the program ended; "" while it runs, or if there is none."""
        return self.process.ended() if self.process is not None else ""

    def failure(self, error: EndpointError) -> ExpectationError:
        """The failure for a scrape that failed where one had to succeed."""
        kind = StaleScrapeError if isinstance(error, StaleError) else TargetDownError
        ended = self.ended()
        words = "could not be scraped"
        if isinstance(error, EndedError):
            words = "was answered by somebody else"
        return kind(
            f"{self.source.name} {words}: {reason(error)}",
            target=self.source.name,
            details=f"the program {ended}".splitlines() if ended else [],
            observations=[Observation(0.0, None, reason(error))],
        )


def _asking(question: Callable[Concatenate[Any, P], R]) -> Faced[P, R]:
    """The question of a scrape, or of what happened since a mark, asked of a new one."""

    @functools.wraps(question)
    async def anew(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return question(await self._looked(*args), *args, **kwargs)

    return asked(anew)


class _Waits(Face, Generic[R_co]):
    """What waits: a target, or a mark of one, in either face."""

    _target: _TargetFace[Any]  # whose scrapes it takes
    _marked: Reading | None = None  # what it counts from
    _unsaid: Mapping[str, Any] = {}  # terms that go without saying

    def expect(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Expectation[R_co]:
        """Look at the value of one series; see `Expectation`."""
        return self._expect("one", "expect", selection(metric, matchers, labels))

    def expect_sum(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Expectation[R_co]:
        """Look at the sum of all series that fit. None of them may be lost."""
        return self._expect("sum", "expect_sum", selection(metric, matchers, labels))

    def expect_count(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Expectation[R_co]:
        """Look at how many series fit; two scrapes in a row must show the same."""
        return self._expect("count", "expect_count", selection(metric, matchers, labels))

    def expect_that(self, check: Callable[[Any], object]) -> Holding[R_co]:
        """Look at whole scrapes by a check of your own: several conditions at once, or
        relations between metrics.

            def settled(shop):
                assert shop.value("orders_total") == shop.value("mails_total")
                assert shop.value("queue_depth") == 0

            target.expect_that(settled).to_hold(within=5)

        Args:
            check: a plain function that asks and asserts. A target gives it a `Reading`,
                a mark the `Difference` since then.
        """

        def run(within: float | None, **terms: Any) -> R_co:
            said, target = self._terms(within, terms), self._target.name
            return self._run(CheckWait(target, check, self._seen, said, mark=self._marked))

        checked_function(check, "a function that checks a scrape")
        name = getattr(check, "__qualname__", repr(check))
        return Holding(run, f"expect_that({name})", self._ledger)

    def _expect(self, how: How, words: str, wanted: Wanted) -> Expectation[R_co]:
        def run(condition: Awaited, within: float | None, **terms: Any) -> R_co:
            said, target = self._terms(within, terms), self._target.name
            age = time.monotonic() - self._marked.started if self._marked else 0.0
            return self._run(
                Wait(target, wanted, how, condition, said, mark=self._marked, marked=age)
            )

        return Expectation(run, f"{words}({wanted.text!r})", self._ledger)

    def _terms(self, within: float | None, terms: Mapping[str, Any]) -> Terms:
        """The terms of a wait: what is said, and what goes without saying."""
        said = {name: value for name, value in terms.items() if value is not None}
        if within is None:
            within = self._target._shared.option("within")
        return Terms(within=within, **{**self._unsaid, **said})

    def _run(self, wait: Waiting) -> R_co:
        words = f"waiting for {wait.subject}"
        done: R_co = self._answer(lambda: self._target._drive(wait), words)
        return done

    def _seen(self, reading: Reading) -> Reading | Difference:
        """What a scrape is to those who ask."""
        return reading

    async def _looked(self, *question: Any) -> Any:
        """The same of a scrape now, of which something is asked."""
        return self._seen(await self._target._look(*question))


class _TargetFace(_Waits[R_co]):
    """What both faces of a target have."""

    _shared: Shared

    @property
    def _target(self) -> _TargetFace[R_co]:  # type: ignore[override]
        return self

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self._shared.source.name

    @property
    def port(self) -> int:
        """The port of a process; 0 for everything else."""
        return self._shared.process.port if self._shared.process is not None else 0

    @property
    def url(self) -> str:
        """The base URL of a process, ``http://127.0.0.1:PORT``; else ""."""
        return f"http://127.0.0.1:{self.port}" if self.port else ""

    @property
    def output(self) -> str:
        """What a process has written so far, to standard output and error; else ""."""
        process = self._shared.process
        return process.output() if process is not None else ""

    @property
    def _ledger(self) -> Ledger:
        return self._shared.ledger

    def close(self) -> None:
        """End what it has started. Again does nothing."""
        if self._shared.process is not None:
            self._shared.process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    async def _read(self, timeout: float) -> Reading:
        """Scrape now.

        Raises:
            EndpointError: the scrape failed.
            UntakenError: it has samples that no scraper takes.
        """
        reading = await self._shared.source.read(timeout, self._io)
        if reading.untaken and not self._shared.untaken_ok:
            raise UntakenError(
                f"{self.name} exposes {reading.untaken}",
                target=self.name,
                details=["untaken_ok=True of the target lets that pass"],
            )
        return reading

    async def _look(self, *question: Any) -> Reading:
        """A scrape that something is asked of."""
        try:
            reading = await self._read(self._shared.option("timeout"))
        except EndpointError as error:
            failed, why = self._shared.failure(error), cause(error)
        else:
            text = question[0] if question and isinstance(question[0], str) else ""
            self._shared.looks.append(Look(text, reading))
            return reading
        raise failed from why

    async def _drive(self, wait: Waiting) -> Outcome:
        """Drive a wait to its end."""
        shared, watch = self._shared, Stopwatch()
        while True:
            at = watch.read()
            try:
                reading = await self._read(shared.option("timeout"))
            except EndpointError as error:
                wait.failed(error, at)
            else:
                shared.looks.append(Look(wait.text, reading))
                outcome = wait.take(reading, at)
                if outcome is not None:
                    return outcome
            if ended := shared.ended():
                wait.died(f"is gone: the program {ended}")
            now = watch.read()
            pause = wait.pause(now, now - at)
            if pause is None:
                return wait.over()
            await watch.sleep(self._io, pause)

    @asked
    async def scrape(self) -> Reading:
        """Scrape it now: one moment, of which any number of questions can be asked.

        Raises:
            TargetDownError: the scrape failed.
            StaleScrapeError: the store has no scrape that started after the call.
            UntakenError: it has samples that no scraper takes.
        """
        return await self._look()

    @asked
    async def snapshot(self) -> Snapshot:
        """Scrape it now, and give all that it exposes as a frozen `Queryable`.

        Raises:
            TargetDownError, StaleScrapeError, UntakenError: as `scrape`.
        """
        return (await self._look()).snapshot

    # Each of a scrape of its own

    value = _asking(Reading.value)
    sum = _asking(Reading.sum)
    count = _asking(Reading.count)
    points = _asking(Reading.points)
    histogram = _asking(Reading.histogram)
    exemplars = _asking(Reading.exemplars)
    assert_absent = _asking(Reading.assert_absent)
    assert_series_below = _asking(Reading.assert_series_below)
    assert_lint = _asking(assert_lint)
    assert_exposes = _asking(assert_exposes)
    assert_rules_match = _asking(assert_rules_match)


class ScrapeTarget(_TargetFace[Outcome], Blocks):
    """Something that exposes metrics, as a test sees it.

        >>> from prometheus_client import CollectorRegistry, Counter
        >>> registry = CollectorRegistry()
        >>> jobs = Counter("jobs", "Jobs done.", ["queue"], registry=registry)
        >>> target = ScrapeTarget(registry)
        >>> mark = target.mark()
        >>> jobs.labels("mail").inc()
        >>> mark.increase("jobs_total", queue="mail")
        1 (missing -> 1, in 1 series)

    Every question scrapes: no answer is older than its question. It is safe to use
    from any thread, but not in an event loop, which it would block: `aio` is for that.
    `close` it, or use it as a context manager, if it started something.

    Args:
        what: a URL, ``host:port``, a path, a `promlatest.scrape.Target`, a
            prometheus_client registry or metric, a `Store`, a WSGI or ASGI application,
            or a function that returns an exposition.
        path: where an application serves its metrics.
        host: the Host that an application is asked by; "" for what it allows in tests.
        headers: further headers for an application.
        source: the source of a `Store` to look at; "" for all of it.
        within: how long to wait where nothing else is said, in seconds.
        timeout: of one scrape, in seconds.
        untaken_ok: whether it may expose samples that no scraper takes: a series twice,
            or a time that cannot be.

    Raises:
        UsageError: it is nothing that can be scraped.
    """

    def __init__(
        self,
        what: object,
        *,
        path: str = "/metrics",
        host: str = "",
        headers: Mapping[str, str] = {},
        source: str = "",
        within: float = _WITHIN,
        timeout: float = _TIMEOUT,
        untaken_ok: bool = False,
    ) -> None:
        found = source_of(what, AppRequest(path, host, headers), source)
        checked_seconds("within", within)
        checked_seconds("timeout", timeout)
        self._shared = Shared(found, within, timeout, untaken_ok)

    @classmethod
    def process(
        cls,
        arguments: Sequence[str | os.PathLike[str]],
        url: str = "http://127.0.0.1:{port}/metrics",
        *,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        ready: float = 10.0,
        within: float = _WITHIN,
        timeout: float = _TIMEOUT,
    ) -> Self:
        """Start a program, and wait until its metrics can be scraped.

        Args:
            arguments: the command; ``{port}`` stands for the port.
            url: where it serves its metrics.
            port: the port; None takes one that is free.
            environment: further variables; ``{port}`` stands for the port.
            directory: where it runs.
            ready: how long it may take to start, in seconds.
            within: how long to wait where nothing else is said, in seconds.
            timeout: of one scrape, in seconds.

        Raises:
            UsageError: there is no such program, or somebody has its port.
            TargetDownError: it ended, or cannot be scraped in time.
        """
        checked_seconds("ready", ready)
        chosen = free_port() if port is None else checked(port, int, "a port")
        endpoint = TargetSource(Target.of(url.replace("{port}", str(chosen))))
        target = cls(endpoint.target, within=within, timeout=timeout)
        process = Subprocess(
            arguments, chosen, environment=environment, directory=directory
        )
        shared = target._shared
        shared.source = ProcessSource(endpoint, process)
        shared.process = process
        try:
            finished(target._await_ready(ready))
        except BaseException:
            target.close()
            raise
        return target

    @property
    def aio(self) -> AsyncScrapeTarget:
        """The same target for event loops: every method that scrapes is to be awaited."""
        return AsyncScrapeTarget(self)

    @asked
    async def mark(self, *, on_reset: OnReset = "fail") -> Mark:
        """Remember this moment, to say later what has happened since.

        Nothing of the program is touched, so any number of marks live side by side.

        Args:
            on_reset: what a counter that begins anew does to an increase: "fail", or
                "rebaseline" to count on from 0.

        Raises:
            TargetDownError, StaleScrapeError, UntakenError: as `scrape`.
        """
        policy = checked_policy(on_reset)
        return Mark(self, await self._look(), policy)

    async def _await_ready(self, ready: float) -> None:
        """Wait until it can be scraped.

        Raises:
            TargetDownError: it cannot, or its process has ended.
        """
        watch, pause = Stopwatch(), SHORTEST
        while True:
            try:
                await self._shared.source.read(_READY, self._io)
            except EndpointError as error:
                failure = self._shared.failure(error)
            else:
                return
            if self._shared.ended() or watch.read() > ready:
                raise self._not_ready(failure, ready)
            await watch.sleep(self._io, pause)
            pause = min(pause * 1.5, LONGEST)

    def _not_ready(self, failure: ExpectationError, ready: float) -> ExpectationError:
        process = self._shared.process
        assert process is not None
        how, after = process.ended(), process.ended_after()
        words = f"was not ready within {seconds(ready)}"
        if after is not None:
            words = f"ended after {seconds(after)}, before it could be scraped"
        how = how or f"runs, and wrote:\n{process.output() or '(nothing)'}"
        return TargetDownError(
            f"the program {words}: {failure.verdict}",
            target=self.name,
            details=[f"command: {' '.join(process.arguments)}", *f"it {how}".splitlines()],
            observations=failure.observations,
        )


def shared_of(target: ScrapeTarget) -> Shared:
    """What the fixtures that made a target ask of it."""
    return target._shared


class AsyncScrapeTarget(_TargetFace[Pending[Outcome]], Awaits):
    """A `ScrapeTarget` for event loops, asyncio's and trio's: its methods, to be awaited.

    Applications and registries of this process are read in the running loop, endpoints
    over HTTP without blocking it. It shares all else with the target it came from.

    Args:
        what: a `ScrapeTarget`, or whatever one can be made of.
        options: as of `ScrapeTarget`.
    """

    def __init__(self, what: ScrapeTarget | object, **options: Any) -> None:
        target = what if isinstance(what, ScrapeTarget) else ScrapeTarget(what, **options)
        self.target: Final = target
        self._shared = target._shared

    @asked
    async def mark(self, *, on_reset: OnReset = "fail") -> AsyncMark:
        policy = checked_policy(on_reset)
        return AsyncMark(self, await self._look(), policy)

    mark.__doc__ = ScrapeTarget.mark.__doc__


class _MarkFace(_Waits[R_co]):
    """What both faces of a mark have."""

    def __init__(
        self, target: _TargetFace[R_co], reading: Reading, on_reset: OnReset
    ) -> None:
        self.reading: Final = reading
        self.on_reset: Final[OnReset] = on_reset
        self._target, self._marked, self._unsaid = target, reading, {"on_reset": on_reset}

    @property
    def name(self) -> str:
        """What its target is called in messages."""
        return f"a mark of {self._target.name}"

    @property
    def snapshot(self) -> Snapshot:
        """Everything that was exposed at that moment, as a frozen `Queryable`."""
        return self.reading.snapshot

    @property
    def _ledger(self) -> Ledger:
        return self._target._ledger

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._target.name}>"

    def _seen(self, reading: Reading) -> Difference:
        return Difference(self.reading, reading, self.on_reset)

    @asked
    async def difference(self) -> Difference:
        """What has happened since, by one scrape now; for several questions about it.

        Raises:
            TargetDownError, StaleScrapeError, UntakenError: as `ScrapeTarget.scrape`.
        """
        difference: Difference = await self._looked()
        return difference

    increase = _asking(Difference.increase)
    increase_sum = _asking(Difference.increase_sum)
    histogram = _asking(Difference.histogram)
    assert_only = _asking(Difference.assert_only)
    alerts = _asking(alerts_since)


class Mark(_MarkFace[Outcome], Blocks):
    """A moment to count from. It is immutable, and never touches the program.

    Attributes:
        reading: what was there at that moment; it answers like any scrape.
        on_reset: what a counter that begins anew does to an increase.
    """


class AsyncMark(_MarkFace[Pending[Outcome]], Awaits):
    """A `Mark` for event loops: the same methods, to be awaited.

    Attributes:
        reading: what was there at that moment; it answers like any scrape.
        on_reset: what a counter that begins anew does to an increase.
    """
