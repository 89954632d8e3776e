"""Series as data: a line for each, as an exposition has it."""

from __future__ import annotations

from collections.abc import Iterable

from promlatest._datapoint import DataPoint
from promlatest._matching.floats import format_float


def series_page(points: Iterable[DataPoint]) -> str:
    """Points as data: a line for each, the series and its value; nothing is shortened.

    >>> from promlatest._matching.labels import Labels
    >>> print(series_page([DataPoint(Labels(__name__="depth", name="pods"), 0, 3.0)]))
    depth{name="pods"} 3
    """
    return "\n".join(
        f"{point.labels.series()} {format_float(point.value)}"
        f"{'  # stale' if point.stale else ''}"
        for point in points
    )
