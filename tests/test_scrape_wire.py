"""HTTP as it comes over a connection: what is taken as Go takes it, and what is said of
the rest. The answers are bytes; nothing is opened."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promlatest import Store
from promlatest.exceptions import ConnectError, LimitError, StatusError
from promlatest.scrape import Job, Scraper, Target, fetch_once
from promlatest.scrape._connection import Connection
from promlatest.scrape._http import HttpClient, HttpTarget
from promlatest.scrape._wire import Response, WireError
from promlatest.scrape._workers import Workers

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def read(
    data: bytes, pieces: int = 1 << 20, limit: int = 0, *, ends: bool = False
) -> Response:
    answer = Response(limit, "t")
    for at in range(0, len(data), pieces):
        answer.feed(data[at : at + pieces])
    if ends:
        answer.end()
    return answer


# What is taken

TAKEN = {
    "length": (OK + b"Content-Length: 4\r\n\r\na 1\n", True),
    "no bytes": (OK + b"Content-Length: 0\r\n\r\n", True),
    "two equal lengths": (
        OK + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\na 1\n",
        True,
    ),
    "chunks": (OK + CHUNKED + b"\r\n2\r\na \r\n2;x=y\r\n1\n\r\n0\r\n\r\n", True),
    "chunks and a length": (
        OK + CHUNKED + b"Content-Length: 9\r\n\r\n4\r\na 1\n\r\n0\r\n\r\n",
        True,
    ),
    "chunks and trailers": (OK + CHUNKED + b"\r\n4\r\na 1\n\r\n0\r\nX: y\r\n\r\n", True),
    "line feeds alone": (b"HTTP/1.1 200 OK\nContent-Length: 4\n\na 1\n", True),
    "a folded header": (OK + b"X-A: b\r\n  c\r\nContent-Length: 4\r\n\r\na 1\n", True),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 4\r\n\r\na 1\n", True),
    "other answers first": (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        + OK
        + b"Content-Length: 4\r\n\r\na 1\n",
        True,
    ),
    "a blank before a colon": (OK + b"X : y\r\nContent-Length: 4\r\n\r\na 1\n", True),
    "it closes": (OK + b"Connection: close\r\nContent-Length: 4\r\n\r\na 1\n", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\na 1\n", False),
    "HTTP/1.0 that stays": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\na 1\n",
        True,
    ),
    "more than was promised": (OK + b"Content-Length: 4\r\n\r\na 1\nb 2\n", False),
}


@pytest.mark.parametrize("pieces", [1, 3, 1 << 20])
@pytest.mark.parametrize("name", TAKEN)
def test_taken(name: str, pieces: int) -> None:
    """An answer is taken however it is cut into pieces; then the connection is kept, or
    it is not."""
    data, reusable = TAKEN[name]
    answer = read(data, pieces)

    assert answer.done
    assert bytes(answer.body)[:4] in (b"a 1\n", b"")
    assert len(answer.body) <= 4
    assert answer.reusable == reusable or pieces < len(data)


def test_until_the_end() -> None:
    """Without a length a body ends with the connection, and that is noted."""
    answer = read(OK + b"\r\na 1\n", ends=True)

    assert bytes(answer.body) == b"a 1\n"
    assert not answer.announced
    assert not answer.reusable


def test_other_statuses() -> None:
    """Of an answer other than 200 no body is waited for."""
    answer = read(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 9\r\n\r\n")

    assert (answer.done, answer.status, answer.headers["location"]) == (True, 302, "/x")
    assert not answer.reusable


@given(st.binary(max_size=300), st.integers(1, 40), st.integers(1, 40))
def test_chunks_of_any_size(body: bytes, size: int, pieces: int) -> None:
    """However a body is cut into chunks and these into pieces, it comes whole."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    data = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    answer = read(OK + CHUNKED + b"\r\n" + data + b"0\r\n\r\n", pieces)

    assert answer.done
    assert bytes(answer.body) == body


