"""Redraws the pages that README and docs show: ``make pictures``.

The demo operator is stopped at twenty minutes, so a page is the same each time it is drawn,
and a test compares what the documents show with what the code draws today.
"""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from promlatest import Store
from promlatest.demo import Operator, OperatorCollector
from promlatest.views.printed import histogram_page, overview_page

ROOT = Path(__file__).parent.parent
WIDTH = 92


def demo_store() -> Store:
    """A store with what the demo operator exposes after twenty minutes."""
    operator = Operator(seed=1)
    operator.advance(1200)
    registry = CollectorRegistry()
    registry.register(OperatorCollector(operator))
    moment = int((operator.start_time + operator.uptime) * 1000)
    store = Store(clock=lambda: moment)
    store.collect(registry)
    return store


def overview() -> str:
    return overview_page(demo_store(), width=WIDTH, target="http://localhost:8080/metrics")


def histogram() -> str:
    name = "workqueue_queue_duration_seconds"
    return histogram_page(demo_store().histograms(name, name="pods"), width=WIDTH)


PICTURES = {"overview": overview, "histogram": histogram}
_BLOCK = re.compile(r"(<!-- picture: (\w+) -->\n```\n)(.*?)(```\n)", re.DOTALL)


def redrawn(text: str) -> str:
    """The document with its pictures as they are drawn today."""
    return _BLOCK.sub(
        lambda match: match[1] + PICTURES[match[2]]().rstrip("\n") + "\n" + match[4], text
    )


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


if __name__ == "__main__":
    for document in documents():
        document.write_text(redrawn(document.read_text()))
