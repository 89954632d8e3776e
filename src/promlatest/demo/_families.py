"""From the state of the operator to metric families."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from promlatest.demo._simulation import (
    API_HOST,
    LEASE,
    Controller,
    Operator,
    Process,
    Runtime,
    SimulatedHistogram,
    Webhook,
)

_Labels = Mapping[str, str]


class OperatorCollector(Collector):
    """Shows the metrics of an `Operator` to a CollectorRegistry.

    Families are sorted by name, as a Go registry does it. They are meant for the text
    format: OpenMetrics cannot hold the Go runtime's go_memstats_alloc_bytes beside its
    go_memstats_alloc_bytes_total.

    Args:
        operator: whose metrics.
        clock: seconds from any origin, such as `time.monotonic`; what passed on it
            since the last look is what the operator advances by. None: the operator
            advances only where somebody calls `Operator.advance`.
    """

    def __init__(
        self, operator: Operator, *, clock: Callable[[], float] | None = None
    ) -> None:
        self._operator: Final = operator
        self._clock: Final = clock
        self._seen = clock() if clock else 0.0  # guarded by the operator's lock

    def collect(self) -> Iterable[Metric]:
        with self._operator._lock:
            self.catch_up()
            families = list(_families(self._operator._process))
        # a Go registry leaves out a family without series
        return sorted((each for each in families if each.samples), key=_exposed_name)

    def catch_up(self) -> None:
        """Advance the operator to what its clock says now."""
        if self._clock is None:
            return
        with self._operator._lock:
            now = self._clock()
            self._operator.advance(max(now - self._seen, 0.0))
            self._seen = now


def _families(process: Process) -> Iterator[Metric]:
    controllers = process.controllers
    yield from _by_name([({}, _process_values(process))])
    yield from _by_name([({}, _runtime_values(process.runtime))])
    yield from _by_name([(_owner(each), _worker_values(each)) for each in controllers])
    yield from _by_name([(_queue(each), _queue_values(each)) for each in controllers])
    yield from _labelled(process)
    yield from _controller_histograms(controllers)
    yield from _webhook(process.webhook)
    yield from _scheduler(process.runtime)


def _by_name(rows: Sequence[tuple[_Labels, Mapping[str, float]]]) -> Iterator[Metric]:
    for name in rows[0][1] if rows else ():
        yield _plain(name, [(labels, values[name]) for labels, values in rows])


def _owner(controller: Controller) -> _Labels:
    return {"controller": controller.workload.controller}


def _queue(controller: Controller) -> _Labels:
    return {**_owner(controller), "name": controller.workload.controller}


def _process_values(process: Process) -> Mapping[str, float]:
    busy = sum(len(each.started) for each in process.controllers)
    requests = process.requests.total()
    runtime = process.runtime
    collected = process.start_time + runtime.collected_at
    return {
        "certwatcher_read_certificate_errors_total": 0,
        "certwatcher_read_certificate_total": 1 + process.uptime // 10,
        "controller_runtime_conversion_webhook_panics_total": 0,
        "controller_runtime_webhook_panics_total": 0,
        "go_goroutines": 58 + 11 * len(process.controllers) + busy,
        "go_memstats_last_gc_time_seconds": collected if runtime.collections else 0,
        "process_cpu_seconds_total": process.cpu_seconds,
        "process_max_fds": 1_048_576,
        "process_network_receive_bytes_total": (
            5200 * requests + int(310 * process.uptime)
        ),
        "process_network_transmit_bytes_total": (
            1400 * requests + int(240 * process.uptime)
        ),
        "process_open_fds": 11 + busy,
        "process_resident_memory_bytes": runtime.heap_inuse + (31 << 20),
        "process_start_time_seconds": process.start_time,
        "process_virtual_memory_bytes": 1_344_094_208,
        "process_virtual_memory_max_bytes": 2.0**64,
    }


def _runtime_values(runtime: Runtime) -> Mapping[str, float]:
    parts = {
        "go_memstats_buck_hash_sys_bytes": 1_463_297,
        "go_memstats_gc_sys_bytes": 3_824_640,
        "go_memstats_heap_sys_bytes": runtime.HEAP,
        "go_memstats_mcache_sys_bytes": 15_704,
        "go_memstats_mspan_sys_bytes": 342_720,
        "go_memstats_other_sys_bytes": 1_245_983,
        "go_memstats_stack_sys_bytes": 1_605_632,
    }
    released = runtime.heap_idle // runtime.PAGE // 2 * runtime.PAGE
    return {
        **parts,
        "go_gc_gogc_percent": 100,
        "go_gc_gomemlimit_bytes": 2.0**63,
        "go_memstats_alloc_bytes": runtime.heap_alloc,
        "go_memstats_alloc_bytes_total": runtime.allocated,
        "go_memstats_frees_total": runtime.frees,
        "go_memstats_heap_alloc_bytes": runtime.heap_alloc,
        "go_memstats_heap_idle_bytes": runtime.heap_idle,
        "go_memstats_heap_inuse_bytes": runtime.heap_inuse,
        "go_memstats_heap_objects": runtime.mallocs - runtime.frees,
        "go_memstats_heap_released_bytes": released,
        "go_memstats_mallocs_total": runtime.mallocs,
        "go_memstats_mcache_inuse_bytes": 4_832,
        "go_memstats_mspan_inuse_bytes": 296_480,
        "go_memstats_next_gc_bytes": 2 * runtime.LIVE,
        "go_memstats_stack_inuse_bytes": 1_605_632,
        "go_memstats_sys_bytes": sum(parts.values()),
        "go_sched_gomaxprocs_threads": 4,
        "go_threads": 12,
    }


def _worker_values(controller: Controller) -> Mapping[str, float]:
    counts = controller.counts
    return {
        "controller_runtime_active_workers": len(controller.started),
        "controller_runtime_max_concurrent_reconciles": controller.workload.workers,
        "controller_runtime_reconcile_errors_total": counts["errors"],
        "controller_runtime_reconcile_panics_total": counts["panics"],
        "controller_runtime_reconcile_timeouts_total": counts["timeouts"],
        "controller_runtime_terminal_reconcile_errors_total": counts["terminal"],
    }


def _queue_values(controller: Controller) -> Mapping[str, float]:
    ages = controller.ages()
    return {
        "workqueue_adds_total": controller.counts["adds"],
        "workqueue_longest_running_processor_seconds": max(ages, default=0),
        "workqueue_retries_total": controller.counts["retries"],
        "workqueue_unfinished_work_seconds": sum(ages),
    }


def _labelled(process: Process) -> Iterator[Metric]:
    """The families with labels of their own."""
    yield _plain("go_info", [({"version": "go1.25.4"}, 1)])
    yield _plain("leader_election_master_status", [({"name": LEASE}, 1)])
    yield _plain(
        "rest_client_requests_total",
        (
            ({"code": code, "host": API_HOST, "method": method}, count)
            for (code, method), count in sorted(process.requests.items())
        ),
    )
    yield _plain(
        "controller_runtime_reconcile_total",
        (
            ({**_owner(each), "result": result}, count)
            for each in process.controllers
            for result, count in each.results.items()
        ),
    )
    yield _plain(
        "workqueue_depth",
        (
            ({**_queue(each), "priority": str(priority)}, depth)
            for each in process.controllers
            for priority, depth in sorted(each.depth.items())
        ),
    )


def _controller_histograms(controllers: Iterable[Controller]) -> Iterator[Metric]:
    """Durations: a queue's are there, all zero, as soon as the queue is, while those
    of reconciliations wait for the first one."""
    reconciled = [each for each in controllers if any(each.reconcile_time.counts)]
    yield _histogram(
        "controller_runtime_reconcile_time_seconds",
        [(_owner(each), each.reconcile_time) for each in reconciled],
    )
    yield _histogram(
        "workqueue_queue_duration_seconds",
        [(_queue(each), each.queue_duration) for each in controllers],
    )
    yield _histogram(
        "workqueue_work_duration_seconds",
        [(_queue(each), each.work_duration) for each in controllers],
    )


def _webhook(webhook: Webhook) -> Iterator[Metric]:
    labels = {"webhook": webhook.PATH}
    yield _histogram(
        "controller_runtime_webhook_latency_seconds",
        [(labels, webhook.latency)] if any(webhook.latency.counts) else [],
    )
    yield _plain(
        "controller_runtime_webhook_requests_total",
        [({"code": code, **labels}, count) for code, count in webhook.codes.items()],
    )
    yield _plain("controller_runtime_webhook_requests_in_flight", [(labels, 0)])


def _scheduler(runtime: Runtime) -> Iterator[Metric]:
    yield _histogram("go_sched_latencies_seconds", [({}, runtime.scheduling)])
    name = "go_gc_duration_seconds"
    family = Metric(name, HELP[name], "summary")
    pauses = sorted(runtime.pauses) or [0.0]
    for quarter in range(5):
        value = pauses[(len(pauses) - 1) * quarter // 4]
        family.add_sample(name, {"quantile": _go_float(quarter / 4)}, value)
    family.add_sample(f"{name}_sum", {}, runtime.pause_total)
    family.add_sample(f"{name}_count", {}, runtime.collections)
    yield family


def _plain(name: str, samples: Iterable[tuple[_Labels, float]]) -> Metric:
    """A counter if the name ends in _total, which here holds without exception, and a
    gauge otherwise."""
    kind = "counter" if name.endswith("_total") else "gauge"
    family = Metric(name.removesuffix("_total"), HELP[name], kind)
    for labels, value in samples:
        family.add_sample(name, dict(labels), value)
    return family


def _histogram(
    name: str, histograms: Iterable[tuple[_Labels, SimulatedHistogram]]
) -> Metric:
    family = Metric(name, HELP[name], "histogram")
    for labels, histogram in histograms:
        count = 0
        bounds = (*histogram.bounds, math.inf)
        for bound, more in zip(bounds, histogram.counts, strict=True):
            count += more
            bucket = {**labels, "le": _go_float(bound)}
            family.add_sample(f"{name}_bucket", bucket, count)
        family.add_sample(f"{name}_sum", dict(labels), histogram.sum)
        family.add_sample(f"{name}_count", dict(labels), count)
    return family


@cache
def _go_float(bound: float) -> str:
    """A bound as Go writes it; below a million repr differs only in the ``.0``."""
    return "+Inf" if bound == math.inf else repr(bound).removesuffix(".0")


def _exposed_name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


HELP: Final = {
    "certwatcher_read_certificate_errors_total": "Failed reads of the certificate.",
    "certwatcher_read_certificate_total": "Reads of the serving certificate.",
    "controller_runtime_active_workers": "Workers that are reconciling now.",
    "controller_runtime_conversion_webhook_panics_total": "Panics in conversions.",
    "controller_runtime_max_concurrent_reconciles": "The most workers at once.",
    "controller_runtime_reconcile_errors_total": "Reconciliations that failed.",
    "controller_runtime_reconcile_panics_total": "Reconciliations that panicked.",
    "controller_runtime_reconcile_time_seconds": "How long reconciliations took.",
    "controller_runtime_reconcile_timeouts_total": "Reconciliations cut off by time.",
    "controller_runtime_reconcile_total": "Reconciliations by how they ended.",
    "controller_runtime_terminal_reconcile_errors_total": "Failures not to be retried.",
    "controller_runtime_webhook_latency_seconds": "How long admissions took.",
    "controller_runtime_webhook_panics_total": "Panics in admissions.",
    "controller_runtime_webhook_requests_in_flight": "Admissions under way.",
    "controller_runtime_webhook_requests_total": "Admissions by the answer's code.",
    "go_gc_duration_seconds": "Pauses of the world for garbage collections.",
    "go_gc_gogc_percent": "Heap growth that sets off a collection.",
    "go_gc_gomemlimit_bytes": "The soft limit of memory.",
    "go_goroutines": "Goroutines alive.",
    "go_info": "The version of Go.",
    "go_memstats_alloc_bytes": "Heap bytes allocated and not yet freed.",
    "go_memstats_alloc_bytes_total": "Heap bytes allocated so far.",
    "go_memstats_buck_hash_sys_bytes": "Memory for the profiler's tables.",
    "go_memstats_frees_total": "Heap objects freed so far.",
    "go_memstats_gc_sys_bytes": "Memory for the collector.",
    "go_memstats_heap_alloc_bytes": "Heap bytes allocated and not yet freed.",
    "go_memstats_heap_idle_bytes": "Heap bytes in spans without objects.",
    "go_memstats_heap_inuse_bytes": "Heap bytes in spans with objects.",
    "go_memstats_heap_objects": "Heap objects allocated and not yet freed.",
    "go_memstats_heap_released_bytes": "Heap bytes given back to the system.",
    "go_memstats_heap_sys_bytes": "Memory for the heap.",
    "go_memstats_last_gc_time_seconds": "End of the last collection, since 1970.",
    "go_memstats_mallocs_total": "Heap objects allocated so far.",
    "go_memstats_mcache_inuse_bytes": "Bytes used for mcache structures.",
    "go_memstats_mcache_sys_bytes": "Memory for mcache structures.",
    "go_memstats_mspan_inuse_bytes": "Bytes used for mspan structures.",
    "go_memstats_mspan_sys_bytes": "Memory for mspan structures.",
    "go_memstats_next_gc_bytes": "Heap size that sets off the next collection.",
    "go_memstats_other_sys_bytes": "Memory for everything else.",
    "go_memstats_stack_inuse_bytes": "Bytes used for stacks.",
    "go_memstats_stack_sys_bytes": "Memory for stacks.",
    "go_memstats_sys_bytes": "Memory got from the system, all kinds together.",
    "go_sched_gomaxprocs_threads": "Threads that may run Go code at once.",
    "go_sched_latencies_seconds": "How long goroutines waited while ready to run.",
    "go_threads": "Threads made so far.",
    "leader_election_master_status": "1 for the leader, 0 for the others.",
    "process_cpu_seconds_total": "CPU time spent, user and system.",
    "process_max_fds": "The most file descriptors allowed.",
    "process_network_receive_bytes_total": "Bytes received.",
    "process_network_transmit_bytes_total": "Bytes sent.",
    "process_open_fds": "File descriptors open.",
    "process_resident_memory_bytes": "Memory held in RAM.",
    "process_start_time_seconds": "Start of the process, since 1970.",
    "process_virtual_memory_bytes": "Virtual memory mapped.",
    "process_virtual_memory_max_bytes": "The most virtual memory allowed.",
    "rest_client_requests_total": "Requests to the API server.",
    "workqueue_adds_total": "Items added to the queue.",
    "workqueue_depth": "Items waiting in the queue.",
    "workqueue_longest_running_processor_seconds": "Age of the oldest item at work.",
    "workqueue_queue_duration_seconds": "How long items waited in the queue.",
    "workqueue_retries_total": "Items put back into the queue.",
    "workqueue_unfinished_work_seconds": "Ages of all items at work together.",
    "workqueue_work_duration_seconds": "How long items were at work.",
}
