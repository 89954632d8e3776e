"""One HTTP exchange with a deadline over everything, and a body with a bound.

http.client does the protocol; what stands here is what it lacks: one deadline for name,
connection, handshake, headers and body together (its timeout starts anew with every
packet), a limit on what is read, and errors in words. The scraper's client is another one,
for another job: it belongs to an event loop, asks with GET, and never reads the body of a
refusal, in which a Prometheus says what is wrong.
"""

from __future__ import annotations

import base64
import http.client
import io
import socket
import ssl
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import attrs

from promlatest.exceptions import (
    BodyError,
    ConnectError,
    LimitError,
    TimeoutExceededError,
    UsageError,
)
from promlatest.scrape._fetch import is_readable

__all__ = ["Client", "Reply"]

_CHUNK: Final = 1 << 16
_IDLE: Final = 4  # connections that are kept; more threads than that dial anew
_GZIP: Final = 31  # zlib's word for a gzip header

T = TypeVar("T")


@attrs.frozen
class Reply:
    """What a server answered.

    Attributes:
        status: the status code.
        headers: by name, whatever its case.
        body: unpacked.
    """

    status: int
    headers: Message
    body: bytes

    @property
    def content_type(self) -> str:
        """Its Content-Type; "" if it has none."""
        return self.headers.get("Content-Type", "")


class Client:
    """Asks one server, and keeps connections for the next time. Any thread may ask.

    Args:
        url: where it is; a user and a password in it become an Authorization header.
        headers: to send with every request.
        timeout: for one exchange, everything together, in seconds.
        max_bytes: the most that a body may have, unpacked.
        context: whom to trust over https; None: the system's certificates.

    Raises:
        UsageError: the URL is none of http or https.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        timeout: float,
        max_bytes: int,
        context: ssl.SSLContext | None,
    ) -> None:
        self.name, self._address, self._path, given = _read_url(url)
        self.timeout: Final = timeout
        sent = {"User-Agent": "promlatest", **given, **headers}
        # As bytes, since http.client would make Latin-1 of them.
        self._headers: Final = {name: value.encode() for name, value in sent.items()}
        self._max_bytes: Final = max_bytes
        self._context: Final = _context(url, context)
        self._idle: Final[deque[_TimedConnection]] = deque()
        self._closed = False

    def ask(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """One exchange.

        Raises:
            ConnectError: nobody answered, or the connection broke before an answer.
            TimeoutExceededError: the time ran out; it says in which phase.
            BodyError: the body broke off or cannot be unpacked.
            LimitError: the body is larger than allowed.
            UsageError: it was closed.
        """
        if self._closed:
            raise UsageError(f"{self.name}: this Server was closed")
        exchange = _Exchange(self.name, time.monotonic() + self.timeout, self.timeout)
        with exchange.translating():
            connection = self._idle_connection()
            if connection is not None:
                try:
                    return self._exchange(exchange, connection, method, path, body)
                except ConnectionError:
                    pass  # it was closed while idle; what is asked here changes nothing
            fresh = _TimedConnection(self._address, self._context)
            fresh.connect_within(exchange)
            return self._exchange(exchange, fresh, method, path, body)

    def close(self) -> None:
        """Close the connections that are kept; one that is in use is closed after it."""
        self._closed = True
        while (connection := self._idle_connection()) is not None:
            connection.end()

    def _idle_connection(self) -> _TimedConnection | None:
        """One on which nothing has come since: that would be taken for the answer to what
        is asked next. Those that the other end has closed are let go as well."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not connection.has_more():
                return connection
            connection.end()

    def _exchange(
        self,
        exchange: _Exchange,
        connection: _TimedConnection,
        method: str,
        path: str,
        body: bytes | None,
    ) -> Reply:
        kept = False
        try:
            connection.arm(exchange)
            exchange.phase = "headers"
            connection.request(method, self._path + path, body, self._headers_for(body))
            answer = connection.getresponse()
            exchange.phase = "body"
            reply = Reply(answer.status, answer.headers, self._body(answer))
            room = len(self._idle) < _IDLE and not self._closed
            kept = room and not answer.will_close
        finally:
            if kept:
                self._idle.append(connection)
            else:
                connection.end()
        return reply

    def _headers_for(self, body: bytes | None) -> dict[str, str | bytes]:
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        return {"Accept-Encoding": "gzip", **form, **self._headers}

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        """The body, read and unpacked in steps, so that no bound is overrun by more
        than one of them."""
        packed = answer.headers.get("Content-Encoding", "") == "gzip"
        unpacker = zlib.decompressobj(_GZIP) if packed else None
        parts: list[bytes] = []
        size = 0
        while chunk := answer.read(_CHUNK):
            for part in _unpacked(chunk, unpacker):
                size += len(part)
                if size > self._max_bytes:
                    raise LimitError(
                        f"the answer has more than {self._max_bytes:,} bytes; ask for"
                        " less, or allow more with max_bytes",
                        limit="max_bytes",
                        allowed=self._max_bytes,
                        target=self.name,
                    )
                parts.append(part)
        if answer.length or (unpacker is not None and not unpacker.eof):
            raise BodyError("the answer broke off before its end", target=self.name)
        return b"".join(parts)


def _unpacked(chunk: bytes, unpacker: Any) -> Any:
    if unpacker is None:
        yield chunk
        return
    while chunk:
        yield unpacker.decompress(chunk, _CHUNK)
        chunk = unpacker.unconsumed_tail


