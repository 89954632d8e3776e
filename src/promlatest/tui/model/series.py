"""The series of one family as a table: labels in columns, values, rates, changes.

A histogram family has a row for each histogram instead of one for each bucket. Job and
instance, which are the same for all that one target exposes, are no columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from math import isnan
from typing import Final

import attrs

from promlatest._datapoint import family_of
from promlatest._histogram import Histogram
from promlatest._increase import Movement
from promlatest._interfaces import Queryable
from promlatest._matching.floats import format_float
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import format_selector
from promlatest.tui.model.history import Moment, window
from promlatest.tui.model.trends import Trends, histogram_of, matchers_of, value_of
from promlatest.tui.model.watch import View
from promlatest.views._counting import Count
from promlatest.views.catalog import points_of
from promlatest.views.cells import Cell, natural, scaled_trend, text_of
from promlatest.views.controllers import latency_cell, rate_cell
from promlatest.views.filters import NO_FILTER, Filter
from promlatest.views.operator import latency
from promlatest.views.sheet import Column, RowKey, Sheet
from promlatest.views.text import UNKNOWN
from promlatest.views.units import FORMATS, Unit, rate_in, signed, unit_of

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


def grows(kind: str, metric: str) -> bool:
    """Whether the series of a metric only ever grow, but for resets.

    Args:
        kind: the type of its family.
        metric: its name, suffix included.
    """
    if kind == "counter":
        return not metric.endswith("_created")
    if kind in ("histogram", "summary"):
        return metric.endswith(("_count", "_sum", "_bucket"))
    return kind == "unknown" and metric.endswith("_total")


def unit_in(family: Family, metric: str) -> str:
    """The unit of a series: what is counted has none, sums and quantiles have one."""
    if metric.endswith(("_count", "_bucket", "_created")) and metric != family.name:
        return ""
    return family.unit


# -- which rows there are -------------------------------------------------------------


@attrs.frozen(eq=False)
class Listing:
    """The series, or the histograms, of a family: what stays while none comes or goes.

    Attributes:
        family: which.
        rows: the labels of those that pass the filter, by themselves, sorted.
        total: how many there are in all.
        widths: the labels that are columns, with the width of their longest value.
        alike: those of them that tell no two rows apart.
    """

    family: Family
    rows: Mapping[RowKey, Labels] = attrs.field(factory=dict)
    total: int = 0
    widths: Mapping[str, int] = attrs.field(factory=dict)
    alike: frozenset[str] = frozenset()


def listing(name: str, state: Queryable, filter_: Filter = NO_FILTER) -> Listing:
    """What rows a family has. Linear in its series: 0.8 s for 100,000 of them."""
    family = family_named(name, state)
    if family.histogram:
        every = [each.labels for each in state.histograms(family.name)]
    else:
        every = [
            each.labels for metric in family.metrics for each in points_of(state, metric)
        ]
    rows: dict[RowKey, Labels] = {
        labels: labels for labels in every if not filter_ or filter_.passes_series(labels)
    }
    widths = _label_widths(every)
    return Listing(family, rows, len(every), widths, _alike(every, widths))


def _alike(series: list[Labels], names: Iterable[str]) -> frozenset[str]:
    """Labels that have one value in all of several series."""
    if len(series) < 2:
        return frozenset()
    first = series[0]
    return frozenset(
        name for name in names if all(each.get(name) == first.get(name) for each in series)
    )


def _label_widths(series: list[Labels]) -> dict[str, int]:
    widths: dict[str, int] = {}
    for labels in series:
        for name, value in labels.items():
            if name not in _HIDDEN and len(value) > widths.get(name, -1):
                widths[name] = len(value)
    return dict(sorted(widths.items()))


# -- what they hold -------------------------------------------------------------------


class Lookup:
    """The samples of a family's rows, looked up where a row is drawn; of a histogram those
    of its count.

    Args:
        listed: the rows.
        view: what is shown.
        trends: where samples are kept from one look to the next.
    """

    def __init__(self, listed: Listing, view: View, trends: Trends) -> None:
        self._family: Final = listed.family
        self._view: Final = view
        self._trends: Final = trends
        self._histograms: Final[dict[Labels, Histogram | None]] = {}

    def series(self, labels: Labels) -> Labels:
        """The series that a row's value is of."""
        return count_labels(labels) if self._family.histogram else labels

    def grows(self, labels: Labels) -> bool:
        """Whether that series only ever grows, but for resets."""
        return grows(self._family.type, self.series(labels).metric)

    def unit(self, labels: Labels) -> Unit:
        """The unit of that series."""
        return unit_in(self._family, self.series(labels).metric)

    def value(self, labels: Labels) -> float | None:
        """The sample now."""
        past = self._view.past
        return self._trends.value(past[-1], self.series(labels)) if past else None

    def mark(self, labels: Labels) -> str:
        """What became of it since the scrape before."""
        return change_mark(self._trends.change(self._view.past, self.series(labels)))

    def moved(self, labels: Labels) -> Movement | None:
        """How much it grew in the window, or since the mark; None: it is no counter."""
        series = self.series(labels)
        if not self.grows(labels):
            return None
        found = self._view.state.increase(series.metric, *matchers_of(series))
        return next((each for each in found if each.labels == series), None)

    def speed(self, labels: Labels) -> Count | None:
        """How fast, and whether it began again."""
        moved = self.moved(labels)
        return None if moved is None else Count(None, moved.rate.value, moved.resets > 0)

    def rate(self, labels: Labels) -> float | None:
        """How fast it grew in the window."""
        speed = self.speed(labels)
        return None if speed is None else speed.per_second

    def gained(self, labels: Labels) -> float | None:
        """How it differs from what it was at the mark; None: it was not there."""
        view = self._view
        if view.mark is None:
            return None
        if moved := self.moved(labels):
            return moved.value
        now, then = self.value(labels), self._trends.value(view.mark, self.series(labels))
        return None if now is None or then is None else now - then

    def trend(self, labels: Labels) -> list[float | None]:
        """Its last samples; of a counter, how fast it grew."""
        look = self._trends.growth if self.grows(labels) else self._trends.values
        return look(self._view.past, self.series(labels), _STEPS)

    def histogram(self, labels: Labels) -> Histogram | None:
        """The histogram with these labels."""
        if labels not in self._histograms:
            self._histograms[labels] = histogram_of(self._view.state, labels)
        return self._histograms[labels]

    # For sorting, which asks for all rows

    def every_value(self) -> Mapping[RowKey, float]:
        """The samples of all series now."""
        return _all_of(self._view.past[-1], self._family) if self._view.past else {}

    def every_rate(self) -> Mapping[RowKey, float]:
        """About how fast all series grew in the window, from its two ends."""
        shown = window(self._view.past, self._view.seconds, self._view.mark)
        if len(shown) < 2:
            return {}
        before, now = (_all_of(each, self._family) for each in (shown[0], shown[-1]))
        return {
            labels: value - before[labels] if value >= before[labels] else value
            for labels, value in now.items()
            if labels in before
        }


