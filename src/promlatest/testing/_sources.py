"""What can be scraped, all behind one role: read it now, blocking or in a loop.

Endpoints, files, callables and registries are read by `promlatest.scrape`; applications
(WSGI, ASGI) are called in this process; of a store the next commit is awaited. Whatever
goes wrong with them is an `EndpointError`, as everywhere.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit
from wsgiref.util import setup_testing_defaults

import attrs

from promlatest._storage.store import Source as StoredSource
from promlatest._storage.store import Store
from promlatest._turns import now_ms
from promlatest.exceptions import (
    BodyError,
    EndpointError,
    StatusError,
    TimeoutExceededError,
)
from promlatest.exposition import CONTENT_TYPES
from promlatest.exposition._families import rows_of
from promlatest.scrape import Fetched, Target, fetch_once
from promlatest.testing._reading import Reading

__all__ = ["Source", "StaleError", "read_body", "source_of"]

R = TypeVar("R")

_ACCEPT: Final = CONTENT_TYPES["text"]


class StaleError(EndpointError):
    """The store has no scrape that started after the call."""


class Source(Protocol):
    """Something that can be read again and again."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def read(self, timeout: float) -> Reading:
        """Scrape it now.

        Args:
            timeout: for everything together, in seconds.

        Raises:
            EndpointError: what is wrong with it.
        """

    async def aread(self, timeout: float) -> Reading:
        """The same in an event loop, without blocking it by waiting."""


def source_of(what: object, *, path: str = "/metrics", source: str = "") -> Source:
    """The source that a thing is.

    Args:
        what: a URL, ``host:port``, a path, a `promlatest.scrape.Target`, a
            prometheus_client registry, a `Store`, a WSGI or ASGI application, or a
            function that returns an exposition.
        path: where an application serves its metrics.
        source: the source of a store to look at; "" for all of it.

    Raises:
        UsageError: it is none of these.
    """
    if isinstance(what, Store):
        return StoreSource(what, source)
    if hasattr(what, "collect"):
        return RegistrySource(what)
    if callable(what):
        arity = _required_arguments(what)
        if arity in _APPLICATIONS:
            return _APPLICATIONS[arity](what, path)
    return TargetSource(Target.of(what))


def _required_arguments(what: Callable[..., Any]) -> int:
    """How many arguments a call needs: an application's protocol shows in that."""
    try:
        parameters = inspect.signature(what).parameters.values()
    except (TypeError, ValueError):
        return 0
    return sum(
        each.default is each.empty
        and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        for each in parameters
    )


def read_body(
    name: str, body: bytes, content_type: str = "text/plain", started: float = 0.0
) -> Reading:
    """The reading that a body is.

    Args:
        name: what it is called in messages.
        body: the exposition.
        content_type: the Content-Type it came with.
        started: when its scrape started, by `time.monotonic`, in seconds.

    Raises:
        EndpointError: it cannot be read.
    """
    store = Store()
    try:
        exposition = store.ingest(body, content_type, source=name)
    except EndpointError as error:
        error.target = error.target or name
        raise
    return Reading(name, store.snapshot(), exposition.metadata, started)


def _reading(name: str, fetched: Fetched, started: float) -> Reading:
    return read_body(name, fetched.body, fetched.content_type, started)


@attrs.frozen
class TargetSource:
    """An endpoint, a file or a function."""

    target: Target

    @property
    def name(self) -> str:
        return self.target.name

    def read(self, timeout: float) -> Reading:
        started = time.monotonic()
        return _reading(self.name, fetch_once(self.target, timeout=timeout), started)

    async def aread(self, timeout: float) -> Reading:
        if self.target.kind not in ("http", "unix"):
            return self.read(timeout)
        return await asyncio.to_thread(self.read, timeout)


@attrs.frozen
class RegistrySource:
    """A prometheus_client registry in this process; it is read and never changed."""

    registry: Any

    @property
    def name(self) -> str:
        return "the registry"

    def read(self, timeout: float) -> Reading:
        started = time.monotonic()
        store = Store()
        try:
            rows, declared = rows_of(self.registry.collect())
        except Exception as error:
            raise BodyError(
                f"collecting raised {type(error).__name__}: {error}", target=self.name
            ) from error
        with store.batch(self.name) as batch:
            batch.append_rows(rows, declared)
        return Reading(self.name, store.snapshot(), declared, started)

    async def aread(self, timeout: float) -> Reading:
        return self.read(timeout)


@attrs.frozen
class StoreSource:
    """A store that somebody else fills, by scraping for instance: what counts is a
    commit whose scrape started after the call."""

    store: Store
    source: str = ""

    @property
    def name(self) -> str:
        return f"source {self.source!r} of the store" if self.source else "the store"

    def read(self, timeout: float) -> Reading:
        started, since = time.monotonic(), now_ms()
        changed = threading.Event()
        unsubscribe = self.store.subscribe(lambda _: changed.set())
        try:
            while late := self._late(since):
                left = started + timeout - time.monotonic()
                if left <= 0:
                    raise StaleError(_late_words(late, since), target=self.name)
                changed.wait(left)
                changed.clear()
        finally:
            unsubscribe()
        return Reading(self.name, self._snapshot(), started=started)

    async def aread(self, timeout: float) -> Reading:
        return await asyncio.to_thread(self.read, timeout)

    def _late(self, since: int) -> list[StoredSource]:
        """The sources without a scrape that started after a moment."""
        sources = self.store.sources
        if self.source and self.source not in sources:
            return [StoredSource(self.source)]
        asked = [sources[self.source]] if self.source else list(sources.values())
        for each in asked:
            if each.error is not None and each.timestamp > since:
                raise self._failed(each)
        return [each for each in asked if each.timestamp <= since]

    def _failed(self, source: StoredSource) -> EndpointError:
        if isinstance(source.error, EndpointError):
            return source.error
        return BodyError(str(source.error), target=source.name)

    def _snapshot(self) -> Any:
        sources = self.store.sources
        return sources[self.source].current if self.source else self.store.snapshot()


