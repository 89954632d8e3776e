"""From what was fetched to what the store shows: one commit, or one failure.

It owns the result of a scrape and the series about it (`up` and its like, C-18). It
blocks, and runs on a worker thread: to read 1 MB takes 50 ms the first time (7 ms again),
and a subscriber of the store is called on the thread that commits.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Final, Protocol

import attrs

from promlatest._clock import deadline
from promlatest._counts import Counts
from promlatest._datapoint import Metadata
from promlatest._escape import escaped
from promlatest._samples import NO_TIME, Rows, Samples, take
from promlatest._storage.limits import Limits, check_rows
from promlatest.exceptions import (
    BodyError,
    EndpointError,
    LimitError,
    ParseError,
    PromlatestError,
)
from promlatest.exposition import Reader, format_of, parse
from promlatest.scrape._fetch import Collected, EscapedError, Fetched, timed_out
from promlatest.scrape._job import Job
from promlatest.scrape._labelling import Labeller, SeriesCache
from promlatest.scrape._relabel import relabel
from promlatest.scrape._sources import visible_labels
from promlatest.scrape._target import Target

__all__ = ["Ingester", "ScrapeBatch", "ScrapeResult", "ScrapeSink"]

SYNTHETIC: Final = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
_LONG: Final = 1 << 16  # bytes
_LEAST: Final = 0.5  # s to read a body
_NO_LIMIT: Final = 1 << 62

_log: Final = logging.getLogger("promlatest.scrape")


class ScrapeBatch(Protocol):
    """Takes one scrape and shows all of it at once; a store's `Batch` is one."""

    def append_samples(
        self, samples: Samples, metadata: Mapping[str, Metadata] | None = ...
    ) -> None: ...

    def commit(
        self, report: Callable[[Counts], Sequence[float]] | None = ...
    ) -> Counts: ...


class ScrapeSink(Protocol):
    """What a scraper writes to: a `Store`, or whatever else can do this."""

    @property
    def clock(self) -> Callable[[], int]:
        """What tells the time of samples, in milliseconds since the epoch."""

    @property
    def is_watched(self) -> bool:
        """Whether a commit calls functions that may take their time."""

    def batch(
        self,
        source: str,
        *,
        replace: bool = ...,
        timestamp: int | None = ...,
        lookback: int | None = ...,
    ) -> ScrapeBatch: ...

    def fail(
        self,
        source: str,
        error: Exception,
        *,
        report: Samples | None = ...,
        timestamp: int | None = ...,
    ) -> None: ...

    def remove(self, source: str) -> None: ...


@attrs.frozen
class ScrapeResult:
    """What one scrape did.

    Attributes:
        source: whose it was: the name of the target, as the store has it.
        timestamp: when it started, in milliseconds since the epoch; its samples have it.
        error: why it failed; None if it did not.
        status: the HTTP status; None where there was no answer or no HTTP.
        bytes: of the body, unpacked.
        samples: that were exposed.
        kept: that were left by metric relabelling.
        added: series that were not there before.
        removed: series that are gone.
        duplicates: samples not taken: a second one of a series.
        out_of_order: samples not taken: older than what was held.
        out_of_bounds: samples not taken: more than ten minutes in the future.
        too_old: samples not taken: their own timestamp is older than the lookback.
        example: the first sample that was not taken, and why; "" if all were.
        fetch_seconds: from the start to the last byte.
        parse_seconds: reading, labels and relabelling.
        commit_seconds: until the store showed it, its subscribers included.
    """

    source: str
    timestamp: int
    error: PromlatestError | None = None
    status: int | None = None
    bytes: int = 0
    samples: int = 0
    kept: int = 0
    added: int = 0
    removed: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    out_of_bounds: int = 0
    too_old: int = 0
    fetch_seconds: float = 0.0
    parse_seconds: float = 0.0
    commit_seconds: float = 0.0
    example: str = ""

    @property
    def untaken(self) -> int:
        """How many samples were not taken."""
        return self.duplicates + self.out_of_order + self.out_of_bounds + self.too_old

    @property
    def up(self) -> bool:
        """Whether it was a good scrape."""
        return self.error is None

    @property
    def seconds(self) -> float:
        """The time it took, all in all."""
        return self.fetch_seconds + self.parse_seconds + self.commit_seconds