def _answer_of(body: bytes, *, chunked: bool) -> bytes:
    if chunked:
        whole = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return OK + CHUNKED + b"\r\n" + whole + b"0\r\n\r\n"
    return OK + b"Content-Length: %d\r\n\r\n" % len(body) + body


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=4),
    st.integers(1, 400),
)
async def test_bodies_written_over_each_other(
    bodies: list[tuple[bytes, bool]], pieces: int
) -> None:
    """A body that is written over an earlier one comes whole, and nothing of that."""
    held = bytearray()
    for body, chunked in bodies:
        answer = Response(0, "t", held)
        _receive(answer, _answer_of(body, chunked=chunked), pieces)
        held = answer.body
        assert answer.done
        assert held == body


@pytest.mark.parametrize("pieces", [1, 1 << 20])
@pytest.mark.parametrize("name", TAKEN)
async def test_taken_over_another(name: str, pieces: int) -> None:
    """An answer whose body is written over a longer one is no other answer."""
    data, reusable = TAKEN[name]
    answer = Response(0, "t", bytearray(b"x" * 50))
    _receive(answer, data, pieces)

    assert answer.done
    assert answer.body in (b"a 1\n", b"")
    assert answer.reusable == reusable or pieces < len(data)


async def test_room_ends_with_the_answer() -> None:
    """What comes behind a body is not written over what it is written over."""
    answer = Response(0, "t", bytearray(b"x" * 50))
    _receive(answer, OK + b"Content-Length: 4\r\n\r\na", 1 << 20)

    room = answer.room()

    assert room is not None
    assert len(room) == 3


def _receive(answer: Response, data: bytes, pieces: int) -> None:
    """Have a connection receive so much at a time, as the event loop does."""
    connection = Connection(memoryview(bytearray(pieces)))
    connection._answer = answer
    while data and not answer.done:
        room = connection.get_buffer(-1)
        size = min(len(room), len(data), pieces)
        room[:size], data = data[:size], data[size:]
        connection.buffer_updated(size)


async def test_a_body_is_kept_to_be_written_over() -> None:
    """The memory of a body is used again, but not that of a very long one."""
    client = HttpClient(Workers("test", 1))
    body = bytearray(100)
    client.reuse(body)
    assert client.body() is body
    client.reuse(bytearray(20_000_000))
    assert not client.body()


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_come_to_an_end(data: bytes, pieces: int) -> None:
    """Whatever comes is an answer, none yet, or refused; nothing else is raised."""
    with suppress(WireError, LimitError):
        answer = read(data, pieces, limit=100)
        assert answer.done or len(answer._buffer) <= len(data)


# What is refused

REFUSED = {
    "another protocol": (b"hello there\r\n", "no HTTP; is this a port of another"),
    "SSH": (b"SSH-2.0-OpenSSH_9.9\r\n", "it is an SSH server"),
    "a TLS alert": (b"\x15\x03\x01\x00\x02\x02\x46", "it speaks TLS; try https://"),
    "HTTP/2": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", "it speaks HTTP/2"),
    "Redis": (b"-ERR unknown command\r\n", "Redis"),
    "mail": (b"220 mail.test ESMTP\r\n", "a mail or FTP server"),
    "another version": (b"HTTP/2.0 200 OK\r\n", "no status of HTTP/1.1"),
    "no number": (b"HTTP/1.1 2x0 OK\r\n", "no status of HTTP/1.1"),
    "a status line without end": (b"HTTP/1.1 200 " + b"y" * 9000, "first line of its answer is longer"),
    "a long header": (OK + b"X: " + b"y" * 9000, "a header of its answer is longer than 8,192 bytes"),
    "many headers": (OK + b"X: y\r\n" * 300, "more than 256 headers"),
    "no header": (OK + b"X: y\r\nhello\r\n", "line 2 of its headers is no header"),
    "two lengths": (OK + b"Content-Length: 4\r\nContent-Length: 8\r\n\r\n", "two different lengths"),
    "a length of words": (OK + b"Content-Length: four\r\n\r\n", "its Content-Length is no number"),
    "a negative length": (OK + b"Content-Length: -4\r\n\r\n", "its Content-Length is no number"),
    "another coding": (OK + b"Transfer-Encoding: gzip\r\n\r\n", "its Transfer-Encoding is not chunked"),
    "a chunk without length": (OK + CHUNKED + b"\r\n4\r\na 1\n\r\nxyz\r\n", "chunk 2 of its body has no length"),
    "a chunk that is longer": (OK + CHUNKED + b"\r\n2\r\na 1\n\r\n", "chunk 1 of its body is longer than it says"),
    "many trailers": (OK + CHUNKED + b"\r\n0\r\n" + b"X: y\r\n" * 300, "more than 256 trailers"),
}  # fmt: skip


