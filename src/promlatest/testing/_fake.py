"""A fake target: a real HTTP server that answers scrapes by a script.

For those who test what scrapes: scrapers, dashboards, alerting. A script is a row of
steps, one for each scrape; the last one stays. A step is an exposition, a dict of values
by series, or a fault.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import attrs

from promlatest._matching.floats import format_float
from promlatest._matching.labels import METRIC_NAME
from promlatest._matching.selector import parse_selector
from promlatest.exceptions import UsageError

__all__ = [
    "Answer",
    "Cut",
    "Drop",
    "FakeScrape",
    "FakeTarget",
    "Hang",
    "ScriptError",
    "Slow",
    "Status",
    "Step",
]

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
        UsageError: there is no step, or one that cannot be served.
    """

    def __init__(
        self,
        *steps: Step | Script,
        types: Mapping[str, str] | None = None,
        path: str = "/metrics",
    ) -> None:
        self._types: Final = dict(types or {})
        self._path: Final = path
        self._changed: Final = threading.Condition()
        # Guarded by the condition.
        self._script: Script = self._scripted(steps, 0)
        self._scrapes: list[FakeScrape] = []
        self._error: Exception | None = None
        self._server: Final = _FakeServer(("127.0.0.1", 0), _FakeHandler)
        self._server.fake = self
        self._started: Final = time.monotonic()
        self._thread: Final = threading.Thread(
            target=self._server.serve_forever,
            args=(0.05,),
            name="promlatest-fake",
            daemon=True,  # one that is never closed must not keep the process alive
        )
        self._thread.start()

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
            UsageError: there is no step, or one that cannot be served.
        """
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
            return self._error is not None or len(self._scrapes) >= number

        with self._changed:
            came = self._changed.wait_for(is_over, within)
            self.check()
            if not came:
                raise AssertionError(
                    f"expected {number} scrapes within {within:g} s,"
                    f" got {len(self._scrapes)}"
                )
            return list(self._scrapes)

    def close(self) -> None:
        """Stop serving. Again does nothing.

        Raises:
            ScriptError: the script has raised.
        """
        self.stop()
        self.check()

    def stop(self) -> None:
        """Stop serving, and say nothing of the script."""
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def check(self) -> None:
        """Check that the script has not raised.

        Raises:
            ScriptError: it has.
        """
        if self._error is not None:
            raise ScriptError(
                f"the script of {self} raised {type(self._error).__name__}: {self._error}"
            ) from self._error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if error is None:  # what went wrong first is told
            self.check()

    def __repr__(self) -> str:
        return f"<FakeTarget {self.url}>"

    def serves(self, path: str) -> bool:
        """Whether a path, with its query, is where its metrics are."""
        return urlsplit(path).path == self._path

    def next_step(self, path: str, headers: Mapping[str, str]) -> Step:
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

    def body(self, step: str | bytes | Mapping[str, float]) -> bytes:
        """The exposition of a step."""
        if isinstance(step, bytes):
            return step
        if isinstance(step, str):
            return step.encode()
        return _exposition(step, self._types).encode()

    def _scripted(self, steps: Sequence[Step | Script], first: int) -> Script:
        if not steps:
            raise UsageError("a fake target needs a step")
        if callable(steps[0]):
            return steps[0]
        listed: list[Step] = [_checked(step) for step in steps]  # type: ignore[arg-type]
        return lambda number, _: listed[min(number - first, len(listed) - 1)]


def _checked(step: Step) -> Step:
    if not isinstance(step, _STEPS):
        raise UsageError(f"expected an exposition, a dict of values or a fault: {step!r}")
    if isinstance(step, Mapping):
        _exposition(step, {})
    return step


_STEPS: Final = (str, bytes, Mapping, Answer, Status, Slow, Hang, Drop, Cut)


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
        named = [m.value for m in parse_selector(series) if m.name == METRIC_NAME]
        if not named:
            raise UsageError(f"a series needs a name: {series!r}")
        families.setdefault(named[0], []).append(f"{series} {format_float(value)}\n")
    return "".join(
        f"# TYPE {name} {types.get(name) or _type_of(name)}\n" + "".join(lines)
        for name, lines in families.items()
    )


def _type_of(name: str) -> str:
    return "counter" if name.endswith("_total") else "gauge"


class _FakeServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    fake: FakeTarget

    def __init__(self, *arguments: Any) -> None:
        self.closing: Final = threading.Event()
        super().__init__(*arguments)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a scraper that went away."""


class _FakeHandler(BaseHTTPRequestHandler):
    server: _FakeServer

    def do_GET(self) -> None:
        if not self.server.fake.serves(self.path):
            self._send(b"only its own path has metrics\n", _TEXT, 404)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._serve(self.server.fake.next_step(self.path, headers))

    def log_message(self, *_: Any) -> None:
        """Log nothing: the report belongs to the test."""

    def _serve(self, step: Step) -> None:
        for kind, serve in _SERVING:
            if isinstance(step, kind):
                serve(self, step)
                return

    def _plain(self, step: str | bytes | Mapping[str, float]) -> None:
        self._send(self.server.fake.body(step), _TEXT, 200)

    def _answer(self, step: Answer) -> None:
        self._send(self.server.fake.body(step.body), step.content_type, step.status)

    def _status(self, step: Status) -> None:
        self._send(b"", _TEXT, step.status)

    def _slow(self, step: Slow) -> None:
        if not self.server.closing.wait(step.seconds):
            self._serve(step.step)

    def _hang(self, _: Hang) -> None:
        self.server.closing.wait()

    def _drop(self, _: Drop) -> None:
        self.close_connection = True

    def _cut(self, step: Cut) -> None:
        body = b"" if isinstance(step.step, Hang | Drop | Slow | Cut) else self._bytes(step)
        self._send(body, _TEXT, 200, body[: int(len(body) * step.at)])
        self.close_connection = True

    def _bytes(self, step: Cut) -> bytes:
        inner = step.step
        return self.server.fake.body(inner.body if isinstance(inner, Answer) else inner)  # type: ignore[arg-type]

    def _send(
        self, body: bytes, content_type: str, status: int, sent: bytes | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if sent is None else sent)


_SERVING: Final[Sequence[tuple[Any, Callable[[_FakeHandler, Any], None]]]] = (
    ((str, bytes, Mapping), _FakeHandler._plain),
    (Answer, _FakeHandler._answer),
    (Status, _FakeHandler._status),
    (Slow, _FakeHandler._slow),
    (Hang, _FakeHandler._hang),
    (Drop, _FakeHandler._drop),
    (Cut, _FakeHandler._cut),
)
