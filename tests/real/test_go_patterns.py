"""Against Go's own regexp, which Prometheus has: verdicts, groups and refusals."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from fuzz import examples
from hypothesis import HealthCheck, Phase, given, settings
from regex_cases import CHARACTERS, GROUPS, PATTERNS, VALUES, VERDICTS, WRONG

from promlatest._matching.regex import compile_pattern
from promlatest.exceptions import PatternError

pytestmark = pytest.mark.real

# Debian's Go is 1.19: it does not know (?<name>x) yet. Prometheus closes what \Q leaves open
# before it puts a pattern between its anchors.
OTHER = {"(?P<x>a+)(?<y>b)?", r"\Qa|b", "\ud800"}


def at_random(count: int) -> list[tuple[str, list[str]]]:
    drawn: list[tuple[str, list[str]]] = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(PATTERNS, VALUES)
    def draw(pattern: str, values: list[str]) -> None:
        drawn.append((pattern, [*values, "", "\n", *CHARACTERS]))

    draw()
    return drawn


def go_says(home: Path, cases: list[tuple[str, list[str]]]) -> list[dict[str, object]]:
    go = shutil.which("go")
    if go is None:
        pytest.fail("go is not installed: make real installs it")
    source = Path(__file__).with_name("patterns.go")
    subprocess.run([go, "build", "-o", home / "patterns", source], check=True, timeout=300)
    asked = "".join(json.dumps({"Pattern": p, "Values": v}) + "\n" for p, v in cases)
    done = subprocess.run(
        [home / "patterns"],
        input=asked.encode(),
        capture_output=True,
        check=True,
        timeout=300,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def we_say(pattern: str, values: list[str]) -> dict[str, object]:
    try:
        compiled = compile_pattern(pattern)
    except PatternError:
        return {"refused": True, "groups": None}
    found = [compiled.fullmatch(value) for value in values]
    return {
        "refused": False,
        "groups": [None if each is None else list(each) for each in found],
    }


def test_go_says_the_same(tmp_path: Path) -> None:
    """Go refuses the same patterns, matches the same values and finds the same groups (M-3)."""
    cases = [
        *at_random(examples(3_000)),
        *((pattern, yes + no) for pattern, yes, no in VERDICTS),
        *((pattern, [value]) for pattern, value, _, _ in GROUPS),
        *((pattern, ["a"]) for pattern in WRONG),
    ]
    cases = [case for case in cases if case[0] not in OTHER]

    answers = go_says(tmp_path, cases)

    different = [
        (case, ours, theirs)
        for case, theirs in zip(cases, answers, strict=True)
        if (ours := we_say(*case)) != theirs
    ]
    assert different == []
