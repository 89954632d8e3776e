"""Scripts in the format of Prometheus' own tests: ours, and Prometheus' where it lies
beside the checkout."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from promql_script import run
from promql_shared import SHARED, needs

OURS = sorted((Path(__file__).parent / "promql").glob("*.test"))
THEIRS = SHARED / "promqltest"

# What of Prometheus' scripts does not come out as they say: the file, how the expression
# begins, and why.
_DELAYED = "Prometheus' tests run with promql-delayed-name-removal, which is off by default"
KNOWN = [
    ("name_label_dropping.test", "label_replace(rate(", _DELAYED),
    ("name_label_dropping.test", "label_join(rate(", _DELAYED),
    ("name_label_dropping.test", "sum by (__name__) (metric_total", _DELAYED),
    ("name_label_dropping.test", "sum by (__name__) (rate(metric_total", _DELAYED),
    ("type_and_unit.test", '(http_requests_total{group="canary"} + 1) and', _DELAYED),
]


def wrong_in(script: Path) -> list[str]:
    return [
        f"{script.name}:{case.line}: {case.expr}: {wrong}"
        for case, _, wrong in run(script.read_text())
        if wrong and not any(case.expr.startswith(each) for name, each, _ in KNOWN if name == script.name)
    ]  # fmt: skip


@pytest.mark.parametrize("script", OURS, ids=lambda path: path.name)
def test_our_scripts(script):
    """Every expression of our scripts gives what the script says; none is skipped."""
    cases = list(run(script.read_text()))

    assert [f"{case.line}: {case.expr}: {wrong}" for case, _, wrong in cases if wrong] == []
    assert [case.expr for case, skipped, _ in cases if skipped] == []


@needs(THEIRS)
def test_prometheus_scripts():
    """Every expression of Prometheus' scripts that needs no native histogram and no
    feature flag gives what the script says, but for what is known."""
    wrong = [each for script in sorted(THEIRS.glob("*.test")) for each in wrong_in(script)]

    assert wrong == []


@needs(THEIRS)
def test_what_is_skipped_of_prometheus_scripts_says_why():
    """What is skipped needs native histograms or a flag; the rest, hundreds, is run."""
    skipped: Counter[str] = Counter()
    for script in sorted(THEIRS.glob("*.test")):
        skipped.update(why for _, why, _ in run(script.read_text()))

    ran = skipped.pop("")
    flag = "behind a feature flag", "native histograms", "arithmetic with durations"
    assert ran > 500
    assert [why for why in skipped if not any(each in why for each in flag)] == []
