"""The pytest plugin, and the programs of docs and examples, in runs of their own."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from promlatest.testing import ScrapeTarget, replay

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
# Plugins that these runs do not use take a second of CPU to start; the last would shuffle.
OPTIONS = [
    word
    for plugin in ("cacheprovider", "asyncio", "hypothesispytest", "anyio", "randomly")
    for word in ("-p", f"no:{plugin}")
]
HEAD = """
import pytest
from prometheus_client import CollectorRegistry, Counter

@pytest.fixture
def registry():
    registry = CollectorRegistry()
    Counter("jobs", "", ["queue"], registry=registry).labels("mail").inc()
    return registry
"""


@pytest.fixture
def run(pytester):
    """Run tests in this process: another one takes half a second of CPU to start."""

    def run(test: str, *arguments: str, apart: bool = False):
        pytester.makepyfile(HEAD + test)
        if apart:
            return pytester.runpytest_subprocess(*OPTIONS, *arguments)
        return pytester.runpytest_inprocess(*OPTIONS, *arguments)

    return run


def test_importing_the_plugin_imports_nothing_of_the_package():
    """Who has promlatest installed and does not use it pays for one small module."""
    program = "import sys, pytest_promlatest; print([m for m in sys.modules if m.startswith('promlatest')])"

    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert told.stdout == "[]\n"


def test_the_harness_needs_no_extra_and_no_pytest():
    """Importing `promlatest.testing` loads neither pytest nor an HTTP client."""
    program = (
        "import sys, promlatest.testing;"
        "print({'pytest', 'aiohttp', 'yaml', 'textual'} & set(sys.modules))"
    )

    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert told.stdout == "set()\n"


def test_an_unused_plugin_stays_asleep(pytester):
    """A run that asks for no fixture imports nothing, and has no hook for each test."""
    pytester.makepyfile(
        """
import sys

def test_nothing(request):
    assert not [name for name in sys.modules if name.startswith("promlatest")]
    assert not request.config.pluginmanager.has_plugin("promlatest-watcher")
"""
    )

    result = pytester.runpytest_subprocess(*OPTIONS)

    result.assert_outcomes(passed=1)


def test_fixtures_and_options(run):
    """Fixtures make targets; marker, option and configuration set how long they wait."""
    result = run(
        """
def test_default(scrape_target, session_scrape_target, registry):
    assert scrape_target(registry)._shared.option("within") == 7
    assert session_scrape_target(registry)._shared.option("within") == 7
    assert scrape_target(registry).value("jobs_total", queue="mail") == 1

@pytest.mark.promlatest(within=3, timeout=2)
def test_marker(scrape_target, registry):
    target = scrape_target(registry)
    assert (target._shared.within, target._shared.timeout) == (3, 2)
    assert scrape_target(registry, within=1)._shared.within == 1

@pytest.mark.promlatest(3)
def test_wrong_marker(scrape_target):
    pass

def test_fake(fake_scrape_target):
    assert fake_scrape_target({"jobs_total": 1}).port
""",
        "--promlatest-within=7",
        "--strict-markers",
    )

    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*expected promlatest(within=SECONDS, timeout=SECONDS)*"])


def test_the_names_of_fixtures_are_its_own(run):
    """No fixture has a name that another plugin, or a project, is likely to use."""
    listed = run("", "--fixtures").stdout.str()

    _, _, own = listed.partition("fixtures defined from pytest_promlatest")
    names = re.findall(r"^(\w+)(?: \[.*\])? -- .*pytest_promlatest", own, re.M)
    assert sorted(names) == [
        "fake_scrape_target",
        "golden_metrics",
        "scrape_target",
        "session_scrape_target",
    ]


def test_configuration(run, pytester):
    """The configuration sets the wait of all tests."""
    pytester.makeini("[pytest]\npromlatest_within = 9\n")
    result = run(
        "def test_it(scrape_target, registry):\n"
        "    assert scrape_target(registry)._shared.option('within') == 9\n"
    )

    result.assert_outcomes(passed=1)


FAILING = """
def test_expectation(scrape_target, registry):
    scrape_target(registry).expect("jobs_total", queue="mail").to_reach(5, within=0)

