"""Fetching over HTTP, with aiohttp: the one module that imports it.

It owns sockets, TLS, redirects and credentials, and bounds on time and memory:

* one deadline for everything, from the name to the last byte;
* the body is counted while it comes, packed and unpacked;
* the body of a redirect, or of an answer that is not 200, is never read;
* on a redirect to another origin everything the user gave stays behind;
* what aiohttp raises ends here: its errors hold our headers (`repr`) and the query
  (`str`), so ours are raised after its `except` block, and not even their `__context__`
  leads to it.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import os
import socket
import ssl
import zlib
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from promlatest.exceptions import (
    BodyError,
    ConnectError,
    EndpointError,
    LimitError,
    StatusError,
)
from promlatest.scrape._fetch import Fetched, timed_out, too_large
from promlatest.scrape._job import Job
from promlatest.scrape._target import LOOPBACK, TLS, Target
from promlatest.scrape._words import refused_words, status_words
from promlatest.scrape._workers import Workers

__all__ = ["HttpClient"]

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_USER_AGENT: Final = f"promlatest/{version('promlatest')}"
_INFLATE: Final = 1 << 18  # bytes at a time: 0.8 ms
_MEMBER: Final = 1 << 11  # bytes that are unpacked in the time that a member takes
_STEPS: Final = 1 << 7  # of 4 us: then others have their turn
_KEEPALIVE: Final = 180.0  # s: longer than the usual interval, or every scrape connects
_RESOLVERS: Final = 64  # threads: so many dead names may hang before others wait


class HttpClient:
    """Fetches over HTTP and unix sockets, and keeps connections for the next time.

    All of it, the constructor too, belongs to one event loop. Close it inside that
    loop.
    """

    def __init__(self) -> None:
        self._sessions: Final[dict[str, aiohttp.ClientSession]] = {}
        self._trust: Final = _TrustCache()
        self._resolver: Final = _Resolver()

    async def fetch(self, target: Target, job: Job) -> Fetched:
        """The body that a target answers with.

        gzip is not asked for on loopback and on unix sockets, where unpacking takes
        longer than sending.

        Args:
            target: of the kind http or unix.
            job: its timeout is for everything together.

        Raises:
            ConnectError, TimeoutExceededError, StatusError, BodyError, LimitError: as
                their names say.
        """
        exchange = _Exchange(target, job)
        failure: EndpointError
        try:
            async with asyncio.timeout(job.timeout) as deadline:
                session = self._session(target.path if target.kind == "unix" else "")
                return await exchange.run(session, self._trust)
        except EndpointError as error:
            failure = error
        except TimeoutError:
            if deadline.expired():
                failure = timed_out(exchange.phase, job.timeout, target.name)
            else:  # a socket's own ETIMEDOUT
                failure = ConnectError("the connection timed out", target=target.name)
        except Exception as error:
            failure = _translated(error, target, exchange.phase)
        # Outside of the block: inside, it would carry aiohttp's error as its context.
        failure.__context__ = failure.__cause__ = None
        raise failure

    async def close(self) -> None:
        """Close all connections. Names that are still asked for are not waited for."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
        await self._resolver.close()
        self._trust.close()

    def _session(self, socket_path: str) -> aiohttp.ClientSession:
        """The session for TCP (""), or for one unix socket."""
        session = self._sessions.get(socket_path)
        if session is None:
            session = _session(self._connector(socket_path))
            self._sessions[socket_path] = session
        return session

    def _connector(self, socket_path: str) -> aiohttp.BaseConnector:
        # limit=0: with aiohttp's 100, as many hanging targets would stop all others.
        if socket_path:
            return aiohttp.UnixConnector(socket_path, limit=0, keepalive_timeout=_KEEPALIVE)
        return aiohttp.TCPConnector(
            limit=0, keepalive_timeout=_KEEPALIVE, resolver=self._resolver
        )


def _session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()  # the public way to learn that a connection stands

    async def connected(_: object, context: Any, __: object) -> None:
        context.trace_request_ctx.phase = "headers"

    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
        skip_auto_headers=("Content-Type",),
        max_headers=256,
    )


