"""Durations and sizes as Prometheus reads and writes them: ``1m30s``, ``10MB``."""

from __future__ import annotations

import re
from typing import Final

from promlatest.exceptions import UsageError

__all__ = ["MOST_MS", "format_duration", "parse_duration", "parse_size", "read_duration"]

_UNITS: Final = (
    ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000),
    ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
)  # fmt: skip
_DURATION: Final = re.compile("".join(f"(?:([0-9]+){unit})?" for unit, _ in _UNITS))
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)([KMGTPE]?)i?B", re.ASCII)
_DIGITS: Final = 20  # Python refuses to read thousands of them
MOST_MS: Final = 2**63 // 1_000_000  # Go's durations count nanoseconds in 64 bits


def format_duration(duration: int) -> str:
    """A duration in milliseconds as Prometheus writes it.

    >>> format_duration(5_400_000), format_duration(604_800_000), format_duration(-60_000)
    ('1h30m', '1w', '-1m')
    """
    left, text = abs(duration), "-" if duration < 0 else ""
    for unit, size in _UNITS:
        # Years and weeks only where nothing is left over: 90d, and not 12w6d.
        if left >= size and not (unit in ("y", "w") and left % size):
            text += f"{left // size}{unit}"
            left %= size
    return text or "0s"


def read_duration(text: str) -> int:
    """The milliseconds of a duration.

    >>> read_duration("1m30s")
    90000

    Raises:
        ValueError: it is none, or too long for the 64 bits that Prometheus gives it.
    """
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{text!r} is neither a number nor a duration")
    parts = [(n, unit) for n, (_, unit) in zip(match.groups(), _UNITS, strict=True) if n]
    long = any(len(n) > _DIGITS for n, _ in parts)
    total = 0 if long else sum(int(n) * unit for n, unit in parts)
    if long or total > MOST_MS:
        raise ValueError(f"the duration {text!r} is too long")
    return total


def parse_duration(text: str) -> float:
    """Seconds of a duration.

    >>> parse_duration("1m30s")
    90.0

    Raises:
        UsageError: it is none.
    """
    try:
        return 0.0 if text == "0" else read_duration(text) / 1000
    except ValueError:
        words = f"expected a duration such as 15s or 1m30s, got {text[:40]!r}"
        raise UsageError(words) from None


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
