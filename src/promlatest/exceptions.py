"""Every error that promlatest raises, as one tree.

::

    PromlatestError
    ├── UsageError                ours: a wrong argument or call (also a ValueError)
    │   ├── LabelError            a label set that cannot exist
    │   ├── PatternError          a regular expression that cannot be read
    │   ├── SelectorError         a selector text that cannot be read; has a position
    │   ├── QueryError            a PromQL expression that cannot be read; has a position
    │   │   └── EvaluationError   one that was read and cannot be answered
    │   │       └── CoverageError it asks for more than the scrapes kept cover
    │   ├── SelectionError        not exactly one where one was asked for (a LookupError)
    │   ├── AppenderClosedError   a batch used after its commit or rollback
    │   └── MissingExtraError     an optional package is not installed (an ImportError)
    └── EndpointError             theirs: what an endpoint did or sent; has a target
        ├── ConnectError          nobody answered: refused, unknown host, TLS (an OSError)
        ├── TimeoutExceededError  the time for the whole scrape ran out (a TimeoutError)
        ├── StatusError           an answer other than 200
        │   └── ServerError       a Prometheus API refuses or fails; has its reason
        ├── ContentTypeError      an answer that is no exposition
        ├── BodyError             an answer that broke off or could not be unpacked
        ├── PartialAnswerError    an answer that says itself that something is missing
        ├── LimitError            more than a limit of the reader or the store allows
        └── ParseError            an exposition that cannot be read; has line and column

The first branch means "change the call", the second "look at the endpoint". Every error
can be pickled and copied, with its attributes.
"""

from __future__ import annotations

from promlatest._escape import escaped, escaped_lines

__all__ = [
    "AppenderClosedError",
    "BodyError",
    "ConnectError",
    "ContentTypeError",
    "CoverageError",
    "EndpointError",
    "EvaluationError",
    "LabelError",
    "LimitError",
    "MissingExtraError",
    "ParseError",
    "PartialAnswerError",
    "PatternError",
    "PromlatestError",
    "QueryError",
    "SelectionError",
    "SelectorError",
    "ServerError",
    "StatusError",
    "TimeoutExceededError",
    "UsageError",
]


class PromlatestError(Exception):
    """The root: catch it to catch everything that promlatest raises."""

    def __reduce__(self) -> tuple[object, ...]:
        # Python would call the class with `args`, which is the message alone.
        return type(self).__new__, (type(self),), {**self.__dict__, "args": self.args}


class UsageError(PromlatestError, ValueError):
    """The call cannot be carried out as it was made."""


class LabelError(UsageError):
    """A label set that cannot exist: empty, or with a name twice or invalid."""


class PatternError(UsageError):
    """A regular expression that cannot be read, or not with the meaning it has
    in Prometheus.

    Attributes:
        pattern: the expression as it was given.
        reason: what is wrong with it.
    """

    def __init__(self, pattern: str, reason: str) -> None:
        self.pattern = pattern
        self.reason = reason
        super().__init__(f"regular expression {pattern!r:.200}: {escaped(reason)}")


class SelectorError(UsageError):
    """A selector text that cannot be read.

    Attributes:
        text: the selector as it was given.
        position: where reading stopped, counted in characters from 0.
        reason: what was expected and what came.
    """

    def __init__(self, text: str, position: int, reason: str) -> None:
        self.text = text
        self.position = position
        self.reason = reason
        before, rest = escaped(text[:position]), escaped(text[position:])
        super().__init__(f"{reason}\n  {before}{rest}\n  {' ' * len(before)}^")


class QueryError(UsageError):
    """A PromQL expression that cannot be read.

    Attributes:
        line: where reading stopped, counted from 1.
        column: the column in that line, counted in characters from 1.
        reason: what was expected and what came.
    """

    def __init__(self, line: int, column: int, reason: str) -> None:
        self.line = line
        self.column = column
        self.reason = reason
        super().__init__(f"{line}:{column}: {escaped_lines(reason)}")


class EvaluationError(QueryError):
    """A PromQL expression that was read and cannot be answered: its operands do not
    fit each other, say."""


