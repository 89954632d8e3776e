"""What an operator tells of itself, as rows: controllers, API requests, process.

The rows are what the page prints and what the dashboard shows. They are made of any
`Queryable`, and of an earlier one where rates are wanted; nothing here knows of a screen.
What has no series is None, for "never reported" is not 0.

The metrics are controller-runtime's, of all versions since 0.14: queues are told apart by
`controller`, or by `name` where that is all there is, and everything else that a series
has, `priority` for one, is added up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any, Final

import attrs

from promlatest._arguments import checked_queryable
from promlatest._histogram import Histogram
from promlatest._interfaces import Queryable
from promlatest._matching.floats import parse_bound
from promlatest._matching.labels import Labels
from promlatest._matching.matcher import Matcher
from promlatest.exceptions import UsageError
from promlatest.views._counting import Count, Counters, everything
from promlatest.views._json import Row, number

_OF_CONTROLLERS: Final = Matcher("__name__", "=~", "(controller_runtime|workqueue)_.+")
_QUEUES: Final = Matcher("__name__", "=~", "workqueue_.+")


# -- the rows -------------------------------------------------------------------------


@attrs.frozen
class Latency(Row):
    """How long something took, in seconds.

    Attributes:
        seconds: how long the window is that the others are of; None: they are of the
            time since the process started.
        count: how often it was observed.
        mean: None without observations, as are the quantiles.
        p50, p90, p99: as `Histogram.quantile` estimates them.
        ceiling: the highest finite bound, where observations lie above it; a quantile
            that equals it is that or more.
    """

    seconds: float | None = None
    count: float | None = None
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    ceiling: float | None = None


@attrs.frozen
class ControllerRow(Row):
    """One controller and its queue.

    Attributes:
        name: the controller.
        active: workers that reconcile now.
        workers: the most workers at once.
        depth: items that wait, of all priorities.
        growth: how many more they are than at the earlier moment; None: not known.
        longest: for how many seconds the oldest reconciliation has run.
        unfinished: for how many seconds all those that run have run, added up.
        adds: items added to the queue.
        retries: items put back.
        reconciles: reconciliations, of any result.
        results: the same by result.
        errors: reconciliations that failed.
        terminal: those of them that are not tried again.
        panics: those that panicked.
        timeouts: those that were cut off.
        reconcile: how long reconciliations took.
        queued: how long items waited.
        work: how long items were at work.
    """

    name: str
    active: float | None = None
    workers: float | None = None
    depth: float | None = None
    growth: float | None = None
    longest: float | None = None
    unfinished: float | None = None
    adds: Count | None = None
    retries: Count | None = None
    reconciles: Count | None = None
    results: Mapping[str, Count] = attrs.field(factory=dict)
    errors: Count | None = None
    terminal: Count | None = None
    panics: Count | None = None
    timeouts: Count | None = None
    reconcile: Latency | None = None
    queued: Latency | None = None
    work: Latency | None = None


@attrs.frozen
class RequestRow(Row):
    """Requests to the API server with one method and one answer, over all hosts."""

    method: str
    code: str
    requests: Count


@attrs.frozen
class WebhookRow(Row):
    """One admission webhook: its answers by code, and how long they took."""

    name: str
    in_flight: float | None = None
    answers: Mapping[str, Count] = attrs.field(factory=dict)
    latency: Latency | None = None


@attrs.frozen
class LeaderRow(Row):
    """A lease, and whether this process holds it."""

    lease: str
    leading: bool


@attrs.frozen
class Pauses(Row):
    """How long garbage collections stopped the world, in seconds.

    Attributes:
        collections: how many there were, and how often they come.
        total: all pauses together.
        median, longest: of the recent ones.
    """

    collections: Count | None = None
    total: float | None = None
    median: float | None = None
    longest: float | None = None


@attrs.frozen
class ProcessRow(Row):
    """The process behind the endpoint; of several, their sums.

    Attributes:
        memory: bytes in RAM.
        heap: bytes of the Go heap in use by objects.
        cpu: seconds of CPU time; its rate is the share of one CPU.
        pauses: of the garbage collector.
        goroutines, threads: how many there are.
        open_fds, max_fds: file descriptors.
        started: when it started, in seconds since the epoch; of several, the last.
        uptime: seconds from then to the sample.
        versions: of Go.
    """

    memory: float | None = None
    heap: float | None = None
    cpu: Count | None = None
    pauses: Pauses | None = None
    goroutines: float | None = None
    threads: float | None = None
    open_fds: float | None = None
    max_fds: float | None = None
    started: float | None = None
    uptime: float | None = None
    versions: tuple[str, ...] = ()


@attrs.frozen
class Overview(Row):
    """All that a page says of an operator, of one moment if the `Queryable` is frozen."""

    controllers: tuple[ControllerRow, ...]
    requests: tuple[RequestRow, ...]
    webhooks: tuple[WebhookRow, ...]
    leaders: tuple[LeaderRow, ...]
    process: ProcessRow


# -- making them ----------------------------------------------------------------------

_Combine = Callable[[Iterable[float]], float]

_GAUGES: Final[Mapping[str, tuple[str, _Combine]]] = {
    "active": ("controller_runtime_active_workers", sum),
    "workers": ("controller_runtime_max_concurrent_reconciles", sum),
    "depth": ("workqueue_depth", sum),
    "longest": ("workqueue_longest_running_processor_seconds", max),
    "unfinished": ("workqueue_unfinished_work_seconds", sum),
}
_COUNTERS: Final = {
    "adds": "workqueue_adds_total",
    "retries": "workqueue_retries_total",
    "reconciles": "controller_runtime_reconcile_total",
    "errors": "controller_runtime_reconcile_errors_total",
    "terminal": "controller_runtime_terminal_reconcile_errors_total",
    "panics": "controller_runtime_reconcile_panics_total",
    "timeouts": "controller_runtime_reconcile_timeouts_total",
}
_HISTOGRAMS: Final = {
    "reconcile": "controller_runtime_reconcile_time_seconds",
    "queued": "workqueue_queue_duration_seconds",
    "work": "workqueue_work_duration_seconds",
}
_PROCESS: Final = {
    "memory": "process_resident_memory_bytes",
    "heap": "go_memstats_heap_alloc_bytes",
    "goroutines": "go_goroutines",
    "threads": "go_threads",
    "open_fds": "process_open_fds",
    "max_fds": "process_max_fds",
}


def is_operator(q: Queryable) -> bool:
    """Whether there is a controller, or a queue of one."""
    return bool(controller_names(checked_queryable(q)))


def overview(
    q: Queryable,
    earlier: Queryable | None = None,
    seconds: float | None = None,
    *,
    since_start: bool = False,
) -> Overview:
    """Everything at once; the arguments are those of `controllers`."""
    counters = Counters(q, earlier, seconds, since_start=since_start)
    return Overview(
        tuple(_controllers(counters)),
        tuple(_api_requests(counters)),
        tuple(_webhooks(counters)),
        tuple(leaders(q)),
        _process(counters),
    )


def controllers(
    q: Queryable,
    earlier: Queryable | None = None,
    seconds: float | None = None,
    *,
    since_start: bool = False,
) -> list[ControllerRow]:
    """A row for each controller or queue, sorted by name.

    Args:
        q: what is to be shown; a snapshot, for all rows to be of one moment.
        earlier: the same endpoint at an earlier moment, for rates and for latencies; resets
            since then are all seen where `q` is a snapshot that keeps the scrapes since.
        seconds: the time between the two; None: as the points' timestamps say.
        since_start: whether latencies are those since the process started all the same.

    Raises:
        UsageError: the seconds are not above 0.
    """
    return _controllers(Counters(q, earlier, seconds, since_start=since_start))


def _controllers(counters: Counters) -> list[ControllerRow]:
    q, earlier = counters.now, counters.earlier
    columns: dict[str, Mapping[str, Any]] = {
        **{to: _gauge(q, *source, owner_of) for to, source in _GAUGES.items()},
        **{to: counters.by(metric, owner_of) for to, metric in _COUNTERS.items()},
        **{to: _latencies(counters, name, owner_of) for to, name in _HISTOGRAMS.items()},
    }
    results = _results(counters)
    before = {} if earlier is None else _gauge(earlier, *_GAUGES["depth"], owner_of)
    return [
        ControllerRow(
            name,
            growth=_difference(columns["depth"].get(name), before.get(name)),
            results=results.get(name, {}),
            **{to: column.get(name) for to, column in columns.items()},
        )
        for name in controller_names(q)
    ]


def _difference(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


# What names a controller, the first that a series has. A target whose own labels have such
# a name exposes it as `exported_...`, as Prometheus renames it.
OWNERS: Final = ("exported_controller", "controller", "exported_name", "name")


def owner_of(labels: Labels) -> str:
    """The controller that a series is of, "" if of none.

    >>> owner_of(Labels(controller="pods", name="x")), owner_of(Labels(name="pods"))
    ('pods', 'pods')
    >>> owner_of(Labels(exported_controller="pods", controller="of-the-target"))
    'pods'
    """
    return next((labels[name] for name in OWNERS if name in labels), "")


def controller_names(q: Queryable, *matchers: Matcher) -> list[str]:
    """The controllers that have a series which all matchers take, sorted."""
    found: set[str] = set()
    without: list[Matcher] = []
    for name in OWNERS:
        among = _QUEUES if name.endswith("name") else _OF_CONTROLLERS
        found.update(q.label_values(name, among, *without, *matchers))
        without.append(Matcher(name, "=", ""))
    return sorted(found)


def _results(counters: Counters) -> dict[str, dict[str, Count]]:
    """The reconciliations of each controller by result."""
    found = counters.by(_COUNTERS["reconciles"], _owner_and("result"))
    return _nested(found)


def _owner_and(name: str) -> Callable[[Labels], tuple[str, str]]:
    return lambda labels: (owner_of(labels), labels.get(name, ""))


def _nested(found: Mapping[tuple[str, str], Count]) -> dict[str, dict[str, Count]]:
    nested: dict[str, dict[str, Count]] = {}
    for (outer, inner), count in found.items():
        nested.setdefault(outer, {})[inner] = count
    return nested


def _gauge(
    q: Queryable, metric: str, combine: _Combine, key: Callable[[Labels], str]
) -> dict[str, float | None]:
    groups: dict[str, list[float]] = {}
    for labels, _, value in q.query(metric):
        groups.setdefault(key(labels), []).append(value)
    return {name: number(combine(values)) for name, values in groups.items()}


def _latencies(
    counters: Counters, metric: str, key: Callable[[Labels], str]
) -> dict[str, Latency | None]:
    groups: dict[str, list[Histogram]] = {}
    found, seconds = counters.observed(metric)
    for histogram in found:
        groups.setdefault(key(histogram.labels), []).append(histogram)
    return {name: _together(each, seconds) for name, each in groups.items()}


def _together(histograms: list[Histogram], seconds: float | None) -> Latency | None:
    """Several as one; None if their buckets differ, as those of two versions do."""
    try:
        return latency(sum(histograms[1:], histograms[0]), seconds)
    except UsageError:
        return None


def latency(histogram: Histogram, seconds: float | None = None) -> Latency:
    """The figures of one histogram, in the unit of its metric.

    Args:
        histogram: what was observed.
        seconds: in how long a window; None: since the process started.
    """
    return Latency(
        seconds,
        number(histogram.count),
        number(histogram.mean),
        number(histogram.quantile(0.5)),
        number(histogram.quantile(0.9)),
        number(histogram.quantile(0.99)),
        _ceiling(histogram),
    )


def _ceiling(histogram: Histogram) -> float | None:
    bounds, counts = histogram.bounds, histogram.cumulative
    if len(bounds) < 2 or bounds[-1] != inf or not counts[-1] > counts[-2]:
        return None
    return bounds[-2]


def _api_requests(counters: Counters) -> list[RequestRow]:
    """Requests to the API server by method and code, added up over hosts."""
    found = counters.by("rest_client_requests_total", _both("method", "code"))
    return [RequestRow(method, code, count) for (method, code), count in found.items()]


def _webhooks(counters: Counters) -> list[WebhookRow]:
    """A row for each admission webhook, sorted by name."""
    prefix, name = "controller_runtime_webhook_", _label("webhook")
    answers = _nested(counters.by(f"{prefix}requests_total", _both("webhook", "code")))
    in_flight = _gauge(counters.now, f"{prefix}requests_in_flight", sum, name)
    latencies = _latencies(counters, f"{prefix}latency_seconds", name)
    return [
        WebhookRow(hook, in_flight.get(hook), answers.get(hook, {}), latencies.get(hook))
        for hook in sorted({*answers, *in_flight, *latencies})
    ]


def leaders(q: Queryable) -> list[LeaderRow]:
    """A row for each lease that this process holds or waits for, sorted by name."""
    leading = _gauge(q, "leader_election_master_status", max, _label("name"))
    return [LeaderRow(lease, bool(leading[lease])) for lease in sorted(leading)]


def process(
    q: Queryable, earlier: Queryable | None = None, seconds: float | None = None
) -> ProcessRow:
    """The process, and the Go runtime in it."""
    return _process(Counters(q, earlier, seconds))


def _process(counters: Counters) -> ProcessRow:
    q = counters.now
    return ProcessRow(
        **{to: _single(q, metric) for to, metric in _PROCESS.items()},
        cpu=counters.total("process_cpu_seconds_total"),
        pauses=_pauses(q, counters),
        **_start(q),
        versions=tuple(q.label_values("version", Matcher("__name__", "=", "go_info"))),
    )


def _start(q: Queryable) -> dict[str, float | None]:
    """The last start. The sample's own time tells the uptime, and no clock is asked."""
    points = q.query("process_start_time_seconds")
    if not points:
        return {}
    last = max(points, key=lambda point: point.value)
    uptime = last.timestamp / 1000 - last.value
    return {"started": number(last.value), "uptime": uptime if uptime >= 0 else None}


def _pauses(q: Queryable, counters: Counters) -> Pauses | None:
    metric = "go_gc_duration_seconds"
    collections = counters.total(f"{metric}_count")
    quantiles = _gauge(q, metric, max, _label("quantile"))
    if collections is None and not quantiles:
        return None
    recent = {parse_bound(text): value for text, value in quantiles.items()}
    total = _single(q, f"{metric}_sum")
    return Pauses(collections, total, recent.get(0.5), recent.get(1.0))


def _single(q: Queryable, metric: str) -> float | None:
    return _gauge(q, metric, sum, everything).get("")


def _label(name: str) -> Callable[[Labels], str]:
    return lambda labels: labels.get(name, "")


def _both(one: str, other: str) -> Callable[[Labels], tuple[str, str]]:
    return lambda labels: (labels.get(one, ""), labels.get(other, ""))
