"""What comes and goes leaves nothing behind."""

from __future__ import annotations

import gc
import sys

import pytest

from promlatest import Store

pytestmark = pytest.mark.slow

WARM, SCRAPES = 4_000, 6_000  # by then every bounded cache is full


def body(step: int) -> str:
    """Thirty series of which a few come and go, labels, metrics and values with them."""
    fixed = "".join(f'kept{{a="{number}"}} {step + number}\n' for number in range(20))
    churning = "".join(f'pods{{pod="pod-{step // 3 + n}"}} {n}\n' for n in range(8))
    passing = f'once_{step % 700}{{label_{step % 11}="{step}"}} 1\n'
    escaped = f'odd{{path="C:\\\\{step % 5}"}} 1 {step}\n'
    return (
        f"# TYPE pods gauge\n# HELP once_{step} text\n{fixed}{churning}{passing}{escaped}"
    )


def blocks(store: Store) -> int:
    gc.collect()
    return sys.getallocatedblocks()


def test_memory_of_a_store_that_is_scraped_for_long() -> None:
    """Scraped, asked and pushed to with churning series, a store that has seen 6000
    scrapes holds as many blocks of memory as one that has seen 4000."""
    store = Store()
    held: dict[int, int] = {}
    for step in range(SCRAPES):
        store.ingest(body(step), timestamp=step)
        store.query("pods", pod=f"pod-{step // 3 % 500}")
        store.select('{a=~"1.*"}')
        with store.batch("push", timestamp=step) as push:
            push.append(0, {"__name__": "pushed", "run": str(step)}, step, 1.0)
        if step in (WARM, SCRAPES - 1):
            held[step] = blocks(store)

    assert len(store) < 40
    assert held[SCRAPES - 1] < held[WARM] * 1.02
