"""The tables of one source at one moment, built from the ones before them.

Building happens aside and touches nothing that is visible; the store swaps the finished
snapshot in. What did not change is shared with the snapshot before: a layout whose series
are the same keeps its indexes and its selections, and an update copies only the tables
that it touches.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

import attrs

from promlatest._datapoint import Metadata
from promlatest._matching.matcher import Matcher
from promlatest._rows import Rows, merge, take
from promlatest._storage.limits import Limits, check_rows
from promlatest._storage.table import Layout, Table


class LabelIndex:
    """Which metrics have a series with a label of some value, for selectors that name no
    metric. It is built label by label on first use, the same whichever thread builds it,
    and lasts for as long as the series stay the same."""

    __slots__ = ("_metrics",)

    def __init__(self) -> None:
        self._metrics: dict[str, dict[str, list[str]]] = {}

    def metrics(self, label: str, value: str, tables: Mapping[str, Table]) -> list[str]:
        """The metrics; the list is not the caller's."""
        values = self._metrics.get(label)
        if values is None:
            values = {}
            for metric, table in tables.items():
                if label in table.layout.names:
                    for each in set(table.layout.column(label)):
                        values.setdefault(each, []).append(metric)
            self._metrics[label] = values
        return values.get(value, [])


@attrs.frozen(eq=False)
class SourceSnapshot:
    """What one source had at one moment.

    Attributes:
        tables: by metric name.
        metadata: by family name.
        timestamp: of the scrape or commit, in milliseconds.
    """

    tables: Mapping[str, Table] = attrs.field(factory=dict)
    metadata: Mapping[str, Metadata] = attrs.field(factory=dict)
    timestamp: int = 0
    _index: LabelIndex = attrs.field(factory=LabelIndex, repr=False)

    def metrics_with(self, label: str, value: str) -> list[str]:
        """The metrics that have a series with this label; the list is not the caller's."""
        return self._index.metrics(label, value, self.tables)

    @cached_property
    def size(self) -> int:
        """How many series there are."""
        return sum(table.layout.size for table in self.tables.values())

    def _check(self) -> None:
        for metric, table in self.tables.items():
            assert metric == table.layout.metric
            assert table.layout.size, f"{metric}: an empty table"
            table._check()


@attrs.define
class Counts:
    """What became of the samples of a commit.

    Attributes:
        samples: samples that were taken.
        added: series that were not there before.
        removed: series that are gone.
        duplicates: not taken: a second sample of a series for one timestamp.
        out_of_order: not taken: older than what is held.
        out_of_bounds: not taken: more than ten minutes in the future.
    """

    samples: int = 0
    added: int = 0
    removed: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    out_of_bounds: int = 0

    def add(self, other: Counts) -> None:
        """Add another commit's counts to these."""
        for name in attrs.fields_dict(Counts):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@attrs.frozen(eq=False)
class Commit:
    """What a batch brings: its rows, when, and up to when a sample may lie ahead.

    Attributes:
        rows: the samples.
        metadata: what is known of their families.
        timestamp: of samples that have none of their own, in milliseconds.
        horizon: samples after this moment are not taken: one would pin its series,
            since everything that follows were older than it.
        limits: what series may look like.
    """

    rows: Collection[Rows]
    metadata: Mapping[str, Metadata]
    timestamp: int
    horizon: int
    limits: Limits = attrs.field(factory=Limits)


def replace(held: SourceSnapshot, commit: Commit) -> tuple[SourceSnapshot, Counts]:
    """A snapshot of just what a commit brings: what it does not bring is gone.

    A commit from before the one that is held says nothing of what is there now: it is
    not taken at all.
    """
    counts = Counts()
    if commit.timestamp < held.timestamp:
        counts.out_of_order = sum(map(len, commit.rows))
        return held, counts
    tables: dict[str, Table] = {}
    for metric, group in _by_metric(commit.rows).items():
        before = held.tables.get(metric)
        table = _revalued(group, before, commit, counts)
        if table is None:
            rows = _unique(_bounded(merge(group), commit, counts), commit, counts)
            table = _replaced(rows, before, commit, counts) if len(rows) else None
        if table is not None:
            tables[metric] = table
    _count_changes(held.tables.keys() | tables.keys(), held.tables, tables, counts)
    index = _index_after(held, counts)
    metadata = dict(commit.metadata)
    return SourceSnapshot(tables, metadata, commit.timestamp, index), counts


def update(held: SourceSnapshot, commit: Commit) -> tuple[SourceSnapshot, Counts]:
    """A snapshot with what a commit brings put over what was held."""
    counts = Counts()
    tables = dict(held.tables)
    groups = _by_metric(commit.rows)
    for metric, group in groups.items():
        rows = _unique(_bounded(merge(group), commit, counts), commit, counts)
        if not len(rows):
            continue
        before = tables.get(metric)
        if before is None:
            tables[metric] = _replaced(rows, None, commit, counts)
        else:
            tables[metric] = _updated(rows, before, commit, counts)
    _count_changes(groups, held.tables, tables, counts)
    metadata = {**held.metadata, **commit.metadata}
    timestamp = max(held.timestamp, commit.timestamp)
    return SourceSnapshot(tables, metadata, timestamp, _index_after(held, counts)), counts


