"""How much hypothesis looks for, and what it does with what it finds.

Locally a counterexample is shown as it was found, with the line that replays it: a
shrink of the store machine took five minutes. CI has the time for a small one.
`HYPOTHESIS_PROFILE=ci make test ARGS='-k ...'` shrinks here too.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fuzz import examples
from hypothesis import Phase, settings

# In the background of a script, or under nohup, Ctrl-C is ignored, and each process that a
# test starts inherits that: the tests that interrupt one would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if TYPE_CHECKING:
    from scrape_servers import Servers

collect_ignore = ["beside"]  # a project of its own: make plugins

COMMON: dict[str, Any] = {
    "max_examples": examples(100),
    "print_blob": True,
    "deadline": None,
}
settings.register_profile(
    "local",
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    **COMMON,
)
settings.register_profile("ci", phases=list(Phase), **COMMON)
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


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """What endpoints can do to a scraper; each test plays it under names of its own."""
    import scrape_servers

    with scrape_servers.start() as made:
        yield made


# A file that is slow as a whole. What it imports, Textual and servers, need not be loaded.
SLOW = re.compile(r"^pytestmark = (\[\s*)?pytest\.mark\.slow\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What `-m "not slow"` leaves out as a whole is not even looked at."""
    if "not slow" not in config.getoption("markexpr") or collection_path.is_dir():
        return None
    return bool(SLOW.search(collection_path.read_text(errors="replace"))) or None
