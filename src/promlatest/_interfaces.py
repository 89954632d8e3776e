"""The roles of the house, as Protocols, and what each promises.

A store plays all of them. PromQL and rules ask a `Queryable`, and a `Columnar` where there
are several scrapes; the scraper writes to a `ScrapeSink`, an `Appendable` that can be told
of failures. The shapes are those of Prometheus' `storage` package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, Self, runtime_checkable

import attrs

from promlatest._datapoint import DataPoint, Metadata
from promlatest._histogram import Histogram
from promlatest._matching.labels import Labels
from promlatest._matching.matcher import LabelValue, Matcher
from promlatest._samples import Samples


@runtime_checkable
class Appender(Protocol):
    """Takes samples, one at a time.

    An appender is for one thread; what it writes to is safe for many. It must be ended
    by `commit` or `rollback`; leaving it as a context manager does so: commit, or
    rollback if an exception left it.
    """

    def append(self, ref: int, labels: Mapping[str, str], t: int, v: float) -> int:
        """Take one sample.

        Args:
            ref: 0, or what an earlier append of this series returned. It spares the
                look-up; one that is no longer known is as good as 0.
            labels: the series, its metric as `__name__`.
            t: when it was sampled, in integer milliseconds since the epoch.
            v: the sample.

        Returns:
            The ref of the series, never reused for another.

        Raises:
            LabelError: the label set cannot exist.
            UsageError: `t` is no int, or `v` no number.
        """

    def commit(self) -> object:
        """End the appender, and keep what it was given."""

    def rollback(self) -> None:
        """End the appender, and forget what is not visible yet."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, /, *_: object) -> None: ...


class BatchAppender(Appender, Protocol):
    """An appender whose samples become visible at once, or not at all."""

    def append_samples(
        self, samples: Samples, metadata: Mapping[str, Metadata] = ...
    ) -> None:
        """Take many samples in columns, and what is known of their families."""


@runtime_checkable
class Appendable(Protocol):
    """Gives out appenders. It may be called from any thread."""

    def batch(
        self, source: str, *, replace: bool = ..., timestamp: int | None = ...
    ) -> BatchAppender:
        """A batch that replaces, or updates, what a source has."""


@runtime_checkable
class Queryable(Protocol):
    """Answers questions about the latest samples.

    It may be asked from any thread. What it answers is immutable, sorted by
    labels, safe to keep for ever, and asking consumes nothing.
    """

    def query(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[DataPoint]: ...

    def select(self, selector: str, /) -> list[DataPoint]: ...

    def histograms(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> list[Histogram]: ...

    def histogram(
        self, metric: str, /, *matchers: Matcher, **labels: LabelValue
    ) -> Histogram: ...

    def label_names(self, *matchers: Matcher) -> list[str]: ...

    def label_values(self, name: str, /, *matchers: Matcher) -> list[str]: ...

    def metrics(self) -> Mapping[str, Metadata]: ...

    def match(self, matchers: Sequence[Matcher], /) -> list[DataPoint]: ...

    def __len__(self) -> int: ...


# Columns: the way that an engine reads


Values = Sequence[float | None]
"""One value a series; None: the series was not in that scrape, or the scrape failed."""


@attrs.frozen(eq=False)
class Block:
    """Series that were scraped together, and their samples.

    Attributes:
        labels: one label set a series. It must be the same object at every call while
            the series stay the same: what is derived from it is kept by identity.
        times: when it was scraped, in milliseconds, oldest first.
        values: for each time one value a series. Columns that are the same objects at
            every call are compared with each other once only.
        stamps: for each time the samples' own timestamps, or None where they have none;
            None if no sample of the block has any.
        since: the earliest moment from which on every scrape is here; None: there was
            none before.
        first: the first good scrape of its source in the range; a series that has no
            sample then was not there. None: not known.
        scrapes: when its source was scraped in the range, whether these series were there
            or not; None: not known beyond `times`.
    """

    labels: tuple[Labels, ...]
    times: Sequence[int]
    values: Sequence[Values]
    stamps: Sequence[Sequence[int] | None] | None = None
    since: int | None = None
    first: int | None = None
    scrapes: Sequence[int] | None = None


@runtime_checkable
class Columnar(Protocol):
    """Gives the scrapes that it keeps as blocks. It may be called from any thread."""

    def columns(
        self, matchers: Sequence[Matcher], start: int, end: int, /
    ) -> Sequence[Block]:
        """The series that match, with the scrapes after `start`, up to `end` (ms).

        A series stands in a block once; it may stand in several blocks, and at every
        moment its newest sample counts. Blocks without any scrape in between may be
        left out, unless their `since` lies behind `start`.
        """