def _read_url(url: str) -> tuple[str, tuple[str, int], str, dict[str, str]]:
    """The name to show, host and port, the path, and the header of its credentials."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment:
        # without the URL's text, which may hold a password
        raise UsageError("expected a server's address, http://host:port/path")
    path = parts.path.rstrip("/")
    given = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        given["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    host = str(parts.hostname)
    netloc = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{netloc}{path}", (host, port), path, given


def _context(url: str, context: ssl.SSLContext | None) -> ssl.SSLContext | None:
    if not url.startswith("https:"):
        return None
    return context or ssl.create_default_context()


# One exchange: its deadline, and how far it came


class _Exchange:
    """The deadline of one exchange, and the phase that it is in."""

    def __init__(self, target: str, deadline: float, timeout: float) -> None:
        self.phase = "connect"
        self._target: Final = target
        self._deadline: Final = deadline
        self._timeout: Final = timeout

    def left(self) -> float:
        """The seconds that are left.

        Raises:
            TimeoutError: none.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Turn what http.client and sockets raise into our errors."""
        try:
            yield
        except Exception as error:
            ours = self.translated(error)
            if ours is None:
                raise
            raise ours from error

    def translated(self, error: Exception) -> Exception | None:
        """Our error for one of theirs; None if it is ours already."""
        if isinstance(error, TimeoutError):
            return TimeoutExceededError(
                f"no answer within {self._timeout:g} s; it ran out while waiting for"
                f" the {_PHASES[self.phase]}",
                phase=self.phase,
                target=self._target,
            )
        if self.phase == "body" and isinstance(
            error, OSError | http.client.HTTPException | zlib.error
        ):
            words = (
                "could not be unpacked" if isinstance(error, zlib.error) else "broke off"
            )
            return BodyError(f"the answer {words}: {error}", target=self._target)
        if isinstance(error, OSError | http.client.HTTPException):
            return ConnectError(_words(error), target=self._target)
        return None


_PHASES: Final = {"connect": "connection", "headers": "headers", "body": "body"}


def _words(error: BaseException) -> str:
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words(error)
    return str(error) or type(error).__name__


_WORDS: Final[tuple[tuple[type[BaseException], Callable[[Any], str]], ...]] = (
    (
        ssl.SSLCertVerificationError,
        lambda error: f"its certificate is not trusted: {error.verify_message}",
    ),
    (ssl.SSLError, lambda error: f"no TLS connection: {error.reason or error}"),
    (socket.gaierror, lambda error: f"the host is not known: {error.strerror}"),
    (ConnectionRefusedError, lambda _: "connection refused: nothing listens there"),
    (http.client.BadStatusLine, lambda _: "what answers there does not speak HTTP"),
    (ConnectionError, lambda _: "it closed the connection without an answer"),
)


# One connection


class _TimedConnection(http.client.HTTPConnection):
    """A connection whose every step keeps to the deadline of the exchange."""

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext | None) -> None:
        super().__init__(*address)
        self._tls = context
        self._wire: _Wire | None = None
        if context is not None:
            self.default_port = 443

    def connect_within(self, exchange: _Exchange) -> None:
        exchange.phase = "connect"
        plain = _dial(self.host, self.port, exchange)
        try:
            if self._tls is not None:
                plain.settimeout(exchange.left())
                plain = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire = _Wire(plain)
        self.sock = self._wire

    def arm(self, exchange: _Exchange) -> None:
        """Let this exchange's deadline count from now on."""
        assert self._wire is not None
        self._wire.exchange = exchange
        self.sock = self._wire

    def has_more(self) -> bool:
        """Whether something came that nobody asked for, or the end."""
        assert self._wire is not None
        plain = self._wire.socket
        waiting = plain.pending() if isinstance(plain, ssl.SSLSocket) else 0
        return bool(waiting) or is_readable(plain)

    def end(self) -> None:
        """Close it, whatever is still under way."""
        if self._wire is not None:
            self._wire.socket.close()
        self.close()


class _Wire(io.RawIOBase):
    """What http.client takes for a socket: each read and write has what is left of the
    deadline. It is its own file, and it is closed by `_TimedConnection.end` alone."""

    exchange: _Exchange

    def __init__(self, plain: socket.socket) -> None:
        self.socket: Final = plain

    def sendall(self, data: bytes) -> None:
        self.socket.settimeout(self.exchange.left())
        self.socket.sendall(data)

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(self, _CHUNK)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.socket.settimeout(self.exchange.left())
        return self.socket.recv_into(buffer)

    def close(self) -> None:
        """http.client closes it while the body is still to be read."""


def _dial(host: str, port: int, exchange: _Exchange) -> socket.socket:
    failure: OSError | None = None
    for family, kind, protocol, _, address in _resolve(host, port, exchange):
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(exchange.left())
            plain.connect(address)
        except OSError as error:
            plain.close()
            failure = error
        else:
            return plain
    raise failure or OSError(f"no address for {host}")


def _resolve(host: str, port: int, exchange: _Exchange) -> list[Any]:
    """The addresses of a host. The system's resolver knows no deadline, so it is asked
    on a thread that may be left behind."""
    found: list[list[Any] | OSError] = []

    def look() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=look, name="promlatest-dns", daemon=True)
    thread.start()
    thread.join(exchange.left())
    if not found:
        raise TimeoutError
    answer = found[0]
    if isinstance(answer, OSError):
        raise answer
    return answer
