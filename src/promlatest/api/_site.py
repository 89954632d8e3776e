"""What the endpoints stand on: what is asked, and what is known of its targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from promlatest._datapoint import DataPoint
from promlatest._interfaces import Queryable
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher
from promlatest._storage.store import Source, Store
from promlatest.api._text import json_labels, kept
from promlatest.exceptions import EndpointError
from promlatest.exposition._render import series_text
from promlatest.rules import Rule
from promlatest.scrape import Job

__all__ = ["Site", "TargetState", "target_states"]


@attrs.frozen
class TargetState:
    """What is known of one target.

    Attributes:
        name: its address, without secrets.
        labels: those that its series got from it.
        scraped_at: when its last scrape began, in milliseconds; 0: not yet.
        seconds: how long that took.
        error: why it failed; "" if it did not.
        series: how many series of it are visible.
        interval: from one scrape to the next, in seconds; 0: not known.
        timeout: for one scrape, in seconds; 0: not known.
    """

    name: str
    labels: Labels = attrs.field(factory=Labels)
    scraped_at: int = 0
    seconds: float = 0.0
    error: str = ""
    series: int = 0
    interval: float = 0.0
    timeout: float = 0.0

    @property
    def health(self) -> str:
        """Prometheus' word: "up", "down" or "unknown"."""
        if self.error:
            return "down"
        return "up" if self.scraped_at else "unknown"


def target_states(queryable: Queryable, names: Iterable[str] = ()) -> list[TargetState]:
    """The targets whose scrapes a store holds, and those that are still to be scraped.

    Args:
        queryable: a store; whatever else it is knows no targets.
        names: those that there are; a mapping of them says with which job each is scraped.
    """
    sources = queryable.sources if isinstance(queryable, Store) else {}
    scraped = [_state(source) for source in sources.values() if _up(source)]
    waiting = [TargetState(name) for name in names if name not in sources]
    jobs = names if isinstance(names, Mapping) else {}
    states = [_paced(state, jobs.get(state.name)) for state in (*scraped, *waiting)]
    return sorted(states, key=lambda state: (state.labels.flat, state.name))


def _paced(state: TargetState, job: object) -> TargetState:
    if not isinstance(job, Job):
        return state
    return attrs.evolve(state, interval=job.interval, timeout=job.timeout)


def _up(source: Source) -> list[DataPoint]:
    return source.current.query("up")


def _state(source: Source) -> TargetState:
    labels = _up(source)[0].labels.without(METRIC_NAME)
    took = source.current.query("scrape_duration_seconds")
    return TargetState(
        name=source.name,
        labels=labels,
        scraped_at=source.timestamp,
        seconds=took[0].value if took else 0.0,
        error=_reason(source.error),
        series=source.series,
    )


def _reason(error: Exception | None) -> str:
    """Without the target, which stands beside it."""
    if isinstance(error, EndpointError):
        return error.message
    return "" if error is None else str(error)


def _federated(labels: Labels) -> tuple[str, str]:
    """An `instance` that is missing is written as the empty one: whoever scrapes this with
    honor_labels would else put its own there."""
    text = series_text(labels)
    if "instance" in labels:
        return labels.metric, text
    inside = (
        f'{text[:-1]},instance=""}}' if text.endswith("}") else f'{text}{{instance=""}}'
    )
    return labels.metric, inside


@attrs.frozen(eq=False)
class Site:
    """What the endpoints stand on.

    Attributes:
        queryable: what is asked.
        targets: what is known of the targets now.
        rules: expressions to evaluate when somebody asks.
        config: the text of the configuration; "" if there is none.
        flags: what was set on the command line.
        clock: what tells the time, in milliseconds.
        started: when this began.
        max_points: the most steps of a range query.
        timeout: for one question, in seconds.
        partial: answer a range that is covered in part.
        federated: metric and series of label sets, as /federate writes them.
        json: the JSON of label sets, kept.
    """

    queryable: Queryable
    targets: Callable[[], Sequence[TargetState]]
    rules: Iterable[Rule]
    config: str
    flags: Mapping[str, str]
    clock: Callable[[], int]
    started: int
    max_points: int
    timeout: float
    partial: bool
    json: Callable[[Labels], str] = attrs.field(
        factory=lambda: kept(json_labels), repr=False
    )
    federated: Callable[[Labels], tuple[str, str]] = attrs.field(
        factory=lambda: kept(_federated), repr=False
    )

    def points(self, selectors: Iterable[Sequence[Matcher]]) -> list[DataPoint]:
        """The points that fulfil one of several selectors, each once, sorted."""
        found = [self.queryable.match(each) for each in selectors]
        if len(found) == 1:
            return found[0]
        by_labels = {point.labels: point for points in found for point in points}
        return [by_labels[labels] for labels in sorted(by_labels)]
