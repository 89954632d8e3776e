"""How much hypothesis looks for, and what it does with what it finds.

Locally a counterexample is shown as it was found, with the line that replays it: a
shrink of the store machine took five minutes. CI has the time for a small one.
`HYPOTHESIS_PROFILE=ci make test ARGS='-k ...'` shrinks here too.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import Phase, settings

collect_ignore = ["beside"]  # a project of its own: make plugins

settings.register_profile(
    "local",
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    print_blob=True,
    deadline=None,
)
settings.register_profile("ci", phases=list(Phase), print_blob=True, deadline=None)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "local")
)


@pytest.fixture
def clock(monkeypatch):
    """Simulated time for the waits of `promlatest.testing`."""
    from testing_clock import Clock, use

    clock = Clock()
    use(clock, monkeypatch.setattr)
    return clock
