"""What changed between two scrapes: gains, moves, what came and what went."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Final

import attrs

from promlatest._datapoint import Metadata, family_of
from promlatest._interfaces import Queryable
from promlatest._matching.labels import Labels
from promlatest.tui.model.series import grows
from promlatest.views.cells import Cell, Tone
from promlatest.views.filters import NO_FILTER, Filter
from promlatest.views.sheet import Column, RowKey, Sheet
from promlatest.views.text import UNKNOWN
from promlatest.views.units import FORMATS, rate_in, signed, unit_of

# Of a histogram its count says what moved; the buckets and the sum moved with it.
_PARTS: Final = ("_bucket", "_sum", "_gsum", "_created")


@attrs.frozen(eq=False)
class ChangedSeries:
    """One series that is not what it was.

    Attributes:
        labels: which.
        before, now: its samples; None: it was not there, it is gone.
        counter: whether it only ever grows, but for resets.
        unit: of its values.
    """

    labels: Labels
    before: float | None
    now: float | None
    counter: bool = False
    unit: str = ""

    @property
    def kind(self) -> str:
        """What became of it, in a word."""
        if self.before is None:
            return "new"
        if self.now is None:
            return "gone"
        if self.counter:
            return "reset" if self.now < self.before else "gained"
        return "rose" if self.now > self.before else "fell"

    @property
    def by(self) -> float | None:
        """How much it changed; after a reset, what was counted since."""
        if self.now is None or self.before is None:
            return self.now if self.counter else None
        return self.now if self.kind == "reset" else self.now - self.before


def changes(
    before: Queryable, now: Queryable, filter_: Filter = NO_FILTER
) -> list[ChangedSeries]:
    """The series that differ, sorted by labels. Linear in all series of both."""
    known = {**before.metrics(), **now.metrics()}
    then = {point.labels: point.value for point in before.match(())}
    found: list[ChangedSeries] = []
    for point in now.match(()):
        was = then.pop(point.labels, None)
        if was != point.value and not (was != was and point.value != point.value):
            found.append(_changed(point.labels, was, point.value, known))
    found += [_changed(labels, was, None, known) for labels, was in then.items()]
    passing = (each for each in found if not filter_ or filter_.passes_series(each.labels))
    return sorted(_told(passing, known), key=lambda each: each.labels)


def _changed(
    labels: Labels, before: float | None, now: float | None, known: Mapping[str, Metadata]
) -> ChangedSeries:
    family = family_of(labels.metric, known)
    told = known.get(family, Metadata())
    counted = labels.metric.endswith("_count") and told.type in ("histogram", "summary")
    counter = grows(told.type, labels.metric)
    return ChangedSeries(
        labels, before, now, counter, "" if counted else unit_of(family, told.unit)
    )


def _told(
    found: Iterator[ChangedSeries], known: Mapping[str, Metadata]
) -> Iterator[ChangedSeries]:
    """Those that say something which no other says."""
    for each in found:
        type_ = known.get(family_of(each.labels.metric, known), Metadata()).type
        if type_ in ("histogram", "summary", "gaugehistogram", "counter"):
            part = each.labels.metric.endswith(_PARTS) or "quantile" in each.labels
            if part and each.before is not None and each.now is not None:
                continue
            if each.labels.metric.endswith("_bucket"):
                continue
        yield each


_TONES: Final[Mapping[str, Tone]] = {"new": "good", "gone": "bad", "reset": "warn"}


def changes_sheet(found: list[ChangedSeries], seconds: float) -> Sheet[ChangedSeries]:
    """A row for each series that changed, with how much and how fast."""
    columns: tuple[Column[ChangedSeries], ...] = (
        Column("what", lambda row: Cell(row.kind, _TONES.get(row.kind, "")),
               lambda row: row.kind, "left", least=6, pinned=True, rising=True),
        Column("by", lambda row: Cell(_by(row), "new"), lambda row: row.by, least=11,
               pinned=True),
        Column("series", lambda row: Cell(_own(row.labels)), lambda row: _own(row.labels),
               "left", least=24, most=84, pinned=True, rising=True),
        Column("before", _cell("before"), attrgetter("before"), least=10),
        Column("now", _cell("now"), attrgetter("now"), least=10),
        Column("a second", lambda row: Cell(_rate(row, seconds)),
               lambda row: row.by if row.counter else None, least=10),
    )  # fmt: skip
    rows: dict[RowKey, ChangedSeries] = {each.labels: each for each in found}
    return Sheet(columns, rows, "changes")


def _own(labels: Labels) -> str:
    return labels.without("job", "instance").series()


def _by(row: ChangedSeries) -> str:
    return "" if row.by is None else signed(row.by, row.unit)


def _rate(row: ChangedSeries, seconds: float) -> str:
    if not row.counter or row.by is None or seconds <= 0:
        return ""
    return rate_in(row.unit, row.by / seconds)


def _cell(name: str) -> Callable[[ChangedSeries], Cell]:
    def cell(row: ChangedSeries) -> Cell:
        value = getattr(row, name)
        return Cell(UNKNOWN if value is None else FORMATS[row.unit](value, 4))

    return cell
