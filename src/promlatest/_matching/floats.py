"""Numbers as Go reads and writes them (F-1, F-3)."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final

# What Python's float() takes beyond this: digits of other scripts, underscores,
# blanks around, a sign before nan.
_DECIMAL: Final = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII
)
_SPECIAL: Final = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE | re.ASCII)

_NAMES: Final = {math.inf: "+Inf", -math.inf: "-Inf"}


def is_same(one: float | None, other: float | None) -> bool:
    """Whether two values are one and the same, NaN and NaN among them."""
    return one == other or (one != one and other != other)


def parse_float(text: str) -> float:
    """The number that Go's ParseFloat reads, less hexadecimal and underscores (F-1).

    Raises:
        ValueError: it is no such number, or too large for a float.
    """
    if _DECIMAL.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise ValueError("the number is too large")
        return value
    if _SPECIAL.fullmatch(text):
        return float(text)
    raise ValueError("expected a number")


def format_float(value: float) -> str:
    """The shortest text that reads back as this number, in Go's "g" form.

    >>> format_float(5.0), format_float(1048576.0), format_float(0.00001)
    ('5', '1.048576e+06', '1e-05')
    """
    text = format_bound(value)
    return text.removesuffix(".0")


def format_bound(value: float) -> str:
    """The text of a number as OpenMetrics wants it in `le` and `quantile` (F-3).

    >>> format_bound(1.0), format_bound(1000000.0), format_bound(float("inf"))
    ('1.0', '1e+06', '+Inf')
    """
    if not math.isfinite(value):
        return _NAMES.get(value, "NaN")
    shortest = repr(float(value))
    if abs(value) < 1e6 or "e" in shortest:
        return shortest
    # Python keeps to plain digits up to 1e16, Go up to 1e6.
    sign, digits = shortest[: value < 0], shortest[value < 0 :]
    whole, _, part = digits.partition(".")
    mantissa = f"{digits[0]}.{whole[1:]}{part}".rstrip("0").rstrip(".")
    return f"{sign}{mantissa}e+{len(whole) - 1:02}"


def json_number(value: float) -> float | str | None:
    """The number as JSON can hold it: None for NaN, "+Inf" and "-Inf" as text."""
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else _NAMES[value]


def normalise_bound(text: str) -> str:
    """A value of `le` or `quantile` in its one spelling; what is no number stays (F-3).

    >>> normalise_bound("1"), normalise_bound("+inf"), normalise_bound("low")
    ('1.0', '+Inf', 'low')
    """
    number = parse_bound(text)
    return text if number is None else format_bound(number)


@lru_cache(maxsize=1024)  # few texts come again and again: 0.1 µs instead of 0.6
def parse_bound(text: str) -> float | None:
    """The number that the text of a `le` or `quantile` stands for (F-1); None if none.

    >>> [parse_bound(text) for text in ("+Inf", "1e-08", "1_0", " 1", "1e400")]
    [inf, 1e-08, None, None, None]
    """
    try:
        return parse_float(text)
    except ValueError:
        return None
