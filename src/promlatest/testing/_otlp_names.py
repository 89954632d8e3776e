"""Names of OpenTelemetry as Prometheus translates them, with suffixes for unit and type.

>>> metric_name("http.server.request.duration", "s", "histogram")
'http_server_request_duration_seconds'
>>> metric_name("orders", "{order}", "counter"), metric_name("load", "1", "gauge")
('orders_total', 'load_ratio')
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from promlatest._datapoint import MetricType

_NO_NAME: Final = re.compile(r"[^a-zA-Z0-9:]+")
_NO_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
_BRACES: Final = re.compile(r"\{[^}]*\}")

_UNITS: Final[Mapping[str, str]] = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds",
    "us": "microseconds", "ns": "nanoseconds",
    "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams",
    "Cel": "celsius", "Hz": "hertz", "%": "percent", "1": "",
}  # fmt: skip
_PER: Final[Mapping[str, str]] = {
    "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month",
    "y": "year",
}  # fmt: skip


def metric_name(name: str, unit: str, kind: MetricType) -> str:
    """The name of a metric's family: `_total` counts, and a unit stands in the name."""
    words = [word for word in _NO_NAME.split(name) if word]
    for suffix in _unit_words(unit):
        if suffix not in words:
            words.append(suffix)
    if kind == "gauge" and unit == "1" and "ratio" not in words:
        words.append("ratio")
    if kind == "counter":
        words = [*(word for word in words if word != "total"), "total"]
    joined = "_".join(words)
    return f"_{joined}" if joined[:1].isdigit() else joined


def _unit_words(unit: str) -> Iterable[str]:
    main, _, per = _BRACES.sub("", unit).partition("/")
    main, per = main.strip(), per.strip()
    if main:
        yield from filter(None, [_clean(_UNITS.get(main, main))])
    if per:
        yield f"per_{_clean(_PER.get(per, per))}"


def _clean(word: str) -> str:
    return "_".join(each for each in _NO_NAME.split(word) if each)


def label_name(name: str) -> str:
    """The name of a label: what no label's name may have is an underscore.

    >>> label_name("http.route"), label_name("2xx"), label_name("_private")
    ('http_route', 'key_2xx', 'key_private')
    """
    clean = _NO_LABEL.sub("_", name)
    if clean[:1].isdigit():
        return f"key_{clean}"
    if clean.startswith("_") and not clean.startswith("__"):
        return f"key{clean}"
    return clean


def labels_of(attributes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The labels that attributes become; those that become one are joined by ";".

    >>> labels_of([("a.b", "1"), ("a-b", "2")])
    {'a_b': '2;1'}
    """
    labels: dict[str, str] = {}
    for name, value in sorted(attributes):
        clean = label_name(name)
        labels[clean] = f"{labels[clean]};{value}" if clean in labels else value
    return labels
