"""One fetch: a target to the bytes it answers with, within one deadline and one limit.

It owns what every fetch gives and may take, and those that need no HTTP: files, the
standard input, callables, registries. HTTP and unix sockets are `_http`'s.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec, TypeVar

import attrs

from promlatest._arguments import is_text
from promlatest._datapoint import Metadata
from promlatest._escape import escaped
from promlatest._samples import Samples
from promlatest.exceptions import (
    BodyError,
    ConnectError,
    EndpointError,
    LimitError,
    TimeoutExceededError,
    UsageError,
)
from promlatest.exposition import CONTENT_TYPES
from promlatest.exposition._families import MetricFamily, samples_of
from promlatest.scrape._kinds import kinds_checked
from promlatest.scrape._target import Target, TargetKind

__all__ = [
    "Collected",
    "EscapedError",
    "Fetched",
    "ScrapeLimits",
    "collect",
    "contained",
    "is_readable",
    "read_local",
    "read_path",
    "timed_out",
    "too_large",
]

P = ParamSpec("P")
R = TypeVar("R")

_CHUNK: Final = 1 << 18  # bytes
_LONGEST_POLL: Final = 86_400.0  # s; the system counts them in 31 bits of milliseconds


@attrs.frozen(field_transformer=kinds_checked)
class ScrapeLimits:
    """What one scrape takes at the most; past one it fails and nothing of it is kept.

    0 switches a limit off.

    Attributes:
        body_size: bytes of the body after gunzip; so many are too many already (C-2). A
            body takes up to twice of it in memory while it is fetched.
        samples: samples after relabelling (C-13).
        labels: labels of one series, `__name__` and target labels among them (C-11).
        label_name_length: bytes of one label name.
        label_value_length: bytes of one label value.
        redirects: redirects to follow.
    """

    body_size: int = 128 << 20
    samples: int = 2_000_000
    labels: int = 256
    label_name_length: int = 1_024
    label_value_length: int = 65_536
    redirects: int = 10

    def __attrs_post_init__(self) -> None:
        for each in attrs.fields(ScrapeLimits):
            if getattr(self, each.name) < 0:
                raise UsageError(f"the limit {each.name} must not be below 0")


@attrs.frozen
class Fetched:
    """What a target answered.

    Attributes:
        body: the exposition, unpacked; not copied, since 2 MB more cost 2 ms of page faults
            at every scrape.
        content_type: as it was sent; for a file as its last line tells.
        url: where the answer came from at last, without secrets.
        status: the HTTP status; None where there is no HTTP.
        redirects: how many were followed.
        complete: False if the answer had no announced end, so that a cut cannot be
            seen (HTTP/1.0 without a Content-Length).
    """

    body: bytes | bytearray = attrs.field(repr=False)
    content_type: str
    url: str
    status: int | None = None
    redirects: int = 0
    complete: bool = True


@attrs.frozen
class Collected:
    """What a prometheus_client registry holds: samples that were never text."""

    samples: Samples = attrs.field(repr=False)
    metadata: Mapping[str, Metadata] = attrs.field(repr=False)
    body: bytes = b""
    status: int | None = None


class EscapedError(Exception):
    """Carries what is no `Exception` (SystemExit, KeyboardInterrupt, what pytest.fail
    raises) from a foreign function to whoever waits for it. Raised in a task, the
    thing itself would end the event loop and every target with it.

    Attributes:
        error: what was raised.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(f"{type(error).__name__}: {error}")


