"""Fetching over HTTP: requests, redirects, credentials, and bounds on time and memory.

* one deadline for everything, from the files of a secret to the last byte;
* the body is counted while it comes, packed and unpacked;
* the body of a redirect, or of an answer that is not 200, is never read;
* on a redirect to another origin everything the user gave stays behind;
* what went wrong is told by an error that leads to nothing else: not by its cause, its
  context or the frames of its traceback, which hold what was sent.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from time import perf_counter
from typing import Final, cast
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

import attrs

from promlatest._clock import check_deadline, deadline
from promlatest._escape import escaped
from promlatest._version import __version__
from promlatest.exceptions import (
    BodyError,
    EndpointError,
    LimitError,
    StatusError,
)
from promlatest.scrape._connection import Connection, Dialler
from promlatest.scrape._fetch import Fetched, timed_out, too_large
from promlatest.scrape._identity import (
    TrustCache,
    authorization,
    has_files,
    without_identity,
)
from promlatest.scrape._job import Job
from promlatest.scrape._loop import run_blocking
from promlatest.scrape._messages import explained, status_words
from promlatest.scrape._target import LOOPBACK, TLS, Target, check_url
from promlatest.scrape._wire import Response, WireError
from promlatest.scrape._workers import OneAtATime, Workers

__all__ = ["HttpClient", "HttpTarget", "fetch_blocking"]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_USER_AGENT: Final = f"promlatest/{__version__}"
_INFLATE: Final = 1 << 18  # bytes at a time: 0.8 ms
_CODINGS: Final = ("", "identity", "gzip", "x-gzip")
# Bodies that are kept to be written over, and how long they may be.
_SPARE: Final = 2
_SPARE_BYTES: Final = 1 << 23
_PATH_SAFE: Final = "/%:@!$&'()*+,;=~"

Origin = tuple[str, str, int]


class HttpClient:
    """What the endpoints of one event loop share.

    Args:
        workers: where files are read and bodies unpacked.
    """

    def __init__(self, workers: Workers) -> None:
        self.workers: Final = workers
        self.dialler: Final = Dialler()
        self.trust: Final = TrustCache()
        self._spare: Final[list[bytearray]] = []

    def body(self) -> bytearray:
        """What a body may be written over."""
        return self._spare.pop() if self._spare else bytearray()

    def reuse(self, body: bytes | bytearray) -> None:
        """Have another body written over this one, which nobody reads any more."""
        fits = isinstance(body, bytearray) and len(body) <= _SPARE_BYTES
        if fits and len(self._spare) < _SPARE:
            self._spare.append(cast(bytearray, body))


@attrs.frozen
class _Hop:
    """Where one request goes: the target, or what it redirected to.

    Attributes:
        url: the address without its query, which may hold secrets.
        path: what is asked for, with the query.
        host: the header.
        origin: which connection it takes.
    """

    url: str
    path: str
    host: str
    origin: Origin

    @classmethod
    def to(cls, url: str, params: tuple[tuple[str, str], ...] = ()) -> _Hop:
        """The hop to a URL.

        Raises:
            ValueError: no request can be made of it.
        """
        parts = urlsplit(url)
        scheme, name = parts.scheme, (parts.hostname or "")
        host = name if name.isascii() else name.encode("idna").decode()
        port = parts.port or (443 if scheme == "https" else 80)
        shown = f"[{host}]" if ":" in host else host
        netloc = shown if parts.port is None else f"{shown}:{port}"
        path = quote(parts.path, safe=_PATH_SAFE) or "/"
        query = "&".join(
            filter(None, (quote(parts.query, safe=_PATH_SAFE + "?"), urlencode(params)))
        )
        return cls(
            f"{scheme}://{netloc}{parts.path}",
            f"{path}?{query}" if query else path,
            netloc,
            (scheme, host, port),
        )


@attrs.define
class _Identity:
    """Who we are, and whom we trust.

    Attributes:
        headers: what the user gave, credentials among them.
        tls: the options for TLS.
    """

    headers: Mapping[str, str]
    tls: TLS


@attrs.define
class _FetchState:
    """How far an exchange has come, for what is said when it fails."""

    target: Target
    answer: Response | None = None
    redirected: str = ""

    @property
    def phase(self) -> str:
        return "connect" if self.answer is None else self.answer.phase


class HttpTarget:
    """One target over HTTP, with the connections and the trust that are kept for it."""

    def __init__(self, client: HttpClient, target: Target, job: Job) -> None:
        self._client = client
        self._target = target
        self._job = job
        self._name = target.name  # which is put together each time
        self._files = OneAtATime(client.workers, self._name)
        self._connections: dict[tuple[Origin, TLS | None], Connection] = {}
        self._used: set[tuple[Origin, TLS | None]] = set()  # by the last fetch
        self._contexts: dict[TLS, ssl.SSLContext] = {}
        self._rotates = has_files(target)
        self._first: tuple[_Hop, _Identity, bytes] | None = None

    async def fetch(self) -> Fetched:
        """The body that the target answers with.

        gzip is not asked for on loopback and on unix sockets, where unpacking takes
        longer than sending.

        Raises:
            ConnectError, TimeoutExceededError, StatusError, BodyError, LimitError: as
                their names say.
        """
        job, target = self._job, self._target
        state = _FetchState(target)
        self._used.clear()
        try:
            async with asyncio.timeout(job.timeout) as limit:
                return await self._follow(state)
        except EndpointError as error:
            failure = error
        except Exception as error:
            if limit.expired():
                failure = timed_out(state.phase, job.timeout, target.name)
            else:
                failure = explained(error, state.target, state.phase)
                failure.target = target.name
        finally:
            # None is kept that this fetch did not need: one may be redirected to another
            # place each time.
            for key in self._connections.keys() - self._used:
                self._connections.pop(key).close()
        if state.redirected:
            where = escaped(state.redirected)
            failure.message = f"after a redirect to {where}: {failure.message}"
        # Outside of the block: inside, it would carry the other error as its context.
        failure.__context__ = failure.__cause__ = None
        raise failure.with_traceback(None)

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    # One request after the other

    async def _follow(self, state: _FetchState) -> Fetched:
        """Follow redirects to a body."""
        if self._first is None or self._rotates:
            self._first = await self._begin()
        hop, identity, request = self._first
        for redirects in range(1 << 30):
            answer = await self._ask(hop, identity, request, state)
            if answer.status == 200:
                return await self._fetched(answer, hop, redirects)
            following = self._next(answer, hop, redirects, state.target)
            if following.origin != hop.origin:
                identity = _Identity({}, without_identity(identity.tls))
            hop = following
            state.redirected = hop.url
            state.target = attrs.evolve(self._target, kind="http", url=hop.url)
            state.answer = None
            request = self._request(hop, identity)
        raise AssertionError

    async def _begin(self) -> tuple[_Hop, _Identity, bytes]:
        """The first request; the same each time, unless files are read for it."""
        hop = _Hop.to(self._target.url, self._target.params)
        credentials: Mapping[str, str] = {}
        if self._rotates:
            credentials = await self._files.call(
                authorization, self._target, self._job.timeout
            )
        elif self._target.auth.bearer or self._target.auth.basic:
            credentials = authorization(self._target, self._job.timeout)
        given = {**self._target.headers, **credentials}
        identity = _Identity(given, self._target.tls)
        return hop, identity, self._request(hop, identity)

    def _request(self, hop: _Hop, identity: _Identity) -> bytes:
        job = self._job
        local = self._target.kind == "unix" or hop.origin[1] in LOOPBACK
        headers = {
            "Host": hop.host,
            "User-Agent": _USER_AGENT,
            "Accept": job.accept,
            "Accept-Encoding": "gzip" if job.compression and not local else "identity",
            "X-Prometheus-Scrape-Timeout-Seconds": f"{job.timeout:g}",
        }
        own = {name.lower() for name in identity.headers}
        kept = {name: value for name, value in headers.items() if name.lower() not in own}
        fields = {**kept, **identity.headers}.items()
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return f"GET {hop.path} HTTP/1.1\r\n{head}\r\n".encode()

    async def _ask(
        self, hop: _Hop, identity: _Identity, request: bytes, state: _FetchState
    ) -> Response:
        """What is answered. A kept connection may have been closed at the other end at
        this moment; a new one is tried then, as Go does."""
        connection, kept = await self._connection(hop, identity)
        while True:
            answer = Response(self._job.limits.body_size, self._name, self._client.body())
            state.answer = answer
            try:
                await connection.exchange(request, answer)
                return answer
            except (WireError, OSError):
                if not kept or answer.began:
                    raise
            state.answer = None
            connection, kept = await self._connection(hop, identity)

    async def _connection(self, hop: _Hop, identity: _Identity) -> tuple[Connection, bool]:
        """A connection, and whether it has been used before."""
        tls = identity.tls if hop.origin[0] == "https" else None
        context = None
        if tls is not None:
            context = self._contexts.get(tls)
            if context is None or self._rotates:
                made = await self._files.call(self._client.trust.context, tls, self._target)
                if made is not context:  # a file of it has changed
                    self.close()
                context = self._contexts[tls] = made
        key = (hop.origin, tls)
        self._used.add(key)
        held = self._connections.get(key)
        if held is not None and held.usable:
            return held, True
        if held is not None:
            held.close()
        if self._target.kind == "unix":
            made_connection = await self._client.dialler.dial_unix(self._target.path)
        else:
            name = "" if tls is None else tls.server_name
            made_connection = await self._client.dialler.dial(
                hop.origin[1], hop.origin[2], context, name
            )
        self._connections[key] = made_connection
        return made_connection, False

    def _next(self, answer: Response, hop: _Hop, redirects: int, target: Target) -> _Hop:
        """Where an answer other than 200 leads.

        Raises:
            StatusError: nowhere.
            LimitError: there were as many redirects as are allowed.
        """
        status, to = answer.status, answer.headers.get("location", "")
        if status not in _REDIRECTS or not to or not self._job.follow_redirects:
            follows = self._job.follow_redirects
            raise self._status_error(
                status, status_words(status, target, bool(to), follows)
            )
        allowed = self._job.limits.redirects
        if allowed and redirects >= allowed:
            raise LimitError(
                f"more than {allowed} redirects",
                limit="redirects",
                allowed=allowed,
                target=self._target.name,
            )
        try:
            parts = urlsplit(
                urljoin(hop.url, to.encode("latin-1").decode("utf-8", "replace"))
            )
            netloc = parts.netloc.rpartition("@")[2]
            following = _Hop.to(
                urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
            )
            check_url(following.url)
        except ValueError:
            raise self._status_error(
                status, "it redirects to what is no web address"
            ) from None
        if self._target.kind == "unix" and following.origin != hop.origin:
            raise self._status_error(status, "it redirects away from the unix socket")
        return following

    def _status_error(self, status: int, words: str) -> StatusError:
        return StatusError(words, status=status, target=self._target.name)

    # The body

    async def _fetched(self, answer: Response, hop: _Hop, redirects: int) -> Fetched:
        coding = answer.headers.get("content-encoding", "").strip().lower()
        if coding not in _CODINGS:
            raise BodyError(
                f"its Content-Encoding {coding[:40]!r} was not asked for",
                target=self._target.name,
            )
        body: bytes | bytearray = answer.body
        if "gzip" in coding:
            limit, timeout = self._job.limits.body_size, self._job.timeout
            body = await self._files.call(
                _unpacked, body, limit, timeout, self._target.name
            )
        return Fetched(
            body,
            answer.headers.get("content-type", ""),
            hop.url if self._target.kind == "http" else self._name,
            answer.status,
            redirects,
            answer.announced,
        )


def fetch_blocking(target: Target, job: Job) -> Fetched:
    """What `HttpTarget.fetch` gives, for callers that have no event loop, or must not use
    theirs."""

    async def fetch() -> Fetched:
        endpoint = HttpTarget(HttpClient(Workers("promlatest-read", 1)), target, job)
        try:
            return await endpoint.fetch()
        finally:
            endpoint.close()

    return run_blocking(fetch())


def _unpacked(packed: bytes | bytearray, limit: int, timeout: float, target: str) -> bytes:
    """What all gzip members hold, as Go reads them. It blocks.

    Raises:
        LimitError, BodyError: it is too large, or broken.
    """
    unpacker, parts, size = zlib.decompressobj(31), list[bytes](), 0
    rest: bytes | bytearray = packed
    with deadline(perf_counter() + timeout):
        while rest:
            if unpacker.eof:
                unpacker = zlib.decompressobj(31)
            part = unpacker.decompress(rest, _INFLATE)
            rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            size += len(part)
            if limit and size >= limit:
                raise too_large(limit, "it", target)
            if part:
                parts.append(part)
            check_deadline()
    if not unpacker.eof:
        raise BodyError("its gzip body broke off", target=target)
    return b"".join(parts)
