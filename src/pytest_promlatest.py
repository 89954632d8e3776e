"""The pytest plugin of promlatest. It sleeps until a test asks for one of its fixtures.

pytest imports this module in every run of every project that has promlatest installed.
So it stands beside the package and not in it, and imports nothing of it before a fixture
does: importing the package takes 0.1 s, importing this 1 ms (docs/testing.md).
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from promlatest.testing import ScrapeTarget
    from promlatest.testing._fixtures import Fakes, Golden, Targets

_MARKER = (
    "promlatest(within=SECONDS, timeout=SECONDS): how long the expectations of this test"
    " wait, and how long one scrape may take."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("promlatest", "expectations about metrics")
    group.addoption(
        "--promlatest-update", action="store_true",
        help="write the golden files of metrics instead of comparing with them",
    )  # fmt: skip
    group.addoption(
        "--promlatest-within", type=float, metavar="SECONDS",
        help="how long expectations wait where the test does not say (default: 5)",
    )  # fmt: skip
    parser.addini("promlatest_within", "the same, in seconds", default="5")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def scrape_target(request: pytest.FixtureRequest) -> Iterator[Targets]:
    """Makes targets: ``scrape_target("http://localhost:8000/metrics")``, of a registry,
    an application or a file; ``scrape_target.process([...])`` starts a program. What it
    started ends with the test."""
    yield from _targets(request, _options(request))


@pytest.fixture(scope="session")
def session_scrape_target(request: pytest.FixtureRequest) -> Iterator[Targets]:
    """As `scrape_target`, for targets that all tests share; with xdist, all tests of one
    worker."""
    yield from _targets(request, {"within": _within(request.config)})


@pytest.fixture
def fake_target() -> Iterator[Fakes]:
    """Makes fake targets: ``fake_target({"jobs_total": 1}, Status(503))`` answers
    scrapes by that script. They end with the test."""
    from promlatest.testing._fixtures import Fakes

    fakes = Fakes()
    try:
        yield fakes
    finally:
        fakes.close()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares a scrape with the golden file of the test: ``golden(target)``. With
    ``--promlatest-update`` it writes that file."""
    from promlatest.testing._fixtures import Golden

    directory = request.path.parent / "__golden__" / request.path.stem
    update = request.config.getoption("--promlatest-update")
    return Golden(directory, request.node.name, update=update)


def _targets(
    request: pytest.FixtureRequest, options: dict[str, float]
) -> Iterator[Targets]:
    from promlatest.testing._fixtures import Targets

    targets = Targets(**options)
    _wake(request.config)
    request.node.stash.setdefault(_MADE, []).append(targets.made)
    try:
        yield targets
    finally:
        targets.close()


_MADE = pytest.StashKey[list[list["ScrapeTarget"]]]()


def _options(request: pytest.FixtureRequest) -> dict[str, float]:
    options = {"within": _within(request.config)}
    for mark in reversed(list(request.node.iter_markers("promlatest"))):
        if mark.args or not set(mark.kwargs) <= {"within", "timeout"}:
            raise pytest.UsageError(f"expected {_MARKER.partition(':')[0]}, not {mark}")
        options |= mark.kwargs
    return options


def _within(config: pytest.Config) -> float:
    given = config.getoption("--promlatest-within")
    return float(config.getini("promlatest_within") if given is None else given)


# What a report says of a failure beyond its message


def pytest_collection_finish(session: pytest.Session) -> None:
    if "promlatest.testing" in sys.modules:  # a test module has imported it
        _wake(session.config)


def _wake(config: pytest.Config) -> None:
    """Have failures reported from now on. Not before: a hook that is called three times
    for each test would cost projects that use nothing of this 3 µs each time."""
    if not config.pluginmanager.has_plugin(_REPORTER):
        config.pluginmanager.register(_Reporter(), _REPORTER)


_REPORTER = "promlatest-reporter"


class _Reporter:
    """Adds to the report of a failed test the series that it looked at."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None and report.failed:
            found = _sections(item, call.excinfo.value)
            report.sections += [(f"promlatest: {title}", text) for title, text in found]
        return report


def _sections(item: pytest.Item, error: BaseException) -> list[tuple[str, str]]:
    from promlatest.testing import ExpectationError
    from promlatest.testing._fixtures import report_sections

    found = dict(error.sections) if isinstance(error, ExpectationError) else {}
    made = [*item.stash.get(_MADE, []), *item.session.stash.get(_MADE, [])]
    found |= report_sections([target for each in made for target in each])
    return list(found.items())
