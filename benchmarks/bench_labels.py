"""Values and names in order: prefixes as ranges, and lists of values."""

from __future__ import annotations

import re

from benchmarks.harness import OURS, Run
from promlatest import Store


def run(run: Run) -> None:
    run.begin("labels", "patterns with a prefix, and values in order, us each")
    for size in run.pick((1_000,), (1_000, 100_000), (1_000, 10_000, 100_000, 1_000_000)):
        store = Store()
        store.ingest("".join(f'm{{pod="pod-{n:07}"}} 1\n' for n in range(size)))
        values = [f"pod-{n:07}" for n in range(size)]
        wanted = f"pod-{size // 20:06}.*"  # ten values
        pattern = re.compile(wanted)
        questions = iter(range(10**9))

        def ask(store: Store = store, wanted: str = wanted) -> None:
            # Another question every time, so that the index is used and no answer kept.
            store.select(f'm{{pod=~"{wanted}",q{next(questions)}=""}}')  # noqa: B023

        def scan(
            values: list[str] = values, pattern: re.Pattern[str] = pattern
        ) -> list[str]:
            return [value for value in values if pattern.fullmatch(value)]

        run.compare(
            "a prefix", {OURS: ask, "a scan with re": scan}, size=size, per=1, unit="µs"
        )
        run.compare(
            "all values",
            {
                OURS: lambda store=store: store.label_values("pod"),
                "sorted(set(...))": lambda values=values: sorted(set(values)),
            },
            size=size,
            per=1,
            unit="µs",
        )
