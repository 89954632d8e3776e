"""From what was fetched to what the store shows: one commit, or one failure.

It owns the result of a scrape and the series about it (`up` and its like, C-18). It
blocks, and runs on a worker thread: reading 1 MB takes 50 ms, and a subscriber of the
store is called on the thread that commits.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Final, Protocol

import attrs

from promlatest._appender import Batch
from promlatest._datapoint import Metadata
from promlatest._limits import Limits, check_rows
from promlatest._rows import Rows
from promlatest._snapshot import Counts
from promlatest.exceptions import BodyError, EndpointError, LimitError, PromlatestError
from promlatest.exposition import Reader
from promlatest.scrape._fetch import Collected, Fetched
from promlatest.scrape._job import Job
from promlatest.scrape._labelling import Labeller, SeriesCache, dated, kept_since
from promlatest.scrape._relabel import relabel
from promlatest.scrape._target import Target

__all__ = ["Ingester", "ScrapeResult", "ScrapeSink"]

SYNTHETIC: Final = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
_NO_LIMIT: Final = 1 << 62

_log: Final = logging.getLogger("promlatest.scrape")


class ScrapeSink(Protocol):
    """What a scraper writes to: a `Store`, or whatever else can do this."""

    def batch(
        self, source: str, *, replace: bool = ..., timestamp: int | None = ...
    ) -> Batch: ...

    def fail(
        self,
        source: str,
        error: Exception,
        *,
        report: Iterable[Rows] = ...,
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
    too_old: int = 0


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
        self.labels: Final = _visible(target, job)
        self._reader = Reader()
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
            rows, metadata = self._read(answer)
            batch = self._sink.batch(self.source, timestamp=timestamp)
            batch.append_rows(self._prepared(rows, timestamp, progress), metadata)
            progress.parsed = perf_counter()
            counts = batch.commit(lambda counts: self._report(1, progress, counts.added))
        except PromlatestError as error:
            return self._failed(error, answer, timestamp, progress)
        except Exception as error:  # a mistake of ours must not end the scraping
            return self._failed(_unexpected(error), answer, timestamp, progress)
        return self._result(answer, timestamp, progress, counts, None)

    def fail(self, error: PromlatestError, timestamp: int, started: float) -> ScrapeResult:
        """Make the series of the target stale: it could not be fetched."""
        return self._failed(error, None, timestamp, _Progress(started, perf_counter()))

    def _read(self, answer: Fetched | Collected) -> _Read:
        if isinstance(answer, Collected):
            return answer.rows, answer.metadata
        fallback = self._job.fallback
        read = self._reader.read(answer.body, answer.content_type, fallback=fallback)
        return read.rows, read.metadata

    def _prepared(
        self, rows: Sequence[Rows], timestamp: int, progress: _Progress
    ) -> list[Rows]:
        """The rows as they are kept.

        Raises:
            LimitError: there are too many, or their labels are too long or too many.
        """
        job = self._job
        progress.samples = sum(map(len, rows))
        dated_rows = dated(rows, honor=job.honor_timestamps)
        labelled = self._labeller.label(dated_rows)
        if job.metric_relabel:
            labelled = self._series.relabel(labelled)
        progress.kept = sum(map(len, labelled))
        allowed = job.limits.samples
        if allowed and progress.kept > allowed:
            raise LimitError(
                f"expected at most {allowed} samples, got {progress.kept}",
                limit="samples",
                allowed=allowed,
            )
        for each in labelled:
            check_rows(each, self._label_limits)
        kept, progress.too_old = kept_since(labelled, timestamp - job.lookback)
        return kept

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
        report = self._report(0, progress, 0)
        try:
            self._sink.fail(self.source, error, report=report, timestamp=timestamp)
        except LimitError:  # a full store has no room for the report of a new target
            self._sink.fail(self.source, error, timestamp=timestamp)
        return self._result(answer, timestamp, progress, Counts(), error)

    def _report(self, up: int, progress: _Progress, added: int) -> list[Rows]:
        """The series about a scrape, with the labels of its target (C-18)."""
        took = perf_counter() - progress.started
        values = (up, took, progress.samples, progress.kept, added)
        names = tuple(sorted(self.labels))
        columns = tuple([self.labels[name]] for name in names)
        return [
            Rows(metric, names, columns, array("d", [value]), [place])
            for place, (metric, value) in enumerate(zip(SYNTHETIC, values, strict=True))
        ]

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
            progress.too_old,
            progress.fetched - progress.started,
            progress.parsed - progress.fetched,
            perf_counter() - progress.parsed,
        )


_Read = tuple[Sequence[Rows], Mapping[str, Metadata]]


def _unexpected(error: Exception) -> EndpointError:
    _log.error("reading a scrape failed", exc_info=error)
    return BodyError(f"reading it raised {type(error).__name__}: {error}")


def _visible(target: Target, job: Job) -> dict[str, str]:
    """The labels that samples get: none that begins with two underscores (C-8)."""
    labels = {"job": job.name, "instance": target.instance, **target.labels}
    return {n: v for n, v in labels.items() if v and not n.startswith("__")}