@attrs.define
class _Progress:
    """How far a scrape has come: what its report says, also if it fails."""

    started: float
    fetched: float = 0.0
    parsed: float = 0.0
    samples: int = 0
    kept: int = 0


class Ingester:
    """Commits the scrapes of one target; for one scrape at a time.

    Args:
        sink: where they go.
        target: whose they are.
        source: what the sink calls it.
        job: how it is scraped.
    """

    def __init__(self, sink: ScrapeSink, target: Target, source: str, job: Job) -> None:
        self.source: Final = source
        self._sink = sink
        self._target = target
        self._job = job
        self.labels: Final = _visible(target, source, job)
        self._reader = Reader()
        self._prepared_rows = _PreparedRows()
        self._checked: tuple[Rows, ...] = ()
        self._failed_rows = self._report_rows(0)
        self._labeller = Labeller(self.labels, honor=job.honor_labels)
        self._series = SeriesCache(lambda labels: relabel(labels, job.metric_relabel))
        limits = job.limits
        self._label_limits = Limits(
            labels=limits.labels or _NO_LIMIT,
            label_name_length=limits.label_name_length or _NO_LIMIT,
            label_value_length=limits.label_value_length or _NO_LIMIT,
        )

    def ingest(
        self, answer: Fetched | Collected, timestamp: int, started: float
    ) -> ScrapeResult:
        """Show what was fetched, or why it cannot be shown.

        Args:
            answer: what was fetched.
            timestamp: of the start of the scrape, in milliseconds since the epoch.
            started: the same by `time.perf_counter`.
        """
        progress = _Progress(started, perf_counter())
        try:
            with deadline(self._end_of_reading(progress)):
                samples, metadata = self._read(answer)
                batch = self._sink.batch(
                    self.source, timestamp=timestamp, lookback=self._job.lookback
                )
                batch.append_samples(self._prepared(samples, progress), metadata)
            progress.parsed = perf_counter()
            counts = batch.commit(lambda counts: self._report(1, progress, counts.added))
        except Exception as error:  # a mistake of ours must not end the scraping
            return self._failed(self._explained(error), answer, timestamp, progress)
        return self._result(answer, timestamp, progress, counts, None)

    def _end_of_reading(self, progress: _Progress) -> float:
        """When reading has to be done: it has what fetching left of the timeout, but some
        time at least, since that a machine is busy is not the fault of a body."""
        left = self._job.timeout - (progress.fetched - progress.started)
        return perf_counter() + max(left, _LEAST)

    def fail(self, error: Exception, timestamp: int, started: float) -> ScrapeResult:
        """Make the series of the target stale: it could not be fetched."""
        progress = _Progress(started, perf_counter())
        return self._failed(self._explained(error), None, timestamp, progress)

    def _explained(self, error: Exception) -> PromlatestError:
        """An error as the reason why a scrape failed."""
        if isinstance(error, PromlatestError):
            return error
        if isinstance(error, TimeoutError):
            return timed_out("read", self._job.timeout, self.source)
        if not isinstance(error, EscapedError):
            _log.error("scraping %s failed", self.source, exc_info=error)
            return BodyError(escaped(f"it raised {type(error).__name__}: {error}"))
        return BodyError(escaped(f"it raised {error}"))

    def _read(self, answer: Fetched | Collected) -> _Read:
        if isinstance(answer, Collected):
            return answer.samples, answer.metadata
        fallback = self._job.fallback
        self._check_long_lines(answer.body)
        read = self._reader.read(answer.body, answer.content_type, fallback=fallback)
        return read, read.metadata

    def _check_long_lines(self, body: bytes | bytearray) -> None:
        """Refuse a line with far too many labels before it is read: a million of them
        take 6 s and 40 times the body. A closing quote may stand behind a `=`, so a line
        has at most twice as many of these as labels; relabelling may drop some.

        Raises:
            LimitError: there is such a line.
        """
        allowed = self._job.limits.labels
        most = allowed * (200 if self._job.metric_relabel else 2)
        for line in _long_lines(body) if allowed else ():
            found = line.count(b'="')
            if found > most:
                where = line[:60].decode(errors="replace")
                raise LimitError(
                    f"expected at most {allowed} for the limit labels,"
                    f" got {found // 2} or more at {where!r}",
                    limit="labels",
                    allowed=allowed,
                )

    def _prepared(self, samples: Samples, progress: _Progress) -> Samples:
        """The samples as they are kept, with places for the report at their end.

        Of series that are the same as the last time nothing is looked at again.

        Raises:
            LimitError: there are too many, or their labels are too long or too many.
        """
        size = len(samples.values)
        if samples.rows is not self._prepared_rows.exposed or not samples.rows:
            self._prepared_rows = self._prepare(samples.rows, size, progress)
        prepared = self._prepared_rows
        progress.samples, progress.kept = prepared.samples, prepared.kept
        self._check_samples(prepared.kept)
        values = samples.values + array("d", bytes(8 * len(SYNTHETIC)))
        times = samples.times
        if times is not None:
            honored = self._job.honor_timestamps
            times = times + array("q", [NO_TIME]) * len(SYNTHETIC) if honored else None
        return Samples(prepared.rows, values, times, samples.exemplars)

    def _prepare(
        self, rows: tuple[Rows, ...], size: int, progress: _Progress
    ) -> _PreparedRows:
        """What becomes of rows that are not those of the last time."""
        progress.samples = sum(map(len, rows))
        labelled = self._labeller.label(rows)
        if self._job.metric_relabel:
            labelled = self._series.relabel(labelled)
        progress.kept = kept = sum(map(len, labelled))
        self._check_samples(kept)
        checked = {id(each) for each in self._checked}
        try:
            fresh = [each for each in labelled if id(each) not in checked]
            check_rows(fresh, self._label_limits)
        except LimitError:
            self._count_to_limit(labelled, progress)
            raise
        self._checked = labelled
        whole = (*labelled, *self._report_rows(size))
        return _PreparedRows(rows, progress.samples, kept, whole)

    def _count_to_limit(self, labelled: tuple[Rows, ...], progress: _Progress) -> None:
        """Count the samples up to the first whose labels are past a limit, and those that
        would have been kept before it: Prometheus reads no further, and reports these."""
        limits = self._label_limits
        first = min(
            each.places[_first_past(each, limits)]
            for each in labelled
            if not _fits(each, limits)
        )
        progress.samples = first + 1
        progress.kept = sum(place < first for each in labelled for place in each.places)

    def _check_samples(self, kept: int) -> None:
        allowed = self._job.limits.samples
        if allowed and kept > allowed:
            raise LimitError(
                f"expected at most {allowed} samples, got {kept}",
                limit="samples",
                allowed=allowed,
            )

    def _failed(
        self,
        error: PromlatestError,
        answer: Fetched | Collected | None,
        timestamp: int,
        progress: _Progress,
    ) -> ScrapeResult:
        if isinstance(error, EndpointError) and not error.target:
            error.target = self.source
        # The store keeps the error, and its frames and causes would keep the body.
        error.__cause__ = error.__context__ = error.__traceback__ = None
        progress.parsed = perf_counter()
        if isinstance(error, ParseError) and isinstance(answer, Fetched):
            self._count_before(answer, error.line, progress)
        report = Samples(self._failed_rows, array("d", self._report(0, progress, 0)))
        try:
            self._sink.fail(self.source, error, report=report, timestamp=timestamp)
        except LimitError:  # a full store has no room for the report of a new target
            self._sink.fail(self.source, error, timestamp=timestamp)
        return self._result(answer, timestamp, progress, Counts(), error)

    def _count_before(self, answer: Fetched, line: int, progress: _Progress) -> None:
        """Count the samples before a mistake, for Prometheus reports them (C-12)."""
        lines = bytes(answer.body).split(b"\n", line - 1)[: line - 1]
        fallback = self._job.fallback
        if format_of(answer.content_type, fallback) == "openmetrics":
            lines.append(b"# EOF")
        text = b"\n".join([*lines, b""])
        until = perf_counter() + max(_LEAST, self._job.timeout)
        with suppress(PromlatestError, TimeoutError), deadline(until):
            whole = parse(text, answer.content_type, fallback=fallback)
            self._prepared(whole, progress)

    def _report(self, up: int, progress: _Progress, added: int) -> tuple[float, ...]:
        """The samples about a scrape, in the order of `SYNTHETIC` (C-18)."""
        took = perf_counter() - progress.started
        return (up, took, progress.samples, progress.kept, added)

    def _report_rows(self, start: int) -> tuple[Rows, ...]:
        """The series about a scrape, with the labels of its target."""
        names = tuple(sorted(self.labels))
        columns = tuple([self.labels[name]] for name in names)
        return tuple(
            Rows(metric, names, columns, (place,), counted=False)
            for place, metric in enumerate(SYNTHETIC, start)
        )

    def _result(
        self,
        answer: Fetched | Collected | None,
        timestamp: int,
        progress: _Progress,
        counts: Counts,
        error: PromlatestError | None,
    ) -> ScrapeResult:
        status = answer.status if answer is not None else getattr(error, "status", None)
        return ScrapeResult(
            self.source,
            timestamp,
            error,
            status,
            0 if answer is None else len(answer.body),
            progress.samples,
            progress.kept,
            counts.added,
            counts.removed,
            counts.duplicates,
            counts.out_of_order,
            counts.out_of_bounds,
            counts.too_old,
            progress.fetched - progress.started,
            progress.parsed - progress.fetched,
            perf_counter() - progress.parsed,
            counts.example,
        )


