"""What the HTTP API of Prometheus and its kin answers, as values and errors.

The JSON is `{"status": "success", "data": …, "warnings": […]}` or
`{"status": "error", "errorType": …, "error": …}`; proxies in front of it answer in HTML,
or with nothing. What is partial is no answer unless somebody said that it may be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

import attrs

from promlatest._matching.floats import parse_float
from promlatest._matching.labels import Labels
from promlatest.exceptions import BodyError, PartialAnswerError, ServerError
from promlatest.promql import Annotations, Matrix, Result, Scalar, Series, Vector
from promlatest.remote._http import Reply

__all__ = ["ServerAnswer", "milliseconds", "read_answer", "result_of", "shaped"]

_SHOWN: Final = 300  # characters of a body that is no JSON


@attrs.frozen
class ServerAnswer:
    """The data of a good answer, and what the server says beside it.

    Attributes:
        data: as the JSON has it.
        warnings: what may be wrong with it, in the server's words.
        infos: what it remarks.
    """

    data: Any
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


def read_answer(reply: Reply, target: str, *, partial: bool) -> ServerAnswer:
    """The answer that a reply carries.

    Args:
        reply: what came.
        target: the server, for the words of errors.
        partial: whether an answer that lacks something is one.

    Raises:
        ServerError: the server refuses, or fails.
        PartialAnswerError: it says that something is missing.
        BodyError: what came is no JSON of the API.
    """
    document = _document(reply)
    if document.get("status") != "success" or reply.status // 100 != 2:
        raise _refusal(reply, document, target)
    answer = ServerAnswer(
        document.get("data"), _texts(document, "warnings"), _texts(document, "infos")
    )
    lacking = _lacking(document, answer.warnings)
    if lacking and not partial:
        raise PartialAnswerError(
            f"the answer is not complete: {'; '.join(lacking)}. partial=True takes it as"
            " it is",
            target=target,
        )
    return answer


@contextmanager
def shaped(target: str) -> Iterator[None]:
    """Turn what goes wrong with data of another shape than the API's into our error."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise BodyError(
            f"expected data as the Prometheus API has it: {error}", target=target
        ) from error


def _document(reply: Reply) -> Mapping[str, Any]:
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError):  # of brackets without end
        return {}
    return document if isinstance(document, Mapping) else {}


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = document.get(name) or ()
    return tuple(map(str, found)) if isinstance(found, Sequence) else (str(found),)


def _lacking(document: Mapping[str, Any], warnings: Sequence[str]) -> Sequence[str]:
    """What the server says is missing.

    Prometheus puts the remarks of its engine ("PromQL warning: …") among the warnings;
    every other warning, of Thanos, Mimir or a remote read, tells of a part that did not
    answer. VictoriaMetrics says `isPartial`.
    """
    told = [each for each in warnings if not each.startswith("PromQL ")]
    if document.get("isPartial") and not told:
        return ["the server says that a part of it did not answer"]
    return told


# What was refused, in words


def _refusal(reply: Reply, document: Mapping[str, Any], target: str) -> Exception:
    if not document and reply.status // 100 == 2:
        shown = reply.body[:_SHOWN].decode("utf-8", "replace")
        return BodyError(
            f"expected JSON of the Prometheus API, got {shown!r}", target=target
        )
    kind = str(document.get("errorType", ""))
    reason = str(document.get("error", "")) or _plain(reply)
    words = _STATUS.get(reply.status, _other)(reply)
    return ServerError(
        f"{_named(reply.status)}: {words}{f': {reason}' if reason else ''}",
        status=reply.status,
        kind=kind,
        reason=reason,
        retry_after=_retry_after(reply),
        target=target,
    )


def _plain(reply: Reply) -> str:
    """The reason that a plain text gives; HTML is for browsers."""
    if not reply.content_type.startswith("text/plain"):
        return ""
    return " ".join(reply.body[:_SHOWN].decode("utf-8", "replace").split())


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _retry_after(reply: Reply) -> float | None:
    """The seconds of Retry-After; a date in it is left to whoever wants it."""
    text = reply.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() else None


def _too_often(reply: Reply) -> str:
    seconds = _retry_after(reply)
    later = "" if seconds is None else f"; it asks to come again in {seconds:g} s"
    return f"it was asked too often, or for too much{later}"


def _redirected(reply: Reply) -> str:
    to = reply.headers.get("Location", "")
    return f"it redirects{f' to {to}' if to else ''}; give the address that it leads to"


def _other(reply: Reply) -> str:
    if reply.status // 100 == 3:
        return _redirected(reply)
    return "it fails" if reply.status >= 500 else "it refuses"


_STATUS: Final[Mapping[int, Callable[[Reply], str]]] = {
    400: lambda _: "it cannot read the question",
    401: lambda _: "it wants credentials; give an Authorization in headers=",
    403: lambda _: "it knows the credentials but does not let them ask this",
    404: lambda _: "it has no Prometheus API there; is a path missing, as /prometheus?",
    405: lambda _: "it does not let this be asked so",
    413: lambda _: "the question is too large for it",
    414: lambda _: "the question is too long for its address line",
    422: lambda _: "it read the question but cannot answer it",
    429: _too_often,
    502: lambda _: "a proxy in front of it got no answer from it",
    503: lambda _: "it is not ready, or gave the question up",
    504: lambda _: "a proxy in front of it waited too long for it",
}


# Results of PromQL: what `promlatest.promql` gives


def milliseconds(seconds: float) -> int:
    """The API's seconds as our milliseconds."""
    return round(seconds * 1000)


def result_of(answer: ServerAnswer) -> Result:
    """The result that an answer to `query` or `query_range` carries.

    Series stand in the order of the server, which is that of the expression where it asks
    for one.

    Raises:
        LookupError, TypeError, ValueError: the data is none of the API's.
    """
    read = _READERS[answer.data["resultType"]]
    return read(answer.data["result"], Annotations(answer.warnings, answer.infos))


def _vector(found: Any, annotations: Annotations) -> Vector:
    at = milliseconds(found[0]["value"][0]) if found else 0
    return Vector(
        [Labels(each["metric"]) for each in found],
        [parse_float(each["value"][1]) for each in found],
        at,
        annotations,
    )


def _matrix(found: Any, annotations: Annotations) -> Matrix:
    return Matrix([_series(each) for each in found], annotations)


def _series(found: Mapping[str, Any]) -> Series:
    samples = ((milliseconds(at), parse_float(text)) for at, text in found["values"])
    return Series(Labels(found["metric"]), tuple(samples))


def _scalar(found: Any, annotations: Annotations) -> Scalar:
    return Scalar(parse_float(found[1]), milliseconds(found[0]), annotations)


def _string(found: Any, _: Annotations) -> str:
    return str(found[1])


_READERS: Final[Mapping[str, Callable[[Any, Annotations], Result]]] = {
    "vector": _vector,
    "matrix": _matrix,
    "scalar": _scalar,
    "string": _string,
}
