"""Numbers that a person reads: three digits that matter, and a unit.

None and NaN are "–", for both mean that nothing is known. No text is wider than some ten
cells, so that columns do not jump while values change.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from promlatest.views.text import UNKNOWN

Unit = str


class _Step(NamedTuple):
    """A unit, what it is in the basic one, and the number that is the next unit's 1."""

    name: str
    size: float
    below: float


def _steps(names: str, factor: float, joint: str = "") -> list[_Step]:
    return [
        _Step(joint + name, factor**power, factor)
        for power, name in enumerate(names.split())
    ]


_MOMENTS: Final = 1e9  # seconds; from here on, 31 years, they count from 1970

# The last of each is for what no unit makes readable.
_DURATIONS: Final = (
    _Step(" ns", 1e-9, 1000),
    _Step(" µs", 1e-6, 1000),
    _Step(" ms", 1e-3, 1000),
    _Step(" s", 1, 60),
    _Step(" min", 60, 60),
    _Step(" h", 3600, 24),
    _Step(" d", 86_400, 365),
    _Step(" y", 31_536_000, 1000),
    _Step(" s", 1, math.inf),
)
_SIZES: Final = (
    *_steps("B KiB MiB GiB TiB PiB EiB", 1024.0, " "),
    _Step(" B", 1, math.inf),
)
# A number below ten thousand is as short in full, and exact.
_COUNTS: Final = (
    _Step("", 1, 10_000),
    *_steps("_ k M G T P E", 1000.0)[1:],
    _Step("", 1, math.inf),
)


def duration(seconds: float | None, digits: int = 3) -> str:
    """A time in seconds as a person writes it.

    >>> [duration(t) for t in (0.00001, 0.25, 2.5, 180, 93_600)]
    ['10 µs', '250 ms', '2.5 s', '3 min', '1.08 d']

    Seconds since 1970 are a moment: its day, or its time of day if it is today.
    """
    return _known(seconds, lambda value: _duration(value, digits))


def _duration(seconds: float, digits: int) -> str:
    now = time.time()
    if _MOMENTS < seconds < now + 86_400:
        told, today = datetime.fromtimestamp(seconds), datetime.fromtimestamp(now)
        return f"{told:%H:%M:%S}" if told.date() == today.date() else f"{told:%Y-%m-%d}"
    return _scaled(seconds, _DURATIONS, digits) or "0 s"


def size(count: float | None, digits: int = 3) -> str:
    """A number of bytes in binary units.

    >>> [size(n) for n in (512, 1024, 47_395_635)]
    ['512 B', '1 KiB', '45.2 MiB']
    """
    return _known(count, lambda value: _scaled(value, _SIZES, digits) or "0 B")


def count(number: float | None, digits: int = 3) -> str:
    """How many; exact below ten thousand.

    >>> [count(n) for n in (0, 3589, 12_345, 1_999_999)]
    ['0', '3589', '12.3k', '2M']
    """
    return _known(number, lambda value: _scaled(value, _COUNTS, digits) or "0")


def rate(per_second: float | None, digits: int = 3) -> str:
    """How many in a second.

    >>> [rate(r) for r in (0, 0.004, 4.2, 12_345)]
    ['0/s', '<0.01/s', '4.2/s', '12.3k/s']
    """
    if per_second is not None and 0 < per_second < 0.01:
        return "<0.01/s"
    if per_second is not None and 0.01 <= abs(per_second) < 1:
        return f"{_trimmed(f'{per_second:.2f}')}/s"
    return _known(per_second, lambda value: f"{count(value, digits)}/s")


def rate_in(unit: Unit, per_second: float | None) -> str:
    """A rate of what has a unit.

    >>> rate_in("bytes", 5_500_000), rate_in("seconds", 0.2), rate_in("", 2.5)
    ('5.25 MiB/s', '200 ms/s', '2.5/s')
    """
    if unit not in ("bytes", "seconds"):
        return rate(per_second)
    text = FORMATS[unit](per_second, 3)
    return text if text == UNKNOWN else f"{text}/s"


def percent(share: float | None) -> str:
    """A share of 1 in percent, without a blank, for columns.

    >>> [percent(s) for s in (0, 0.0001, 0.123, 0.9999, 1)]
    ['0%', '<0.1%', '12.3%', '>99.9%', '100%']
    """
    return _known(share, _percent)


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    if abs(share) >= 10:
        return f"{count(share * 100)}%"
    return f"{_trimmed(f'{share * 100:.1f}')}%"


def plain(number: float | None, digits: int = 4) -> str:
    """A number of no known unit; whole ones are exact below ten millions.

    >>> [plain(n) for n in (1048576, 0.005, 1.23456, 30_051_234, 1e100)]
    ['1048576', '0.005', '1.235', '30.05M', '1e+100']
    """
    return _known(number, lambda value: _plain(value, digits))


def _plain(value: float, digits: int) -> str:
    if value == int(value) and abs(value) < 1e7:
        return str(int(value))
    if abs(value) >= 1e7:
        return _scaled(value, _COUNTS, digits)
    return f"{value:.{digits}g}"


def _known(value: float | None, text: Callable[[float], str]) -> str:
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return text(value)


def _scaled(value: float, steps: Sequence[_Step], digits: int) -> str:
    """The value in the first unit in which it is not too large; "" for zero."""
    if not value:
        return ""
    sign, value = ("-" if value < 0 else ""), abs(value)
    for step in steps[:-1]:
        text = _significant(value / step.size, digits, step.below)
        if float(text) < step.below:
            break
    else:
        step, text = steps[-1], f"{value:.0e}"
    if step is not steps[0] and float(text) < 1:  # 59.98 s is 1 min, not 0.9997
        text = "1"
    return f"{sign}{text}{step.name}"


def _significant(value: float, digits: int, below: float) -> str:
    """The digits that matter, and all those before the point."""
    if value >= below:
        return "inf"
    if value < 0.001:
        return f"{value:.{max(digits - 3, 0)}e}"
    places = max(digits - 1 - math.floor(math.log10(value)), 0)
    return _trimmed(f"{value:.{places}f}")


def _trimmed(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


# -- by the name of a metric ----------------------------------------------------------

FORMATS: Final[Mapping[Unit, Callable[[float | None, int], str]]] = {
    "seconds": duration,
    "bytes": size,
    "": plain,
}


def unit_of(metric: str, unit: str = "") -> Unit:
    """The unit of a metric, from its metadata or from its name: a key of `FORMATS`.

    >>> unit_of("workqueue_work_duration_seconds"), unit_of("x_bytes_total"), unit_of("up")
    ('seconds', 'bytes', '')
    """
    if unit:
        return unit if unit in FORMATS else ""
    name = metric.removesuffix("_total")
    return next((each for each in FORMATS if each and name.endswith(f"_{each}")), "")


def signed(change: float, unit: Unit = "") -> str:
    """How much something changed.

    >>> signed(3), signed(-2_048, "bytes"), signed(0)
    ('+3', '-2 KiB', '0')
    """
    text = FORMATS[unit](change, 4)
    return f"+{text}" if change > 0 else text


def distinct(values: Sequence[float], unit: Unit = "") -> list[str]:
    """The values as text, with as many digits as it takes to tell them apart.

    >>> distinct([1.0, 2.5], "seconds"), distinct([1.0001, 1.0002], "seconds")
    (['1 s', '2.5 s'], ['1.0001 s', '1.0002 s'])
    """
    texts: list[str] = []
    for digits in range(3, 18):
        texts = [FORMATS[unit](value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts
