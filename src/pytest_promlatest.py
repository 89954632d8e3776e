"""The pytest plugin of promlatest. It sleeps until a test asks for one of its fixtures.

pytest imports this module in every run of every project that has promlatest installed.
So it stands beside the package and not in it, and imports nothing of it before a fixture
does: importing the package takes 0.2 s, importing this 3 ms (docs/testing.md).
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from promlatest.testing import FakeTarget
    from promlatest.testing._fixtures import Golden, Targets

_MARKER = (
    "promlatest(within=SECONDS, timeout=SECONDS): how long the expectations of this test"
    " wait, and how long one scrape may take."
)
_LONGEST = 180  # characters of a file's name; file systems take 255 bytes


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
    group.addoption(
        "--promlatest-artifacts", type=Path, metavar="DIR",
        help="write the scrapes that failing tests looked at into this directory",
    )  # fmt: skip
    parser.addini("promlatest_within", "the same, in seconds", default="5")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    config.stash[_UNUSED] = set[str]()
    config.stash[_DESELECTED] = []


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        item.config.stash[_DESELECTED].append(item)


@pytest.fixture
def scrape_target(request: pytest.FixtureRequest) -> Iterator[Targets]:
    """Makes targets: ``scrape_target("http://localhost:8000/metrics")``, of a registry,
    an application or a file; ``scrape_target.process([...])`` starts a program. What it
    started ends with the test."""
    yield from _targets(request, _options(request.node))


@pytest.fixture(scope="session")
def session_scrape_target(request: pytest.FixtureRequest) -> Iterator[Targets]:
    """As `scrape_target`, for targets that all tests share; with xdist, all tests of one
    worker."""
    yield from _targets(request, {"within": _within(request.config)})


@pytest.fixture
def fake_scrape_target() -> Iterator[Callable[..., FakeTarget]]:
    """Makes fake targets: ``fake_scrape_target({"jobs_total": 1}, Status(503))`` answers
    scrapes by that script. They end with the test."""
    from promlatest.testing import FakeTarget

    with ExitStack() as closing:

        def made(*steps: Any, **options: Any) -> FakeTarget:
            fake = FakeTarget(*steps, **options)
            closing.callback(fake.close)
            return fake

        yield made


@pytest.fixture
def golden_metrics(request: pytest.FixtureRequest) -> Iterator[Golden]:
    """Compares a scrape with the golden file of the test: ``golden_metrics(target)``.
    With ``--promlatest-update`` it writes that file."""
    from promlatest.testing._fixtures import Golden

    directory = _golden_directory(request.path)
    update = request.config.getoption("--promlatest-update")
    golden = Golden(directory, _golden_name(request.node), update=update)
    _wake(request.config)
    yield golden
    if not request.node.stash.get(_BROKEN, False):
        _unused(request.config).update(map(str, golden.unused()))


def _targets(
    request: pytest.FixtureRequest, options: dict[str, float]
) -> Iterator[Targets]:
    from promlatest.testing._fixtures import Targets

    watcher = _wake(request.config)
    targets = Targets(lambda: watcher.holder, **options)
    request.node.stash.setdefault(_MADE, []).append(targets)
    try:
        yield targets
    finally:
        targets.close()


# Whose targets these are; when the test began, by time.monotonic; whether it broke off.
_MADE = pytest.StashKey[list["Targets"]]()
_BEGAN = pytest.StashKey[float]()
_BROKEN = pytest.StashKey[bool]()
_DESELECTED = pytest.StashKey[list[pytest.Item]]()


def _options(item: pytest.Item) -> dict[str, float]:
    return {"within": _within(item.config)} | _marked(item)


def _marked(item: pytest.Item) -> dict[str, float]:
    """What the markers of a test say, the closest one last."""
    options: dict[str, float] = {}
    for mark in reversed(list(item.iter_markers("promlatest"))):
        if mark.args or not set(mark.kwargs) <= {"within", "timeout"}:
            raise pytest.UsageError(f"expected {_MARKER.partition(':')[0]}, not {mark}")
        options |= mark.kwargs
    return options


def _within(config: pytest.Config) -> float:
    given = config.getoption("--promlatest-within")
    if given is not None:
        return float(given)
    text = config.getini("promlatest_within")
    try:
        return float(text)
    except ValueError:
        words = f"promlatest_within: expected seconds, not {text!r}"
        raise pytest.UsageError(words) from None


def _file_name(name: str) -> str:
    """A name that every file system takes; no two names have the same."""
    quoted = quote(name, safe="[]")
    if len(quoted) <= _LONGEST:
        return quoted
    from hashlib import sha256  # it takes longer to import than all of this module

    return f"{quoted[:_LONGEST]}-{sha256(name.encode()).hexdigest()[:12]}"


# Golden files, and those that no test compares with any more


def _golden_directory(path: Path) -> Path:
    return path.parent / "__golden__" / path.stem


def _golden_name(item: pytest.Item) -> str:
    _, _, inside = item.nodeid.partition("::")
    return _file_name(inside.replace("::", "."))


_UNUSED = pytest.StashKey[set[str]]()


def _unused(config: pytest.Config) -> set[str]:
    return config.stash[_UNUSED]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Find the golden files whose test is gone; before tests are deselected."""
    if any("::" in argument for argument in config.args):
        return  # a part of a module does not tell what is unused
    for path in {item.path for item in items}:
        directory = _golden_directory(path)
        if directory.is_dir():
            names = {
                _golden_name(item)
                for item in items
                if item.path == path
                and "golden_metrics" in getattr(item, "fixturenames", ())
            }
            _unused(config).update(
                str(file)
                for file in directory.glob("*.prom")
                if file.stem.partition("@")[0] not in names
            )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        unused = sorted(_unused(session.config))
        session.config.workeroutput["promlatest_unused"] = unused


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of xdist has ended."""
    found = getattr(node, "workeroutput", {}).get("promlatest_unused", ())
    _unused(node.config).update(found)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if unused := sorted(_unused(config)):
        terminalreporter.section("promlatest")
        terminalreporter.line("golden files that no test compares with:")
        for file in unused:
            terminalreporter.line(f"  {file}")


# What happens around tests, once one of them uses promlatest


def pytest_collection_finish(session: pytest.Session) -> None:
    if "promlatest.testing" in sys.modules:  # a test module has imported it
        _wake(session.config)


def _wake(config: pytest.Config) -> _Watcher:
    """Have tests watched and failures reported from now on. Not before: hooks that are
    called for each test would cost projects that use nothing of this 3 µs each time."""
    watcher: _Watcher | None = config.pluginmanager.get_plugin(_WATCHER)
    if watcher is None:
        config.pluginmanager.register(watcher := _Watcher(), _WATCHER)
    return watcher


_WATCHER = "promlatest-watcher"


class _Watcher:
    """Adds to the report of a failed test what it looked at, and fails a test that made
    expectations and never asked them.

    Those of a fixture may be asked until the last test of its scope has ended, so each
    is made for the test, class, module or session whose fixture is being set up.
    """

    def __init__(self) -> None:
        self.holder = _TEST  # or the id of a node: whom expectations are made for now

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        before = self.holder
        self.holder = _TEST if fixturedef.scope == "function" else request.node.nodeid
        try:
            return (yield)
        finally:
            self.holder = before

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        item.stash[_BEGAN] = time.monotonic()  # once more where it is rerun
        item.stash[_MADE] = []
        item.stash[_BROKEN] = False
        self._overrule(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        self._overrule(item)  # targets of the session that its set-up has made

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        result = yield
        lasting = [each.nodeid for each in nextitem.listchain()] if nextitem else []
        for targets in _made(item):
            targets.ledger.check(lasting, functools.partial(_had_no_chance, item))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is None:
            return report
        # One that is skipped, or fails as it is expected to, did not get to its end either.
        item.stash[_BROKEN] = True
        if report.failed:
            found = _sections(item, call.excinfo.value)
            report.sections += [(f"promlatest: {title}", text) for title, text in found]
        return report

    def _overrule(self, item: pytest.Item) -> None:
        for targets in item.session.stash.get(_MADE, []):
            targets.overrule(_marked(item))


_TEST = "the test"  # no id of a node: those of classes and modules have a dot


def _had_no_chance(item: pytest.Item, holder: str) -> bool:
    """Whether nobody could ask for what was made for a test or a node: the test broke off,
    or one that has part in the fixtures of the node did, or is not run here."""
    if holder == _TEST:
        return item.stash.get(_BROKEN, False)
    config = item.config
    deselected = config.stash[_DESELECTED]
    if _is_within(deselected, holder) or _picks_within(config.args, holder):
        return True
    elsewhere = hasattr(config, "workerinput")  # xdist may have given some to others
    return any(
        each.stash.get(_BROKEN, False) or (elsewhere and _BEGAN not in each.stash)
        for each in item.session.items
        if _is_within([each], holder)
    )


def _is_within(items: Sequence[pytest.Item], holder: str) -> bool:
    return any(holder == node.nodeid for item in items for node in item.listchain())


def _picks_within(arguments: Iterable[str], holder: str) -> bool:
    """Whether pytest was told to run some of the tests of a node, by their names."""
    inside = holder.partition("::")[2]
    picked = [argument.partition("::")[2] for argument in arguments]
    return any(each.startswith(f"{inside}::" if inside else "") for each in picked if each)


def _made(item: pytest.Item) -> list[Targets]:
    """What makes the targets of a test: its own, and those of the session."""
    return [*item.stash.get(_MADE, []), *item.session.stash.get(_MADE, [])]


def _sections(item: pytest.Item, error: BaseException) -> list[tuple[str, str]]:
    from promlatest.testing import ExpectationError
    from promlatest.testing._artifacts import write_looks

    made, began = _made(item), item.stash.get(_BEGAN, 0.0)
    found = dict(error.sections) if isinstance(error, ExpectationError) else {}
    for targets in made:
        found |= dict(targets.sections(began))
    if (directory := item.config.getoption("--promlatest-artifacts")) is not None:
        looks = [look for targets in made for look in targets.looks(began)]
        try:
            files = write_looks(looks, directory / _file_name(item.nodeid))
            found["scrapes"] = "\n".join(map(str, files))
        except OSError as refused:  # raised from here it would end the whole run
            found["scrapes"] = f"they cannot be written: {refused}"
    return list(found.items())
