"""One controller in a few lines: how deep its queue is, how fast it works, how long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from promlatest._histogram import Histogram
from promlatest.tui.model.sections import Compared, compared, section
from promlatest.tui.model.trends import Trends
from promlatest.tui.model.watch import View
from promlatest.views.cells import Cell, Line, beside, line, scaled_trend, width_of
from promlatest.views.operator import owner_of
from promlatest.views.text import pad
from promlatest.views.units import count, rate

HISTOGRAMS: Final = (
    ("reconcile time", "controller_runtime_reconcile_time_seconds"),
    ("queue time: how long items waited", "workqueue_queue_duration_seconds"),
    ("work time: how long items were at work", "workqueue_work_duration_seconds"),
)
# What is drawn over time, of which metric, whether it is a counter, and how it is written.
_OVER_TIME: Final[Sequence[tuple[str, str, bool, Callable[[float | None], str]]]] = (
    ("depth", "workqueue_depth", False, count),
    ("added", "workqueue_adds_total", True, rate),
    ("reconciled", "controller_runtime_reconcile_total", True, rate),
    ("errors", "controller_runtime_reconcile_errors_total", True, rate),
)
_STEPS: Final = 40
_WIDE: Final = 196  # from here on two histograms stand beside each other


def chosen_lines(name: str, view: View, trends: Trends, width: int) -> list[Line]:
    """Trends of a controller and its histograms, none wider than `width`."""
    found = compared_all(name, view)
    half = (width - 3) // 2
    if width >= _WIDE:
        bars = beside(section(found[0], half), section(found[1], half), width)
    else:
        bars = [each for one in found for each in section(one, width)]
    return [*_trends(name, view, trends, width), *bars]


def compared_all(name: str, view: View) -> list[Compared]:
    """The histograms of a controller, since the start and over the window."""
    return [
        compared(title, _histogram(metric, name, view), view)
        for title, metric in HISTOGRAMS
    ]


def _histogram(metric: str, name: str, view: View) -> Histogram | None:
    """A controller's histogram; older operators have only `name`."""
    found = view.state.histograms(metric)
    return next((each for each in found if owner_of(each.labels) == name), None)


def _trends(name: str, view: View, trends: Trends, width: int) -> list[Line]:
    beside_ = 2 if width >= 110 else 1
    each = (width - 3 * (beside_ - 1)) // beside_
    made = [_trend(row, name, view, trends, each) for row in _OVER_TIME]
    return [
        (*one, Cell(" " * (each + 3 - width_of(one))), *other)
        for one, other in zip(made[::2], made[1::2], strict=True)
    ] if beside_ == 2 else made  # fmt: skip


def _trend(
    row: tuple[str, str, bool, Callable[[float | None], str]],
    name: str,
    view: View,
    trends: Trends,
    width: int,
) -> Line:
    title, metric, grows, words = row
    points = view.state.query(metric)
    series = [point.labels for point in points if owner_of(point.labels) == name]
    look = trends.growth if grows else trends.values
    values = _added([look(view.past, labels, _STEPS) for labels in series])
    newest = words(values[-1]) if values else words(None)
    return line(
        Cell(f"{pad(title, 12)}", "dim"),
        Cell(pad(newest, 10)),
        *scaled_trend(values, width - 22, _STEPS, words),
    )


def _added(series: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Series added up, scrape by scrape."""
    sums: list[float | None] = []
    for values in zip(*series, strict=True):
        known = [value for value in values if value is not None]
        sums.append(sum(known) if known else None)
    return sums
