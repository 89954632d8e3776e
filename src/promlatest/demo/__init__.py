"""A demo operator: something real to scrape where no cluster is at hand.

`serve` puts a prometheus_client exporter on loopback that reports what an operator
built on controller-runtime 0.24 reports while it works: queues with priorities,
reconciliations that succeed, wait, fail and panic, requests to an API server, a
webhook, the Go runtime and the process. One controller is busy, one calm, one slow,
one fails and falls behind, and one has never had anything to do.

The work is simulated. `Operator` is that simulation: it has a clock of its own, the
same seed tells the same story, and how often one looks does not change it.
`OperatorCollector` turns its state into metric families, and `serve` lets the wall
clock drive it. Parsing, storing and showing what comes out is for the others.

>>> from prometheus_client import CollectorRegistry, generate_latest
>>> operator = Operator(seed=1)
>>> operator.advance(600)
>>> registry = CollectorRegistry()
>>> registry.register(OperatorCollector(operator))
>>> b'workqueue_depth{controller="certificates"' in generate_latest(registry)
True

Not exactly as in Go, because prometheus_client writes the lines: whole values have a
``.0``, and ``le`` stands where the alphabet puts it instead of last. Label values are
Go's to the letter, ``le="1"`` and ``le="9.999999999999999e-06"`` included.
"""

from promlatest.demo._families import OperatorCollector
from promlatest.demo._server import serve
from promlatest.demo._simulation import WORKLOADS, Operator, Workload

__all__ = ["WORKLOADS", "Operator", "OperatorCollector", "Workload", "serve"]
