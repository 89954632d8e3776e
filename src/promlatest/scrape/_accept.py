"""The Accept header for the formats that a scrape may come in (C-1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from promlatest.exceptions import UsageError
from promlatest.exposition import Format

__all__ = ["accept_of", "format_of_protocol"]

# Prometheus' names, with what each is asked for as and read as.
_PROTOCOLS: Final[Mapping[str, tuple[str, Format]]] = {
    "OpenMetricsText1.0.0": (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
        "openmetrics",
    ),
    "OpenMetricsText0.0.1": ("application/openmetrics-text;version=0.0.1", "openmetrics"),
    "PrometheusText1.0.0": ("text/plain;version=1.0.0;escaping=allow-utf-8", "text"),
    "PrometheusText0.0.4": ("text/plain;version=0.0.4", "text"),
}
_PROTOBUF: Final = "PrometheusProto"


def accept_of(protocols: Sequence[str] | None = None) -> str:
    """The header for these protocols in this order, or for all; protobuf is left out.

    >>> accept_of(["PrometheusText0.0.4"])
    'text/plain;version=0.0.4;q=0.6,*/*;q=0.5'

    Raises:
        UsageError: one is not known, or none is left.
    """
    wanted = list(_PROTOCOLS) if protocols is None else list(protocols)
    asked = [_known(name)[0] for name in wanted if name != _PROTOBUF]
    if not asked:
        raise UsageError("scrape_protocols names none that can be read; protobuf cannot")
    weighed = [*asked, "*/*"]
    return ",".join(f"{kind};q=0.{6 - at}" for at, kind in enumerate(weighed))


def format_of_protocol(name: str) -> Format:
    """What a protocol is read as.

    Raises:
        UsageError: it is not known, or cannot be read.
    """
    return _known(name)[1]


def _known(name: str) -> tuple[str, Format]:
    if name not in _PROTOCOLS:
        raise UsageError(f"expected one of {', '.join(_PROTOCOLS)}, got {name[:40]!r}")
    return _PROTOCOLS[name]