def test_value(scrape_target, registry):
    assert scrape_target(registry).value("jobs_total", queue="mail") == 5
"""


@pytest.mark.parametrize("arguments", [(), ("-n1",)], ids=["here", "xdist"])
def test_reports_show_the_series(run, arguments):
    """A failure shows what was looked at, and ends at the line of the test."""
    if arguments:
        pytest.importorskip("xdist")
    result = run(FAILING, *arguments)

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines_random(
        [
            "*did not reach 5 within 0 s: it was 1 at last*",
            "*promlatest: jobs_total as the registry had it*",
            'jobs_total{queue="mail"} 1',
        ]
    )
    assert str(result.stdout).count("promlatest: jobs_total as") == 2
    assert "_wait.py" not in str(result.stdout)
    assert "_target.py" not in str(result.stdout)


def test_reports_without_a_fixture(run):
    """An own target is reported, too, once the tests import the package."""
    result = run(
        """
from promlatest.testing import ScrapeTarget

def test_it(registry):
    ScrapeTarget(registry).value("jobs_totl")
"""
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*promlatest: jobs_total as the registry had it*"])


def test_a_fault_of_the_harness_shows_where_it_is(run):
    """Frames are left out of failures and wrong calls only."""
    result = run(
        """
def test_wrong(scrape_target, registry):
    scrape_target(registry).expect("jobs_total").to_increase_by(-1)

def test_fault(scrape_target, registry):
    def check(shop):
        raise KeyError("queue")
    scrape_target(registry).expect_that(check).to_hold()
"""
    )

    result.assert_outcomes(failed=2)
    assert "_conditions.py" not in str(result.stdout)
    assert "_wait_check.py" in str(result.stdout)


def test_what_a_program_wrote_is_in_the_report(run):
    """A failing test shows the output of the programs it started."""
    result = run(
        '''
import sys
PROGRAM = """
import sys, time
from prometheus_client import start_http_server
start_http_server(int(sys.argv[1]), "127.0.0.1")
print("no mail server", flush=True)
time.sleep(60)
"""

def test_it(scrape_target):
    target = scrape_target.process([sys.executable, "-c", PROGRAM, "{port}"])
    target.value("mails_total")
'''
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*promlatest: what http://127.0.0.1:* wrote*", "no mail server"]
    )


def test_golden_files(run, pytester):
    """The first run says what to do, an update writes, and the next one compares."""
    test = """
def test_it(scrape_target, registry, golden_metrics):
    golden_metrics(scrape_target(registry))
    golden_metrics(scrape_target(registry).scrape(), "again")
"""
    run(test).assert_outcomes(failed=1)
    run(test, "--promlatest-update").assert_outcomes(passed=1)
    run(test).assert_outcomes(passed=1)

    files = sorted(each.name for each in pytester.path.glob("__golden__/*/*"))
    assert files == ["test_it.prom", "test_it@again.prom"]


def test_a_golden_file_is_written_once(run):
    """What one test shows by one name is one thing: an update tells where it is not."""
    test = """
def test_it(scrape_target, golden_metrics):
    bodies = iter(["jobs_total 1", "jobs_total 1", "jobs_total 2"])
    for _ in range({times}):
        golden_metrics(scrape_target(lambda: next(bodies)))
"""
    run(test.format(times=2), "--promlatest-update").assert_outcomes(passed=1)
    run(test.format(times=3), "--promlatest-update").assert_outcomes(failed=1)


def test_golden_files_of_like_names_are_apart(run, pytester):
    """Tests of two classes, and parameters that differ in a sign, share no file."""
    test = """
class TestA:
    def test_x(self, scrape_target, golden_metrics):
        golden_metrics(scrape_target(lambda: b"a 1"))

class TestB:
    def test_x(self, scrape_target, golden_metrics):
        golden_metrics(scrape_target(lambda: b"b 1"))

