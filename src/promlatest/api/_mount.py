"""The API below a prefix of a WSGI or ASGI application: what reads requests there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from promlatest._arguments import checked
from promlatest.api._answer import ApiResponse, failure
from promlatest.exceptions import UsageError

__all__ = ["Asgi", "Wsgi", "asgi", "read_params", "wsgi"]

Pairs = list[tuple[str, str]]
Answering = Callable[[str, str, Pairs], ApiResponse]

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Scope = MutableMapping[str, Any]
Asgi = Callable[
    [
        Scope,
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]

BODY_LIMIT: Final = 1 << 20  # of a form; the longest query that PromQL reads is as long
_FIELDS: Final = 1_000
_FORM: Final = "application/x-www-form-urlencoded"

TOO_LARGE: Final = failure(
    413, "bad_data", f"expected a form of at most {BODY_LIMIT:,} bytes"
)


def read_params(query: str, content_type: str = "", body: bytes = b"") -> Pairs:
    """The parameters of a form and of a query, in that order, as Go has them.

    Raises:
        UsageError: there are more than a thousand.
    """
    is_form = content_type.lower().startswith(_FORM)
    form = body.decode("utf-8", "replace") if is_form else ""
    try:
        return [
            pair
            for text in (form, query)
            for pair in parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS)
        ]
    except ValueError as error:
        raise UsageError(f"expected at most {_FIELDS:,} parameters") from error


def _rest(path: str, prefix: str) -> str | None:
    """The path below the prefix; None if it is not below it."""
    below = path == prefix or path.startswith(f"{prefix}/")
    return path[len(prefix) :] if below else None


def _checked(prefix: str) -> str:
    checked(prefix, str, "a prefix as a str")
    if not prefix.startswith("/") or prefix.endswith("/"):
        raise UsageError(f'expected a prefix such as "/prom", not {prefix!r}')
    return prefix


def _answer(
    answering: Answering, method: str, path: str, read: Callable[[], Pairs]
) -> ApiResponse:
    try:
        return answering(method, path, read())
    except UsageError as error:
        return failure(400, "bad_data", str(error))


def _headers(answer: ApiResponse) -> list[tuple[str, str]]:
    return [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
    ]


def wsgi(answering: Answering, prefix: str, app: Wsgi) -> Wsgi:
    """The API below a prefix of a WSGI application; `Api.wsgi` has the words."""
    _checked(prefix)

    def mounted(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        raw = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
        path = _rest(raw, prefix)
        if path is None:
            return app(environ, start_response)
        method = environ["REQUEST_METHOD"]
        answer = _wsgi_answer(answering, method, path, environ)
        phrase = HTTPStatus(answer.status).phrase
        start_response(f"{answer.status} {phrase}", _headers(answer))
        return [] if method == "HEAD" else [answer.body]

    return mounted


def _wsgi_answer(
    answering: Answering, method: str, path: str, environ: dict[str, Any]
) -> ApiResponse:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > BODY_LIMIT:
        return TOO_LARGE
    body = environ["wsgi.input"].read(int(length)) if int(length) else b""
    kind, query = environ.get("CONTENT_TYPE", ""), environ.get("QUERY_STRING", "")
    return _answer(answering, method, path, lambda: read_params(query, kind, body))


def asgi(answering: Answering, prefix: str, app: Asgi) -> Asgi:
    """The API below a prefix of an ASGI application; `Api.asgi` has the words."""
    _checked(prefix)

    async def mounted(scope: Scope, receive: Any, send: Any) -> None:
        path = _rest(scope["path"], prefix) if scope["type"] == "http" else None
        if path is None:
            await app(scope, receive, send)
            return
        answer = await _asgi_answer(answering, path, scope, receive)
        headers = [
            (name.lower().encode(), value.encode()) for name, value in _headers(answer)
        ]
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": headers}
        )
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    return mounted


async def _asgi_answer(
    answering: Answering, path: str, scope: Scope, receive: Any
) -> ApiResponse:
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_LIMIT:
            return TOO_LARGE
    kinds = (value for name, value in scope["headers"] if name.lower() == b"content-type")
    kind = next(kinds, b"").decode("latin-1")
    query = scope["query_string"].decode("latin-1")

    def read() -> Pairs:
        return read_params(query, kind, body)

    return await asyncio.to_thread(_answer, answering, scope["method"], path, read)
