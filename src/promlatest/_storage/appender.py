"""The two appenders: one that writes at once, and one that writes all or nothing.

`DirectAppender` writes into a `LiveSource`: a sample of a known series is one reference
stored in its slot, without a lock (half the cost with one: `python -m benchmarks append`).
`Batch` collects, and hands everything to the store when it is committed.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count, repeat
from typing import Final, Self, TypeVar

from promlatest._arguments import checked, checked_function, shown
from promlatest._counts import Counts
from promlatest._datapoint import Metadata
from promlatest._matching.floats import is_same
from promlatest._matching.labels import Labels
from promlatest._samples import Rows, Samples, joined, packed, rows_of
from promlatest._storage.limits import Limits, check_labels
from promlatest._storage.live import Place, Slot
from promlatest.exceptions import AppenderClosedError, LabelError, UsageError

T = TypeVar("T")

_REF: Final = "a ref: 0, or what an earlier append of the series returned"

_TEXTS: Final = (str, bytes, bytearray)

FAR_FUTURE: Final = 10 * 60 * 1000  # ms; what Prometheus' scraper allows for


# Writing at once


class DirectAppender:
    """Writes every sample at once; `commit` and `rollback` do nothing.

    A sample that is not newer than the one held is not taken, and is counted
    (`Store.counts`). Two threads that append to one series at the same moment are in a
    race, and one of the two samples is held afterwards.
    """

    __slots__ = (
        "_clock",
        "_create",
        "_gather",
        "_horizon",
        "_last_refs",
        "_moment",
        "_refuse",
        "_slots",
    )

    def __init__(
        self,
        slots: Mapping[int, Slot | Place],
        clock: Callable[[], int],
        create: Callable[[Labels, tuple[int, float]], tuple[int, Slot | Place | None]],
        gather: Callable[[list[int]], object],
        refuse: Callable[[str, int, str], None],
    ) -> None:
        self._slots = slots
        self._clock = clock
        self._create = create
        self._gather = gather
        self._last_refs: list[int] = []
        self._refuse = refuse
        self._horizon = clock() + FAR_FUTURE
        self._moment: int | None = None  # the last time that was seen to be timely

    def append(self, ref: int, labels: Mapping[str, str], t: int, v: float) -> int:
        """Write one sample; see `Appender.append`.

        O(1): through a known ref 0.1 µs and no lock, by labels some 5 µs. A new series
        takes some 8 µs and the store's lock for a moment; a series that also comes by
        `append_many` takes half a microsecond and the lock. Called while the same thread is
        in the middle of adding a series (from `__del__` or a signal handler), it returns 0,
        and writes when that is done.
        """
        try:
            slot = self._slots[ref]
            # Most samples have the moment of the one before: it is not looked at again,
            # which is 15 ns of 130.
            if (
                (t is self._moment or self._is_timely(t))
                and slot.sample[0] < t
                and type(v) is float
            ):
                slot.sample = (t, v)
                return ref
        except (LookupError, TypeError):
            pass  # a ref that is none, or of a series that was dropped
        return self._append_carefully(ref, labels, t, v)

    def append_many(self, refs: Sequence[int], t: int, values: Sequence[float]) -> None:
        """Write a sample of many known series, all for one moment.

        It costs half of as many calls of `append`, and a tenth from the third time on
        that the same refs come in the same order: the samples are then one vector, stored
        as one reference. Samples that are not newer than those held are not taken, and are
        counted. Where it raises, nothing is written.

        Args:
            refs: what earlier appends of the series returned.
            t: when they were sampled, in integer milliseconds since the epoch.
            values: beside each ref its sample.

        Raises:
            UsageError: a ref is not known (any more), there are not as many values as
                refs, `t` is no int or a value no number.
        """
        t = checked_time(t)
        refs = _listed(refs, "refs, a sequence of them")
        values = _listed(values, "values, a sequence of them")
        if len(refs) != len(values):
            raise UsageError(f"expected {len(refs)} values, one a ref, not {len(values)}")
        try:
            vector = packed(values)
        except struct.error:  # of which of them, is said here
            vector = array("d", [checked_sample(t, v)[1] for v in values])
        if refs and not self._put(refs, t, vector):
            self._put_each(refs, t, vector)

    def commit(self) -> None:
        """Nothing: everything is written already."""

    def rollback(self) -> None:
        """Nothing: what is written stays. A `Batch` can be rolled back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing, whatever happened inside."""

    def _put(self, refs: list[int], t: int, values: Sequence[float]) -> bool:
        """Write samples of series that have come together; False: these have not."""
        try:
            group = self._slots[refs[0]].group
        except (LookupError, TypeError):
            return False
        if group is None or group.refs != refs:
            return False
        late = [] if self._is_ahead(t, len(refs)) else group.put(t, values)
        for place in late or ():
            self._write(place, t, values[place.at])
        return late is not None

    def _put_each(self, refs: list[int], t: int, values: Sequence[float]) -> None:
        try:
            slots = [*map(self._slots.__getitem__, refs)]
        except LookupError as error:
            unknown = f"no series has the ref {error}; append it with labels"
            raise UsageError(unknown) from None
        except TypeError as error:
            raise UsageError(f"expected refs as ints: {error}") from None
        if self._is_ahead(t, len(refs)):
            return
        # One loop with what it needs made by C code: 67 ns a sample, and 120 with each
        # looked up, checked and made on its own.
        for slot, sample in zip(slots, zip(repeat(t), values), strict=False):
            if slot.sample[0] < t:
                slot.sample = sample
            else:
                self._write(slot, *sample)
        again = refs == self._last_refs
        self._last_refs = [] if again else refs[:]
        if again:
            self._gather(refs[:])

    def _append_carefully(
        self, ref: int, labels: Mapping[str, str], t: int, v: float
    ) -> int:
        t, v = checked_sample(t, v)
        slot = self._slots.get(checked(ref, int, _REF))
        if self._is_ahead(t, 1):
            return ref if slot is not None else 0
        if slot is None:
            ref, slot = self._create(checked_series(labels), (t, v))
        if slot is not None:
            self._write(slot, t, v)
        return ref

    def _is_timely(self, t: int) -> bool:
        if type(t) is not int or t > self._horizon:
            return False
        self._moment = t
        return True

    def _is_ahead(self, t: int, samples: int) -> bool:
        """Whether a time is too far ahead for these samples, which is counted. The clock is
        asked where it was, when last asked."""
        if t > self._horizon:
            self._horizon = self._clock() + FAR_FUTURE
        if t <= self._horizon:
            return False
        self._refuse("out_of_bounds", samples, f"{t} ms is more than 10 minutes ahead")
        return True

    def _write(self, slot: Slot | Place, t: int, v: float) -> None:
        held = slot.sample
        if held[0] < t:
            slot.sample = (t, v)
        elif held[0] > t:
            self._refuse(
                "out_of_order", 1, f"{t} ms, where a sample of {held[0]} ms is held"
            )
        elif not is_same(held[1], v):
            self._refuse("duplicates", 1, f"a second value for {t} ms")


# All or nothing


# Of the whole process, and apart from those of series that are appended directly.
_new_refs: Final = count(1 << 62)


class RefBook:
    """The refs that the batches of one source have given out.

    Several batches may write in it at once, without a lock: both ways of looking up are
    swapped together, and neither is ever iterated over. What one of them adds while
    another forgets may be lost; a ref that is not known is as good as 0.
    """

    def __init__(self) -> None:
        self._pages: tuple[dict[int, Labels], dict[Labels, int]] = ({}, {})
        self._last: tuple[list[Labels], tuple[Rows, ...]] = ([], ())

    def rows(self, series: list[Labels]) -> tuple[Rows, ...]:
        """Series in columns; those of the last time where they are the same."""
        last, rows = self._last
        if series != last:
            rows = rows_of([(labels, at) for at, labels in enumerate(series)])
            self._last = series, rows
        return rows

    def labels(self, ref: int) -> Labels | None:
        """The series of a ref; None if it is not known (any more)."""
        try:
            return self._pages[0].get(ref)
        except TypeError:  # what has no hash is none
            return None

    def ref(self, labels: Labels) -> int:
        """The ref of a series, a new one if it has none."""
        by_ref, by_labels = self._pages
        ref = by_labels.get(labels)
        if ref is None:
            ref = by_labels.setdefault(labels, next(_new_refs))
            by_ref[ref] = labels
        return ref

    def forget_all_but(self, used: Collection[Labels]) -> None:
        """Forget the others once they are more than twice what is in use."""
        if len(self._pages[0]) > 2 * len(used) + 1000:
            by_ref = {self.ref(labels): labels for labels in set(used)}
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
        lookback: how much older than the batch a sample's own timestamp may be, in
            milliseconds; None: however much.
    """

    def __init__(
        self,
        source: str,
        commit: Callable[[Batch], Counts],
        *,
        replace: bool,
        timestamp: int | None,
        lookback: int | None,
        limits: Limits,
        book: RefBook,
    ) -> None:
        self.source: Final = source
        self.replace: Final = replace
        self.timestamp: Final = timestamp
        self.lookback: Final = lookback
        self.metadata: dict[str, Metadata] = {}
        self.report: Callable[[Counts], Sequence[float]] | None = None
        self._commit = commit
        self._limits = limits
        self._book = book
        self._parts: list[Samples] = []
        self._labels: list[Labels] = []
        self._appended: list[Labels] = []
        self._values: array[float] = array("d")
        self._times: array[int] = array("q")

    @property
    def samples(self) -> Samples:
        """Everything that was appended, in columns."""
        self._close_part()
        return joined(self._parts) if self._parts else Samples((), array("d"))

    def append(self, ref: int, labels: Mapping[str, str], t: int, v: float) -> int:
        """Take one sample; see `Appender.append`. O(1), about 1 µs through a ref.

        Raises:
            AppenderClosedError: the batch has ended.
            LimitError: a label is longer, or there are more, than the store allows.
        """
        self._check_open()
        t, v = checked_sample(t, v)
        series = self._book.labels(ref)
        if series is None:
            checked(ref, int, _REF)
            series = checked_series(labels)
            check_labels(series, self._limits)
            ref = self._book.ref(series)
        self._labels.append(series)
        self._values.append(v)
        self._times.append(t)
        return ref

    def append_samples(
        self, samples: Samples, metadata: Mapping[str, Metadata] | None = None
    ) -> None:
        """Take many samples in columns, and what is known of their families. O(1).

        Raises:
            AppenderClosedError: the batch has ended.
            UsageError: the samples are no `Samples`, or the metadata is no mapping.
        """
        self._check_open()
        checked(samples, Samples, "Samples, as parse gives them")
        known = checked(metadata or {}, Mapping, "Metadata by the name of its family")
        self._close_part()
        self._parts.append(samples)
        self.metadata.update(known)

    def commit(self, report: Callable[[Counts], Sequence[float]] | None = None) -> Counts:
        """Show everything at once.

        Args:
            report: is called with what became of the samples, and returns the last values
                of the batch: those about the commit itself, such as
                `scrape_series_added`, whose rows are not `Rows.counted`. It may be called
                more than once.

        Returns:
            What became of the samples.

        Raises:
            AppenderClosedError: the batch has ended.
            LimitError: a label is longer, or there are more labels or series, than the
                store allows; it keeps what it had.
            UsageError: `report` is no function.
        """
        self._check_open()
        if report is not None:
            checked_function(report, "a function that reports")
        self._ended = "rolled back"  # which is what it is if committing fails
        self.report = report
        try:
            counts = self._commit(self)
            self._ended = "committed"
        finally:
            self._forget()
        return counts

    _ended = ""

    def _close_part(self) -> None:
        """Put what was appended one by one into columns."""
        if self._labels:
            rows = self._book.rows(self._labels)
            self._parts.append(Samples(rows, self._values, self._times))
            self._appended += self._labels
            self._labels, self._values, self._times = [], array("d"), array("q")

    def rollback(self) -> None:
        """Forget everything."""
        self._check_open()
        self._ended = "rolled back"
        self._forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, /, *_: object) -> None:
        if self._ended:
            return
        if kind is None:
            self.commit()
        else:
            self.rollback()

    def _forget(self) -> None:
        self._book.forget_all_but([*self._appended, *self._labels])
        self._parts, self._labels, self._appended = [], [], []

    def _check_open(self) -> None:
        if self._ended:
            raise AppenderClosedError(
                f"this batch of {self.source!r} was {self._ended}; take a new one"
            )