@pytest.mark.parametrize("pieces", [1, 1 << 20])
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, pieces: int) -> None:
    """Each fault has words of its own."""
    data, words = REFUSED[name]
    with pytest.raises(WireError, match=words):
        read(data, pieces)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "gone"),
        (OK, "gone"),
        (OK + b"Content-Length: 9\r\n\r\na 1\n", "cut"),
        (OK + CHUNKED + b"\r\n4\r\na 1\n\r\n0\r\n", "cut"),
    ],
)
def test_an_end_too_early(data: bytes, fault: str) -> None:
    """An answer that ends before its end is told from one that never began."""
    with pytest.raises(WireError) as caught:
        read(data, ends=True)

    assert caught.value.fault == fault


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (OK + b"Content-Length: 100\r\n\r\n", "its Content-Length reached"),
        (OK + b"\r\n" + b"x" * 100, "it reached"),
        (OK + CHUNKED + b"\r\n64\r\n" + b"x" * 100, "it reached"),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + b"x" * 100, "it, packed, reached"),
    ],
)
def test_limit(data: bytes, words: str) -> None:
    """A body is refused once it reaches the limit, before it is there if it says so."""
    with pytest.raises(LimitError, match=words):
        read(data, limit=100)


# Over a connection


@contextmanager
def server(*answers: bytes | list[bytes]) -> Iterator[str]:
    """Answers requests in turn, whatever they ask; a list is sent in parts, 0.1 s apart,
    without waiting for another request. Connections are kept, but for an answer of no
    bytes and after an empty list."""
    listener = socket.create_server(("127.0.0.1", 0))
    left = list(answers)
    ended = threading.Event()

    def serve() -> None:
        while left and not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                while left and connection.recv(65536):
                    answer = left.pop(0)
                    if not answer:
                        break
                    for part in answer if isinstance(answer, list) else [answer]:
                        connection.sendall(part)
                        if isinstance(answer, list):
                            ended.wait(0.1)
                    if left and left[0] == []:
                        left.pop(0)
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        listener.close()


def body(text: bytes) -> bytes:
    head = OK + b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
    return head % len(text) + text