def contained(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """What a foreign function gives. What it raises comes as an `Exception`."""
    try:
        return function(*args, **kwargs)
    except Exception:
        raise
    except BaseException as error:
        raise EscapedError(error) from None


def too_large(limit: int, what: str, target: str) -> LimitError:
    """The error for a body that reaches the limit."""
    return LimitError(
        f"the body is too large: {what} reached the limit body_size of {limit} bytes",
        limit="body_size",
        allowed=limit,
        target=target,
    )


def timed_out(phase: str, timeout: float, target: str) -> TimeoutExceededError:
    """The error for a scrape whose time ran out."""
    return TimeoutExceededError(
        f"no complete answer within {timeout:g} s; {_WAITING[phase]}",
        phase=phase,
        target=target,
    )


_WAITING: Final[Mapping[str, str]] = {
    "connect": "it ran out while connecting: is it the right host?",
    "headers": "it ran out while waiting for the answer to begin",
    "body": "it ran out in the middle of the body: it is slow, or sends without end",
    "read": "it ran out while reading what came: that is very large, or made to be slow",
}


# What needs no HTTP


def read_local(target: Target, timeout: float, limit: int) -> Fetched:
    """The body of a file, the standard input or a callable. It blocks.

    Args:
        target: of one of these kinds.
        timeout: in seconds. A callable is not interrupted.
        limit: bytes that are too many; 0 for none.

    Raises:
        ConnectError: there is no such file, or it cannot be read.
        TimeoutExceededError, LimitError, BodyError: as their names say.
    """
    try:
        body = _LOCAL[target.kind](target, time.monotonic() + timeout, limit)
    except TimeoutError:
        raise timed_out("body", timeout, target.name) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConnectError(f"cannot be read: {reason}", target=target.name) from error
    if limit and len(body) >= limit:
        raise too_large(limit, "it", target.name)
    return Fetched(body, _content_type(body), target.name)


def read_path(path: str, deadline: float, limit: int) -> bytes:
    """What a file or a pipe holds, up to about the limit. It blocks.

    Args:
        path: where it is.
        deadline: by `time.monotonic`.
        limit: bytes after which reading ends; 0 for none.

    Raises:
        TimeoutError: it has not ended before the deadline.
        OSError: it cannot be read.
    """
    # Without waiting: to open a pipe that nobody writes to would block for ever.
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return _read_fd(fd, deadline, limit)
    finally:
        os.close(fd)


def _read_stdin(_: Target, deadline: float, limit: int) -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise OSError(errno.EBADF, "the standard input is closed")
    return _read_fd(sys.stdin.fileno(), deadline, limit)


def _read_fd(fd: int, deadline: float, limit: int) -> bytes:
    """Everything up to the end; by `poll`, so that a pipe cannot outwait the deadline."""
    parts: list[bytes] = []
    size = 0
    while part := _read_chunk(fd, deadline):
        parts.append(part)
        size += len(part)
        if limit and size >= limit:
            break
    return b"".join(parts)


def _read_chunk(fd: int, deadline: float) -> bytes:
    while True:
        left = max(0.0, deadline - time.monotonic())
        if not is_readable(fd, left) or time.monotonic() > deadline:
            raise TimeoutError
        try:
            return os.read(fd, _CHUNK)
        except BlockingIOError:  # another reader of the pipe was faster
            time.sleep(0.005)


def is_readable(what: Any, seconds: float = 0.0) -> bool:
    """Whether something comes, or the end, within so many seconds.

    Args:
        what: a socket, or the number of an open file.
        seconds: to wait for it.
    """
    if not hasattr(select, "poll"):  # Windows, where it can be told of sockets alone
        return isinstance(what, int) or bool(select.select([what], [], [], seconds)[0])
    poll = select.poll()
    poll.register(what, select.POLLIN)
    return bool(poll.poll(min(seconds, _LONGEST_POLL) * 1000))


def _call(target: Target, deadline: float, limit: int) -> bytes:
    assert callable(target.read)
    try:
        body = target.read()
        if isinstance(body, str):
            body = body.encode()
    except Exception as error:
        raise _raised("the callable", error, target) from error
    if not isinstance(body, bytes):
        raise UsageError(f"a callable target returns bytes, not {type(body).__name__}")
    if time.monotonic() > deadline:
        raise TimeoutError
    return body


_LOCAL: Final[Mapping[TargetKind, Callable[[Target, float, int], bytes]]] = {
    "file": lambda target, deadline, limit: read_path(target.path, deadline, limit),
    "stdin": _read_stdin,
    "callable": _call,
}


def collect(target: Target, timeout: float) -> Collected:
    """What the registry of a target holds. It blocks.

    Args:
        target: of this kind.
        timeout: in seconds. A collector is interrupted only between two families.

    Raises:
        BodyError: one of its collectors raised, or what they gave could not be exposed.
        TimeoutExceededError: they give families for longer than that.
    """
    registry: Any = target.read
    until = time.monotonic() + timeout
    families: list[MetricFamily] = []
    try:
        for each in registry.collect() if hasattr(registry, "collect") else registry:
            _check_exposable(each, target)
            families.append(each)
            if time.monotonic() > until:
                raise timed_out("body", timeout, target.name)
        return Collected(*samples_of(families))
    except EndpointError:
        raise
    except Exception as error:
        raise _raised("collecting", error, target) from error


def _check_exposable(family: MetricFamily, target: Target) -> None:
    """Refuse what the program itself could not expose: it would have no `/metrics`.

    Raises:
        BodyError: its help, a name or a label is no text, or a value no number.
    """
    if not is_text(family.documentation):
        raise _unexposable(family.name, "its help", family.documentation, target)
    for sample in family.samples:
        if not is_text(sample.name):
            raise _unexposable(family.name, "the name of a sample", sample.name, target)
        for name, value in sample.labels.items():
            if not is_text(name) or not is_text(value):
                raise _unexposable(sample.name, f"its label {name}", value, target)
        if getattr(sample, "native_histogram", None) is None:
            try:
                float(sample.value)
            except (TypeError, ValueError):
                raise _unexposable(sample.name, "its value", sample.value, target) from None


def _unexposable(metric: str, what: str, value: object, target: Target) -> BodyError:
    text = f"the metric {metric} cannot be exposed: {what} is {value!r:.40}"
    return BodyError(escaped(text), target=target.name)


def _raised(what: str, error: Exception, target: Target) -> BodyError:
    text = escaped(f"{what} raised {type(error).__name__}: {error}")
    return BodyError(text, target=target.name)


def _content_type(body: bytes) -> str:
    """OpenMetrics ends in a line of its own, and nothing else does."""
    ends = body.endswith((b"\n# EOF\n", b"\n# EOF")) or body.strip() == b"# EOF"
    return CONTENT_TYPES["openmetrics" if ends else "text"]
