"""Servers that do to a scraper what endpoints can do to it, in a process of their own.

    with start() as servers:
        servers.play("a", "gzip_bomb")
        servers.url("a")            # http://127.0.0.1:PORT/t/a

What a target plays is good metrics until it is told otherwise; `FAULTS` has the rest.
They run in a process of their own so that neither their memory nor their work counts as
the scraper's.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

STARTED = time.time()
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
BODY = b"# TYPE depth gauge\n" + b"".join(
    b'depth{queue="q%d"} %d\n' % (n, n) for n in range(40)
)
GOOD = OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


# The side of the tests


@dataclass(frozen=True)
class Servers:
    """Where the servers are, and what they play."""

    http: int
    tls: int
    mtls: int
    silent: int
    folder: Path

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.http}/t/{name}"

    def play(self, name: str, fault: str) -> None:
        self.ask(f"/play/{name}/{fault}")

    def hits(self, name: str) -> int:
        return int(self.ask(f"/hits/{name}"))

    def last_request(self, name: str) -> str:
        return self.ask(f"/last/{name}")

    def ask(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}") as answer:
            return answer.read().decode()


@contextlib.contextmanager
def start(port: int = 0) -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="promlatest-") as folder:
        process = subprocess.Popen(
            [sys.executable, __file__, folder, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what clients do to it is not its own error
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process, process.stdin, process.stdout:
            ports = json.loads(process.stdout.readline())
            try:
                yield Servers(**ports, folder=Path(folder))
            finally:
                process.kill()


# The side of the servers

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
Act = Callable[[Writer], Awaitable[bool | None]]
"""Plays one answer; gives True if the connection may be used again."""

FAULTS: dict[str, Act] = {}


def fault(act: Act) -> Act:
    FAULTS[act.__name__] = act
    return act


def answer(name: str, data: bytes, *, keep: bool = False, pause: float = 0.0) -> None:
    """A fault that is a fixed answer."""

    async def act(writer: Writer) -> bool:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(pause)
        return keep

    FAULTS[name] = act


def body(data: bytes, kind: bytes = b"text/plain; version=0.0.4") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    return head % (kind, len(data)) + data


def packed(data: bytes) -> bytes:
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    return head % len(data) + data


def status(line: bytes, extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 " + line + b"\r\n" + extra + b"Content-Length: 0\r\n\r\n"


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
REDIRECT = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "

answer("good", GOOD, keep=True)
answer("other", body(b'depth{queue="q0"} 1\nnew_metric 1\n'), keep=True)
answer("gzip", packed(gzip.compress(BODY)), keep=True)
answer("gzip_two_members", packed(gzip.compress(BODY[:200]) + gzip.compress(BODY[200:])))
answer("gzip_cut", packed(gzip.compress(BODY * 50)[:-200]))
answer("gzip_broken", packed(b"depth 1\n"))
answer("brotli", OK + b"Content-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd")
answer("length_too_short", OK + b"Content-Length: 8\r\n\r\ndepth 1\ndepth 2\n", pause=0.02)
answer("length_too_long", OK + b"Content-Length: 400\r\n\r\ndepth 1\n")
answer("length_twice", OK + b"Content-Length: 8\r\nContent-Length: 4\r\n\r\ndepth 1\n")
answer("chunks", CHUNKED + b"8\r\ndepth 1\n\r\n0\r\n\r\n", keep=True)
answer("chunks_cut", CHUNKED + b"8\r\ndepth 1\n\r\n")
answer("chunks_cut_inside", CHUNKED + b"8\r\ndepth 1\n\r\nff\r\ndepth")
answer("chunks_cut_at_the_end", CHUNKED + b"8\r\ndepth 1\n\r\n0\r\n")
answer("http10", b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + BODY)
answer("http09", BODY)
answer("not_http", b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
answer("closes", b"")
answer("header_cut", OK)
answer("html", body(b"<html></html>", b"text/html; charset=utf-8"))
answer("json", body(b"{}", b"application/json"))
answer("no_content_type", b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ndepth 1\n")
answer("unknown_content_type", body(b"depth 1\n", b"application/x-what"))
answer("empty", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", keep=True)
answer("nul", body(b'depth{queue="q\x000"} 1\n'), keep=True)
answer("bad_utf8", body(b'depth 1\nother{a="\xff\xfe"} 1\n'), keep=True)
answer("bad_line", body(BODY + b"depth{queue=} 1\n"), keep=True)
answer("bad_first_line", body(b"{{{\n" + BODY), keep=True)
answer("openmetrics_cut", body(b"depth 1\n", b"application/openmetrics-text"), keep=True)
answer("duplicates", body(b"depth 1\ndepth 2\nother 3\n"), keep=True)
answer("status_204", b"HTTP/1.1 204 No Content\r\n\r\n", keep=True)
for _code, _name in (
    (400, b"Bad Request"), (401, b"Unauthorized"), (403, b"Forbidden"),
    (404, b"Not Found"), (500, b"Internal Server Error"), (503, b"Service Unavailable"),
):  # fmt: skip
    answer(f"status_{_code}", status(b"%d %s" % (_code, _name)), keep=True)
answer("redirect_loop", REDIRECT + b"/play-redirect_loop\r\n\r\n", keep=True)
answer("redirect_to_file", REDIRECT + b"file:///etc/passwd\r\n\r\n", keep=True)
answer("redirect_to_no_host", REDIRECT + b"http://a|b/\r\n\r\n", keep=True)
answer("redirect_to_nothing", REDIRECT + b"http://[::\r\n\r\n", keep=True)
answer("redirect_here", REDIRECT + b"/t/good\r\n\r\n", keep=True)


@fault
async def silent(writer: Writer) -> None:
    await asyncio.sleep(3600)


async def drip(writer: Writer, data: bytes) -> None:
    for at in range(len(data)):
        writer.write(data[at : at + 1])
        await writer.drain()
        await asyncio.sleep(0.05)


@fault
async def slow_status(writer: Writer) -> None:
    await drip(writer, GOOD)


@fault
async def slow_headers(writer: Writer) -> None:
    writer.write(OK)
    await drip(writer, b"X-A: " + b"y" * 10_000)


@fault
async def slow_body(writer: Writer) -> None:
    writer.write(GOOD[: -len(BODY)])
    await drip(writer, BODY)


@fault
async def slow_redirects(writer: Writer) -> bool:
    await asyncio.sleep(0.3)
    writer.write(REDIRECT + b"/play-slow_redirects\r\n\r\n")
    return True


async def endless(writer: Writer, start: bytes, piece: bytes) -> None:
    writer.write(start)
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)


def endless_answer(name: str, start: bytes, piece: bytes) -> None:
    async def act(writer: Writer) -> None:
        await endless(writer, start, piece)

    FAULTS[name] = act


LINES = b"".join(b'depth{queue="q%d"} 1\n' % n for n in range(2000))
endless_answer("endless_body", OK + b"\r\n", LINES)
endless_answer("endless_chunks", CHUNKED, b"%x\r\n%s\r\n" % (len(LINES), LINES))
endless_answer("tiny_chunks", CHUNKED, b"1\r\n#\r\n" * 10_000)
endless_answer("endless_headers", OK, b"X-A: yyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 1000)
endless_answer("endless_header", OK + b"X-A: ", b"y" * 65536)
endless_answer("endless_status", b"", b"y" * 65536)
endless_answer("endless_continue", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
endless_answer("endless_chunk_extension", CHUNKED + b"4;x=", b"y" * 65536)
endless_answer("endless_trailers", CHUNKED + b"2\r\n#\n\r\n0\r\n", b"X-Y: z\r\n" * 1000)
endless_answer(
    "endless_redirect_body", b"HTTP/1.1 302 F\r\nLocation: /t/good\r\n\r\n", LINES
)
endless_answer("endless_error_body", b"HTTP/1.1 500 E\r\n\r\n", LINES)
endless_answer(
    "endless_gzip_members",
    OK + b"Content-Encoding: gzip\r\n\r\n",
    gzip.compress(b"") * 1000,
)


def bomb() -> bytes:
    """A gigabyte of zeros in a megabyte; one piece of it after a full flush is like the
    other, so only one is made."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + piece * 1023


