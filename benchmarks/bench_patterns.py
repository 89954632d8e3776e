"""Patterns: what a verdict on a label value costs, for values of life and of an enemy."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from benchmarks.harness import OURS, Run, Way
from promlatest._matching.regex import compile_pattern

# Forms that `str` answers, forms that the automaton answers.
ORDINARY: Final = (
    "pod-0123.*", ".*-x1.*", r"pod-[0-9]+-x\d+", "(pod|web)-.*[13]", "[a-z]+(-[a-z0-9]+)*",
)  # fmt: skip


def run(run: Run) -> None:
    run.begin("patterns", "µs a value; a hostile one in ms")
    chance = random.Random(run.seed)
    size = run.pick(10, 500, 2_000)
    values = [f"pod-{chance.randrange(10**6):06}-x{number}" for number in range(size)]
    for pattern in ORDINARY:
        ways = {name: _all(match, values) for name, match in _engines(pattern).items()}
        run.compare(pattern, ways, size=size, per=size, unit="µs a value")
    length = run.pick(1_024, 65_536, 65_536)
    noise = "".join(chance.choices("ab", k=length))
    hostile = (
        ("(a+)+$ · 4,096", "(a+)+$", "a" * 4_095 + "!"),
        (f".*-.*-z · {length:,}", ".*-.*-z", "-a" * (length // 2)),
        (f".*a.{{900}} · {length:,}, no state twice", ".*a.{900}", noise),
    )
    for case, pattern, value in hostile:
        engines = _engines(pattern)
        engines.pop("re")  # it would not end
        ways = {name: _all(match, [value]) for name, match in engines.items()}
        run.compare(case, ways, size=len(value), unit="ms a value")
    run.compare(
        "read and compile",
        {OURS: lambda: compile_pattern(ORDINARY[2]).matches(values[0])},
        size=1,
        unit="µs",
    )


def _engines(pattern: str) -> dict[str, Callable[[str], object]]:
    engines: dict[str, Callable[[str], object]] = {
        OURS: compile_pattern(pattern).matches,
        "re": re.compile(pattern, re.DOTALL).fullmatch,
    }
    if find_spec("re2"):
        import re2

        options = re2.Options()
        options.dot_nl = True
        options.log_errors = False
        engines["google-re2"] = re2.compile(pattern, options).fullmatch
    return engines


def _all(match: Callable[[str], object], values: list[str]) -> Way:
    return lambda: [match(value) for value in values]
