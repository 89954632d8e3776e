"""Applications of this process as sources: WSGI and ASGI, called without a server.

An application is asked as a client would ask it: redirects within it are followed, and
an answer that is packed is unpacked. What it raises is kept as the cause of the failure.
"""

from __future__ import annotations

import gzip
import inspect
import io
import sys
import time
import zlib
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final
from urllib.parse import urljoin, urlsplit
from wsgiref.util import setup_testing_defaults

import attrs

from promlatest.exceptions import (
    BodyError,
    EndpointError,
    StatusError,
    TimeoutExceededError,
)
from promlatest.exposition import CONTENT_TYPES
from promlatest.scrape import Fetched
from promlatest.scrape._kinds import kinds_checked
from promlatest.scrape._target import checked_headers
from promlatest.testing._io import Io, forever
from promlatest.testing._reading import Reading
from promlatest.testing._sources import BODIES, Bodies, Scrapable

_REDIRECTS: Final = 5
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
# By the package that an application's class stands in: the host that its tests allow.
_HOSTS: Final = {"django": "testserver"}


@attrs.frozen(field_transformer=kinds_checked)
class AppRequest:
    """How an application is asked.

    Attributes:
        path: where it serves its metrics, with a query if there is one.
        host: the Host that is sent; "" for the one that its framework's tests allow.
        headers: further headers.
    """

    path: str = "/metrics"
    host: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict, converter=checked_headers)

    @property
    def bare(self) -> str:
        """The path without its query."""
        return urlsplit(self.path).path


@attrs.frozen
class _AppAnswer:
    status: int
    headers: Mapping[str, str]  # by names in lower case
    body: bytes


def application(what: Callable[..., Any], request: AppRequest) -> Scrapable | None:
    """The source that an application is; None if the call takes what none takes."""
    kind = _KINDS.get(_arity(what))
    if kind is None:
        return None
    host = request.host or _HOSTS.get(_root(what), "localhost")
    headers = {"accept": CONTENT_TYPES["text"], "host": host}
    headers |= {name.lower(): value for name, value in request.headers.items()}
    return kind(what, attrs.evolve(request, host=headers["host"], headers=headers))


def _arity(what: Callable[..., Any]) -> int:
    """How many arguments a call needs: an application's protocol shows in that."""
    try:
        parameters = inspect.signature(what).parameters.values()
    except (TypeError, ValueError):
        return 0
    needed = sum(
        each.default is each.empty
        and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        for each in parameters
    )
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return needed if inspect.isfunction(what) else _of_any(what)
    return needed


def _of_any(what: Callable[..., Any]) -> int:
    """The same of an object that takes whatever comes: `__call__(self, *args)`."""
    return 3 if inspect.iscoroutinefunction(type(what).__call__) else 2


# What both have in common


async def _fetched(
    name: str,
    request: AppRequest,
    ask: Callable[[AppRequest], Coroutine[Any, Any, _AppAnswer]],
) -> Fetched:
    """What an application answers at last, behind the redirects within it.

    Raises:
        StatusError: it is no 200.
        BodyError: it cannot be unpacked, or redirects without end.
    """
    for _ in range(_REDIRECTS):
        answer = await ask(request)
        following = _redirected(request, answer)
        if following is None:
            return _accepted(name, request, answer)
        request = following
    raise BodyError(f"it redirected {_REDIRECTS} times", target=name)


def _accepted(name: str, request: AppRequest, answer: _AppAnswer) -> Fetched:
    if answer.status != 200:
        hint = _HINTS.get(answer.status, "")
        if answer.status in _MOVED:
            hint = f", to {answer.headers.get('location', 'nowhere')}: say path="
        raise StatusError(
            f"GET {request.path} of host {request.host} answered {answer.status}{hint}",
            status=answer.status,
            target=name,
        )
    body = _unpacked(name, answer)
    kind = answer.headers.get("content-type", "")
    return Fetched(body, kind, name, answer.status)


_HINTS: Final = {
    400: ": if it does not know the host, say host= what it allows",
    404: ": say path= where it serves its metrics",
}


def _unpacked(name: str, answer: _AppAnswer) -> bytes:
    packing = answer.headers.get("content-encoding", "identity")
    if packing == "identity":
        return answer.body
    if packing != "gzip":
        raise BodyError(f"it answered in {packing}, which was not asked for", target=name)
    try:
        return gzip.decompress(answer.body)
    except (OSError, EOFError, zlib.error) as error:
        raise BodyError(f"it cannot be unpacked: {error}", target=name) from error


def _redirected(request: AppRequest, answer: _AppAnswer) -> AppRequest | None:
    """Where to ask next; None if this is the answer, or somebody else is to be asked."""
    location = answer.headers.get("location", "")
    if answer.status not in _MOVED or not location:
        return None
    base = f"http://{request.host}{request.path}"
    there = urlsplit(urljoin(base, location))
    if there.netloc != request.host:
        return None
    path = there.path + (f"?{there.query}" if there.query else "")
    return attrs.evolve(request, path=path)


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


