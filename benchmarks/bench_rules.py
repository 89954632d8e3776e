"""Rules against a process: 100 alerts on 2,000 series, looked up and evaluated.

The naive way of looking up is what projects write: every word of an expression that looks
like a metric is sought among the names of the page.
"""

from __future__ import annotations

import re
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.bodies import body, moved
from benchmarks.harness import OURS, Run
from promlatest import Store
from promlatest.rules import Rules, read_rules

_FORMS: Final = (
    "histogram_quantile(0.99, sum by (le) (rate(controller_runtime_reconcile_time_seconds_bucket[5m]))) > 0.{n}",
    "sum by (name) (rate(workqueue_queue_duration_seconds_count[5m])) / sum by (name) (rate(workqueue_work_duration_seconds_count[5m])) > {n}",
    'rate(node_cpu_seconds_total{{mode="system"}}[5m]) > {n}e9',
    "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.0{n}",
    "increase(node_network_receive_bytes_total[1h]) > {n}e9 and on (device) node_network_transmit_packets_total",
    'sum without (verb) (rate(rest_client_request_duration_seconds_sum{{verb=~"VERB.*"}}[2m])) > {n}',
    "max(node_systemd_unit_state) < {n} or absent(node_disk_read_time_seconds_total)",
)
_WORD: Final = re.compile(r"[a-z_]+_[a-z_]+")


def run(run: Run) -> None:
    run.begin("rules", "alerts held against a process")
    rules, series = run.pick(10, 100, 100), 2_000
    with TemporaryDirectory() as folder:
        file = Path(folder, "alerts.yml")
        file.write_text(_alerts(rules))
        _measure(run, file, rules, series)


def _measure(run: Run, file: Path, rules: int, series: int) -> None:
    first = body(series, run.seed)
    before, after = Store(), Store()
    before.ingest(first.bytes, timestamp=1_000_000)
    after.ingest(moved(first, 0.5, clustered=True, seed=2).bytes, timestamp=1_015_000)
    read = read_rules(file)
    assert not any(each.severity == "failure" for each in read.check(after))
    assert not any(each.problem for each in read.evaluate(before, after))
    run.compare(
        "read and looked up",
        {
            OURS: lambda: read_rules(file).check(after),
            "naive: words": lambda: _sought(read, after),
        },
        size=series,
        unit=f"ms for {rules}",
    )
    run.compare(
        "evaluated by two scrapes",
        {OURS: lambda: read.evaluate(before, after)},
        size=series,
        unit=f"ms for {rules}",
    )


def _sought(rules: Rules, store: Store) -> list[str]:
    names = set(store.label_values("__name__"))
    return [
        word for rule in rules for word in _WORD.findall(rule.expr) if word not in names
    ]


def _alerts(count: int) -> str:
    forms = enumerate(islice(cycle(_FORMS), count), 1)
    rules = (
        f"  - alert: A{n}\n    expr: {form.format(n=n)!r}\n    for: 5m\n"
        '    annotations: {summary: "{{ $labels.name }} is at {{ $value | humanize }}"}\n'
        for n, form in forms
    )
    return "groups:\n- name: g\n  rules:\n" + "".join(rules)
