"""What `promlatest check` finds, as a failure."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from promlatest.testing import LintError, ScrapeTarget, assert_lint
from promlatest.testing._sources import read_body

BODY = b"# HELP jobs Jobs.\n# TYPE jobs counter\njobs 1\n# HELP took_ms T.\n# TYPE took_ms gauge\ntook_ms 2\n"


def test_every_finding_is_told():
    """Each finding has a line of its own, with its place."""
    with pytest.raises(LintError) as caught:
        assert_lint(read_body("shop", BODY))

    lines = str(caught.value).splitlines()
    assert lines[0] == "shop has 2 findings:"
    assert [line.strip().partition(",")[0] for line in lines[1:]] == ["line 3", "line 6"]


@pytest.mark.parametrize(
    ("ignore", "left"),
    [((), 2), (("*ends in '_total'*",), 1), (("*: 'took_ms'",), 1), (("*",), 0)],
    ids=["none", "reason", "text", "all"],
)
def test_findings_that_are_let_pass(ignore, left):
    """Patterns let findings pass by their reason, or by what they are about."""
    reading = read_body("shop", BODY)
    if not left:
        assert_lint(reading, ignore=ignore)
        return

    with pytest.raises(LintError, match=rf"has {left} finding"):
        assert_lint(reading, ignore=ignore)


def test_a_registry_is_checked_as_it_would_be_written():
    """What was never text has nothing wrong with it, if its families have not."""
    registry = CollectorRegistry()
    Counter("jobs", "Jobs.", ["queue"], registry=registry).labels("mail").inc()
    Histogram("took_seconds", "Time.", registry=registry).observe(1)
    ScrapeTarget(registry).assert_lint()

    Counter("more", "", registry=registry)
    with pytest.raises(LintError, match=r"HELP|help"):
        ScrapeTarget(registry).assert_lint()
