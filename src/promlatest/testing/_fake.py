"""A fake target: a real HTTP server that answers scrapes by a script.

For those who test what scrapes: scrapers, dashboards, alerting. A script is a row of
steps, one for each scrape; the last one stays. A step is an exposition, a dict of values
by series, or a fault.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self
from urllib.parse import urlsplit

import attrs

from promlatest._arguments import checked, checked_seconds
from promlatest._datapoint import METRIC_TYPES
from promlatest._matching.floats import format_float
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.selector import parse_selector
from promlatest.exceptions import UsageError
from promlatest.exposition._render import metric_text
from promlatest.testing._loopback import LoopbackHandler, LoopbackServer

_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


@attrs.frozen
class Answer:
    """A body with a Content-Type and a status of its own."""

    body: str | bytes
    content_type: str = _TEXT
    status: int = 200


@attrs.frozen
class Status:
    """An answer with an error status, such as 503."""

    status: int


@attrs.frozen
class Slow:
    """An answer that begins after so many seconds."""

    seconds: float
    step: Step


@attrs.frozen
class Hang:
    """No answer at all, for as long as the fake target runs."""


@attrs.frozen
class Drop:
    """A connection that is closed without an answer."""


@attrs.frozen
class Cut:
    """An answer that breaks off: announced in full, and sent up to a fraction."""

    step: Step
    at: float = 0.5


Step = str | bytes | Mapping[str, float] | Answer | Status | Slow | Hang | Drop | Cut
"""What one scrape gets: an exposition, values by series, or a fault."""

Script = Callable[[int, float], Step]
"""What gives the step of a scrape, by its number from 0 and the seconds since the
fake target started."""


class ScriptError(AssertionError):
    """The script of a fake target has raised; its cause is what it raised."""

    __module__ = "promlatest.testing"


@attrs.frozen
class FakeScrape:
    """A scrape that came.

    Attributes:
        number: counted from 0.
        at: when it came, in seconds since the fake target started.
        path: what was asked for, with its query.
        headers: what the scraper sent, by names in lower case.
        step: what it got.
    """

    number: int
    at: float
    path: str
    headers: Mapping[str, str]
    step: Step


class FakeTarget:
    """A real HTTP server on 127.0.0.1 that answers every scrape with the next step.

    Only its path is a scrape; every other one answers 404. It ends with the process at
    the latest, closed or not.

        >>> with FakeTarget({"jobs_total": 1}, Status(503), {"jobs_total": 3}) as fake:
        ...     fake.url.startswith("http://127.0.0.1:"), len(fake.scrapes)
        (True, 0)

    It is safe to use from any thread.

    Args:
        steps: the script; the last step stays. A function in place of them is asked
            for each step by the number of the scrape and the seconds since the start.
        types: types of metrics, where the name does not tell: `_total` is a counter,
            and everything else a gauge.
        path: where its metrics are.

    Raises:
        UsageError: there is no step, or one that cannot be served; a type that is none; a
            path without its slash.
    """

    def __init__(
        self,
        *steps: Step | Script,
        types: Mapping[str, str] | None = None,
        path: str = "/metrics",
    ) -> None:
        self._types: Final = dict(types or {})
        for name, kind in self._types.items():
            if kind not in METRIC_TYPES:
                raise UsageError(f"{name}: expected a type of metrics, not {kind!r}")
        if not path.startswith("/"):
            raise UsageError(f"expected a path such as /metrics, not {path!r}")
        self._path: Final = path
        self._changed: Final = threading.Condition()
        # Guarded by the condition.
        self._script: Script = self._scripted(steps, 0)
        self._scrapes: list[FakeScrape] = []
        self._error: Exception | None = None
        self._started: Final = time.monotonic()
        self._server: Final = LoopbackServer(_FakeHandler, self)

    @property
    def url(self) -> str:
        """Where its metrics are."""
        return f"http://127.0.0.1:{self.port}{self._path}"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    @property
    def scrapes(self) -> list[FakeScrape]:
        """The scrapes that came, in their order."""
        with self._changed:
            return list(self._scrapes)

    def show(self, *steps: Step | Script) -> None:
        """Go on with these steps from the next scrape on.

        Raises:
            UsageError: there is no step, or one that cannot be served; it is closed.
        """
        if self._server.stopped.is_set():
            raise UsageError(f"{self} is closed, and shows nothing any more")
        with self._changed:
            self._script = self._scripted(steps, len(self._scrapes))

    def wait_for_scrapes(self, number: int, within: float = 5.0) -> list[FakeScrape]:
        """Wait until so many scrapes have come; gives them.

        Raises:
            AssertionError: they have not come in time.
            ScriptError: the script has raised.
        """
        __tracebackhide__ = True

        def is_over() -> bool:
            closed = self._server.stopped.is_set()
            return closed or self._error is not None or len(self._scrapes) >= number

        with self._changed:
            self._changed.wait_for(is_over, within)
            self._check()
            if len(self._scrapes) < number:
                closed = self._server.stopped.is_set()
                raise AssertionError(
                    f"expected {number} scrapes within {within:g} s,"
                    f" got {len(self._scrapes)}{', and it is closed' * closed}"
                )
            return list(self._scrapes)

    def close(self) -> None:
        """Stop serving. Again does nothing.

        Raises:
            ScriptError: the script has raised.
        """
        self._stop()
        self._check()

    def _stop(self) -> None:
        self._server.stop()
        with self._changed:
            self._changed.notify_all()

    def _check(self) -> None:
        if self._error is not None:
            raise ScriptError(
                f"the script of {self} raised {type(self._error).__name__}: {self._error}"
            ) from self._error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._stop()
        if error is None:  # what went wrong first is told
            self._check()

    def __repr__(self) -> str:
        return f"<FakeTarget {self.url}>"

    def _next_step(self, path: str, headers: Mapping[str, str]) -> Step:
        """The step of a scrape that has just come; it is remembered.

        A script that raises, or gives what cannot be served, gives an error status, and
        is remembered, too.
        """
        at = time.monotonic() - self._started
        with self._changed:
            number = len(self._scrapes)
            try:
                step = _checked(self._script(number, at))
            except Exception as error:
                self._error = self._error or error
                step = Answer(f"the script raised {error!r}", status=500)
            self._scrapes.append(FakeScrape(number, at, path, headers, step))
            self._changed.notify_all()
        return step

    def _body(self, step: str | bytes | Mapping[str, float]) -> bytes:
        """The exposition of a step."""
        if isinstance(step, bytes):
            return step
        if isinstance(step, str):
            return step.encode()
        return _exposition(step, self._types).encode()

    def _scripted(self, steps: Sequence[Step | Script], first: int) -> Script:
        if not steps:
            raise UsageError("a fake target needs a step")
        first_step, *more = steps
        if callable(first_step):
            if more:
                raise UsageError(f"a script says every step: {more!r} would never come")
            return first_step
        listed: list[Step] = [_checked(step) for step in steps]  # type: ignore[arg-type]
        return lambda number, _: listed[min(number - first, len(listed) - 1)]


def _checked(step: Step) -> Step:
    """The step, if it can be served.

    Raises:
        UsageError: it cannot.
    """
    checked(step, _STEPS, "an exposition, a dict of values or a fault")
    match step:
        case Mapping():
            _exposition(step, {})
        case Status(status) | Answer(status=status):
            if not 100 <= checked(status, int, "an HTTP status") < 600:
                raise UsageError(f"expected an HTTP status, not {status}")
        case Slow(seconds, inner):
            checked_seconds("Slow", seconds)
            _checked(inner)
        case Cut(inner, at):
            checked(inner, _WHOLE, "an exposition, a dict of values or an Answer to cut")
            if not 0 <= at <= 1:
                raise UsageError(f"expected a fraction to cut at, from 0 to 1, not {at!r}")
            _checked(inner)
    return step


_EXPOSITIONS: Final = (str, bytes, Mapping)
_WHOLE: Final = (*_EXPOSITIONS, Answer)
_STEPS: Final = (*_WHOLE, Status, Slow, Hang, Drop, Cut)


_GUESSED: Final = ("gauge", "counter")


def _exposition(values: Mapping[str, float], types: Mapping[str, str]) -> str:
    """The exposition of values by series.

    >>> print(_exposition({'jobs_total{queue="a"}': 1, "depth": 2.5}, {}), end="")
    # TYPE jobs_total counter
    jobs_total{queue="a"} 1
    # TYPE depth gauge
    depth 2.5
    """
    families: dict[str, list[str]] = {}
    for series, value in values.items():
        matchers = parse_selector(series)
        named = [m.value for m in matchers if m.name == METRIC_NAME]
        if not named:
            raise UsageError(f"a series needs a name: {series!r}")
        if unequal := [each for each in matchers if each.operator != "="]:
            raise UsageError(f"expected a series, and {unequal[0]} is a condition")
        checked(value, (int, float), f"a number for {series}")
        families.setdefault(named[0], []).append(f"{series} {format_float(value)}\n")
    return "".join(
        f"# TYPE {metric_text(name)}"
        f" {types.get(name) or _GUESSED[name.endswith('_total')]}\n" + "".join(lines)
        for name, lines in families.items()
    )


class _FakeHandler(LoopbackHandler):
    @property
    def _fake(self) -> FakeTarget:
        fake: FakeTarget = self.server.owner
        return fake

    def do_GET(self) -> None:
        if urlsplit(self.path).path != self._fake._path:
            self.send(404, b"only its own path has metrics\n", _TEXT)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._serve(self._fake._next_step(self.path, headers))

    def _serve(self, step: Step) -> None:
        match step:
            case Slow(seconds, inner):
                if not self.server.stopped.wait(seconds):
                    self._serve(inner)
            case Hang():
                self.server.stopped.wait()
            case Drop():
                self.close_connection = True
            case Cut(inner, at):
                self._send(inner, at)
                self.close_connection = True
            case _:
                self._send(step, 1.0)

    def _send(self, step: Any, part: float) -> None:
        """Send what answers a step, or of its body only a part."""
        match step:
            case Status(status):
                step = Answer(b"", status=status)
            case str() | bytes() | Mapping():
                step = Answer(self._fake._body(step))
        body = self._fake._body(step.body)
        sent = body[: int(len(body) * part)]
        self.send(step.status, body, step.content_type, sent)