@pytest.mark.parametrize("name", ["a/b", "a-b", "A b", "x" * 300, "x" * 301])
def test_y(name, scrape_target, golden_metrics):
    golden_metrics(scrape_target(lambda: f'y{{name="{name}"}} 1'.encode()))
"""
    run(test, "--promlatest-update").assert_outcomes(passed=7)
    run(test).assert_outcomes(passed=7)

    assert len(list(pytester.path.glob("__golden__/*/*.prom"))) == 7


@pytest.mark.parametrize("arguments", [(), ("-n2",)], ids=["here", "xdist"])
def test_golden_files_that_nobody_uses_are_told(run, pytester, arguments):
    """A file whose test is gone, or compares with it no more, is named at the end."""
    both = """
def test_it(scrape_target, registry, golden_metrics):
    golden_metrics(scrape_target(registry))
    golden_metrics(scrape_target(registry), "again")

def test_gone(scrape_target, registry, golden_metrics):
    golden_metrics(scrape_target(registry))
"""
    fewer = """
def test_it(scrape_target, registry, golden_metrics):
    golden_metrics(scrape_target(registry))
"""
    assert "no test compares" not in str(run(both, "--promlatest-update").stdout)
    result = run(fewer, *arguments)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*golden files that no test compares with:",
            "*test_gone.prom",
            "*test_it@again.prom",
        ]
    )
    partly = run(fewer, "test_golden_files_that_nobody_uses_are_told.py::test_it")
    assert "test_gone.prom" not in str(partly.stdout)


def test_what_was_never_asked_fails_at_teardown(run):
    """A forgotten verb, or await, fails the test that it stands in, and no other one."""
    result = run(
        """
def test_verb(scrape_target, registry):
    scrape_target(registry).expect("jobs_total")

def test_await(scrape_target, registry):
    scrape_target(registry).aio.mark()

def test_session(session_scrape_target, registry):
    session_scrape_target(registry).mark().expect_sum("jobs_total")

def test_failed(scrape_target, registry):
    scrape_target(registry).expect("jobs_total")
    assert 0

def test_fine(scrape_target, session_scrape_target, registry):
    scrape_target(registry).expect("jobs_total").to_stay(throughout=0.01)
"""
    )

    result.assert_outcomes(passed=4, failed=1, errors=3)
    result.stdout.fnmatch_lines_random(
        [
            "*UnaskedError: expect('jobs_total') says nothing by itself*",
            "*UnaskedError: mark(…) of the registry was never awaited*",
            "*UnaskedError: expect_sum('jobs_total') says nothing by itself*",
            "ERROR *test_verb*",
            "ERROR *test_await*",
            "ERROR *test_session*",
        ]
    )


def test_what_a_test_had_no_chance_to_ask_is_no_failure(run):
    """One that is skipped, or fails as expected, did not get as far as its verb."""
    result = run(
        """
def test_skipped(scrape_target, registry):
    scrape_target(registry).expect("jobs_total")
    pytest.skip("no network")

@pytest.mark.xfail(raises=ValueError)
def test_expected(scrape_target, registry):
    scrape_target(registry).expect("jobs_total")
    raise ValueError
"""
    )

    result.assert_outcomes(skipped=1, xfailed=1)


LATER = """
@pytest.fixture(scope=SCOPE)
def later(session_scrape_target):
    registry = CollectorRegistry()
    jobs = Counter("jobs", "", registry=registry)
    return jobs, session_scrape_target(registry).mark().expect("jobs_total")
"""
IN_A_CLASS = """
class TestShop:
    def test_acts(self, later):
        later[0].inc()

    def test_asks(self, later):
        ASKS

def test_afterwards():
    pass