@fault
async def gzip_bomb(writer: Writer) -> None:
    writer.write(packed(bomb()))
    await writer.drain()
    await asyncio.sleep(0.5)


@fault
async def reset(writer: Writer) -> None:
    writer.write(GOOD[:-50])
    await writer.drain()
    await asyncio.sleep(0.02)
    abort(writer)


def abort(writer: Writer) -> None:
    """Close with a reset instead of an end."""
    made: socket.socket = writer.get_extra_info("socket")
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@fault
async def million_labels(writer: Writer) -> None:
    labels = []
    for start in range(0, 1_000_000, 10_000):
        labels += [b'l%d="v"' % n for n in range(start, start + 10_000)]
        await asyncio.sleep(0)  # the other targets are served, too
    writer.write(body(b"depth{" + b",".join(labels) + b"} 1\n"))
    await writer.drain()


@fault
async def long_line(writer: Writer) -> None:
    writer.write(body(b'depth{queue="' + b"x" * (10 << 20) + b'"} 1\n'))
    await writer.drain()


@fault
async def large(writer: Writer) -> bool:
    writer.write(body(LINES * 60))  # 1.7 MB
    await writer.drain()
    return True


@fault
async def many_samples(writer: Writer) -> bool:
    writer.write(body(b"".join(b"m%d 1\n" % n for n in range(5000))))
    await writer.drain()
    return True