def _late_words(late: list[StoredSource], since: int) -> str:
    first = late[0]
    if not first.timestamp:
        return f"{first.name} was never scraped"
    age = (since - first.timestamp) / 1000
    return f"the last scrape of {first.name} started {age:.3f} s before the call"


# Applications in this process


def _answer(name: str, path: str, status: int, content_type: str, body: bytes) -> Fetched:
    """What an application answered.

    Raises:
        StatusError: it was no 200.
    """
    if status != 200:
        raise StatusError(f"GET {path} answered {status}", status=status, target=name)
    return Fetched(body, content_type, name, status, len(body))


@attrs.frozen
class WsgiSource:
    """A WSGI application: Flask, Django, prometheus_client's own."""

    app: Callable[..., Iterable[bytes]]
    path: str

    @property
    def name(self) -> str:
        return f"the WSGI application {_called(self.app)}"

    def read(self, timeout: float) -> Reading:
        started = time.monotonic()
        return _reading(self.name, self._fetch(), started)

    async def aread(self, timeout: float) -> Reading:
        return await asyncio.to_thread(self.read, timeout)

    def _fetch(self) -> Fetched:
        told: dict[str, Any] = {}

        def start_response(
            status: str, headers: list[tuple[str, str]], error: object = None
        ) -> Callable[[bytes], object]:
            told["status"] = int(status.split(" ", 1)[0])
            told["headers"] = {name.lower(): value for name, value in headers}
            return written.write

        written = io.BytesIO()
        with _guarded(self.name):
            parts = self.app(self._environ(), start_response)
            try:
                for part in parts:
                    written.write(part)
            finally:
                getattr(parts, "close", lambda: None)()
        if not told:
            raise BodyError("it never called start_response", target=self.name)
        kind = told["headers"].get("content-type", "")
        return _answer(self.name, self.path, told["status"], kind, written.getvalue())

    def _environ(self) -> dict[str, Any]:
        split = urlsplit(self.path)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": split.path,
            "QUERY_STRING": split.query,
            "HTTP_ACCEPT": _ACCEPT,
            "SERVER_NAME": "localhost",
            "REMOTE_ADDR": "127.0.0.1",
        }
        setup_testing_defaults(environ)
        return environ


@attrs.frozen
class AsgiSource:
    """An ASGI application: FastAPI, Starlette, Django, prometheus_client's own.

    Its lifespan is not run: start it with the test client that knows how.
    """

    app: Callable[..., Awaitable[None]]
    path: str

    @property
    def name(self) -> str:
        return f"the ASGI application {_called(self.app)}"

    def read(self, timeout: float) -> Reading:
        return run_loop(self.aread(timeout))

    async def aread(self, timeout: float) -> Reading:
        started = time.monotonic()
        try:
            fetched = await asyncio.wait_for(self._fetch(), timeout)
        except TimeoutError:
            raise TimeoutExceededError(
                f"no complete answer within {timeout:g} s", phase="body", target=self.name
            ) from None
        return _reading(self.name, fetched, started)

    async def _fetch(self) -> Fetched:
        told: dict[str, Any] = {"body": b""}
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:  # the client is still there; it has nothing more to say
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(event: Mapping[str, Any]) -> None:
            told["body"] += event.get("body", b"")
            told.update({k: event[k] for k in ("status", "headers") if k in event})

        with _guarded(self.name):
            await self.app(self._scope(), receive, send)
        if "status" not in told:
            raise BodyError("it never started a response", target=self.name)
        headers = {name.lower(): value for name, value in told.get("headers", ())}
        kind = headers.get(b"content-type", b"").decode("latin-1")
        return _answer(self.name, self.path, told["status"], kind, told["body"])

    def _scope(self) -> dict[str, Any]:
        split = urlsplit(self.path)
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": split.path,
            "raw_path": split.path.encode(),
            "root_path": "",
            "query_string": split.query.encode(),
            "headers": [(b"host", b"localhost"), (b"accept", _ACCEPT.encode())],
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
        }


_APPLICATIONS: Final[Mapping[int, Callable[[Any, str], Source]]] = {
    2: WsgiSource,
    3: AsgiSource,
}


def _called(what: object) -> str:
    return getattr(what, "__qualname__", type(what).__name__)


@attrs.frozen
class _guarded:
    """What an application raises becomes the fault of the endpoint that it is."""

    name: str

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, EndpointError):
            raise BodyError(
                f"it raised {type(error).__name__}: {error}", target=self.name
            ) from error


def run_loop(work: Coroutine[Any, Any, R]) -> R:
    """Run to the end; on a thread of its own if this one has a loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    outcome: Future[R] = Future()

    def run() -> None:
        try:
            outcome.set_result(asyncio.run(work))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name="promlatest-asgi", daemon=True).start()
    return outcome.result()
