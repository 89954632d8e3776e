"""The formats of an exposition, and how a Content-Type picks one (C-1, C-3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from promlatest._arguments import checked, checked_choice
from promlatest.exceptions import ContentTypeError

Format = Literal["text", "openmetrics"]

PROTOCOLS: Final[Mapping[str, tuple[str, Format]]] = {
    "OpenMetricsText1.0.0": (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
        "openmetrics",
    ),
    "OpenMetricsText0.0.1": ("application/openmetrics-text;version=0.0.1", "openmetrics"),
    "PrometheusText1.0.0": ("text/plain;version=1.0.0;escaping=allow-utf-8", "text"),
    "PrometheusText0.0.4": ("text/plain;version=0.0.4", "text"),
}
"""Prometheus' names of formats, with what each is asked for as and read as (C-1)."""


def accept(protocols: Iterable[str] = PROTOCOLS) -> str:
    """The Accept header that asks for these, the first before the others (C-1)."""
    asked = [*(PROTOCOLS[name][0] for name in protocols), "*/*"]
    return ",".join(f"{kind};q=0.{6 - at}" for at, kind in enumerate(asked))


ACCEPT: Final = accept()
"""What Prometheus 3.14 asks an endpoint for."""

CONTENT_TYPES: Final[dict[Format, str]] = {
    "text": "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
    "openmetrics": (
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
    ),
}

_FORMATS: Final[dict[str, Format]] = {
    "text/plain": "text",
    "application/openmetrics-text": "openmetrics",
}
_MEDIA_TYPE: Final = re.compile(r"\s*([!#$%&'*+.^_`|~0-9a-z/-]+)\s*(?:;|$)", re.I)

_HINTS: Final = {
    "text/html": "it answers with a web page; is /metrics the right path?",
    "application/json": "it answers with JSON; is /metrics the right path?",
    "application/vnd.google.protobuf": "the protobuf format cannot be read",
}


def format_of(content_type: str, fallback: Format | None = None) -> Format:
    """The format that a Content-Type stands for; its parameters play no part (C-3).

    Raises:
        ContentTypeError: it is blank or stands for no exposition, and there is no
            fallback.
        UsageError: it is no str.
    """
    checked(content_type, str, "a Content-Type as a str")
    match = _MEDIA_TYPE.match(content_type)
    media_type = match.group(1).lower() if match else ""
    if media_type in _FORMATS:
        return _FORMATS[media_type]
    if fallback is not None:
        return checked_choice("fallback", fallback, Format)
    raise ContentTypeError(_refusal(content_type, media_type), content_type=content_type)


def _refusal(content_type: str, media_type: str) -> str:
    if not content_type.strip():
        return "expected a Content-Type of an exposition; the answer has none"
    hint = _HINTS.get(media_type, "expected text/plain or application/openmetrics-text")
    return f"Content-Type {content_type!r} is no exposition: {hint}"
