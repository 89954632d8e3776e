"""HTTP/1.1 as it comes over a connection: one answer, fed with bytes. Opens nothing.

It takes what Go's client takes, which is what Prometheus scrapes with (a chunked answer
that also has a Content-Length, header lines that are folded or end in a line feed alone),
and says of the rest what is wrong with it. No word of an answer is in an error, since an
answer may hold what was sent: our credentials.

This is no general client: only the body of a 200 is read, and every answer ends by a
length, by chunks, or with the connection. aiohttp was here first. It takes bytes that
nobody asked for as the next answer (3.14.5 does), refuses what Go takes (chunks with a
Content-Length, more than was promised), and has one error for a dozen faults. A fetch of
100 series takes 0.15 ms of the event loop with it, and 0.09 with this.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal

from promlatest.scrape._fetch import too_large

__all__ = ["Response", "WireError"]

MOST_HEADERS: Final = 256
LONGEST_LINE: Final = 8192  # bytes of one header
_LONGEST_CHUNK_LINE: Final = 4096  # bytes, as in Go

_STATUS: Final = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: [^\r\n]*)?")
# Names with blanks are taken, and are other names, as in Go.
_FIELD: Final = re.compile(
    rb"([^\x00-\x20:\x7f][^\x00-\x1f:\x7f]*):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)"
)
_HEX: Final = re.compile(rb"[0-9a-fA-F]{1,15}")
_PLAIN_CHUNK: Final = re.compile(rb"([1-9a-fA-F][0-9a-fA-F]{0,6})\r\n")

# What speaks first, or answers a GET, on the ports of other protocols.
_OTHERS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x15\x03", "it speaks TLS; try https://"),
    (b"\x16\x03", "it speaks TLS; try https://"),
    (b"\x00\x00", "it speaks HTTP/2 without TLS, and no HTTP/1.1"),
    (b"SSH-", "it is an SSH server"),
    (b"-ERR", "it speaks the protocol of Redis"),
    (b"220", "it is a mail or FTP server"),
)

WireFault = Literal["gone", "cut", "invalid"]


class WireError(Exception):
    """What came is no answer of HTTP.

    Attributes:
        fault: "gone": the connection ended before it began; "cut": it ended within the
            answer; "invalid": what came is no HTTP.
    """

    def __init__(self, fault: WireFault, message: str = "") -> None:
        self.fault: Final = fault
        super().__init__(message)


def _invalid(message: str) -> WireError:
    return WireError("invalid", message)


class Response:
    """One answer under way.

    Args:
        limit: bytes of the body that are too many; 0 for none.
        target: whose it is, for errors.
        body: what the body is written over: memory that is new costs a page fault for
            each 4 KiB, 1.2 ms for 2 MB, as much as all else that a scrape takes.

    Attributes:
        status: the status; 0 before it is there.
        headers: by their names in lower case; several of a name are joined by commas.
        began: whether a byte of it has come.
        done: whether it is complete; of a status other than 200, without its body.
        reusable: whether the connection can be used again after it.
        announced: whether its end was announced, so that a cut can be seen.
    """

    def __init__(self, limit: int, target: str, body: bytearray | None = None) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.began = False
        self.done = False
        self.announced = True
        self._body = bytearray() if body is None else body
        self._filled = 0  # bytes of the body that have come
        self._limit = limit
        self._target = target
        self._buffer = bytearray()
        self._at = 0  # what stands before it in the buffer has been read
        self._lines = 0  # of the head, or of the trailers
        self._last = ""  # the header that a folded line goes on with
        self._left = 0  # bytes to come, of the body or of a chunk
        self._chunks = 0
        self._keeps_open = False
        # Each reads what it can, and is true if another may go on with the rest.
        self._step: Callable[[], bool] = self._read_status

    @property
    def phase(self) -> str:
        """What is being waited for."""
        return "headers" if self._step in (self._read_status, self._read_field) else "body"

    @property
    def reusable(self) -> bool:
        return self.done and self._keeps_open and self._at == len(self._buffer)

    def feed(self, data: bytes | memoryview) -> bool:
        """Take what has come; whether the answer is complete.

        Raises:
            WireError: it is no HTTP.
            LimitError: the body is too large.
        """
        self.began = True
        self._buffer += data
        while not self.done and self._step():
            pass
        if not self.done:
            del self._buffer[: self._at]
            self._at = 0
        return self.done

    def room(self) -> memoryview | None:
        """Where the next bytes may be put, if these are of the body for sure; `filled`
        says then how many came. Else they are fed."""
        if self._step != self._read_body:
            return None
        end = min(self._filled + self._left, len(self._body))
        return memoryview(self._body)[self._filled : end] if end > self._filled else None

    def filled(self, size: int) -> bool:
        """Take note of so many bytes in the room; whether the answer is complete."""
        self._filled += size
        self._left -= size
        self.done = not self._left
        return self.done

    @property
    def body(self) -> bytearray:
        """The body, once the answer is complete."""
        del self._body[self._filled :]
        return self._body

    def end(self) -> None:
        """Take note of the end of the connection; it may be that of the answer.

        Raises:
            WireError: it is not.
        """
        if self._step == self._read_rest:
            self.done = True
        elif not self.done:
            raise WireError("gone" if self.phase == "headers" else "cut")

    # The head

    def _line(self, longest: int, what: str) -> bytes | None:
        """The next line without its end; None if that has not come."""
        end = self._buffer.find(b"\n", self._at, self._at + longest)
        if end < 0:
            if len(self._buffer) - self._at >= longest:
                raise _invalid(f"{what} is longer than {longest:,} bytes")
            return None
        line = bytes(self._buffer[self._at : end])
        self._at = end + 1
        return line.removesuffix(b"\r")

    def _read_status(self) -> bool:
        if (
            len(self._buffer) - self._at >= 5
            and self._buffer[self._at : self._at + 5] != b"HTTP/"
        ):
            raise self._no_http()
        line = self._line(LONGEST_LINE, "the first line of its answer")
        if line is None:
            return False
        found = _STATUS.fullmatch(line)
        if found is None:
            raise _invalid("the first line of its answer is no status of HTTP/1.1")
        self._keeps_open = found[1] == b"1"
        self.status = int(found[2])
        self.headers, self._lines = {}, 0
        self._step = self._read_field
        return True

    def _no_http(self) -> WireError:
        start = bytes(self._buffer[self._at : self._at + 5])
        said = next((words for sign, words in _OTHERS if start.startswith(sign)), "")
        return _invalid(
            said or "its answer is no HTTP; is this a port of another protocol?"
        )

    def _read_field(self) -> bool:
        line = self._line(LONGEST_LINE, "a header of its answer")
        if line is None:
            return False
        if not line:
            self._end_head()
            return True
        self._lines += 1
        if self._lines > MOST_HEADERS:
            raise _invalid(f"its answer has more than {MOST_HEADERS} headers")
        if line[:1] in b" \t" and self._last:
            self.headers[self._last] += " " + line.strip().decode("latin-1")
            return True
        found = _FIELD.fullmatch(line)
        if found is None:
            raise _invalid(f"line {self._lines} of its headers is no header")
        name, value = (
            found[1].lower().decode("latin-1"),
            found[2].rstrip().decode("latin-1"),
        )
        held = self.headers.get(name)
        self.headers[name] = value if held is None else f"{held}, {value}"
        self._last = name
        return True

    def _end_head(self) -> None:
        if 100 <= self.status < 200 and self.status != 101:  # another head follows
            self.status, self._last = 0, ""
            self._step = self._read_status
        elif self.status != 200:
            self._keeps_open = False  # its body is never read
            self.done = True
        else:
            self._begin_body()

    def _begin_body(self) -> None:
        tokens = {
            each.strip() for each in self.headers.get("connection", "").lower().split(",")
        }
        new = self._keeps_open  # HTTP/1.1
        self._keeps_open = "close" not in tokens and (new or "keep-alive" in tokens)
        coding = self.headers.get("transfer-encoding", "").strip().lower()
        length = self.headers.get("content-length")
        if coding and new:
            if coding != "chunked":
                raise _invalid(
                    "its Transfer-Encoding is not chunked, and no other is known"
                )
            self._step = self._read_chunks
        elif length is not None:
            self._left = self._length(length)
            self.done = not self._left
            self._step = self._read_body
        else:
            self._keeps_open = self.announced = False
            self._step = self._read_rest

    def _length(self, text: str) -> int:
        given = {each.strip() for each in text.split(",")}
        if len(given) > 1:
            raise _invalid("it gives two different lengths as its Content-Length")
        (number,) = given
        if not (number.isascii() and number.isdecimal() and len(number) < 19):
            raise _invalid("its Content-Length is no number")
        self._check(int(number), "its Content-Length")
        return int(number)

    def _check(self, size: int, what: str = "it") -> None:
        if self._limit and size >= self._limit:
            packed = (
                ", packed," if what == "it" and "content-encoding" in self.headers else ""
            )
            raise too_large(self._limit, what + packed, self._target)

    # The body

    def _take(self, most: int) -> int:
        """Move so many bytes at most to the body; gives how many."""
        stop = min(self._at + most, len(self._buffer))
        with memoryview(self._buffer) as view:
            self._put(view[self._at : stop])
        taken, self._at = stop - self._at, stop
        return taken

    def _put(self, data: bytes | memoryview) -> None:
        """Write the next bytes of the body; at its end it grows."""
        end = self._filled + len(data)
        if end <= len(self._body):
            with memoryview(self._body) as view:
                view[self._filled : end] = data
        else:
            del self._body[self._filled :]
            self._body += data
        self._filled = end

    def _read_body(self) -> bool:
        self._left -= self._take(self._left)
        self.done = not self._left
        return False

    def _read_rest(self) -> bool:
        self._take(len(self._buffer))
        self._check(self._filled)
        return False

    def _read_chunks(self) -> bool:
        """Chunks one after the other; a hot loop, since they may hold a byte each."""
        while True:
            if not self._left:
                self._read_whole_chunks()
            if self._left > 2:
                self._left -= self._take(self._left - 2)
                self._check(self._filled)
            if self._left > 2:
                return False
            if self._left and not self._ended_chunk():
                return False
            line = self._line(_LONGEST_CHUNK_LINE, "the length of a chunk of its body")
            if line is None:
                return False
            self._chunks += 1
            size = line.partition(b";")[0].strip()
            if not _HEX.fullmatch(size):
                raise _invalid(f"chunk {self._chunks:,} of its body has no length")
            self._left = int(size, 16) + 2  # its line break
            if self._left == 2:
                self._left, self._lines = 0, 0
                self._step = self._read_trailer
                return True

    def _read_whole_chunks(self) -> None:
        """Read the chunks that have come in whole and are nothing out of the ordinary: Go
        sends pages in such of 2 KiB, which cost 1 µs each here and 4 one by one."""
        buffer, at = self._buffer, self._at
        parts: list[bytearray] = []
        while found := _PLAIN_CHUNK.match(buffer, at):
            start = found.end()
            end = start + int(found[1], 16)
            if buffer[end : end + 2] != b"\r\n":
                break
            parts.append(buffer[start:end])
            at = end + 2
        self._at = at
        self._chunks += len(parts)
        self._put(b"".join(parts))
        self._check(self._filled)

    def _ended_chunk(self) -> bool:
        """Read the line break behind a chunk, if it has come."""
        end = bytes(self._buffer[self._at : self._at + 2])
        if end == b"\r\n" or end[:1] == b"\n":
            self._at += 2 if end == b"\r\n" else 1
            self._left = 0
            return True
        if end in (b"", b"\r"):
            return False
        raise _invalid(f"chunk {self._chunks:,} of its body is longer than it says")

    def _read_trailer(self) -> bool:
        line = self._line(LONGEST_LINE, "a trailer of its answer")
        if line is None:
            return False
        self._lines += 1
        if self._lines > MOST_HEADERS:
            raise _invalid(f"its answer has more than {MOST_HEADERS} trailers")
        self.done = not line
        return True