class CoverageError(EvaluationError):
    """A PromQL expression asks about a range that the scrapes kept do not reach.

    Attributes:
        asked: from when on it asks, in milliseconds since the epoch.
        since: from when on the scrapes are kept.
    """

    def __init__(
        self, line: int, column: int, reason: str, *, asked: int, since: int
    ) -> None:
        self.asked = asked
        self.since = since
        super().__init__(line, column, reason)


class SelectionError(UsageError, LookupError):
    """Exactly one was asked for, and none or several were there.

    Attributes:
        found: how many there were.
    """

    def __init__(self, message: str, found: int) -> None:
        self.found = found
        super().__init__(escaped_lines(message))


class AppenderClosedError(UsageError):
    """A batch was used after its commit or rollback; a batch ends once."""


class MissingExtraError(UsageError, ImportError):
    """An optional package is not installed.

    Attributes:
        extra: the extra that brings it.
    """

    def __init__(self, extra: str, purpose: str) -> None:
        self.extra = extra
        super().__init__(f"{purpose} needs: pip install 'promlatest[{extra}]'")


class EndpointError(PromlatestError):
    """What an endpoint did or sent cannot be used.

    Attributes:
        target: the address or path, without its secrets; "" if unknown.
    """

    def __init__(self, message: str, *, target: str = "") -> None:
        self.message = message
        self.target = target
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.target}: {self.message}" if self.target else self.message


class ConnectError(EndpointError, OSError):
    """Nobody answered: connection refused, unknown host, failed TLS handshake,
    a file that cannot be read.

    It is an `OSError` without a number: `errno` is None, the message says what there is.
    """


class TimeoutExceededError(EndpointError, TimeoutError):
    """The time for the whole scrape ran out.

    Attributes:
        phase: what was being waited for: "connect", "headers" or "body".
    """

    def __init__(self, message: str, *, phase: str, target: str = "") -> None:
        self.phase = phase
        super().__init__(message, target=target)


class StatusError(EndpointError):
    """The endpoint answered with a status other than 200.

    Attributes:
        status: the status code.
    """

    def __init__(self, message: str, *, status: int, target: str = "") -> None:
        self.status = status
        super().__init__(message, target=target)


class ServerError(StatusError):
    """The API of a Prometheus, or of its kin, refused a question or failed at it.

    Attributes:
        kind: its `errorType`, such as "bad_data", "execution" or "timeout"; "" where
            something else than the API answered.
        reason: what it says itself; "" for nothing.
        retry_after: after how many seconds it asks to come again; None if it does not.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        kind: str = "",
        reason: str = "",
        retry_after: float | None = None,
        target: str = "",
    ) -> None:
        self.kind = kind
        self.reason = reason
        self.retry_after = retry_after
        super().__init__(message, status=status, target=target)


class ContentTypeError(EndpointError):
    """The endpoint answered with something that is no exposition.

    Attributes:
        content_type: the Content-Type as it was sent; "" for none.
    """

    def __init__(self, message: str, *, content_type: str, target: str = "") -> None:
        self.content_type = content_type
        super().__init__(message, target=target)


class BodyError(EndpointError):
    """The body broke off before its announced end, or could not be unpacked."""


class PartialAnswerError(EndpointError):
    """A server answered, and said that a part of the answer is missing."""


class LimitError(EndpointError):
    """More came than a limit allows; nothing of it was kept.

    Attributes:
        limit: the name of the limit.
        allowed: the most that it allows.
    """

    def __init__(self, message: str, *, limit: str, allowed: int, target: str = "") -> None:
        self.limit = limit
        self.allowed = allowed
        super().__init__(message, target=target)


class ParseError(EndpointError):
    """An exposition that cannot be read; nothing of it is kept.

    Attributes:
        line: the line, counted from 1.
        column: the column in that line, counted in characters from 1.
        text: the offending piece of the line, shortened.
        reason: what was expected and what came.
    """

    def __init__(
        self, line: int, column: int, text: str, reason: str, *, target: str = ""
    ) -> None:
        self.line = line
        self.column = column
        self.text = text
        self.reason = reason
        super().__init__(f"line {line}, column {column}: {reason}: {text!r}", target=target)
