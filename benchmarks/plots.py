"""Plots of a run: growth with its slope, and ours beside each peer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.growth import slope
from benchmarks.harness import OURS, Result, load

# file, title, bench, cases of growth
_GROWTH: Final = (
    ("growth-parse", "A first scrape", "parse", ("text, first scrape",)),
    ("growth-rescrape", "A re-scrape, 10 % clustered", "rescrape", ("10 % clustered",)),
    ("growth-query", "20 of n series, asked again", "query", ("name + label, again",)),
    ("growth-prefix", "1,000 hits by a prefix of the name", "query", ("name prefix, again",)),
    ("growth-after-commit", "20 of n series, after a commit", "query", ("name + label, after a commit",)),
    ("growth-append", "Appending a new series to n", "live", ("append a new series",)),
    ("growth-push", "Pushing one of n known series", "live", ("push a known series",)),
    ("growth-window", "An increase of n series over 60 scrapes", "window", ("increase, asked again",)),
    ("growth-labels", "A prefix of n label values", "labels", ("a prefix",)),
    ("growth-sources-commit", "A commit of one of n sources", "sources", ("a commit of one",)),
    ("growth-sources-query", "One of n pods, after its commit", "sources", ("one pod, after its commit",)),
    ("growth-sources-series", "A new direct series beside n sources", "sources", ("a new direct series",)),
    ("growth-histogram", "A quantile of each of n histograms", "histogram", ("all quantiles, again",)),
    ("growth-memory-appended", "Memory, appended", "memory", ("appended",)),
    ("growth-memory-scraped", "Memory, scraped", "memory", ("scraped",)),
)  # fmt: skip
# file, title, bench, size; None: a case has a size of its own
_BARS: Final = (
    ("rescrape", "A re-scrape of 20,000 samples", "rescrape", 20_000),
    ("append", "Appending to 10,000 series", "append", 10_000),
    ("peers-pages", "The whole scrape loop over real pages, CPU", "peers: pages", None),
    ("peers-scrape-loop", "The whole scrape loop, CPU", "peers: scrape loop", 20_000),
    ("peers-query", "Queries of 100,000 series", "peers: query", 100_000),
)


def draw(run: Path, directory: Path) -> None:
    """Draw what a run has; what it has not is left out."""
    mpl.rcParams["svg.hashsalt"] = "promlatest"  # else every id is a new one
    about, rows = load(run)
    directory.mkdir(parents=True, exist_ok=True)
    made = f"Python {about['python']}, {about['build']}; {about['commit']}, {about['when']}"
    for name, title, bench, cases in _GROWTH:
        found = [row for row in rows if row.bench == bench and row.case in cases]
        if len({row.size for row in found}) > 1:
            _growth(directory / f"{name}.svg", title, found, made)
    for name, title, bench, size in _BARS:
        found = [row for row in rows if row.bench == bench and size in (None, row.size)]
        if found:
            _bars(directory / f"{name}.svg", title, found, made)


def _growth(path: Path, title: str, rows: Sequence[Result], made: str) -> None:
    figure = Figure(figsize=(8, 5))
    axes = figure.subplots()
    for way in dict.fromkeys(row.way for row in rows):
        points = sorted((row.size, row.value.median) for row in rows if row.way == way)
        label = way
        if len(points) > 1:
            label = f"{way} (slope {slope(points):.2f})"
        xs, ys = zip(*points, strict=True)
        width = 2.5 if way == OURS else 1.2
        axes.plot(xs, ys, marker="o", linewidth=width, label=label)
    axes.set(xscale="log", yscale="log", xlabel="size", ylabel=rows[0].unit, title=title)
    _finish(figure, axes, path, made)


def _bars(path: Path, title: str, rows: Sequence[Result], made: str) -> None:
    cases = list(dict.fromkeys(row.case for row in rows))
    ways = list(dict.fromkeys(row.way for row in rows))
    figure = Figure(figsize=(9, 5))
    axes = figure.subplots()
    width = 0.8 / len(ways)
    for at, way in enumerate(ways):
        held = [row for row in rows if row.way == way and row.best_ratio is not None]
        places = [cases.index(row.case) + width * at for row in held]
        heights = [1 / max(_ratio(row), 1e-9) for row in held]
        if held:
            axes.bar(places, heights, width, label=way)
    axes.axhline(1, color="black", linewidth=1)
    axes.set(yscale="log", ylabel="of what ours takes (ours is 1)", title=title)
    axes.set_xticks([at + 0.4 for at in range(len(cases))], cases, rotation=12, fontsize=8)
    _finish(figure, axes, path, made)


def _ratio(row: Result) -> float:
    return row.best_ratio.median if row.best_ratio else 1.0


def _finish(figure: Any, axes: Any, path: Path, made: str) -> None:
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    figure.text(0.01, 0, made, fontsize=6)
    # Without a date in it, so that the same run gives the same file.
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    print(path)
