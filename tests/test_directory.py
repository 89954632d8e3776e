"""Many sources: a question finds those that have what it asks for, and no others.

Up to 32 sources are asked one after the other. These are tests with more.
"""

from __future__ import annotations

import re

import pytest

from promlatest import Store

MANY = 40


def body(n: int, pod: str = "") -> str:
    """What source `n` exposes: metrics and labels that a part of the others have, too."""
    pod = pod or f"p{n % 7}"
    return f'm{n % 3}{{pod="{pod}",n="{n}"}} {n}\nalone_{n % 20}{{n="{n}"}} {n}\nup 1\n'


@pytest.fixture
def store():
    store = Store()
    for n in range(MANY):
        store.ingest(body(n), source=f"s{n}", timestamp=1_000)
    return store


def found(store, selector):
    return sorted(int(point.value) for point in store.select(selector))


def of(store, pattern):
    """The sources that have a series which looks like this, found without a question."""
    return sorted(
        int(source.name[1:])
        for source in store.sources.values()
        if any(re.search(pattern, each.labels.series()) for each in source.current)
    )


SELECTORS = [
    ("m1", r"^m1\{"),
    ('{__name__=~"m1|m2"}', r"^m[12]\{"),
    ('{__name__=~"alone_1.*"}', r"^alone_1"),
    ('{pod="p3"}', r'pod="p3"'),
    ('{pod=~"p3|p5"}', r'pod="p[35]"'),
    ('m1{pod="p3"}', r'^m1\{.*pod="p3"'),
    ('{__name__=~"m.*",pod=~"p3|new"}', r'pod="(p3|new)"'),
    ('{pod="new"}', r'pod="new"'),
    ('nothing{pod="p3"}', r"^nothing"),
]


@pytest.mark.parametrize(("selector", "pattern"), SELECTORS)
def test_sources_that_came_changed_and_went_are_found_by_what_they_have(
    store, selector, pattern
):
    """A label that was asked for once is known of sources that change, go or come later."""
    assert found(store, selector) == of(store, pattern)

    for n in range(5):
        store.ingest(body(n, "new"), source=f"s{n}", timestamp=2_000)
        store.ingest("up 1\n", source=f"s{n + 5}", timestamp=2_000)
        store.remove(f"s{n + 10}")
        store.ingest(body(MANY + n), source=f"s{MANY + n}", timestamp=2_000)

    assert found(store, selector) == of(store, pattern)
    store._check()


def test_what_only_one_had_is_forgotten_with_it(store):
    """A metric and a label's value that no source has any more are not kept."""
    store.ingest('rare{pod="rare"} 1\n', source="s1", timestamp=2_000)
    assert len(store.select('rare{pod="rare"}')) == 1

    store.remove("s1")

    assert store.select('rare{pod="rare"}') == []
    assert "rare" not in store._directory._metrics
    assert "rare" not in store._directory._labels["pod"]


def test_of_one_series_in_many_sources_the_first_that_came_is_shown(store):
    """Equally new ones: the source counts that was there first, not the one whose series
    were; one that was removed and came again is the last."""
    store.ingest('up{late="1"} 7\n', source="s9", timestamp=1_000)
    store.ingest('up{late="1"} 3\n', source="s4", timestamp=1_000)
    assert store.value("up", late="1") == 3.0

    store.remove("s4")
    store.ingest('up{late="1"} 4\n', source="s4", timestamp=1_000)

    assert store.value("up", late="1") == 7.0