class _Resolver(AbstractResolver):
    """Names to addresses on threads of its own.

    asyncio asks in its default executor, which a few names that nobody answers for
    fill, and which is waited for when the loop ends.
    """

    def __init__(self) -> None:
        self._workers = Workers("promlatest-dns", _RESOLVERS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.wrap_future(
            self._workers.submit(
                socket.getaddrinfo,
                host,
                port,
                family=family,
                type=socket.SOCK_STREAM,
                flags=socket.AI_ADDRCONFIG if host not in LOOPBACK else 0,
            )
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        self._workers.close()


# One exchange


class _Exchange:
    """One fetch under way: up to `limits.redirects` requests, and one body."""

    def __init__(self, target: Target, job: Job) -> None:
        self.phase = "connect"
        self._target = target
        self._job = job
        self._redirects = 0

    async def run(self, session: aiohttp.ClientSession, trust: _TrustCache) -> Fetched:
        url = URL(self._target.url).extend_query(self._target.params)
        headers = self._headers(url)
        given = {**self._target.headers, **_authorization(self._target)}
        tls: TLS = self._target.tls
        while True:
            self.phase = "connect"
            https = url.scheme == "https"
            context = await trust.context(tls, self._target) if https else True
            async with session.get(
                url,
                headers={**headers, **given},
                allow_redirects=False,
                ssl=context,
                server_hostname=tls.server_name or None,
                trace_request_ctx=self,
            ) as answer:
                if answer.status == 200:
                    self.phase = "body"
                    return await self._fetched(answer, url)
                answer.close()  # its body is never read
                came_from, url = url, self._next(answer, url)
            self._redirects += 1
            if url.origin() != came_from.origin():
                headers, given = self._headers(url), {}
                tls = _without_identity(tls)

    def _headers(self, url: URL) -> dict[str, str]:
        packed = (
            self._job.compression
            and self._target.kind != "unix"
            and url.host not in LOOPBACK
        )
        return {
            "Accept": self._job.accept,
            "Accept-Encoding": "gzip" if packed else "identity",
            "User-Agent": _USER_AGENT,
            "X-Prometheus-Scrape-Timeout-Seconds": f"{self._job.timeout:g}",
        }

    def _next(self, answer: aiohttp.ClientResponse, url: URL) -> URL:
        """Where an answer other than 200 leads.

        Raises:
            StatusError: nowhere.
            LimitError: there were as many redirects as are allowed.
        """
        to = answer.headers.get("Location", "")
        if answer.status not in _REDIRECTS or not to or not self._job.follow_redirects:
            raise self._status_error(
                answer.status, status_words(answer.status, self._target)
            )
        allowed = self._job.limits.redirects
        if allowed and self._redirects >= allowed:
            raise LimitError(
                f"more than {allowed} redirects",
                limit="redirects",
                allowed=allowed,
                target=self._target.name,
            )
        try:
            following = url.join(URL(to)).with_user(None).with_fragment(None)
            following.origin()
        except ValueError:
            following = URL()
        if following.scheme not in ("http", "https") or not following.host:
            raise self._status_error(
                answer.status, "it redirects to what is no web address"
            )
        if self._target.kind == "unix" and following.origin() != url.origin():
            raise self._status_error(
                answer.status, "it redirects away from the unix socket"
            )
        return following

    def _status_error(self, status: int, words: str) -> StatusError:
        return StatusError(words, status=status, target=self._target.name)

    async def _fetched(self, answer: aiohttp.ClientResponse, url: URL) -> Fetched:
        announced = answer.headers.get("Content-Length")
        chunked = "chunked" in answer.headers.get("Transfer-Encoding", "").lower()
        body = _Body(self._job.limits.body_size, self._target)
        await body.read(answer)
        if announced is not None and not chunked and body.wire_bytes != int(announced):
            # aiohttp sees this itself where its C parser is installed.
            raise BodyError(
                f"expected {announced} bytes by its Content-Length, got {body.wire_bytes}",
                target=self._target.name,
            )
        return Fetched(
            body.take(),
            answer.headers.get("Content-Type", ""),
            str(url.with_query(None)) if self._target.kind == "http" else self._target.name,
            answer.status,
            body.wire_bytes,
            self._redirects,
            announced is not None or chunked,
        )


class _Body:
    """A body as it comes in: counted, and unpacked in small steps."""

    def __init__(self, limit: int, target: Target) -> None:
        self.wire_bytes = 0
        self._limit = limit
        self._target = target
        self._parts: list[bytes] = []
        self._size = 0

    async def read(self, answer: aiohttp.ClientResponse) -> None:
        coding = answer.headers.get("Content-Encoding", "").strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip"):
            raise BodyError(
                f"its Content-Encoding {coding[:40]!r} was not asked for",
                target=self._target.name,
            )
        announced = answer.content_length or 0
        self._check(announced, "its Content-Length")
        if "gzip" in coding:
            await self._read_gzip(answer)
        else:
            await self._read_plain(answer)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _read_plain(self, answer: aiohttp.ClientResponse) -> None:
        async for chunk in answer.content.iter_any():
            self.wire_bytes += len(chunk)
            self._keep(chunk)

    async def _read_gzip(self, answer: aiohttp.ClientResponse) -> None:
        """Unpack all members, as Go does."""
        unpacker, steps = zlib.decompressobj(31), 0
        async for chunk in answer.content.iter_any():
            self.wire_bytes += len(chunk)
            # Empty members unpack to nothing, and can come without end.
            self._check(self.wire_bytes, "it, packed,")
            while chunk:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(31)
                part = unpacker.decompress(chunk, _INFLATE)
                self._keep(part)
                chunk = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                # A bomb must neither hold the loop nor outrun the deadline.
                steps += 1 + len(part) // _MEMBER
                if chunk and steps > _STEPS:
                    steps = 0
                    await asyncio.sleep(0)
        if not unpacker.eof:
            raise BodyError("its gzip body broke off", target=self._target.name)

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        self._check(self._size, "it")
        if part:
            self._parts.append(part)

    def _check(self, size: int, what: str) -> None:
        if self._limit and size >= self._limit:
            raise too_large(self._limit, what, self._target.name)


# Credentials and trust


def _authorization(target: Target) -> dict[str, str]:
    """The Authorization header; files are read anew, since tokens rotate.

    Raises:
        ConnectError: a file cannot be read, or holds what no header can.
    """
    auth = target.auth
    if auth.bearer:
        token = auth.bearer_token or _secret(auth.bearer_token_file, "token", target)
        return {"Authorization": f"{auth.type} {token}"}
    if auth.basic:
        user = auth.username or _secret(auth.username_file, "username", target)
        password = auth.password or _secret(auth.password_file, "password", target)
        packed = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {packed}"}
    return {}


def _secret(path: str, what: str, target: Target) -> str:
    if not path:
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(1 << 16).strip()
        reason = "" if text.isprintable() else "it holds more than one line"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        reason = "it is no text"
    if reason:
        raise ConnectError(
            f"the {what} file {path} cannot be used: {reason}", target=target.name
        )
    return text


def _without_identity(tls: TLS) -> TLS:
    """The same trust, for a host that is not to see who we are."""
    return attrs.evolve(tls, cert_file="", key_file="", server_name="")


class _TrustCache:
    """TLS contexts, one for each trust; a new one once a file of it has changed.

    To make one takes 20 to 100 ms, most of it for the system's certificates, so it is done
    on a thread.
    """

    def __init__(self) -> None:
        self._workers = Workers("promlatest-tls", 1)
        self._contexts: dict[TLS, tuple[tuple[object, ...], ssl.SSLContext]] = {}

    async def context(self, tls: TLS, target: Target) -> ssl.SSLContext:
        """The context.

        Raises:
            ConnectError: a file of it cannot be read.
        """
        try:
            stamps = tuple(map(_stamp, (tls.ca_file, tls.cert_file, tls.key_file)))
            held = self._contexts.get(tls)
            if held is None or held[0] != stamps:
                made = await asyncio.wrap_future(self._workers.submit(_context, tls))
                held = self._contexts[tls] = (stamps, made)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConnectError(
                f"the files for TLS cannot be used: {reason}", target=target.name
            ) from None
        return held[1]

    def close(self) -> None:
        """End the thread."""
        self._workers.close()


def _stamp(path: str) -> object:
    if not path:
        return None
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _context(tls: TLS) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file or None, cadata=tls.ca or None)
    if tls.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file:
        # The empty password: without one, OpenSSL would ask for it at the terminal.
        context.load_cert_chain(tls.cert_file, tls.key_file or None, password="")
    for name in ("minimum_version", "maximum_version"):
        wanted = getattr(tls, name[:3] + "_version")
        if wanted:
            setattr(context, name, _TLS_VERSIONS[wanted])
    return context


_TLS_VERSIONS: Final[Mapping[str, ssl.TLSVersion]] = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


# What went wrong, in words


def _translated(error: Exception, target: Target, phase: str) -> EndpointError:
    """Our error for one of aiohttp's or the system's; it holds nothing of the old one."""
    for kinds, words, kind in _WORDS:
        if isinstance(error, kinds):
            failure: EndpointError = kind(words(error, target, phase), target=target.name)
            return failure
    return EndpointError(f"the exchange failed: {type(error).__name__}", target=target.name)


def _certificate_words(error: Any, *_: object) -> str:
    reason = getattr(error, "certificate_error", error)
    text = (
        getattr(reason, "verify_message", "") or getattr(reason, "reason", "") or "refused"
    )
    return (
        f"its certificate is not trusted: {text}."
        " Give a ca_file, a server_name, or skip_verify for a test"
    )


def _tls_words(error: Any, *_: object) -> str:
    reason = str(getattr(error, "os_error", error))
    if any(sign in reason for sign in _PLAIN_SIGNS):
        return "it does not speak TLS; is it http:// and not https://?"
    return f"the TLS handshake failed: {_os_words(getattr(error, 'os_error', error))}"


# OpenSSL's names for an answer that is no TLS; they change with its version.
_PLAIN_SIGNS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")


def _dns_words(error: Any, target: Target, *_: object) -> str:
    return f"the host {target.host!r} is not known; is it spelt right?"


def _connect_words(error: Any, target: Target, *_: object) -> str:
    failed: OSError = getattr(error, "os_error", error)
    codes = {failed.errno, *_codes_in(str(failed))}
    if errno.ECONNREFUSED in codes:
        return refused_words(target)
    if errno.ENOENT in codes and target.kind == "unix":
        return "there is no such unix socket; is the program running?"
    return f"it cannot be reached: {_os_words(failed)}"


def _codes_in(text: str) -> Iterable[int]:
    """The codes that a failure over several addresses names in its text only."""
    return (code for code in (errno.ECONNREFUSED,) if f"Errno {code}]" in text)


def _os_words(error: BaseException) -> str:
    strerror = getattr(error, "strerror", None)
    return str(strerror or getattr(error, "reason", "") or type(error).__name__)


def _gone_words(_: Any, target: Target, phase: str) -> str:
    if phase == "connect" and target.url.startswith("https"):
        return (
            "it closed the connection during the TLS handshake;"
            " does it want a client certificate?"
        )
    also = " a client certificate," if target.url.startswith("https") else ""
    return (
        "it closed the connection without an answer;"
        f" does it want{also or ' https://'} or did it end just now?"
    )


def _payload_words(_: Any, *__: object) -> str:
    return "its body broke off before its announced end"


def _reset_words(_: Any, target: Target, phase: str) -> str:
    if phase == "body":
        return "the connection was reset in the middle of the body"
    return _gone_words(_, target, phase)


def _invalid_words(error: Any, *_: object) -> str:
    name = type(error).__name__
    return f"its answer is no valid HTTP ({name}); is this a port of another protocol?"


def _gzip_words(_: Any, *__: object) -> str:
    return "its gzip body cannot be unpacked"


def _url_words(_: Any, *__: object) -> str:
    return "no request can be made of its address"


_Words = Callable[[Any, Target, str], str]

# The first that fits, so the exact ones stand first.
_WORDS: Final[
    tuple[
        tuple[type[BaseException] | tuple[type[BaseException], ...], _Words, type[Any]], ...
    ]
] = (
    (aiohttp.ClientConnectorCertificateError, _certificate_words, ConnectError),
    (ssl.SSLCertVerificationError, _certificate_words, ConnectError),
    (aiohttp.ClientConnectorDNSError, _dns_words, ConnectError),
    (aiohttp.ClientSSLError, _tls_words, ConnectError),
    (ssl.SSLError, _tls_words, ConnectError),
    (aiohttp.ClientConnectorError, _connect_words, ConnectError),
    (aiohttp.ServerDisconnectedError, _gone_words, ConnectError),
    (aiohttp.ClientPayloadError, _payload_words, BodyError),
    (aiohttp.ClientResponseError, _invalid_words, BodyError),
    (aiohttp.InvalidURL, _url_words, ConnectError),
    ((aiohttp.ClientOSError, ConnectionError), _reset_words, ConnectError),
    (zlib.error, _gzip_words, BodyError),
    (OSError, _connect_words, ConnectError),
)