@pytest.mark.slow
def test_an_answer_that_nobody_asked_for() -> None:
    """What comes on a kept connection before it was asked is not the next answer."""
    with server([body(b"a 1\n"), body(b"late 1\n")], body(b"b 1\n")) as address:
        store = Store()
        scraper = Scraper(store, [address])
        assert scraper.scrape().up
        threading.Event().wait(0.3)
        assert scraper.scrape().up
        scraper.stop()

    assert store.query("late") == []
    assert len(store.query("b")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("closes", [[], b""], ids=["at rest", "when it is asked"])
def test_a_connection_that_was_closed_meanwhile(closes: bytes | list[bytes]) -> None:
    """A kept connection that the other end closes costs no scrape."""
    with server(body(b"a 1\n"), closes, body(b"b 1\n")) as address:
        scraper = Scraper(Store(), [address])
        results = [scraper.scrape()]
        threading.Event().wait(0.1)
        results.append(scraper.scrape())
        scraper.stop()

    assert [result.error for result in results] == [None, None]


@pytest.mark.slow
def test_a_new_connection_that_is_closed() -> None:
    """A connection that was not kept is tried once."""
    with server(b"", body(b"a 1\n")) as address, pytest.raises(ConnectError):
        fetch_once(address, timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (b"201 Created", "an exposition comes with 200"),
        (b"206 Partial Content", "a part of its body, which nobody asked for"),
        (b"304 Not Modified", "nothing has changed, which nobody asked"),
        (b"302 Found", "redirects, and does not say where"),
        (b"101 Switching Protocols", "another protocol, which nobody asked for"),
        (b"300 Multiple Choices", "redirects, and does not say where"),
        (b"418 I'm a teapot", "expected status 200, got 418"),
    ],
)
def test_statuses_in_words(status: bytes, words: str) -> None:
    """A status other than 200 says what it means."""
    with (
        server(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n") as address,
        pytest.raises(StatusError, match=words),
    ):
        fetch_once(address, timeout=60)


@pytest.mark.slow
def test_after_a_redirect_the_right_one_is_blamed() -> None:
    """What the second host did is said of the second, and without its query."""
    with (
        server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as second,
        server(
            b"HTTP/1.1 302 Found\r\nLocation: http://%b/x?token=s3cret\r\n\r\n"
            % second.encode()
        ) as first,
        pytest.raises(StatusError) as caught,
    ):
        fetch_once(first, timeout=60)

    words = str(caught.value)
    assert words.startswith(
        f"http://{first}/metrics: after a redirect to http://{second}/x: 404"
    )
    assert "it serves nothing at /x" in words
    assert "s3cret" not in words


@pytest.mark.slow
async def test_no_connection_is_kept_that_is_not_needed() -> None:
    """A target that redirects to another place each time does not pile up connections."""
    workers = Workers("test", 1)
    client = HttpClient(workers)
    with server(body(b"a 1\n")) as second:
        moved = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://%b/\r\n\r\n"
        with server(moved % second.encode(), body(b"a 2\n")) as first:
            endpoint = HttpTarget(client, Target.parse(first), Job())
            redirected = await endpoint.fetch()
            kept = [len(endpoint._connections)]
            direct = await endpoint.fetch()
            kept.append(len(endpoint._connections))
            endpoint.close()
    workers.close()

    assert (redirected.redirects, direct.redirects) == (1, 0)
    assert kept == [2, 1]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (socket.EAI_NONAME, "'name.test' is not known; is it spelt right?"),
        (socket.EAI_AGAIN, "'name.test' cannot be looked up now: no name server answers"),
        (socket.EAI_FAIL, "'name.test' cannot be looked up: broken"),
    ],
)
def test_names_in_words(monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    """A name that is not known is told from a name server that does not answer."""

    def fails(*_: object, **__: object) -> object:
        raise socket.gaierror(number, "broken")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(ConnectError, match=words):
        fetch_once("name.test:80", timeout=60)


@pytest.mark.slow
def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first address of a name does not answer, the second is tried."""
    with server(body(b"a 1\n")) as address:
        port = int(address.rpartition(":")[2])
        closed = socket.create_server(("127.0.0.1", 0))
        found = [("127.0.0.2", closed.getsockname()[1]), ("127.0.0.1", port)]
        closed.close()
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda *_, **__: [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", at) for at in found
            ],
        )
        assert fetch_once("name.test:80", timeout=60).body == b"a 1\n"


@pytest.mark.slow
def test_gzip_is_unpacked_with_a_deadline() -> None:
    """A packed body is unpacked whole, on a thread."""
    packed = gzip.compress(b"a 1\n" * 100_000)
    head = (
        OK
        + b"Content-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        % len(packed)
    )
    with server(head + packed) as address:
        assert fetch_once(address, timeout=60).body == b"a 1\n" * 100_000


@pytest.mark.slow
async def test_one_request_for_a_target() -> None:
    """The request is made once and sent again as it is; the user's headers replace ours."""
    workers = Workers("test", 1)
    client = HttpClient(workers)
    with server(body(b"a 1\n"), body(b"a 2\n")) as address:
        target = Target.parse(address, headers={"host": "other.test", "X-A": "é"})
        endpoint = HttpTarget(client, target, Job())
        bodies = [(await endpoint.fetch()).body for _ in range(2)]
        assert endpoint._first is not None
        request = endpoint._first[2].decode()
        endpoint.close()
    workers.close()

    assert bodies == [b"a 1\n", b"a 2\n"]
    assert request.count("ost: ") == 1
    assert "host: other.test\r\n" in request
    assert "X-A: é\r\n" in request