@contextmanager
def _connections_kept(app: object) -> Iterator[None]:
    """Have Django close no connection to a database around this request, as its own test
    client does: they are those of the test, which may be in a transaction."""
    if _root(app) != "django":
        yield
        return
    signals, database = sys.modules["django.core.signals"], sys.modules["django.db"]
    close = database.close_old_connections
    told = [
        each
        for each in (signals.request_started, signals.request_finished)
        if each.disconnect(close)
    ]
    try:
        yield
    finally:
        for each in told:
            each.connect(close)


def _root(app: object) -> str:
    """The package that an application's class stands in."""
    return type(app).__module__.partition(".")[0]


def _too_late(name: str, timeout: float) -> TimeoutExceededError:
    words = f"no complete answer within {timeout:g} s"
    return TimeoutExceededError(words, phase="body", target=name)


@attrs.frozen
class _Application:
    """An application of this process, and how it is asked."""

    protocol: ClassVar[str]
    app: Callable[..., Any]
    request: AppRequest
    bodies: Bodies = attrs.field(init=False, default=BODIES, eq=False, repr=False)

    @property
    def name(self) -> str:
        called = getattr(self.app, "__qualname__", type(self.app).__name__)
        return f"the {self.protocol} application {called}"


# WSGI


class WsgiSource(_Application):
    """A WSGI application: Flask, Django, prometheus_client's own."""

    protocol = "WSGI"

    async def read(self, timeout: float, io: Io) -> Reading:
        started = time.monotonic()

        async def ask(request: AppRequest) -> _AppAnswer:
            return await io.called(lambda: self._ask(request, timeout))

        fetched = await _fetched(self.name, self.request, ask)
        return self.bodies.answer(fetched, started, self.request.bare)

    def _ask(self, request: AppRequest, timeout: float) -> _AppAnswer:
        told: list[tuple[str, list[tuple[str, str]]]] = []
        written = io.BytesIO()

        def start_response(
            status: str, headers: list[tuple[str, str]], error: object = None
        ) -> Callable[[bytes], object]:
            told[:] = [(status, headers)]
            return written.write

        began = time.monotonic()
        with _guarded(self.name), _connections_kept(self.app):
            parts = self.app(_environ(request), start_response)
            if not isinstance(parts, Iterable):
                raise BodyError(f"it gave {parts!r} for an answer", target=self.name)
            try:
                for part in parts:
                    written.write(part)
                    if time.monotonic() - began > timeout:  # it may never end
                        raise _too_late(self.name, timeout)
            finally:
                getattr(parts, "close", lambda: None)()
        if not told:
            raise BodyError("it never called start_response", target=self.name)
        status, headers = told[0]
        named = {name.lower(): value for name, value in headers}
        return _AppAnswer(int(status.split(" ", 1)[0]), named, written.getvalue())


def _environ(request: AppRequest) -> dict[str, Any]:
    split = urlsplit(request.path)
    host, _, port = request.host.partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": split.path,
        "QUERY_STRING": split.query,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "REMOTE_ADDR": "127.0.0.1",
        **{
            f"HTTP_{name.upper().replace('-', '_')}": value
            for name, value in request.headers.items()
        },
    }
    setup_testing_defaults(environ)
    return environ


# ASGI


class AsgiSource(_Application):
    """An ASGI application: FastAPI, Starlette, Django, prometheus_client's own.

    Its lifespan is not run: start it with the test client that knows how.
    """

    protocol = "ASGI"

    async def read(self, timeout: float, io: Io) -> Reading:
        started = time.monotonic()
        try:
            fetched = await io.looped(
                lambda: _fetched(self.name, self.request, self._ask), timeout
            )
        except TimeoutError:
            raise _too_late(self.name, timeout) from None
        return self.bodies.answer(fetched, started, self.request.bare)

    async def _ask(self, request: AppRequest) -> _AppAnswer:
        told: dict[str, Any] = {}
        parts: list[bytes] = []
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:  # the client is still there; it has nothing more to say
                await forever()
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(event: Mapping[str, Any]) -> None:
            parts.append(event.get("body", b""))
            told.update({k: event[k] for k in ("status", "headers") if k in event})

        with _guarded(self.name), _connections_kept(self.app):
            await self.app(_scope(request), receive, send)
        if "status" not in told:
            raise BodyError("it never started a response", target=self.name)
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in told.get("headers", ())
        }
        return _AppAnswer(told["status"], headers, b"".join(parts))


def _scope(request: AppRequest) -> dict[str, Any]:
    split = urlsplit(request.path)
    host, _, port = request.host.partition(":")
    headers = request.headers.items()
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
        "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in headers],
        "client": ("127.0.0.1", 1),
        "server": (host, int(port or 80)),
    }


_KINDS: Final[Mapping[int, Callable[[Any, AppRequest], Scrapable]]] = {
    2: WsgiSource,
    3: AsgiSource,
}
