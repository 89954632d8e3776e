"""Bodies out of the ordinary: what a re-scrape of them costs beside one of a plain body.

Series of many shapes, timestamps on every line, exemplars, pods that are replaced, a
comment that changes, more blanks than one, a line that cannot be read.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Final

from benchmarks.harness import OURS, Fed, Run
from promlatest import Store
from promlatest.exceptions import ParseError

_BODIES: Final = 12
_POD: Final = 20

Body = Callable[[int, int], str]


def plain(size: int, step: int) -> str:
    """One value in ten moves, in runs."""
    return "\n".join(_lines(size, step)) + "\n"


def _lines(size: int, step: int, behind: str = "") -> list[str]:
    changed = random.Random(step)
    lines: list[str] = []
    for metric in range(size // 200):
        value = step if changed.random() < 0.1 else 0
        lines += [
            f'controller_metric_{metric}{{controller="c-{n // _POD}",pod="pod-{n}"}}'
            f" {n + value}{behind}"
            for n in range(200)
        ]
    return lines


def timed(size: int, step: int) -> str:
    """A timestamp on every line, as cAdvisor writes."""
    return "\n".join(_lines(size, step, f" {1_000_000 + step}")) + "\n"


def replaced(size: int, step: int) -> str:
    """One pod in fifty is replaced by another."""
    lines = _lines(size, step)
    for at in range(7, len(lines), 50):
        lines[at] = lines[at].replace('pod="pod-', f'pod="pod-{step}-')
    return "\n".join(lines) + "\n"


def commented(size: int, step: int) -> str:
    """A comment says the time."""
    return f"# at {step}\n{plain(size, step)}"


def exemplars(size: int, step: int) -> str:
    """One line in 22 has an exemplar, in OpenMetrics."""
    lines = _lines(size, step)
    for at in range(0, len(lines), 22):
        lines[at] += f' # {{trace_id="{step}-{at}"}} {step}'
    return "\n".join([*lines, "# EOF", ""])


def two_shapes(size: int, step: int) -> str:
    """Every metric has series with a code and without."""
    lines = _lines(size, step)
    lines[::2] = [line.replace("{", '{code="200",', 1) for line in lines[::2]]
    return "\n".join(lines) + "\n"


def refused(size: int, step: int) -> str:
    """The last line cannot be read."""
    return plain(size, step) + 't{n="14" R/W"} 1\n'


def spaced(size: int, step: int) -> str:
    """Two blanks before every value and one behind it."""
    return "".join(f"{line} \n" for line in _lines(size, step)).replace("} ", "}  ")


def broken(size: int, step: int) -> str:
    """A raw line break stands in a label value."""
    return f'before{{a="1\n2"}} 1\n{plain(size, step)}'


_ODD: Final[dict[str, Body]] = {
    "timestamps": timed,
    "one pod in fifty replaced": replaced,
    "a comment that changes": commented,
    "exemplars": exemplars,
    "two shapes a metric": two_shapes,
    "blanks around values": spaced,
    "a raw line break": broken,
    "a bad last line": refused,
}


def run(run: Run) -> None:
    run.begin("shapes", "re-scrapes of bodies out of the ordinary, ns a sample")
    for size in run.pick((400,), (1_000, 20_000), (1_000, 20_000)):
        for case, body in _ODD.items():
            kind = "application/openmetrics-text" if body is exemplars else "text/plain"
            ways = {OURS: _scraped(size, body, kind), "a plain body": _scraped(size, plain)}
            run.compare(case, ways, size=size, per=size, unit="ns a sample")


def _scraped(size: int, body: Body, kind: str = "text/plain") -> Fed:
    store = Store(clock=lambda: 1_000_000)
    bodies = (body(size, step) for step in count())
    moments = count(1)

    def ingest(text: str) -> None:
        with suppress(ParseError):
            store.ingest(text, kind, timestamp=1_000_000 + next(moments))

    for _ in range(_BODIES):
        ingest(next(bodies))
    return Fed(bodies, ingest)