def _index_after(held: SourceSnapshot, counts: Counts) -> LabelIndex:
    """The index of the snapshot before, if there are the same series after it."""
    return LabelIndex() if counts.added or counts.removed else held._index


def with_report(
    held: SourceSnapshot, snapshot: SourceSnapshot, report: Commit, counts: Counts
) -> SourceSnapshot:
    """A snapshot with samples about its own commit beside what it brought.

    Of two samples of one series the one that was brought stays (C-18). Those of the
    report are not counted; nor are those of the report before, as gone.
    """
    shown, _ = update(snapshot, report)
    changes = Counts()
    metrics = held.tables.keys() | shown.tables.keys()
    _count_changes(metrics, held.tables, shown.tables, changes)
    counts.removed = changes.removed
    return attrs.evolve(shown, index=_index_after(held, changes))


def without(held: SourceSnapshot, matchers: Sequence[Matcher]) -> SourceSnapshot:
    """A snapshot less the series that fulfil all matchers."""
    tables: dict[str, Table] = {}
    wanted = tuple(matchers)
    for metric, table in held.tables.items():
        gone: set[int] = set()
        if all(m.matches(metric) for m in wanted if m.name == "__name__"):
            gone = set(table.layout.select(wanted).rows)
        if not gone:
            tables[metric] = table
        elif len(gone) < table.layout.size:
            tables[metric] = _less(table, gone)
    return attrs.evolve(held, tables=tables, index=LabelIndex())


def _by_metric(rows: Iterable[Rows]) -> dict[str, list[Rows]]:
    groups: dict[str, list[Rows]] = {}
    for each in rows:
        groups.setdefault(each.metric, []).append(each)
    return groups


def _revalued(
    group: Sequence[Rows], held: Table | None, commit: Commit, counts: Counts
) -> Table | None:
    """The held table with newer values, where the rows share its columns: they are of
    one reader that found the same series again. None where they do not."""
    rows = group[0]
    if (
        held is None
        or len(group) > 1
        or rows.columns is not held.layout.columns
        or len(rows) != held.layout.size
        or rows.timestamps is not None
        or held.times is not None
        or commit.timestamp <= held.timestamp
    ):
        return None
    counts.samples += len(rows)
    return Table(held.layout, _array(rows.values), commit.timestamp, None, rows.exemplars)


def _array(values: Sequence[float]) -> array[float]:
    return values if isinstance(values, array) else array("d", values)


def _bounded(rows: Rows, commit: Commit, counts: Counts) -> Rows:
    """The rows less those from too far ahead."""
    if rows.timestamps is None:
        return rows
    kept = [
        row
        for row, time in enumerate(rows.timestamps)
        if time is None or time <= commit.horizon
    ]
    if len(kept) == len(rows):
        return rows
    counts.out_of_bounds += len(rows) - len(kept)
    return merge([take(rows, kept)])  # which leaves out names that no row has any more


def _unique(rows: Rows, commit: Commit, counts: Counts) -> Rows:
    """The rows with one for each series: the newest, of equally new ones the first."""
    keys: Sequence[tuple[str, ...]] = (
        list(zip(*rows.columns, strict=True)) if rows.columns else [()] * len(rows)
    )
    if len(set(keys)) == len(keys):
        return rows
    best: dict[tuple[str, ...], int] = {}
    for row, key in enumerate(keys):
        first = best.setdefault(key, row)
        if first != row:
            ahead = _time(rows, row, commit) - _time(rows, first, commit)
            counts.samples += ahead > 0  # the one that it takes the place of
            counts.duplicates += ahead == 0
            counts.out_of_order += ahead < 0
            if ahead > 0:
                best[key] = row
    return take(rows, list(best.values()))


def _time(rows: Rows, row: int, commit: Commit) -> int:
    time = None if rows.timestamps is None else rows.timestamps[row]
    return commit.timestamp if time is None else time


def _replaced(rows: Rows, held: Table | None, commit: Commit, counts: Counts) -> Table:
    layout = Layout(rows.metric, rows.names, rows.columns, len(rows))
    if held is not None and layout.same_series(held.layout):
        layout = held.layout.with_columns(rows.columns)
    else:
        check_rows(rows, commit.limits)
    table = _table(layout, rows, commit)
    counts.samples += layout.size
    if held is None or _is_newer(table, held):
        return table
    return _settled(table, held, counts)


def _table(layout: Layout, rows: Rows, commit: Commit) -> Table:
    values = _array(rows.values)
    if rows.timestamps is None:
        return Table(layout, values, commit.timestamp, None, rows.exemplars)
    given = rows.timestamps
    times = array("q", [commit.timestamp if time is None else time for time in given])
    return Table(layout, values, commit.timestamp, times, rows.exemplars)


