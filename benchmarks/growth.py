"""Growth: what a thing costs at each size, and the slope.

A slope is that of a straight line through the logarithms: 0 for a cost that does not
grow, 1 for one that grows as the data does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import log

from benchmarks.harness import OURS, Result


def show(rows: Iterable[Result]) -> None:
    """Print ours at each size, where there is more than one, and the slope."""
    found = list(lines(rows))
    if found:
        print("\n== growth: ours at each size, and the slope (1: as the data grows)")
        print("\n".join(found))


def lines(rows: Iterable[Result]) -> Iterator[str]:
    """Ours at each size, where there is more than one, and the slope, a case a line."""
    groups: dict[tuple[str, str, str], list[tuple[int, float]]] = {}
    for row in rows:
        if row.way == OURS:
            points = groups.setdefault((row.bench, row.case, row.unit), [])
            points.append((row.size, row.value.median))
    grown = {key: sorted(points) for key, points in groups.items() if len(points) > 1}
    for (bench, case, unit), points in grown.items():
        costs = "  ".join(f"{size:,}: {value:.3g}" for size, value in points)
        yield f"  {bench} · {case} [{unit}]  {costs}  slope {slope(points):.2f}"


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The slope of a straight line through the logarithms.

    >>> round(slope([(1, 3), (10, 30), (100, 300)]), 3)
    1.0
    """
    pairs = [(log(x), log(y)) for x, y in points if x > 0 and y > 0]
    size = len(pairs)
    mean_x = sum(x for x, _ in pairs) / size
    mean_y = sum(y for _, y in pairs) / size
    spread = sum((x - mean_x) ** 2 for x, _ in pairs)
    return sum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread if spread else 0.0