def churning(hit: int) -> bytes:
    """Two hundred series, of which one in four is new at every tenth hit."""
    lines = [b"# TYPE work counter\n"]
    for row in range(200):
        age = (hit + row % 4 * 10) // 40
        lines.append(
            b'work{row="%d",pod="pod-%d-%d"} %d\n' % (row, row % 4, age, hit * row)
        )
    return b"".join(lines)


class Plays:
    """What is played, how often it was asked for, and how."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}
        self.hits: dict[str, int] = {}
        self.last: dict[str, bytes] = {}
        self.port = 0

    async def act(self, path: str, request: bytes, writer: Writer) -> bool:
        kind, _, rest = path.strip("/").partition("/")
        known = {"play": self.play, "hits": self.count, "last": self.request}
        if kind in known:
            writer.write(body(known[kind](rest)))
            return True
        if kind == "t":
            self.hits[rest] = self.hits.get(rest, 0) + 1
            self.last[rest] = request
            return await self.do(self.faults.get(rest, "good"), rest, writer)
        if kind.startswith("play-"):
            return await self.do(kind[5:], rest, writer)
        writer.write(status(b"404 Not Found"))
        return True

    async def do(self, name: str, rest: str, writer: Writer) -> bool:
        if name.startswith("cut_"):  # the answer cut at a byte
            writer.write(GOOD[: int(name[4:])])
            return False
        if name.startswith("reset_"):  # the same with a reset
            writer.write(GOOD[: int(name[6:])])
            await writer.drain()
            await asyncio.sleep(0.005)
            abort(writer)
            return False
        if name.startswith("lines_"):  # whole, but with fewer lines
            writer.write(body(b"".join(BODY.splitlines(True)[: int(name[6:])])))
            return True
        if name == "counter":  # it begins anew with the process
            text = b"process_start_time_seconds %f\njobs_total %d\n"
            writer.write(body(text % (STARTED, self.hits[rest])))
            return True
        if name == "churn":
            writer.write(body(churning(self.hits[rest])))
            return True
        if name == "redirect_away":
            to = b"http://localhost:%d/t/away\r\n\r\n" % self.port
            writer.write(REDIRECT + to)
            return True
        return bool(await FAULTS[name](writer))

    def play(self, rest: str) -> bytes:
        name, _, played = rest.partition("/")
        self.faults[name] = played
        return b"ok"

    def count(self, name: str) -> bytes:
        return b"%d" % self.hits.get(name, 0)

    def request(self, name: str) -> bytes:
        return self.last.get(name, b"")

    async def handle(self, reader: Reader, writer: Writer) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            async with closing(writer):
                again = True
                while again:
                    request = await reader.readuntil(b"\r\n\r\n")
                    path = request.split(b" ", 2)[1].decode().split("?")[0]
                    again = await self.act(path, request, writer)
                    await writer.drain()


@contextlib.asynccontextmanager
async def closing(writer: Writer) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()


async def serve(folder: str, port: int) -> None:
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(os.path.join(folder, "ca.pem"))
    server, client = authority.issue_cert("good.test"), authority.issue_cert("me@test")
    client.private_key_and_cert_chain_pem.write_to_path(os.path.join(folder, "client.pem"))
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.configure_cert(plain)
    mutual = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.configure_cert(mutual)
    authority.configure_trust(mutual)
    mutual.verify_mode = ssl.CERT_REQUIRED

    plays = Plays()

    async def quiet(_: Reader, __: Writer) -> None:
        await asyncio.sleep(3600)

    async def listen(
        handler: Callable[..., Awaitable[None]],
        at: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> int:
        made = await asyncio.start_server(handler, "127.0.0.1", at, backlog=500, ssl=tls)
        bound: int = made.sockets[0].getsockname()[1]
        return bound

    plays.port = await listen(plays.handle, port)
    await asyncio.start_unix_server(plays.handle, os.path.join(folder, "s.sock"))
    ports = {
        "http": plays.port,
        "tls": await listen(plays.handle, tls=plain),
        "mtls": await listen(plays.handle, tls=mutual),
        "silent": await listen(quiet),
    }
    print(json.dumps(ports), flush=True)
    # Until the tests are gone, however they went.
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