def _is_newer(table: Table, held: Table) -> bool:
    """Whether every sample is newer than every one held, told without a look at them."""
    return table.times is None and held.times is None and table.timestamp > held.timestamp


def _settled(table: Table, held: Table, counts: Counts) -> Table:
    """The table with the held sample wherever the new one is not newer."""
    values = table.values[:]
    times = array("q", map(table.time, range(table.layout.size)))
    exemplars = dict(table.exemplars)
    for row, cells in enumerate(_keys_as(table.layout, held.layout)):
        before = -1 if cells is None else held.layout.find(cells)
        if before >= 0 and not _supersedes(
            (times[row], values[row]),
            (held.time(before), held.values[before]),
            counts,
        ):
            times[row], values[row] = held.time(before), held.values[before]
            exemplars.pop(row, None)
            if before in held.exemplars:
                exemplars[row] = held.exemplars[before]
    short = _shortened(times, table.timestamp)
    return attrs.evolve(table, values=values, times=short, exemplars=exemplars)


def _supersedes(new: tuple[int, float], held: tuple[int, float], counts: Counts) -> bool:
    """Whether a sample is newer than the one held; if not, it is counted why."""
    if new[0] > held[0]:
        return True
    counts.samples -= 1
    if new[0] < held[0]:
        counts.out_of_order += 1
    elif new[1] != held[1] and not (math.isnan(new[1]) and math.isnan(held[1])):
        counts.duplicates += 1
    return False


def _keys_as(layout: Layout, other: Layout) -> Sequence[tuple[str, ...] | None]:
    """The label values of each row in the other layout's columns; None if that lacks
    one of the labels that the row has."""
    if layout.names == other.names:
        return layout.keys()
    return [other.cells(labels) for labels in layout.labels()]


def _shortened(times: array[int], timestamp: int) -> array[int] | None:
    """The times, or None where they all are this timestamp."""
    return None if times.count(timestamp) == len(times) else times


def _updated(rows: Rows, held: Table, commit: Commit, counts: Counts) -> Table:
    """The held table with these rows put over it, and the new series at its end."""
    brought = Layout(rows.metric, rows.names, rows.columns, len(rows))
    values = held.values[:]
    times = array("q", map(held.time, range(held.layout.size)))
    exemplars = dict(held.exemplars)
    fresh: list[int] = []
    counts.samples += len(rows)
    for row, cells in enumerate(_keys_as(brought, held.layout)):
        before = -1 if cells is None else held.layout.find(cells)
        if before < 0:
            fresh.append(row)
            continue
        new = (_time(rows, row, commit), rows.values[row])
        if _supersedes(new, (times[before], values[before]), counts):
            times[before], values[before] = new
            if row in rows.exemplars:
                exemplars[before] = rows.exemplars[row]
    layout = held.layout
    if fresh:
        start = layout.size
        new_rows = enumerate(fresh, start)
        exemplars |= {
            at: rows.exemplars[row] for at, row in new_rows if row in rows.exemplars
        }
        added = take(rows, fresh)
        check_rows(added, commit.limits)
        layout = _extended(layout, added)
        values.extend(rows.values[row] for row in fresh)
        times.extend(_time(rows, row, commit) for row in fresh)
    short = _shortened(times, commit.timestamp)
    return Table(layout, values, commit.timestamp, short, exemplars)


def _extended(layout: Layout, rows: Rows) -> Layout:
    """A layout with further series at its end."""
    size = layout.size
    old = Rows(
        layout.metric,
        layout.names,
        layout.columns,
        array("d", [0.0]) * size,
        range(size),
    )
    new = attrs.evolve(rows, places=range(size, size + len(rows)), timestamps=None)
    both = merge([old, new])
    return Layout(layout.metric, both.names, both.columns, len(both))


def _less(table: Table, gone: set[int]) -> Table:
    """A table less some rows, but not less all."""
    layout = table.layout
    kept = [row for row in range(layout.size) if row not in gone]
    times = table.times
    rows = take(
        Rows(
            layout.metric,
            layout.names,
            layout.columns,
            table.values,
            range(layout.size),
            None if times is None else times,
            table.exemplars,
        ),
        kept,
    )
    rows = merge([rows])
    return Table(
        Layout(rows.metric, rows.names, rows.columns, len(rows)),
        array("d", rows.values),
        table.timestamp,
        None if times is None else array("q", [times[row] for row in kept]),
        rows.exemplars,
    )


def _count_changes(
    metrics: Iterable[str],
    before: Mapping[str, Table],
    after: Mapping[str, Table],
    counts: Counts,
) -> None:
    """Count the series of these metrics that came and went; tables that share a layout
    are passed by."""
    for metric in metrics:
        old = before[metric].layout if metric in before else None
        new = after[metric].layout if metric in after else None
        if old is new:
            continue
        if old is None or new is None or old.names == new.names:
            had: set[object] = set() if old is None else set(old.keys())
            has: set[object] = set() if new is None else set(new.keys())
        else:
            had, has = set(old.labels()), set(new.labels())
        counts.added += len(has - had)
        counts.removed += len(had - has)
