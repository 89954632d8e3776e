"""The short form of `make soak`."""

import pytest
from soak import TARGETS, soak

pytestmark = pytest.mark.slow


def test_nothing_grows() -> None:
    """After many scrapes, faults, churn and changes of targets nothing is left over."""
    outcome = soak(1_500, warm_up=0.5, tls_targets=20)

    assert outcome.problems() == [], str(outcome)
    assert outcome.failed > 10
    assert outcome.end.series == TARGETS * 45
