"""The roles of the house, as Protocols, and what each promises.

The scraper knows an `Appendable` and not the store; PromQL and the HTTP API know a
`Queryable` and not the store. The shapes are those of Prometheus' `storage` package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from promlatest._datapoint import DataPoint, Metadata
from promlatest._histogram import Histogram
from promlatest._matching.matcher import LabelValue, Matcher
from promlatest._rows import Samples


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
        """End the appender, and keep nothing that could still be left out."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


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
