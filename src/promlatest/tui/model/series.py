"""The series of one family as a table: labels in columns, values, rates, changes.

A histogram family has a row for each histogram instead of one for each bucket. Job and
instance, which are the same for all that one target exposes, are no columns.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from math import isnan
from typing import Final, cast

import attrs

from promlatest._datapoint import DataPoint, family_of
from promlatest._histogram import Histogram
from promlatest._interfaces import Queryable
from promlatest._matching.floats import format_float
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest.tui.model.trends import Rate, Trends
from promlatest.tui.model.watch import View
from promlatest.views.cells import Cell, Tone, natural, scaled_trend, text_of
from promlatest.views.controllers import latency_cell
from promlatest.views.filters import NO_FILTER, Filter
from promlatest.views.operator import latency
from promlatest.views.sheet import Column, Sheet
from promlatest.views.text import UNKNOWN
from promlatest.views.units import FORMATS, count, plain, rate, rate_in, unit_of

_LABEL_MOST: Final = 36
_STEPS: Final = 16  # of a trend
_TREND: Final = 28  # cells of one, with its scale
_HIDDEN: Final = (METRIC_NAME, "job", "instance")


@attrs.frozen(eq=False)
class Family:
    """One metric family of an endpoint.

    Attributes:
        name: of the family.
        type: "unknown" where none was given.
        unit: of its values, a key of `units.FORMATS`.
        help: what the endpoint says of it.
        metrics: the names of its series.
    """

    name: str
    type: str = "unknown"
    unit: str = ""
    help: str = ""
    metrics: tuple[str, ...] = ()

    @property
    def histogram(self) -> bool:
        return self.type in ("histogram", "gaugehistogram") and any(
            each.endswith("_bucket") for each in self.metrics
        )


def family_named(name: str, state: Queryable) -> Family:
    """What the endpoint says of a family."""
    known = state.metrics()
    told = known.get(name)
    names = state.label_values(METRIC_NAME)
    metrics = tuple(each for each in names if family_of(each, known) == name)
    if told is None:
        return Family(name, metrics=metrics)
    return Family(name, told.type, unit_of(name, told.unit), told.help, metrics)


def _grows(family: Family, metric: str) -> bool:
    """Whether a series only ever grows, but for resets."""
    if family.type == "counter":
        return not metric.endswith("_created")
    if family.type in ("histogram", "summary"):
        return metric.endswith(("_count", "_sum", "_bucket"))
    return family.type == "unknown" and metric.endswith("_total")


def _unit_in(family: Family, metric: str) -> str:
    """The unit of a series: what is counted has none, sums and quantiles have one."""
    if metric.endswith(("_count", "_bucket", "_created")) and metric != family.name:
        return ""
    return family.unit


# -- plain series ---------------------------------------------------------------------


def series_sheet(
    family: Family, view: View, trends: Trends, filter_: Filter = NO_FILTER
) -> Sheet[DataPoint]:
    """A row for each series."""
    points = [each for name in family.metrics for each in view.state.query(name)]
    shown = {p.labels: p for p in points if not filter_ or filter_.passes_series(p.labels)}
    columns = (
        *_label_columns(points, family),
        *_value_columns(family, view, trends),
    )
    return Sheet(columns, cast("dict[Hashable, DataPoint]", shown), f"series {family.name}")


def _label_columns(
    points: Sequence[DataPoint], family: Family
) -> Iterator[Column[DataPoint]]:
    if len(family.metrics) > 1:
        yield Column("series", lambda p: Cell(p.metric), lambda p: p.metric, "left",
                     least=max(map(len, family.metrics)), rising=True)  # fmt: skip
    for name, width in _label_widths([point.labels for point in points]).items():
        yield _label_column(name, width)


def _label_widths(series: Sequence[Labels]) -> dict[str, int]:
    """The labels that some series has, with the width of the longest value."""
    widths: dict[str, int] = {}
    for labels in series:
        for name, value in labels.items():
            if name not in _HIDDEN and len(value) > widths.get(name, -1):
                widths[name] = len(value)
    return dict(sorted(widths.items()))


def _label_column(name: str, width: int) -> Column[DataPoint]:
    def order(point: DataPoint) -> tuple[bool, float, str]:
        return natural(point.labels.get(name, ""))

    return Column(
        name,
        lambda point: Cell(point.labels.get(name, "")),
        order,
        "left",
        least=min(max(width, len(name)), _LABEL_MOST),
        most=_LABEL_MOST,
        wish=width,
        rising=True,
    )


def _value_columns(
    family: Family, view: View, trends: Trends
) -> Iterator[Column[DataPoint]]:
    yield Column("value", _value_cell(family, trends, view.stale), lambda p: p.value,
                 least=13, pinned=True)  # fmt: skip
    if any(_grows(family, metric) for metric in family.metrics):
        of = _rate_of(family, trends, view.seconds)
        yield Column("rate", lambda p: rate_cell(of(p), _unit_in(family, p.metric)),
                     lambda p: of(p).per_second, least=11, pinned=True)  # fmt: skip
    yield Column("trend", _trend_cell(family, trends), None, "left", least=_TREND)


def _value_cell(family: Family, trends: Trends, stale: bool) -> Callable[[DataPoint], Cell]:
    def cell(point: DataPoint) -> Cell:
        text = FORMATS[_unit_in(family, point.metric)](point.value, 4)
        if text == UNKNOWN:
            text = format_float(point.value)  # a NaN that was exposed is told as one
        if stale:
            return Cell(f"{text}  ", "dim")
        mark = change_mark(trends.change(point.labels))
        return Cell(f"{text} {mark}", "new" if mark != " " else "")

    return cell


def change_mark(change: float | None) -> str:
    """What became of a value since the scrape before: up, down, or nothing."""
    if not change or isnan(change):
        return " "
    return "▴" if change > 0 else "▾"


def _rate_of(family: Family, trends: Trends, seconds: float) -> Callable[[DataPoint], Rate]:
    def of(point: DataPoint) -> Rate:
        if not _grows(family, point.metric):
            return Rate()
        return trends.rate(point.labels, seconds)

    return of


def rate_cell(found: Rate, unit: str = "") -> Cell:
    """A rate of what has a unit; "↺" where the counter began again in that time."""
    if found.per_second is None:
        return Cell(UNKNOWN, "dim")
    mark = "↺ " if found.resets else ""
    calm: Tone = "" if found.per_second else "dim"
    return Cell(mark + rate_in(unit, found.per_second), "warn" if found.resets else calm)


def _trend_cell(family: Family, trends: Trends) -> Callable[[DataPoint], Cell]:
    def cell(point: DataPoint) -> Cell:
        unit = _unit_in(family, point.metric)
        if _grows(family, point.metric):
            return trend_cell(trends.growth(point.labels, _STEPS), partial(rate_in, unit))
        return trend_cell(
            trends.values(point.labels, _STEPS), lambda value: FORMATS[unit](value, 3)
        )

    return cell


def trend_cell(
    values: Sequence[float | None], words: Callable[[float | None], str]
) -> Cell:
    """The last values as steps from zero, and what the highest of them stands for."""
    return Cell(text_of(scaled_trend(values, _TREND, _STEPS, words)), "bar")


# -- histograms -----------------------------------------------------------------------


def histograms_sheet(
    family: Family, view: View, trends: Trends, filter_: Filter = NO_FILTER
) -> Sheet[Histogram]:
    """A row for each histogram of a family; `trends` are those of its counts."""
    found = view.state.histograms(family.name)
    shown = {h.labels: h for h in found if not filter_ or filter_.passes_series(h.labels)}
    columns = (
        *_histogram_labels([each.labels for each in found]),
        *_histogram_figures(family, view, trends),
    )
    name = f"histograms {family.name}"
    return Sheet(columns, cast("dict[Hashable, Histogram]", shown), name)


def _histogram_labels(series: Sequence[Labels]) -> Iterator[Column[Histogram]]:
    for name, width in _label_widths(series).items():
        yield _histogram_label(name, width)


def _histogram_label(name: str, width: int) -> Column[Histogram]:
    return Column(
        name,
        lambda each: Cell(each.labels.get(name, "")),
        lambda each: natural(each.labels.get(name, "")),
        "left",
        least=min(max(width, len(name)), _LABEL_MOST),
        most=_LABEL_MOST,
        wish=width,
        rising=True,
    )


def count_labels(histogram: Histogram) -> Labels:
    """The series that counts a histogram's observations."""
    made = dict(histogram.labels)
    made[METRIC_NAME] = f"{histogram.labels.metric}_count"
    return Labels(made)