@attrs.frozen(eq=False)
class _PreparedRows:
    """What became of the rows of an exposition.

    Attributes:
        exposed: the rows as they were read.
        samples: how many samples they are.
        kept: how many are left by metric relabelling.
        rows: what is kept, and the series of the report.
    """

    exposed: tuple[Rows, ...] = ()
    samples: int = 0
    kept: int = 0
    rows: tuple[Rows, ...] = ()


_Read = tuple[Samples, Mapping[str, Metadata]]


def _fits(rows: Rows, limits: Limits) -> bool:
    """Whether the labels of rows are within limits."""
    try:
        check_rows([rows], limits)
    except LimitError:
        return False
    return True


def _first_past(rows: Rows, limits: Limits) -> int:
    """The first row that is past a limit, of rows of which one is; found by halving."""
    low, high = 0, len(rows)
    while high - low > 1:
        middle = (low + high) // 2
        if _fits(take(rows, range(low, middle)), limits):
            low = middle
        else:
            high = middle
    return low


def _long_lines(body: bytes | bytearray) -> Iterator[bytes | bytearray]:
    """The lines of more than 64 KiB, found in steps of that."""
    start = 0
    while len(body) - start > _LONG:
        end = body.rfind(b"\n", start, start + _LONG)
        if end < 0:
            end = body.find(b"\n", start)
            end = len(body) if end < 0 else end
            yield body[start:end]
        start = end + 1


def _visible(target: Target, source: str, job: Job) -> dict[str, str]:
    """The labels that samples get. Two callables may have one name; they are told apart
    by that of their source."""
    labels = visible_labels(target, job)
    if target.read is not None and "instance" not in target.labels:
        labels["instance"] = source
    return labels
