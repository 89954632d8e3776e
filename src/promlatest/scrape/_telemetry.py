"""What a scraper says about itself: `promlatest_*` metrics, and a line in the log
whenever a target changes its state.

Metrics go to a registry of the user's choice, or nowhere. Lines go to the logger
``promlatest.scrape``; a scrape that is like the one before it writes none.
"""

from __future__ import annotations

import logging
from typing import Final
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge

from promlatest._arguments import checked
from promlatest._escape import escaped
from promlatest.exceptions import (
    BodyError,
    ConnectError,
    ContentTypeError,
    LimitError,
    ParseError,
    PromlatestError,
    StatusError,
    TimeoutExceededError,
)
from promlatest.scrape._ingest import ScrapeResult

__all__ = ["StateLog", "Telemetry"]

_log: Final = logging.getLogger("promlatest.scrape")
# As a library should: a program that says nothing about logging gets no lines.
_log.addHandler(logging.NullHandler())

_REASONS: Final[tuple[tuple[type[PromlatestError], str], ...]] = (
    (ConnectError, "connect"),
    (TimeoutExceededError, "timeout"),
    (StatusError, "status"),
    (ContentTypeError, "content_type"),
    (BodyError, "body"),
    (LimitError, "limit"),
    (ParseError, "parse"),
    (PromlatestError, "other"),
)
_PHASES: Final = ("fetch", "parse", "commit")
_REFUSED: Final = ("duplicates", "out_of_order", "out_of_bounds", "too_old")


def reason_of(error: PromlatestError) -> str:
    """One word for the kind of an error."""
    return next(word for kind, word in _REASONS if isinstance(error, kind))


class _Metrics:
    """The metrics of all scrapers that share a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, words: str, *labels: str) -> Counter:
            name = f"promlatest_{name}_total"
            return Counter(name, words, ["job", *labels], registry=registry)

        self.scrapes = counter("scrapes", "Scrapes.")
        self.failures = counter(
            "scrape_failures", "Scrapes that failed, by reason.", "reason"
        )
        self.seconds = counter(
            "scrape_seconds", "Time spent on scrapes, by phase.", "phase"
        )
        self.bytes = counter("scrape_body_bytes", "Bytes of bodies, unpacked.")
        self.samples = counter("scrape_samples", "Samples that were exposed.")
        self.refused = counter(
            "refused_samples",
            "Samples of good scrapes that were not taken, by reason.",
            "reason",
        )
        self.skipped = counter(
            "skipped_ticks", "Scrapes left out because the one before was still under way."
        )
        self.targets = Gauge(
            "promlatest_targets", "Targets that are scraped.", ["job"], registry=registry
        )


# Two scrapers may share a registry, and a registry takes a name once.
_known: Final[WeakKeyDictionary[CollectorRegistry, _Metrics]] = WeakKeyDictionary()


class Telemetry:
    """Counts scrapes in a registry; without one it does nothing."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._metrics: _Metrics | None = None
        if registry is not None:
            checked(registry, CollectorRegistry, "a CollectorRegistry for registry")
            if registry not in _known:
                _known[registry] = _Metrics(registry)
            self._metrics = _known[registry]

    def record(self, job: str, result: ScrapeResult) -> None:
        """Count one scrape."""
        metrics = self._metrics
        if metrics is None:
            return
        metrics.scrapes.labels(job).inc()
        if result.error is not None:
            metrics.failures.labels(job, reason_of(result.error)).inc()
        for phase in _PHASES:
            metrics.seconds.labels(job, phase).inc(getattr(result, f"{phase}_seconds"))
        metrics.bytes.labels(job).inc(result.bytes)
        metrics.samples.labels(job).inc(result.samples)
        for reason in _REFUSED:
            metrics.refused.labels(job, reason).inc(getattr(result, reason))

    def skipped(self, job: str, ticks: int) -> None:
        """Count ticks that were left out."""
        if self._metrics is not None and ticks:
            self._metrics.skipped.labels(job).inc(ticks)

    def targets(self, job: str, change: int) -> None:
        """Count targets that came (1) or went (-1)."""
        if self._metrics is not None:
            self._metrics.targets.labels(job).inc(change)


class StateLog:
    """Writes a line when a target is first seen, fails, fails otherwise, recovers, or
    begins to expose samples that are not taken."""

    def __init__(self, job: str) -> None:
        self._job = job
        self._state = "new"
        self._untaken: tuple[str, ...] = ()  # why samples were not taken

    def record(self, result: ScrapeResult) -> None:
        """Look at one scrape."""
        state = "up" if result.error is None else _kind_of(result.error)
        if state != self._state:
            self._say(result)
            self._state = state
        if result.up:
            untaken = tuple(reason for reason in _REFUSED if getattr(result, reason))
            if untaken and untaken != self._untaken:
                _log.warning(
                    "%s: %d of its samples not taken, the first since %s",
                    self._named(result),
                    result.untaken,
                    escaped(result.example),
                    extra=self._extra(result),
                )
            self._untaken = untaken

    def _say(self, result: ScrapeResult) -> None:
        extra, named = self._extra(result), self._named(result)
        if result.error is not None:
            _log.warning("%s is down: %s", named, _message(result), extra=extra)
        else:
            up = "up" if self._state == "new" else "up again"
            _log.info("%s is %s: %d samples", named, up, result.samples, extra=extra)

    def _named(self, result: ScrapeResult) -> str:
        return f"{escaped(result.source)} of job {escaped(self._job)}"

    def _extra(self, result: ScrapeResult) -> dict[str, object]:
        reason = None if result.error is None else reason_of(result.error)
        return {"target": result.source, "job": self._job, "reason": reason}


def _message(result: ScrapeResult) -> str:
    """The error in one line, and without the target, which the line has already."""
    message = getattr(result.error, "message", None) or str(result.error)
    return escaped(" ".join(message.split()))


def _kind_of(error: PromlatestError) -> str:
    """What makes two failures the same: not their numbers and positions."""
    detail = getattr(error, "status", None) or getattr(error, "phase", None)
    return f"{reason_of(error)} {detail or getattr(error, 'limit', '')}"