def _histogram_figures(
    family: Family, view: View, trends: Trends
) -> Iterator[Column[Histogram]]:
    def grown(each: Histogram) -> Rate:
        return trends.rate(count_labels(each), view.seconds)

    def counted(each: Histogram) -> Cell:
        if view.stale:
            return Cell(f"{count(each.count)}  ", "dim")
        mark = change_mark(trends.change(count_labels(each)))
        return Cell(f"{count(each.count)} {mark}", "new" if mark != " " else "")

    yield Column("count", counted, lambda each: each.count, least=10, pinned=True)
    yield Column("rate", lambda each: rate_cell(grown(each)),
                 lambda each: grown(each).per_second, least=11, pinned=True)  # fmt: skip
    for name in ("mean", "p50", "p90", "p99"):
        yield _figure(family, name)
    yield Column("trend", _count_trend(trends), None, "left", least=_TREND)


def _figure(family: Family, name: str) -> Column[Histogram]:
    read = FORMATS[family.unit]

    def cell(each: Histogram) -> Cell:
        found = latency(each)
        if family.unit == "seconds":
            return latency_cell(found, name)
        text = read(getattr(found, name), 3)
        return Cell(text, "dim" if text == UNKNOWN else "")

    return Column(name, cell, lambda each: getattr(latency(each), name), least=8)


def _count_trend(trends: Trends) -> Callable[[Histogram], Cell]:
    def cell(each: Histogram) -> Cell:
        return trend_cell(trends.growth(count_labels(each), _STEPS), rate)

    return cell


def trend_metrics(family: Family) -> tuple[str, ...]:
    """The names of the series whose samples a page of this family needs."""
    if family.histogram:
        return tuple(each for each in family.metrics if each.endswith("_count"))
    return family.metrics


def exact(value: float) -> str:
    """A value in full, as an exposition has it."""
    return format_float(value) if not isnan(value) else plain(value)
