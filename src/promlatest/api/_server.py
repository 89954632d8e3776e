"""The API on a port: what listens, authorises and bounds.

It is an HTTP server of its own, since the price of a small question is the server's: one
series takes 0.6x of the CPU of Prometheus 2.42 in all, and aiohttp's server 0.9x for
receiving the question and sending an answer that is ready (`python -m benchmarks peers`,
part *serve*). Nor has aiohttp a deadline for a request that comes in, or for an answer
that is not taken, nor a bound of connections: that would be ours all the same.

Questions are answered on threads, a few at a time, so that a long one keeps nobody from
being heard; those that took less than a millisecond the last time are answered at once,
since handing one over takes as long as answering it.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import ipaddress
import logging
import ssl
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from promlatest.api._answer import ApiResponse, failure, plain
from promlatest.api._api import Api
from promlatest.api._mount import BODY_LIMIT
from promlatest.api._request import HEAD_LIMIT, Refusal, Request, expects, take
from promlatest.scrape._workers import Workers

__all__ = ["Listener", "is_loopback"]

_log: Final = logging.getLogger("promlatest")

_CONNECTIONS: Final = 2_000  # more are told to come again
_WORKERS: Final = 4  # one long question holds one of them
_IDLE: Final = 60.0  # seconds between two requests
_SLOW: Final = 20.0  # seconds for a request to come in, or an answer to be taken
_ENDING: Final = 0.3  # seconds for what is being answered when it ends
_SWEEP: Final = 1.0  # seconds between two looks for who is too slow
_SENDING: Final = 256 << 20  # bytes of answers that are not taken yet
_BUFFER: Final = HEAD_LIMIT + BODY_LIMIT + 4
_CHEAP: Final = 0.001  # seconds of CPU
_DEAR: Final = 0.01  # seconds; on a busy machine something cheap takes some, too
_CHEAP_KEPT: Final = 1_000
_LONG: Final = 4_096  # characters of a question; longer ones are always handed over

_FURTHER: Final[dict[int, str]] = {
    401: 'WWW-Authenticate: Basic realm="promlatest"\r\n',  # browsers ask for a password
    503: "Retry-After: 1\r\n",
}
# For the page, which has no script and must get none.
_STRICT: Final = (
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'\r\n"
    "Cache-Control: no-store\r\n"
)
_ASKED_BEFORE: Final = (
    "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
    "Access-Control-Allow-Headers: Authorization, Content-Type\r\n"
)
_ASKABLE: Final = plain(200, "ask with GET or POST")
_TOO_MANY: Final = plain(503, "too many connections; ask again")
_NOT_TAKEN: Final = plain(503, "too many answers are not taken yet; ask again")
_TOO_SLOW: Final = plain(408, f"expected the whole request within {_SLOW:g} s")
_BROKEN: Final = failure(500, "internal", "something went wrong here; the log has it")


class Listener:
    """Serves an API on one address. All of it belongs to one event loop.

    Args:
        api: what answers.
        host: the address to listen on.
        port: the port; 0: any that is free.
        token: what a client must show; "" for nothing.
        context: the certificate, for https; None: http.
        origin: who may ask from a page of theirs, as in CORS; "": nobody.
    """

    def __init__(
        self,
        api: Api,
        host: str,
        port: int,
        *,
        token: str = "",
        context: ssl.SSLContext | None = None,
        origin: str = "",
    ) -> None:
        self._answer: Final = api.answer
        self._host: Final = host
        self._port: Final = port
        self._token: Final = token
        self._context: Final = context
        # A page of a name that leads here must not read what only this machine may
        # (DNS rebinding); whoever listens elsewhere has names of their own.
        self._local_only: Final = is_loopback(host) and not token
        self.headers: Final = "X-Content-Type-Options: nosniff\r\n" + (
            f"Access-Control-Allow-Origin: {origin}\r\n{_ASKED_BEFORE}" if origin else ""
        )
        self._workers: Final = Workers("promlatest-api", _WORKERS)
        self._cheap: Final[set[str]] = set()  # questions that may be answered at once
        self.connections: Final[set[_ServedConnection]] = set()
        self.sending = 0  # bytes of answers that are not taken yet

    async def start(self) -> str:
        """Begin to listen; gives the URL.

        Raises:
            OSError: the address cannot be had.
        """
        self._loop = asyncio.get_running_loop()
        self._listening = await self._loop.create_server(
            lambda: _ServedConnection(self),
            self._host,
            self._port,
            ssl=self._context,
            ssl_handshake_timeout=_SLOW if self._context else None,
            backlog=1024,
        )
        self._sweeping = asyncio.create_task(self._sweep())
        port = self._listening.sockets[0].getsockname()[1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._context else 'http'}://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening; what is being answered has a third of a second to end."""
        self._listening.close()
        self._sweeping.cancel()
        until = self._loop.time() + _ENDING
        while self.connections and self._loop.time() < until:
            for connection in tuple(self.connections):
                connection.end()
            await asyncio.sleep(0.01)
        for connection in tuple(self.connections):
            connection.transport.abort()
        self._workers.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            now = self._loop.time()
            for connection in tuple(self.connections):
                if connection.deadline < now:
                    connection.too_slow()

    # One question

    def ask(self, request: Request, done: Callable[[ApiResponse], None]) -> None:
        """Have a request answered: at once, or later in this event loop."""
        refused = self._refused(request)
        if refused is not None:
            done(refused)
            return
        if request.known in self._cheap:
            done(self._at_once(request))
            return

        def timed() -> ApiResponse:
            started = time.thread_time()  # waiting for the interpreter is not its price
            answer = self._answer(request.method, request.path, request.params)
            if time.thread_time() - started < _CHEAP and len(request.known) <= _LONG:
                self._remember(request.known)
            return answer

        def later(answer: ApiResponse | None, error: Exception | None) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(done, self._settled(answer, error))

        self._workers.submit(timed, later)

    def _remember(self, known: str) -> None:
        if len(self._cheap) >= _CHEAP_KEPT:
            self._cheap.clear()
        self._cheap.add(known)

    def _at_once(self, request: Request) -> ApiResponse:
        started = time.perf_counter()
        try:
            return self._answer(request.method, request.path, request.params)
        except Exception as error:
            return self._settled(None, error)
        finally:
            if time.perf_counter() - started > _DEAR:
                self._cheap.discard(request.known)

    def _settled(self, answer: ApiResponse | None, error: Exception | None) -> ApiResponse:
        if answer is not None:
            return answer
        _log.error("a question could not be answered", exc_info=error)
        return _BROKEN

    def _refused(self, request: Request) -> ApiResponse | None:
        if request.method == "OPTIONS":  # a browser asks so first, without the token
            return _ASKABLE
        if self._token and not self._is_authorised(
            request.headers.get("authorization", "")
        ):
            return plain(401, "it wants the token of --token-file as a bearer token")
        if self._local_only and not is_local_name(request.headers.get("host", "")):
            return plain(421, "ask by the name localhost or by an address")
        return None

    def _is_authorised(self, header: str) -> bool:
        """A bearer token, or the password of Basic, which is what browsers can send."""
        kind, _, given = header.partition(" ")
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given).decode().partition(":")[2]
            except ValueError:
                return False
        return hmac.compare_digest(given.strip().encode(), self._token.encode())