"""


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_a_fixture_may_be_asked_as_long_as_its_scope_lasts(run, scope):
    """One test acts, the next one asks what their shared fixture expects."""
    test = LATER.replace("SCOPE", repr(scope)) + IN_A_CLASS
    result = run(test.replace("ASKS", "later[1].to_increase_by(1)"))

    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("scope", "last"),
    [("class", "test_asks"), ("module", "test_afterwards"), ("session", "test_afterwards")],
)
def test_what_a_fixture_expects_is_asked_when_its_scope_ends(run, scope, last):
    """The last test of the scope fails if none of its tests has asked."""
    test = LATER.replace("SCOPE", repr(scope)) + IN_A_CLASS
    result = run(test.replace("ASKS", "pass"))

    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines([f"*ERROR at teardown of *{last}*"])


def test_who_expects_something_in_a_teardown_has_to_ask_it_there(run):
    """What a fixture expects behind its `yield` belongs to the test that ends."""
    result = run(
        """
@pytest.fixture
def shop(scrape_target, registry):
    target = scrape_target(registry)
    yield
    target.expect("jobs_total")

def test_it(shop):
    pass
"""
    )

    result.assert_outcomes(passed=1, errors=1)


def test_a_shared_fixture_forgives_where_a_test_could_not_ask(run):
    """The test that was to ask is skipped, or broke off: that is told already."""
    test = LATER.replace("SCOPE", '"class"') + IN_A_CLASS
    skipped = run(test.replace("ASKS", "pytest.skip()"))
    broken = run(test.replace("ASKS", "assert 0"))

    skipped.assert_outcomes(passed=2, skipped=1)
    broken.assert_outcomes(passed=2, failed=1)


@pytest.mark.parametrize("scope", ["class", "module", "session"])
@pytest.mark.parametrize("picked", ["-k", "::"])
def test_a_shared_fixture_forgives_where_the_test_that_asks_is_not_run(
    run, request, scope, picked
):
    """Whoever runs one test hears nothing of what another one would have asked."""
    test = LATER.replace("SCOPE", repr(scope)) + IN_A_CLASS
    name = f"{request.function.__name__}.py::TestShop::test_acts"
    picking = ("-k", "test_acts") if picked == "-k" else (name,)
    result = run(test.replace("ASKS", "later[1].to_increase_by(1)"), *picking)

    result.assert_outcomes(passed=1, deselected=2 * (picked == "-k"))


def test_a_class_that_is_picked_whole_forgives_nothing(run, request):
    """All that could ask were run, though others were not."""
    test = LATER.replace("SCOPE", '"class"') + IN_A_CLASS
    name = f"{request.function.__name__}.py::TestShop"
    result = run(test.replace("ASKS", "pass"), name)

    result.assert_outcomes(passed=2, errors=1)


def test_a_worker_forgives_what_another_one_asks(run):
    """xdist gives the tests of a class to several workers, each with fixtures of its own."""
    pytest.importorskip("xdist")
    first = "def test_first():\n    pass\n"  # a worker is given two tests to begin with
    test = first + LATER.replace("SCOPE", '"class"') + IN_A_CLASS
    asking = test.replace("ASKS", "later[0].inc(); later[1].to_increase_by(1)")

    run(asking, "-n2", apart=True).assert_outcomes(passed=4)


def test_what_the_class_of_a_unittest_expects(run):
    """Its fixtures for a whole class last as long as the class."""
    result = run(
        LATER.replace("SCOPE", '"class"')
        + """
import unittest

@pytest.mark.usefixtures("shop")
class TestShop(unittest.TestCase):
    def test_acts(self):
        self.jobs.inc()

    def test_asks(self):
        self.expected.to_increase_by(1)

@pytest.fixture(scope="class")
def shop(request, later):
    request.cls.jobs, request.cls.expected = later
"""
    )

    result.assert_outcomes(passed=2)


BEGUN = """
import asyncio, threading

def in_a_loop(scrape_target, registry, left_alone):
    async def main():
        mark = await scrape_target(registry).aio.mark()
        await left_alone(mark.expect("jobs_total").to_increase_by(1))
    asyncio.run(main())

"""


@pytest.mark.parametrize(
    "test",
    [
        """
def test_it(scrape_target, registry):
    async def left_alone(wait):
        asyncio.create_task(wait)
        await asyncio.sleep(0.05)
    in_a_loop(scrape_target, registry, left_alone)