def _all_of(moment: Moment, family: Family) -> dict[RowKey, float]:
    state = moment.state
    found = (point for metric in family.metrics for point in points_of(state, metric))
    return {point.labels: point.value for point in found}


# -- plain series ---------------------------------------------------------------------


def series_sheet(listed: Listing, view: View, trends: Trends) -> Sheet[Labels]:
    """A row for each series, or for each histogram."""
    found = Lookup(listed, view, trends)
    telling, others = _label_columns(listed)
    columns = (*telling, *_value_columns(listed.family, view, found), *others)
    return Sheet(columns, listed.rows, f"series {listed.family.name}")


def _label_columns(
    listed: Listing,
) -> tuple[list[Column[Labels]], list[Column[Labels]]]:
    """The columns that tell rows apart, and those of labels that are alike in all."""
    metrics = listed.family.metrics
    telling: list[Column[Labels]] = []
    others: list[Column[Labels]] = []
    if len(metrics) > 1 and not listed.family.histogram:
        telling.append(
            Column("series", lambda labels: Cell(labels.metric),
                   lambda labels: labels.metric, "left",
                   least=max(map(len, metrics)), rising=True)
        )  # fmt: skip
    for name, width in listed.widths.items():
        where = others if name in listed.alike else telling
        where.append(_label_column(name, width))
    return telling, others


