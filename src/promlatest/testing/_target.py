"""What a test holds: a target, the marks it made of it, and what it expects.

`ScrapeTarget` blocks; `ScrapeTarget.aio` is the same for asyncio. Both drive the waits of
`_wait`, and both scrape whenever they are asked: nothing here remembers a value.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from promlatest._datapoint import DataPoint
from promlatest._histogram import Histogram
from promlatest._matching.matcher import LabelValue, Matcher
from promlatest.exceptions import EndpointError, UsageError
from promlatest.testing import _wait
from promlatest.testing._difference import VOLATILE, Difference
from promlatest.testing._errors import (
    ExpectationError,
    Observation,
    StaleScrapeError,
    TargetDownError,
)
from promlatest.testing._movement import OnReset, checked_policy
from promlatest.testing._process import Process, free_port
from promlatest.testing._reading import Reading, Selection, selection
from promlatest.testing._sources import Source, StaleError, source_of
from promlatest.testing._wait import Condition, How, Outcome, Wait
from promlatest.testing._words import seconds

__all__ = ["AsyncMark", "AsyncScrapeTarget", "Expectation", "Mark", "ScrapeTarget"]

R_co = TypeVar("R_co", covariant=True)

_WITHIN: Final = 5.0  # seconds
_TIMEOUT: Final = 10.0  # seconds, as Prometheus' scrape_timeout
_GRACE: Final = 1.0  # seconds that a scrape may outlast a wait
_LOOKS_KEPT: Final = 8

Run = Callable[[Wait], R_co]


class Expectation(Generic[R_co]):
    """What a test looks at; its methods say what is to become of it, and wait.

    Each takes `within`, the time to wait in seconds (the target's, if none is given). A
    missing series is waited for. Each raises

    - `AlreadyHeldError`, if it was so before the wait: at the mark, or at the first
      scrape if there is no mark. `already_ok=True` takes that, too;
    - `SeveralSeriesError`, if several series fit where one was meant;
    - `OvershootError`, if it went past a goal that has to be met;
    - `ResetError`, if a counter began anew. `on_reset="rebaseline"` counts on from 0;
    - `FlickerError` or `VanishedError`, if the series comes and goes, or is gone;
    - `NotReachedError` or `NeverAppearedError`, if the time runs out;
    - `TargetDownError` or `StaleScrapeError`, if nothing could be seen.

    On an async target or mark every method is to be awaited.
    """

    def __init__(self, run: Callable[..., R_co], wanted: Selection, how: How) -> None:
        self._run: Final = run
        self._wanted: Final = wanted
        self._how: Final[How] = how

    def to_equal(
        self,
        value: float,
        *,
        within: float | None = None,
        settle: float = 0.0,
        already_ok: bool = False,
        on_reset: OnReset | None = None,
    ) -> R_co:
        """Wait until it is this value, and has been for `settle` seconds."""
        __tracebackhide__ = True
        return self._wait(_wait.equal(value), within, settle, already_ok, on_reset)

    def to_reach(
        self,
        value: float,
        *,
        within: float | None = None,
        already_ok: bool = False,
        on_reset: OnReset | None = None,
    ) -> R_co:
        """Wait until it is at or above this value."""
        __tracebackhide__ = True
        return self._wait(_wait.reach(value), within, 0.0, already_ok, on_reset)

    def to_fall_to(
        self,
        value: float,
        *,
        within: float | None = None,
        settle: float = 0.0,
        already_ok: bool = False,
        on_reset: OnReset | None = None,
    ) -> R_co:
        """Wait until it is at or below this value, and has been for `settle` seconds."""
        __tracebackhide__ = True
        return self._wait(_wait.fall_to(value), within, settle, already_ok, on_reset)

    def to_increase_by(
        self,
        amount: float,
        *,
        within: float | None = None,
        settle: float = 0.0,
        on_reset: OnReset | None = None,
    ) -> R_co:
        """Wait until it has increased by exactly this much since the mark, or since the
        first scrape, and by no more for `settle` seconds."""
        __tracebackhide__ = True
        _check_positive(amount)
        return self._wait(_wait.increase_by(amount), within, settle, False, on_reset)

    def to_increase(
        self,
        *,
        at_least: float | None = None,
        within: float | None = None,
        on_reset: OnReset | None = None,
    ) -> R_co:
        """Wait until it has increased since the mark, or since the first scrape."""
        __tracebackhide__ = True
        if at_least is not None:
            _check_positive(at_least)
        return self._wait(_wait.increase(at_least), within, 0.0, False, on_reset)

    def to_appear(self, *, within: float | None = None, already_ok: bool = False) -> R_co:
        """Wait until it is there; two scrapes in a row must show it."""
        __tracebackhide__ = True
        return self._wait(_wait.APPEAR, within, 0.0, already_ok, None)

    def to_disappear(
        self, *, within: float | None = None, already_ok: bool = False
    ) -> R_co:
        """Wait until it is gone; two scrapes in a row must show that."""
        __tracebackhide__ = True
        return self._wait(_wait.DISAPPEAR, within, 0.0, already_ok, None)

    def to_satisfy(
        self,
        predicate: Callable[[float], bool],
        words: str = "satisfy the condition",
        *,
        within: float | None = None,
        settle: float = 0.0,
        already_ok: bool = False,
        on_reset: OnReset | None = None,
    ) -> R_co:
        """Wait until a condition of your own holds for the value.

        Args:
            predicate: the condition.
            words: what a failure calls it, as in "did not …".
        """
        __tracebackhide__ = True
        condition = _wait.satisfy(predicate, words)
        return self._wait(condition, within, settle, already_ok, on_reset)

    def to_stay(self, *, throughout: float) -> R_co:
        """Watch for so many seconds that it stays as it is.

        It must be there, so that a slip of the finger does not pass.

        Raises:
            MovedError: it changed.
        """
        __tracebackhide__ = True
        return self._wait(_wait.STAY, throughout, 0.0, True, None)

    def _wait(
        self,
        condition: Condition,
        within: float | None,
        settle: float,
        already_ok: bool,
        on_reset: OnReset | None,
    ) -> R_co:
        __tracebackhide__ = True
        return self._run(
            self._wanted, self._how, condition, within, settle, already_ok, on_reset
        )


def _check_positive(amount: float) -> None:
    if not amount > 0:
        raise UsageError(
            f"an increase is above 0, not {amount!r}; to_stay watches that nothing moves"
        )


class _Expecting(Generic[R_co]):
    """The three ways to look at series and say what is to become of them."""

    def _expect(self, how: How, wanted: Selection) -> Expectation[R_co]:
        raise NotImplementedError

    def expect(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Expectation[R_co]:
        """Look at the value of one series; see `Expectation`."""
        return self._expect("one", selection(metric, matchers, labels))

    def expect_sum(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Expectation[R_co]:
        """Look at the sum of all series that fit."""
        return self._expect("sum", selection(metric, matchers, labels))

    def expect_count(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Expectation[R_co]:
        """Look at how many series fit."""
        return self._expect("count", selection(metric, matchers, labels))


class _Options:
    """What a target, its async face and their marks share.

    Safe to use from any thread.
    """

    def __init__(
        self, source: Source, within: float, timeout: float, process: Process | None
    ) -> None:
        self.source: Final = source
        self.within: Final = within
        self.timeout: Final = timeout
        self.process: Final = process
        # For reports alone; appending to a deque needs no lock.
        self.looks: Final[deque[tuple[str, Reading]]] = deque(maxlen=_LOOKS_KEPT)

    def wait(
        self,
        mark: Reading | None,
        default: OnReset,
        wanted: Selection,
        how: How,
        condition: Condition,
        within: float | None,
        settle: float,
        already_ok: bool,
        on_reset: OnReset | None,
    ) -> Wait:
        __tracebackhide__ = True
        return Wait(
            self.source.name,
            wanted,
            how,
            condition,
            within=_checked_time(self.within if within is None else within),
            settle=settle,
            already_ok=already_ok,
            on_reset=checked_policy(default if on_reset is None else on_reset),
            mark=mark,
            marked=0.0 if mark is None else time.monotonic() - mark.started,
        )

    def patience(self, wait: Wait, at: float) -> float:
        """The timeout of a scrape that starts so many seconds after its wait."""
        return min(self.timeout, max(0.0, wait.within - at) + _GRACE)

    def failed(self, error: EndpointError) -> ExpectationError:
        """The failure for a scrape that failed where one had to succeed."""
        kind = StaleScrapeError if isinstance(error, StaleError) else TargetDownError
        ended = self.process.ended() if self.process is not None else ""
        details = [f"the program {ended}"] if ended else []
        return kind(
            f"{self.source.name} could not be scraped: {_reason(error)}",
            target=self.source.name,
            details=[line for each in details for line in each.splitlines()],
            observations=[Observation(0.0, None, _reason(error))],
        )

    def check_alive(self, wait: Wait) -> None:
        __tracebackhide__ = True
        ended = self.process.ended() if self.process is not None else ""
        if ended:
            wait.died(ended)


def _reason(error: EndpointError) -> str:
    """The first sentence of what is wrong, without the target's name before it."""
    return error.message.splitlines()[0].partition(". ")[0]


def _checked_time(within: float) -> float:
    if not 0 <= within < float("inf"):
        raise UsageError(f"within is a time in seconds, not {within!r}")
    return within


class ScrapeTarget(_Expecting[Outcome]):
    """Something that exposes metrics, as a test sees it.

        >>> from prometheus_client import CollectorRegistry, Counter
        >>> registry = CollectorRegistry()
        >>> jobs = Counter("jobs", "Jobs done.", ["queue"], registry=registry)
        >>> target = ScrapeTarget(registry)
        >>> mark = target.mark()
        >>> jobs.labels("mail").inc()
        >>> mark.increase("jobs_total", queue="mail")
        1.0

    Every question scrapes: no answer is older than its question. It is safe to use
    from any thread. `close` it, or use it as a context manager, if it started something.

    Args:
        what: a URL, ``host:port``, a path, a `promlatest.scrape.Target`, a
            prometheus_client registry, a `Store`, a WSGI or ASGI application, or a
            function that returns an exposition.
        path: where an application serves its metrics.
        source: the source of a `Store` to look at; "" for all of it.
        within: how long to wait where nothing else is said, in seconds.
        timeout: of one scrape, in seconds.

    Raises:
        UsageError: it is nothing that can be scraped.
    """

    def __init__(
        self,
        what: object,
        *,
        path: str = "/metrics",
        source: str = "",
        within: float = _WITHIN,
        timeout: float = _TIMEOUT,
    ) -> None:
        found = source_of(what, path=path, source=source)
        self._options = _Options(found, _checked_time(within), timeout, None)

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
            UsageError: there is no such program.
            TargetDownError: it ended, or cannot be scraped in time.
        """
        __tracebackhide__ = True
        chosen = free_port() if port is None else port
        address = url.replace("{port}", str(chosen))
        target = cls(address, within=within, timeout=timeout)
        process = Process(arguments, chosen, environment=environment, directory=directory)
        target._options = _Options(target._options.source, within, timeout, process)
        target._port = chosen
        try:
            target._await_ready(ready)
        except BaseException:
            target.close()
            raise
        return target

    _port = 0

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self._options.source.name

    @property
    def port(self) -> int:
        """The port of a process; 0 for everything else."""
        return self._port

    @property
    def url(self) -> str:
        """The base URL of a process, ``http://127.0.0.1:PORT``; else ""."""
        return f"http://127.0.0.1:{self._port}" if self._port else ""

    @property
    def output(self) -> str:
        """What a process has written so far, to standard output and error; else ""."""
        process = self._options.process
        return process.output() if process is not None else ""

    @property
    def aio(self) -> AsyncScrapeTarget:
        """The same target for asyncio: every method that scrapes is to be awaited."""
        return AsyncScrapeTarget(self)

    @property
    def looks(self) -> list[tuple[str, Reading]]:
        """What was looked at last: selector texts with their scrapes. For reports."""
        return list(self._options.looks)

    def close(self) -> None:
        """End what it has started. Again does nothing."""
        if self._options.process is not None:
            self._options.process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ScrapeTarget {self.name}>"

    def scrape(self) -> Reading:
        """Scrape it now: one moment, of which any number of questions can be asked.

        Raises:
            TargetDownError: the scrape failed.
            StaleScrapeError: the store has no scrape that started after the call.
            MissingExtraError: it needs HTTP, and the extra ``[scrape]`` is missing.
        """
        __tracebackhide__ = True
        try:
            return self._options.source.read(self._options.timeout)
        except EndpointError as error:
            failure = self._options.failed(error)
        raise failure

    def mark(self, *, on_reset: OnReset = "fail") -> Mark:
        """Remember this moment, to say later what has happened since.

        Nothing of the program is touched, so any number of marks live side by side.

        Args:
            on_reset: what a counter that begins anew does to an increase: "fail", or
                "rebaseline" to count on from 0.

        Raises:
            TargetDownError, StaleScrapeError: as `scrape`.
        """
        __tracebackhide__ = True
        return Mark(self, self.scrape(), checked_policy(on_reset))

    # Values, each of a scrape of its own

    def value(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> float:
        """The value of the one series that fits; see `Reading.value`."""
        __tracebackhide__ = True
        return self._look(metric, matchers, labels).value(metric, *matchers, **labels)

    def sum(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> float:
        """The sum of all series that fit; see `Reading.sum`."""
        __tracebackhide__ = True
        return self._look(metric, matchers, labels).sum(metric, *matchers, **labels)

    def count(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> int:
        """How many series fit; see `Reading.count`."""
        __tracebackhide__ = True
        return self._look(metric, matchers, labels).count(metric, *matchers, **labels)

    def points(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[DataPoint]:
        """All series that fit; see `Reading.points`."""
        __tracebackhide__ = True
        return self._look(metric, matchers, labels).points(metric, *matchers, **labels)

    def histogram(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Histogram:
        """The one histogram that fits; see `Reading.histogram`."""
        __tracebackhide__ = True
        return self._look(metric, matchers, labels).histogram(metric, *matchers, **labels)

    def assert_absent(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        unknown_ok: bool = False,
        **labels: LabelValue,
    ) -> None:
        """Assert that no series fits, by a successful scrape; see
        `Reading.assert_absent`."""
        __tracebackhide__ = True
        wanted = selection(metric, matchers, labels)
        self._look(metric, matchers, labels).check_absent(wanted, unknown_ok=unknown_ok)

    def _look(
        self, metric: str, matchers: Iterable[Matcher], labels: Mapping[str, LabelValue]
    ) -> Reading:
        __tracebackhide__ = True
        wanted = selection(metric, tuple(matchers), labels)
        reading = self.scrape()
        self._options.looks.append((wanted.text, reading))
        return reading

    def _expect(self, how: How, wanted: Selection) -> Expectation[Outcome]:
        return _expectation(self._run, self._options, None, "fail", how, wanted)

    def _run(self, wait: Wait) -> Outcome:
        """Drive a wait to its end."""
        __tracebackhide__ = True
        options = self._options
        began = time.monotonic()
        while True:
            at = time.monotonic() - began
            try:
                reading = options.source.read(options.patience(wait, at))
            except EndpointError as error:
                wait.failed(_reason(error), at, stale=isinstance(error, StaleError))
            else:
                outcome = wait.take(reading, at)
                if outcome is not None:
                    return outcome
            options.check_alive(wait)
            now = time.monotonic() - began
            pause = wait.pause(now, now - at)
            if pause is None:
                return wait.over()
            time.sleep(pause)

    def _await_ready(self, ready: float) -> None:
        """Wait until it can be scraped.

        Raises:
            TargetDownError: it cannot, or its process has ended.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + ready
        pause = _wait.SHORTEST
        while True:
            try:
                self._options.source.read(_GRACE)
            except EndpointError as error:
                failure = self._options.failed(error)
            else:
                return
            ended = self._options.process.ended() if self._options.process else ""
            if ended or time.monotonic() > deadline:
                raise self._not_ready(failure, ready)
            time.sleep(pause)
            pause = min(pause * 1.5, _wait.LONGEST)

    def _not_ready(self, failure: ExpectationError, ready: float) -> ExpectationError:
        process = self._options.process
        assert process is not None
        how = process.ended() or f"runs, and wrote:\n{process.output() or '(nothing)'}"
        return TargetDownError(
            f"the program was not ready within {seconds(ready)}: {failure.verdict}",
            target=self.name,
            details=[f"command: {' '.join(process.arguments)}", *f"it {how}".splitlines()],
            observations=failure.observations,
        )


class Mark(_Expecting[Outcome]):
    """A moment to count from. It is immutable, and never touches the program.

    Attributes:
        reading: what was there at that moment.
        on_reset: what a counter that begins anew does to an increase.
    """

    def __init__(self, target: ScrapeTarget, reading: Reading, on_reset: OnReset) -> None:
        self.reading: Final = reading
        self.on_reset: Final[OnReset] = on_reset
        self._target: Final = target

    def difference(self) -> Difference:
        """What has happened since, by one scrape now; for several questions about it.

        Raises:
            TargetDownError, StaleScrapeError: as `ScrapeTarget.scrape`.
        """
        __tracebackhide__ = True
        return Difference(self.reading, self._target.scrape(), self.on_reset)

    def increase(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> float:
        """By how much one series has increased since; see `Difference.increase`."""
        __tracebackhide__ = True
        return self._look(metric, matchers, labels).increase(metric, *matchers, **labels)

    def increase_sum(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> float:
        """By how much all series that fit have increased together since."""
        __tracebackhide__ = True
        looked = self._look(metric, matchers, labels)
        return looked.increase_sum(metric, *matchers, **labels)

    def histogram(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Histogram:
        """What one histogram has observed since; see `Difference.histogram`."""
        __tracebackhide__ = True
        return self._look(metric, matchers, labels).histogram(metric, *matchers, **labels)

    def assert_only(self, *selectors: str, ignore: Iterable[str] = VOLATILE) -> None:
        """Assert that nothing else has moved since; see `Difference.assert_only`."""
        __tracebackhide__ = True
        self.difference().assert_only(*selectors, ignore=ignore)

    def _look(
        self, metric: str, matchers: Iterable[Matcher], labels: Mapping[str, LabelValue]
    ) -> Difference:
        __tracebackhide__ = True
        after = self._target._look(metric, matchers, labels)
        return Difference(self.reading, after, self.on_reset)

    def _expect(self, how: How, wanted: Selection) -> Expectation[Outcome]:
        target = self._target
        return _expectation(
            target._run, target._options, self.reading, self.on_reset, how, wanted
        )


class AsyncScrapeTarget(_Expecting[Awaitable[Outcome]]):
    """A `ScrapeTarget` for asyncio: the same methods, to be awaited.

    Applications and registries of this process are read in the running loop, endpoints
    over HTTP without blocking it. It shares all else with the target it came from.

    Args:
        what: a `ScrapeTarget`, or whatever one can be made of.
        options: as of `ScrapeTarget`.
    """

    def __init__(self, what: ScrapeTarget | object, **options: Any) -> None:
        target = what if isinstance(what, ScrapeTarget) else ScrapeTarget(what, **options)
        self.target: Final = target
        self._options: Final = target._options

    def __repr__(self) -> str:
        return f"<AsyncScrapeTarget {self.target.name}>"

    async def scrape(self) -> Reading:
        """As `ScrapeTarget.scrape`."""
        __tracebackhide__ = True
        try:
            return await self._options.source.aread(self._options.timeout)
        except EndpointError as error:
            failure = self._options.failed(error)
        raise failure

    async def mark(self, *, on_reset: OnReset = "fail") -> AsyncMark:
        """As `ScrapeTarget.mark`."""
        __tracebackhide__ = True
        return AsyncMark(self, await self.scrape(), checked_policy(on_reset))

    async def value(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> float:
        """As `Reading.value`."""
        __tracebackhide__ = True
        looked = await self._look(metric, matchers, labels)
        return looked.value(metric, *matchers, **labels)

    async def sum(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> float:
        """As `Reading.sum`."""
        __tracebackhide__ = True
        looked = await self._look(metric, matchers, labels)
        return looked.sum(metric, *matchers, **labels)

    async def count(self, metric: str, /, *matchers: Matcher, **labels: LabelValue) -> int:
        """As `Reading.count`."""
        __tracebackhide__ = True
        looked = await self._look(metric, matchers, labels)
        return looked.count(metric, *matchers, **labels)

    async def histogram(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Histogram:
        """As `Reading.histogram`."""
        __tracebackhide__ = True
        looked = await self._look(metric, matchers, labels)
        return looked.histogram(metric, *matchers, **labels)

    async def assert_absent(
        self,
        metric: str,
        /,
        *matchers: Matcher,
        unknown_ok: bool = False,
        **labels: LabelValue,
    ) -> None:
        """As `Reading.assert_absent`."""
        __tracebackhide__ = True
        wanted = selection(metric, matchers, labels)
        looked = await self._look(metric, matchers, labels)
        looked.check_absent(wanted, unknown_ok=unknown_ok)

    async def _look(
        self, metric: str, matchers: Iterable[Matcher], labels: Mapping[str, LabelValue]
    ) -> Reading:
        __tracebackhide__ = True
        wanted = selection(metric, tuple(matchers), labels)
        reading = await self.scrape()
        self._options.looks.append((wanted.text, reading))
        return reading

    def _expect(self, how: How, wanted: Selection) -> Expectation[Awaitable[Outcome]]:
        return _expectation(self._run, self._options, None, "fail", how, wanted)

    async def _run(self, wait: Wait) -> Outcome:
        """Drive a wait to its end."""
        __tracebackhide__ = True
        options = self._options
        began = time.monotonic()
        while True:
            at = time.monotonic() - began
            try:
                reading = await options.source.aread(options.patience(wait, at))
            except EndpointError as error:
                wait.failed(_reason(error), at, stale=isinstance(error, StaleError))
            else:
                outcome = wait.take(reading, at)
                if outcome is not None:
                    return outcome
            options.check_alive(wait)
            now = time.monotonic() - began
            pause = wait.pause(now, now - at)
            if pause is None:
                return wait.over()
            await asyncio.sleep(pause)


class AsyncMark(_Expecting[Awaitable[Outcome]]):
    """A `Mark` for asyncio: the same methods, to be awaited.

    Attributes:
        reading: what was there at that moment.
        on_reset: what a counter that begins anew does to an increase.
    """

    def __init__(
        self, target: AsyncScrapeTarget, reading: Reading, on_reset: OnReset
    ) -> None:
        self.reading: Final = reading
        self.on_reset: Final[OnReset] = on_reset
        self._target: Final = target

    async def difference(self) -> Difference:
        """As `Mark.difference`."""
        __tracebackhide__ = True
        return Difference(self.reading, await self._target.scrape(), self.on_reset)

    async def increase(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> float:
        """As `Difference.increase`."""
        __tracebackhide__ = True
        return (await self.difference()).increase(metric, *matchers, **labels)

    async def increase_sum(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> float:
        """As `Difference.increase_sum`."""
        __tracebackhide__ = True
        return (await self.difference()).increase_sum(metric, *matchers, **labels)

    async def histogram(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Histogram:
        """As `Difference.histogram`."""
        __tracebackhide__ = True
        return (await self.difference()).histogram(metric, *matchers, **labels)

    async def assert_only(self, *selectors: str, ignore: Iterable[str] = VOLATILE) -> None:
        """As `Difference.assert_only`."""
        __tracebackhide__ = True
        (await self.difference()).assert_only(*selectors, ignore=ignore)

    def _expect(self, how: How, wanted: Selection) -> Expectation[Awaitable[Outcome]]:
        target = self._target
        return _expectation(
            target._run, target._options, self.reading, self.on_reset, how, wanted
        )


def _expectation(
    run: Callable[[Wait], R_co],
    options: _Options,
    mark: Reading | None,
    default: OnReset,
    how: How,
    wanted: Selection,
) -> Expectation[R_co]:
    def start(*settings: Any) -> R_co:
        __tracebackhide__ = True
        return run(options.wait(mark, default, *settings))

    return Expectation(start, wanted, how)
