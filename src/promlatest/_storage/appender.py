"""The two appenders: one that writes at once, and one that writes all or nothing.

`DirectAppender` writes into a `LiveSource`: a sample of a known series is one reference
stored in its slot, without a lock (half the cost with one: `python -m benchmarks append`).
`Batch` collects, and hands everything to the store when it is committed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import attrs

from promlatest._datapoint import Metadata
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._rows import Rows
from promlatest._storage.limits import Limits, check_labels
from promlatest._storage.live import LiveSource, Slot, new_refs
from promlatest._storage.snapshot import Counts
from promlatest.exceptions import (
    AppenderClosedError,
    LabelError,
    UsageError,
)

FAR_FUTURE: Final = 10 * 60 * 1000  # ms; what Prometheus' scraper allows for


# Writing at once


class DirectAppender:
    """Writes every sample at once; `commit` and `rollback` do nothing.

    A sample that is not newer than the one held is not taken, and is counted
    (`Store.counts`). Two threads that append to one series at the same moment are in a
    race, and one of the two samples is held afterwards.
    """

    __slots__ = ("_clock", "_create", "_horizon", "_refuse", "_slots")

    def __init__(
        self,
        source: LiveSource,
        clock: Callable[[], int],
        create: Callable[[Labels, int, float], tuple[int, Slot]],
        refuse: Callable[[str], None],
    ) -> None:
        self._slots = source.slots
        self._clock = clock
        self._create = create
        self._refuse = refuse
        self._horizon = clock() + FAR_FUTURE

    def append(self, ref: int, labels: Mapping[str, str], t: int, v: float) -> int:
        """Write one sample; see `Appender.append`."""
        try:
            slot = self._slots[ref]  # a third cheaper than get()
        except KeyError:
            return self._append_carefully(ref, labels, t, v)
        if type(t) is int and type(v) is float and slot[0][0] < t <= self._horizon:
            slot[0] = (t, v)
            return ref
        return self._append_carefully(ref, labels, t, v)

    def append_many(self, refs: Sequence[int], t: int, values: Sequence[float]) -> None:
        """Write a sample of many known series, all for one moment.

        It costs half of as many calls of `append`. Samples that are not newer than
        those held are not taken, and are counted.

        Args:
            refs: what earlier appends of the series returned.
            t: when they were sampled, in integer milliseconds since the epoch.
            values: beside each ref its sample.

        Raises:
            UsageError: a ref is not known (any more), there are not as many values as
                refs, `t` is no int or a value no number; what stands before it is written.
        """
        t = checked_time(t)
        if len(refs) != len(values):
            raise UsageError(f"expected {len(refs)} values, one a ref, not {len(values)}")
        slots = self._slots
        self._horizon = self._clock() + FAR_FUTURE
        for ref, v in zip(refs, values, strict=True):
            slot = slots.get(ref)
            if slot is None:
                raise UsageError(f"no series has the ref {ref!r}; append it with labels")
            if type(v) is float and slot[0][0] < t <= self._horizon:
                slot[0] = (t, v)
            else:
                self._append_carefully(ref, {}, t, v)

    def commit(self) -> None:
        """Nothing: everything is written already."""

    def rollback(self) -> None:
        """Nothing: what is written stays. A `Batch` can be rolled back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing, whatever happened inside."""

    def _append_carefully(
        self, ref: int, labels: Mapping[str, str], t: int, v: float
    ) -> int:
        t, v = checked_sample(t, v)
        self._horizon = self._clock() + FAR_FUTURE
        if t > self._horizon:
            self._refuse("out_of_bounds")
            return ref if ref in self._slots else 0
        slot = self._slots.get(ref)
        if slot is None:
            ref, slot = self._create(checked_series(labels), t, v)
        held = slot[0]
        if held[0] < t:
            slot[0] = (t, v)
        elif held[0] > t:
            self._refuse("out_of_order")
        elif held[1] != v and not (held[1] != held[1] and v != v):
            self._refuse("duplicates")
        return ref


# All or nothing


class RefBook:
    """The refs that the batches of one source have given out.

    Several batches may write in it at once, without a lock: both ways of looking up are
    swapped together, and neither is ever iterated over. What one of them adds while
    another forgets may be lost; a ref that is not known is as good as 0.
    """

    def __init__(self) -> None:
        self._pages: tuple[dict[int, Labels], dict[Labels, int]] = ({}, {})

    def labels(self, ref: int) -> Labels | None:
        """The series of a ref; None if it is not known (any more)."""
        return self._pages[0].get(ref)

    def ref(self, labels: Labels) -> int:
        """The ref of a series, a new one if it has none."""
        by_ref, by_labels = self._pages
        ref = by_labels.setdefault(labels, next(new_refs))
        by_ref[ref] = labels
        return ref

    def forget_all_but(self, used: Collection[Labels]) -> None:
        """Forget the others once they are more than twice what is in use."""
        if len(self._pages[0]) > 2 * len(used) + 1000:
            by_ref = {self.ref(labels): labels for labels in used}
            self._pages = by_ref, {labels: ref for ref, labels in by_ref.items()}


class Batch:
    """Shows nothing before `commit`, everything at once then, and nothing ever after
    `rollback`.

    As a context manager it commits on leaving, and rolls back if an exception left it.
    It ends once; a call after that raises `AppenderClosedError`.

    Attributes:
        source: whose samples these are.
        replace: whether what the batch does not bring is gone afterwards (a scrape),
            or stays (a push).
        timestamp: of samples without one of their own; None: the moment of the commit.
        report: makes samples about the commit, once it is committed; see `commit`.
    """

    def __init__(
        self,
        source: str,
        commit: Callable[[Batch], Counts],
        *,
        replace: bool,
        timestamp: int | None,
        limits: Limits,
        book: RefBook,
    ) -> None:
        self.source: Final = source
        self.replace: Final = replace
        self.timestamp: Final = timestamp
        self.metadata: dict[str, Metadata] = {}
        self.report: Callable[[Counts], Iterable[Rows]] | None = None
        self._commit = commit
        self._limits = limits
        self._book = book
        self._rows: list[Rows] = []
        self._places = 0
        self._appended: list[tuple[int, Labels, int, float]] = []
        self._ended = ""

    @property
    def rows(self) -> list[Rows]:
        """Everything that was appended, in columns."""
        return [*self._rows, *_rows_of(self._appended)]

    def append(self, ref: int, labels: Mapping[str, str], t: int, v: float) -> int:
        """Take one sample; see `Appender.append`.

        Raises:
            AppenderClosedError: the batch has ended.
            LimitError: a label is longer, or there are more, than the store allows.
        """
        self._check_open()
        t, v = checked_sample(t, v)
        series = self._book.labels(ref)
        if series is None:
            series = checked_series(labels)
            check_labels(series, self._limits)
            ref = self._book.ref(series)
        self._appended.append((self._places, series, t, v))
        self._places += 1
        return ref

    def append_rows(
        self, rows: Iterable[Rows], metadata: Mapping[str, Metadata] | None = None
    ) -> None:
        """Take many samples in columns, and what is known of their families.

        Raises:
            AppenderClosedError: the batch has ended.
        """
        self._check_open()
        taken = list(rows)
        start = self._places
        self._rows += [_moved(each, start) for each in taken] if start else taken
        self._places += 1 + max((each.places[-1] for each in taken if each), default=0)
        self.metadata.update(metadata or {})

    def commit(self, report: Callable[[Counts], Iterable[Rows]] | None = None) -> Counts:
        """Show everything at once.

        Args:
            report: makes samples about the commit itself, such as
                `scrape_series_added`, of what became of the others. They are shown with
                the others and are not counted. It may be called more than once.

        Returns:
            What became of the samples.

        Raises:
            AppenderClosedError: the batch has ended.
            LimitError: a label is longer, or there are more labels or series, than the
                store allows; it keeps what it had.
        """
        self._check_open()
        self._ended = "rolled back"  # which is what it is if committing fails
        self.report = report
        try:
            counts = self._commit(self)
            self._ended = "committed"
        finally:
            self._forget()
        return counts

    def rollback(self) -> None:
        """Forget everything."""
        self._check_open()
        self._ended = "rolled back"
        self._forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        if self._ended:
            return
        if kind is None:
            self.commit()
        else:
            self.rollback()

    def _forget(self) -> None:
        self._book.forget_all_but({labels for _, labels, _, _ in self._appended})
        self._rows, self._appended = [], []

    def _check_open(self) -> None:
        if self._ended:
            raise AppenderClosedError(
                f"this batch of {self.source!r} was {self._ended}; take a new one"
            )


def _moved(rows: Rows, start: int) -> Rows:
    """The rows, placed behind what came before."""
    return attrs.evolve(rows, places=[start + place for place in rows.places])


def _rows_of(appended: Sequence[tuple[int, Labels, int, float]]) -> Iterator[Rows]:
    """Single samples in columns, grouped by metric and label names."""
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[int, Labels, int, float]]] = {}
    for each in appended:
        labels = each[1]
        groups.setdefault((labels.metric, labels.flat[::2]), []).append(each)
    for (metric, names), group in groups.items():
        columns = zip(*(labels.flat[1::2] for _, labels, _, _ in group), strict=True)
        named = {
            name: column
            for name, column in zip(names, columns, strict=True)
            if name != METRIC_NAME
        }
        yield Rows(
            metric,
            tuple(named),
            tuple(map(list, named.values())),
            array("d", [v for _, _, _, v in group]),
            array("q", [place for place, _, _, _ in group]),
            [t for _, _, t, _ in group],
        )


# Checks


def checked_sample(t: int, v: float) -> tuple[int, float]:
    """Time and value as they are kept.

    Raises:
        UsageError: the time is no int, or the value no number.
    """
    if isinstance(v, str | bytes | bytearray):  # float() would read them
        raise UsageError(f"a sample is a number, not {v!r}")
    try:
        return checked_time(t), float(v)
    except (TypeError, OverflowError) as error:
        raise UsageError(f"a sample is a number, not {v!r}") from error


def checked_time(t: int) -> int:
    """A timestamp as it is kept.

    Raises:
        UsageError: it is no int, or does not fit in 64 bits.
    """
    if not isinstance(t, int) or isinstance(t, bool):
        raise UsageError(
            f"a timestamp is an int in milliseconds since the epoch, not {t!r}"
        )
    if not -(1 << 63) <= t < 1 << 63:
        raise UsageError(f"a timestamp must fit in 64 bits, not {t!r}")
    return t


def checked_series(labels: Mapping[str, str]) -> Labels:
    """The label set of a series.

    Raises:
        LabelError: the label set cannot exist, or has no metric name.
    """
    series = labels if isinstance(labels, Labels) else Labels(labels)
    if not series.metric:
        raise LabelError(f"a series needs a metric name as __name__: {series}")
    return series