def _label_column(name: str, width: int) -> Column[Labels]:
    def order(labels: Labels) -> tuple[bool, float, str]:
        return natural(labels.get(name, ""))

    return Column(
        name,
        lambda labels: Cell(labels.get(name, "")),
        order,
        "left",
        least=min(max(width, len(name)), _LABEL_MOST),
        most=_LABEL_MOST,
        wish=width,
        rising=True,
    )


def _value_columns(family: Family, view: View, found: Lookup) -> Iterator[Column[Labels]]:
    plain_ = not family.histogram  # all of which are told at once, where one sorts
    yield Column(
        "value" if plain_ else "count", _value_cell(view, found), found.value,
        least=13, pinned=True, orders=found.every_value if plain_ else None,
    )  # fmt: skip
    if any(grows(family.type, metric) for metric in family.metrics):
        yield Column(
            "rate", lambda labels: rate_cell(found.speed(labels), unit=found.unit(labels)),
            found.rate, least=11, pinned=True, orders=found.every_rate if plain_ else None,
        )  # fmt: skip
    if view.mark is not None:
        yield Column(
            "since mark",
            lambda labels: gained_cell(found.gained(labels), found.unit(labels)),
            found.gained, least=11, pinned=True,
        )  # fmt: skip
    for name in ("mean", "p50", "p90", "p99") if family.histogram else ():
        yield _figure(family, found, name)
    yield Column("trend", _trend_cell(found), None, "left", least=_TREND)


def _value_cell(view: View, found: Lookup) -> Callable[[Labels], Cell]:
    def cell(labels: Labels) -> Cell:
        value = found.value(labels)
        text = FORMATS[found.unit(labels)](value, 4)
        if value is not None and text == UNKNOWN:
            text = format_float(value)  # a NaN that was exposed is told as one
        return _marked(text, found.mark(labels), view.stale)

    return cell


def _marked(text: str, mark: str, stale: bool) -> Cell:
    if stale:
        return Cell(f"{text}  ", "dim")
    return Cell(f"{text} {mark}", "new" if mark != " " else "")


def change_mark(change: float | None) -> str:
    """What became of a value since the scrape before: up, down, or nothing."""
    if not change or isnan(change):
        return " "
    return "▴" if change > 0 else "▾"


def gained_cell(gained: float | None, unit: str = "") -> Cell:
    """What came since the mark; "new": it was not there then."""
    if gained is None:
        return Cell("new", "new")
    return Cell(signed(gained, unit), "new" if gained else "dim")


def _trend_cell(found: Lookup) -> Callable[[Labels], Cell]:
    """The last values as steps from zero, and what the highest of them stands for."""

    def cell(labels: Labels) -> Cell:
        unit = found.unit(labels)
        words = partial(rate_in, unit) if found.grows(labels) else partial(_short, unit)
        trend = scaled_trend(found.trend(labels), _TREND, _STEPS, words)
        return Cell(text_of(trend), "bar")

    return cell


def _short(unit: Unit, value: float | None) -> str:
    return FORMATS[unit](value, 3)


# -- histograms -----------------------------------------------------------------------


@lru_cache(maxsize=4096)
def count_labels(labels: Labels) -> Labels:
    """The series that counts the observations of a histogram."""
    return Labels({**labels, METRIC_NAME: f"{labels.metric}_count"})


def _figure(family: Family, found: Lookup, name: str) -> Column[Labels]:
    read = FORMATS[family.unit]

    def figure(labels: Labels) -> float | None:
        histogram = found.histogram(labels)
        return None if histogram is None else getattr(latency(histogram), name)

    def cell(labels: Labels) -> Cell:
        histogram = found.histogram(labels)
        if histogram is not None and family.unit == "seconds":
            return latency_cell(latency(histogram), name)
        text = read(figure(labels), 3)
        return Cell(text, "dim" if text == UNKNOWN else "")

    return Column(name, cell, figure, least=8)


def value_text(family: Family, labels: Labels, state: Queryable) -> str:
    """The value of a row in full, as an exposition has it; "" if it is not there."""
    value = value_of(state, count_labels(labels) if family.histogram else labels)
    return "" if value is None else format_float(value)


def selector_of(labels: Labels) -> str:
    """The selector of this series, without the job and instance that a scrape gave it:
    elsewhere they are others, and `promlatest get` has none."""
    own = labels.without(METRIC_NAME, "job", "instance")
    names = [METRIC_NAME, *own]
    return format_selector([Matcher(name, "=", labels[name]) for name in names])
