"""Connections: names to addresses, addresses to sockets, and one exchange after the other.

A connection belongs to one target. What comes on it while nobody has asked is no answer to
what is asked next: it is closed then, as Go does.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from contextlib import suppress
from typing import Any, Final, cast

from promlatest.scrape._fetch import is_readable
from promlatest.scrape._target import LOOPBACK
from promlatest.scrape._wire import Response
from promlatest.scrape._workers import Workers

__all__ = ["Connection", "Dialler"]

_RESOLVERS: Final = 1024  # threads: one for each name that nobody answers for
_NEXT_ADDRESS: Final = 0.25  # s until the next address of a name is tried beside the last
_BUFFER: Final = 1 << 17  # bytes

_Address = tuple[int, Any]
"""The family of an address, and the address."""


class Connection(asyncio.BufferedProtocol):
    """One connection to one target.

    Args:
        buffer: what is received into, unless the answer has room; all connections of a
            loop share it, since what is in it is read before the loop goes on.
    """

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer
        self._answer: Response | None = None
        self._room: memoryview | None = None  # of the answer, that is received into
        self._done: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def usable(self) -> bool:
        """Whether another exchange may be begun: it stands, and nothing has come."""
        transport = self._transport
        return transport is not None and not is_readable(transport.get_extra_info("socket"))

    async def exchange(self, request: bytes, answer: Response) -> None:
        """Send a request and feed an answer until it is complete.

        Raises:
            WireError, LimitError: what the answer says.
            OSError: the connection was reset, or TLS failed.
        """
        assert self._transport is not None
        self._answer = answer
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            await self._done
        finally:
            self._answer = self._done = None
            if not answer.reusable:
                self.close()

    def close(self) -> None:
        """Close it at once."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, _: int) -> memoryview:
        self._room = None if self._answer is None else self._answer.room()
        return self._buffer if self._room is None else self._room

    def buffer_updated(self, size: int) -> None:
        room, self._room = self._room, None
        if self._answer is None:  # nobody has asked
            self.close()
            return
        try:
            if room is None:
                complete = self._answer.feed(self._buffer[:size])
            else:
                complete = self._answer.filled(size)
        except Exception as error:
            self._settle(error)
        else:
            if complete:
                self._settle(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._answer is None:
            return
        if error is None:
            try:
                self._answer.end()
            except Exception as cut:
                error = cut
        self._settle(error)

    def _settle(self, error: Exception | None) -> None:
        if self._done is None or self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)


class Dialler:
    """Makes connections, and looks names up on threads of its own: asyncio asks in its
    default executor, which a few names that nobody answers for fill, and which is waited
    for when the loop ends. It belongs to one event loop."""

    def __init__(self) -> None:
        self._workers = Workers("promlatest-dns", _RESOLVERS)
        self._asked: dict[tuple[str, int], asyncio.Future[list[_Address]]] = {}
        self._buffer = memoryview(bytearray(_BUFFER))

    async def dial(
        self, host: str, port: int, tls: ssl.SSLContext | None, server_name: str
    ) -> Connection:
        """A connection to a host.

        Raises:
            OSError: none stands.
        """
        loop = asyncio.get_running_loop()
        addresses = await self._addresses(host, port)
        made = await _first_connected(addresses)
        try:
            _, connection = await loop.create_connection(
                self._connection,
                sock=made,
                ssl=tls,
                server_hostname=(server_name or host) if tls else None,
            )
        except BaseException:
            # Its transport closes it, which in TLS waits for the other end. Were it closed
            # here, the next connection would get a number that the loop still watches.
            with suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
            raise
        return connection

    async def dial_unix(self, path: str) -> Connection:
        """A connection to a unix socket.

        Raises:
            OSError: none stands.
        """
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(self._connection, path)
        return connection

    def _connection(self) -> Connection:
        return Connection(self._buffer)

    async def _addresses(self, host: str, port: int) -> list[_Address]:
        """The addresses of a host; a name is asked for once at a time."""
        numeric = _numeric(host, port)
        if numeric is not None:
            return [numeric]
        key = (host, port)
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = self._workers.call(_look_up, host, port)
            asked.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(asked)

    def _forget(self, key: tuple[str, int], done: asyncio.Future[Any]) -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # those who asked may all be gone


def _numeric(host: str, port: int) -> _Address | None:
    """The address that a host is itself; None if it is a name."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    if found.version == 4:
        return socket.AF_INET, (host, port)
    if "%" in host:  # with a zone: the system knows its number
        return None
    return socket.AF_INET6, (host, port, 0, 0)


def _look_up(host: str, port: int) -> list[_Address]:
    found = socket.getaddrinfo(
        host,
        port,
        type=socket.SOCK_STREAM,
        flags=socket.AI_ADDRCONFIG if host not in LOOPBACK else 0,
    )
    return [(family, address) for family, _, _, _, address in found]


async def _first_connected(addresses: list[_Address]) -> socket.socket:
    """A socket to the first address that answers; the next one is tried when one fails,
    or takes its time ("happy eyeballs").

    Raises:
        OSError: none does; why the first did not.
    """
    if len(addresses) == 1:
        return await _connected(*addresses[0])
    waiting, tried = list(addresses), set[asyncio.Task[socket.socket]]()
    errors: list[BaseException] = []
    try:
        while waiting or tried:
            if waiting:
                tried.add(asyncio.create_task(_connected(*waiting.pop(0))))
            done, tried = await asyncio.wait(
                tried,
                timeout=_NEXT_ADDRESS if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            good = [task.result() for task in done if task.exception() is None]
            errors += [error for task in done if (error := task.exception())]
            for spare in good[1:]:
                spare.close()
            if good:
                return good[0]
    finally:
        for task in tried:
            task.add_done_callback(_close_late)
            task.cancel()
    refused = (each for each in errors if isinstance(each, ConnectionRefusedError))
    raise next(refused, errors[0])


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connected(family: int, address: Any) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made