""",
        """
def test_it(scrape_target, registry):
    async def left_alone(wait):
        asyncio.create_task(wait).cancel()
    in_a_loop(scrape_target, registry, left_alone)
""",
        """
def test_it(scrape_target, registry):
    async def left_alone(wait):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wait, 0.05)
    in_a_loop(scrape_target, registry, left_alone)
""",
        """
def test_it(scrape_target, registry):
    async def left_alone(wait):
        async def awaiting():
            await wait
        task = awaiting()
        task.send(None)
        task.close()
    in_a_loop(scrape_target, registry, left_alone)
""",
        """
def test_it(scrape_target, registry):
    expected = scrape_target(registry).mark().expect("jobs_total")
    def wait():
        with pytest.raises(AssertionError):
            expected.to_increase_by(1, within=10)
    threading.Thread(target=wait, daemon=True).start()
""",
        """
def test_it(scrape_target):
    trio = pytest.importorskip("trio")
    async def main():
        mark = await scrape_target(lambda: b"jobs_total 1").aio.mark()
        with trio.move_on_after(0.05):
            await mark.expect("jobs_total").to_increase_by(1)
    trio.run(main)
""",
    ],
    ids=["left alone", "never began", "timeout", "closed around it", "thread", "trio"],
)
def test_a_wait_that_was_begun_and_has_no_answer(run, test):
    """What was cancelled, or goes on when the test ends, has found nothing out."""
    result = run(BEGUN + test)

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines_random(["*UnaskedError: *jobs_total*"])


@pytest.mark.parametrize("close", ["before", "after"])
def test_a_wait_that_is_closed_is_not_wanted_any_more(run, close):
    """`close` says so, whether it was begun or not."""
    result = run(
        BEGUN
        + """
def test_it(scrape_target, registry):
    async def left_alone(wait):
        if CLOSE == "after":
            task = asyncio.create_task(wait)
            await asyncio.sleep(0.05)
            task.cancel()
        wait.close()
    in_a_loop(scrape_target, registry, left_alone)
""".replace("CLOSE", repr(close))
    )

    result.assert_outcomes(passed=1)


def test_an_expectation_that_a_check_forgets(run):
    """A check that expects and does not ask is no better than a test that does so."""
    result = run(
        """
def test_it(scrape_target, registry):
    target = scrape_target(registry)

    def check(shop):
        target.expect("jobs_total")
        return shop.value("jobs_total") == 1

    target.expect_that(check).to_hold(already_ok=True)
"""
    )

    result.assert_outcomes(passed=1, errors=1)


def test_a_wait_inside_of_a_wait(run):
    """A condition may wait for something else."""
    result = run(
        """
def test_it(scrape_target, registry):
    target = scrape_target(registry)

    def check(shop):
        return target.expect("jobs_total").to_reach(1, already_ok=True).value == 1

    target.expect_that(check).to_hold(already_ok=True)