class _ServedConnection(asyncio.Protocol):
    """One connection: a request at a time, each with its deadline."""

    transport: asyncio.Transport

    def __init__(self, listener: Listener) -> None:
        self._listener: Final = listener
        self._buffer: Final = bytearray()
        self._asked: Request | None = None  # what is being answered
        self._ended = False  # no further request is taken
        self._last = False  # the client sends no more, and may still read
        self._sending = 0
        self.deadline = 0.0  # by the loop's clock; nobody waits longer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        full = len(self._listener.connections) >= _CONNECTIONS
        self._listener.connections.add(self)
        self._wait(_SLOW)
        if full:
            self._refuse(_TOO_MANY)

    def connection_lost(self, _: Exception | None) -> None:
        self._ended = True
        self._listener.connections.discard(self)
        self._taken()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if not self._buffer and self._asked is None:
            self._wait(_SLOW)  # from the first byte of a request on
        self._buffer.extend(data)
        if len(self._buffer) > _BUFFER:
            self.transport.pause_reading()  # what is sent ahead is bounded, too
        if self._asked is None:
            self._next()

    def eof_received(self) -> bool:
        """The client has said everything; what it asked is still answered."""
        self._last = True
        halves = self.transport.get_extra_info("sslcontext") is None  # TLS has no half
        return halves and self._asked is not None

    def _next(self) -> None:
        try:
            request = take(self._buffer)
        except Refusal as refusal:
            self._refuse(refusal.answer)
            return
        if request is not None:
            self._asked = request
            self.deadline = float("inf")  # its answer is the engine's to bound
            self._listener.ask(request, self._done)
        elif self._last:
            self.transport.close()
        elif expects(self._buffer):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _done(self, answer: ApiResponse) -> None:
        request, self._asked = self._asked, None
        if request is None or self.transport.is_closing():
            return
        if self._listener.sending + len(answer.body) > _SENDING:
            answer = _NOT_TAKEN
        self._ended = self._ended or not request.keep
        self._wait(_IDLE)
        self._write(answer, request.method == "HEAD")
        if self._ended:
            self.transport.close()
            return
        self.transport.resume_reading()
        if self._buffer or self._last:
            self._wait(_SLOW)
            self._next()

    def _refuse(self, answer: ApiResponse) -> None:
        self._ended = True
        self._write(answer)
        self.transport.close()

    def _write(self, answer: ApiResponse, head_only: bool = False) -> None:
        head = _head(
            answer.status, answer.content_type, len(answer.body), int(time.time()),
            self._listener.headers + ("Connection: close\r\n" if self._ended else ""),
        )  # fmt: skip
        self.transport.write(head if head_only else head + answer.body)

    # Who is slow

    def _wait(self, seconds: float) -> None:
        self.deadline = self._listener._loop.time() + seconds

    def pause_writing(self) -> None:
        self._sending = self.transport.get_write_buffer_size()
        self._listener.sending += self._sending
        self._wait(_SLOW)

    def resume_writing(self) -> None:
        self._taken()

    def _taken(self) -> None:
        self._listener.sending -= self._sending
        self._sending = 0

    def too_slow(self) -> None:
        """The deadline is over: say so where that can still be read, and hang up."""
        if self._buffer and not self._sending:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.abort()

    def end(self) -> None:
        """Take no further request, and close once nothing is being answered."""
        self._ended = True
        if self._asked is None:
            self.transport.close()


@lru_cache(256)
def _head(status: int, content_type: str, length: int, second: int, more: str) -> bytes:
    further = _FURTHER.get(status, "")
    strict = _STRICT if content_type.startswith("text/html") else ""
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {length}\r\n"
        f"Date: {formatdate(second, usegmt=True)}\r\n{further}{strict}{more}\r\n"
    ).encode("latin-1")


# Which addresses and names only this machine can reach


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache(256)
def is_local_name(host: str) -> bool:
    """Whether a Host is an address or `localhost`, with or without a port."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