# Checks


def _listed(items: Collection[T], expected: str) -> list[T]:
    return items if type(items) is list else [*checked(items, Collection, expected)]


def checked_sample(t: int, v: float) -> tuple[int, float]:
    """Time and value as they are kept.

    Raises:
        UsageError: the time is no int, or the value no number.
    """
    if isinstance(v, _TEXTS):  # float() would read them
        raise UsageError(f"a sample is a number, not {shown(v)}")
    try:
        return checked_time(t), float(v)
    except (TypeError, OverflowError) as error:
        words = f"a sample is a number that a float holds, not {shown(v)}"
        raise UsageError(words) from error


def checked_time(t: int) -> int:
    """A timestamp as it is kept.

    Raises:
        UsageError: it is no int, or does not fit in 64 bits; the least of them stands for
            no time at all.
    """
    if not isinstance(t, int) or isinstance(t, bool):
        raise UsageError(
            f"a timestamp is an int in milliseconds since the epoch, not {shown(t)}"
        )
    if not -(1 << 63) < t < 1 << 63:  # the least is `NO_TIME`; constants, in a hot path
        raise UsageError(f"a timestamp lies within ±(2^63 - 1), not {shown(t)}")
    return t


def checked_series(labels: Mapping[str, str]) -> Labels:
    """The label set of a series.

    Raises:
        LabelError: the label set cannot exist, or has no metric name.
    """
    series = Labels(labels)
    if not series.metric:
        raise LabelError(f"a series needs a metric name as __name__: {series!s:.80}")
    return series
