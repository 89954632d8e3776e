"""What goes back: a status, a Content-Type and a body, in Prometheus' JSON."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

from promlatest.api._text import dump
from promlatest.exceptions import (
    CoverageError,
    EvaluationError,
    PromlatestError,
    QueryError,
    UsageError,
)

__all__ = ["ApiResponse", "failure", "plain", "refusal", "success"]

JSON: Final = "application/json"
PLAIN: Final = "text/plain; charset=utf-8"


class ApiResponse(NamedTuple):
    """What is sent back.

    Attributes:
        status: the status code.
        content_type: the Content-Type.
        body: the bytes.
    """

    status: int
    content_type: str
    body: bytes


def success(
    data: str, warnings: Sequence[str] = (), infos: Sequence[str] = ()
) -> ApiResponse:
    """A good answer.

    Args:
        data: as JSON text.
        warnings: what may be wrong with it.
        infos: what is to be remarked.
    """
    beside = f',"warnings":{dump(list(warnings))}' if warnings else ""
    beside += f',"infos":{dump(list(infos))}' if infos else ""
    return ApiResponse(200, JSON, f'{{"status":"success","data":{data}{beside}}}'.encode())


def failure(status: int, kind: str, error: str) -> ApiResponse:
    """A refusal, with Prometheus' word for its kind."""
    document = {"status": "error", "errorType": kind, "error": error}
    return ApiResponse(status, JSON, dump(document).encode("utf-8", "replace"))


def plain(status: int, text: str) -> ApiResponse:
    """A line of text."""
    return ApiResponse(status, PLAIN, f"{text}\n".encode())


# The first that fits.
_KINDS: Final[Sequence[tuple[type[PromlatestError], int, str]]] = (
    (EvaluationError, HTTPStatus.UNPROCESSABLE_ENTITY, "execution"),
    (UsageError, HTTPStatus.BAD_REQUEST, "bad_data"),
    (PromlatestError, HTTPStatus.UNPROCESSABLE_ENTITY, "execution"),
)


# What Python's arguments are to who asks over HTTP.
_OVER_HTTP: Final = (
    ("history=", "--history of promlatest serve, history= of a store"),
    ("partial=True", "partial_response=true"),
)


def refusal(error: PromlatestError) -> ApiResponse:
    """The refusal that an error of ours is."""
    status, kind = next((s, k) for of, s, k in _KINDS if isinstance(error, of))
    text = str(error)
    if isinstance(error, CoverageError):
        for argument, parameter in _OVER_HTTP:
            text = text.replace(argument, parameter)
    unread = isinstance(error, QueryError) and kind == "bad_data"
    return failure(status, kind, f'invalid parameter "query": {text}' if unread else text)
