"""Two runs beside each other, so that a change can be judged.

Absolute figures of two runs do not compare on a shared machine. What does is the ratio
to the same reference in the same run, so that is what is set side by side; a row
counts as changed only where the spreads of both runs do not touch.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import OURS, Result, Spread, load


def compare(before: Path, after: Path) -> None:
    """Print what ours took of each peer before, and what it takes after."""
    old_about, old = load(before)
    new_about, new = load(after)
    for name, about in (("A", old_about), ("B", new_about)):
        print(
            f"{name}: {about['commit']}, {about['when']}, Python {about['python']}"
            f" {about['build']}, plain loop {about['loop_ms']} ms"
        )
    if old_about["build"] != new_about["build"]:
        print("The builds differ: even the ratios do not compare.")
    known = {_key(row): row for row in old}
    seen = [(known[_key(row)], row) for row in new if _key(row) in known]
    width = max((len(_title(row)) for _, row in seen), default=0)
    print(f"\n{'ours as a share of':<{width}}  {'A':>8} {'B':>8}   B/A")
    for was, now in seen:
        if was.best_ratio and now.best_ratio:
            _print(_title(now), was.best_ratio, now.best_ratio, width)
        elif now.way == OURS and was.cpu is None and now.cpu is None:
            _print(f"{_title(now)} [{now.unit}]", was.value, now.value, width)
    left = len(old) + len(new) - 2 * len(seen)
    if left:
        print(f"\n{left} rows stand in only one of the two")


def _print(title: str, was: Spread, now: Spread, width: int) -> None:
    change = now.median / was.median if was.median else 1.0
    apart = now.low > was.high or now.high < was.low
    verdict = "" if not apart else "less" if change < 1 else "MORE"
    print(
        f"{title:<{width}}  {was.median:>8.3g} {now.median:>8.3g}  {change:>5.2f}x {verdict}"
    )


def _key(row: Result) -> tuple[str, str, int, str]:
    return row.bench, row.case, row.size, row.way


def _title(row: Result) -> str:
    return f"{row.bench} · {row.case} · {row.size:,} · {row.way}"