"""
    )

    result.assert_outcomes(passed=1)


def test_a_wait_in_the_configuration_that_is_none(run, pytester):
    """A wrong number is told with the name of its option."""
    pytester.makeini("[pytest]\npromlatest_within = soon")

    result = run("def test_it(scrape_target): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*promlatest_within: expected seconds, not 'soon'*"])


def test_a_forgotten_verb_without_a_fixture(run):
    """With warnings as errors a plain target's fails the test, too."""
    result = run(
        """
from promlatest.testing import ScrapeTarget

def test_verb(registry):
    ScrapeTarget(registry).expect("jobs_total")
""",
        "-Werror",
        apart=True,  # here pytest warns that the package is loaded already
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*UnaskedWarning: expect('jobs_total') says nothing*"])


def test_markers_hold_for_targets_of_the_session(run):
    """A marker says how long this test waits, whoever made its target."""
    result = run(
        """
@pytest.fixture(scope="session")
def shop(session_scrape_target):
    return session_scrape_target(lambda: b"jobs_total 1")

@pytest.mark.promlatest(within=0.01)
def test_marked(shop):
    with pytest.raises(AssertionError, match="within 0.01 s"):
        shop.expect("jobs_total").to_reach(2)

def test_unmarked(shop):
    assert shop._shared.option("within") == 5
"""
    )

    result.assert_outcomes(passed=2)


def test_reports_show_looks_of_their_own_test_only(run):
    """What another test looked at at a target of the session is not shown."""
    result = run(
        """
@pytest.fixture(scope="session")
def shop(session_scrape_target):
    return session_scrape_target(lambda: b"jobs_total 1\\nmails_total 2")

def test_first(shop):
    assert shop.value("jobs_total") == 1

def test_second(shop):
    assert shop.value("mails_total") == 1

def test_unrelated():
    assert 0
"""
    )

    result.assert_outcomes(passed=1, failed=2)
    assert str(result.stdout).count("promlatest: mails_total as") == 1
    assert "promlatest: jobs_total as" not in str(result.stdout)


def test_artifacts_that_cannot_be_written(run, pytester):
    """The report of the test says so, and the run goes on."""
    pytester.path.joinpath("out").write_text("a file")
    result = run(
        """
def test_it(scrape_target, registry):
    assert scrape_target(registry).value("jobs_total", queue="mail") == 7

def test_after():
    pass
""",
        "--promlatest-artifacts=out",
    )

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["they cannot be written: *Not a directory*"])


def test_a_golden_file_with_a_name_too_long(run):
    """It is a wrong call, and no error of the file system."""
    result = run(
        """
from promlatest.exceptions import UsageError

def test_it(scrape_target, golden_metrics):
    with pytest.raises(UsageError, match="expected a shorter name"):
        golden_metrics(scrape_target(lambda: b"a 1"), "x" * 300)
"""
    )

    result.assert_outcomes(passed=1)


def test_artifacts_are_written_and_replayed(run, pytester):
    """The scrapes that a failing test looked at are files, and a target replays them."""
    result = run(
        """
def test_it(scrape_target):
    numbers = iter(range(9))
    target = scrape_target(lambda: f"jobs_total {next(numbers)}")
    target.mark()
    assert target.value("jobs_total") == 7

def test_passes(scrape_target, registry):
    scrape_target(registry).mark()
""",
        "--promlatest-artifacts=out",
    )

    result.assert_outcomes(passed=1, failed=1)
    [directory] = pytester.path.glob("out/*")
    result.stdout.fnmatch_lines(["*promlatest: scrapes*", "*01-*.prom"])
    assert [file.read_text() for file in sorted(directory.iterdir())] == [
        "jobs_total 0",
        "jobs_total 1",
    ]
    mark = ScrapeTarget(replay(directory)).mark()
    assert [mark.increase("jobs_total"), mark.increase("jobs_total")] == [1, 1]


# Examples and docs


def pytest_run(*arguments: str, cwd: Path) -> str:
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *OPTIONS, *arguments],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def test_the_mailer_is_tested_in_parallel():
    """Tests of process-global counters pass in several workers at once."""
    pytest.importorskip("xdist")

    assert "11 passed" in pytest_run(
        "-n2", "-c", os.devnull, "test_mailer.py", cwd=ROOT / "examples"
    )


@pytest.mark.parametrize("name", ["flask_shop", "fastapi_shop", "tasks"])
def test_programs_in_the_docs(tmp_path, name):
    """The ten lines of the docs are a test that passes."""
    needed = {"flask_shop": "flask", "fastapi_shop": "fastapi", "tasks": "celery"}[name]
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"needs {needed}")
    blocks = re.findall(
        r"```python\n# (\w+)\.py\n(.*?)```", (ROOT / "docs/testing.md").read_text(), re.S
    )
    programs = dict(blocks)
    for file in (name, f"test_{name}"):
        (tmp_path / f"{file}.py").write_text(programs[file])

    pytest_run(f"test_{name}.py", cwd=tmp_path)
    assert (
        len([line for line in programs[f"test_{name}"].splitlines() if line.strip()]) <= 10
    )
