"""Durations and sizes as Prometheus writes them: ``1m30s``, ``500ms``, ``10MB``."""

from __future__ import annotations

import re
from typing import Final

from promlatest.exceptions import UsageError

__all__ = ["parse_duration", "parse_size"]

_DURATION: Final = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?",
    re.ASCII,
)
_SECONDS: Final = (365 * 86400, 7 * 86400, 86400, 3600, 60, 1, 0.001)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)([KMGTPE]?)i?B", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds of a duration.

    >>> parse_duration("1m30s")
    90.0

    Raises:
        UsageError: it is none.
    """
    match = _DURATION.fullmatch(text)
    if text == "0":
        return 0.0
    if match is None or not text:
        raise UsageError(f"expected a duration such as 15s or 1m30s, got {text[:40]!r}")
    parts = zip(match.groups("0"), _SECONDS, strict=True)
    return float(sum(int(number) * seconds for number, seconds in parts))


def parse_size(text: str) -> int:
    """Bytes of a size; its units are powers of 1024, with or without the i (as in Go).

    >>> parse_size("10MB")
    10485760

    Raises:
        UsageError: it is none.
    """
    if text == "0":
        return 0
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"expected a size such as 10MB, got {text[:40]!r}")
    exponent = " KMGTPE".index(match[2] or " ")
    return int(float(match[1]) * 1024**exponent)
