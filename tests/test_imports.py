"""What importing the core does, and what it leaves alone, each in a fresh process."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import promlatest

pytestmark = pytest.mark.slow

EXTRAS = ["aiohttp", "textual", "yaml", "starlette", "uvicorn", "promql_parser"]
TESTING = ["pytest", "hypothesis", "_pytest"]
CORE = [
    "promlatest",
    "promlatest.exceptions",
    "promlatest.exposition",
    "promlatest.promql",
    "promlatest.registry",
]


def run(code: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-I", *options, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("module", CORE)
def test_the_core_loads_no_extra(module):
    """The core imports no package of an extra, and nothing that tests are made with."""
    loaded = run(f"import sys, {module}; print(*sorted(sys.modules))").split()

    assert [name for name in [*EXTRAS, *TESTING] if name in loaded] == []


def test_the_core_runs_where_no_extra_can_be_imported():
    """Without any extra the core imports, matches and answers."""
    code = f"""
import sys
for name in {EXTRAS}:
    sys.modules[name] = None
from promlatest import Store
store = Store()
store.ingest('m{{a="x1"}} 1')
print([p.value for p in store.select('m{{a=~"x[0-9]+"}}')])
"""

    assert run(code) == "[1.0]\n"


@pytest.mark.parametrize(
    ("module", "asked_for"),
    [
        ("exposition._check", "from promlatest.exposition import check"),
        ("exposition._render", "from promlatest.exposition import render"),
        ("_matching.regex_machine", "Store().select('{a=~\"x[0-9]+\"}')"),
        ("_files", "import promlatest.rules"),
    ],
)
def test_a_store_does_not_load_what_others_need(module, asked_for):
    """`check`, `render`, the engine of patterns and files are loaded when they are used."""
    code = f"import sys; from promlatest import *; {{}}; print('promlatest.{module}' in sys.modules)"

    simple = """Store().select('{a=~"x|y"}')"""
    assert run(code.format(simple)) == "False\n"
    assert run(code.format(asked_for)) == "True\n"


def test_a_store_does_not_load_promql():
    """PromQL is loaded when somebody asks for it."""
    loaded = "print([m for m in sys.modules if m == 'promlatest.promql'])"

    assert run(f"import sys, promlatest; {loaded}") == "[]\n"
    assert run(f"import sys, promlatest.promql; {loaded}") != "[]\n"


def test_get_of_a_file_does_not_load_what_it_does_not_use(tmp_path):
    """`promlatest get FILE NAME` loads nothing that only other questions need."""
    page = tmp_path / "page.prom"
    page.write_text("m 1\n")
    code = f"""
import sys
there = set(sys.modules)  # what the environment loads by itself
from promlatest.cli import main
main(["get", {str(page)!r}, "m"])
print(*set(sys.modules) - there)
"""
    shown, loaded = run(code).splitlines()
    ours = ["_matching.regex", "scrape._config", "scrape._ingest", "scrape._relabel"]
    unused = {
        "asyncio", "json", "logging", "pathlib", "shutil", "string", "urllib.parse"
    }  # fmt: skip

    assert shown == "m 1"
    assert "promlatest.cli.get" in loaded.split()
    assert (unused | {f"promlatest.{name}" for name in ours}) & set(loaded.split()) == set()


def test_importing_warns_of_nothing():
    """Importing raises no warning, not even one that is hidden by default."""
    run("import promlatest, promlatest.registry, promlatest.exposition", "-W", "error")


def test_importing_opens_no_socket_and_starts_no_thread():
    """Importing and making a store talks to nobody, and leaves nothing running."""
    code = """
import sys, threading
events = []
sys.addaudithook(lambda event, _: events.append(event))
import promlatest, promlatest.registry
promlatest.Store().ingest("m 1")
print(sorted({e for e in events if e.startswith(("socket.", "subprocess.", "os.fork"))}))
print(threading.active_count())
"""

    # prometheus_client's ASGI and WSGI modules ask the socket module for its name.
    assert run(code) in ("[]\n1\n", "['socket.gethostname']\n1\n")


def test_all_is_sorted_and_true():
    """`__all__` of the face is sorted, and each of its names is there; classes and functions
    have a docstring."""
    assert sorted(promlatest.__all__) == promlatest.__all__
    for name in promlatest.__all__:
        value = getattr(promlatest, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name


def test_every_error_is_in_the_tree():
    """The errors' docstring draws every error, and each belongs to one of two branches."""
    module = importlib.import_module("promlatest.exceptions")
    errors = [getattr(module, name) for name in module.__all__]

    for error in errors:
        assert error.__name__ in module.__doc__
        assert issubclass(error, module.PromlatestError)
        branches = (module.UsageError, module.EndpointError)
        assert (
            error is module.PromlatestError
            or sum(issubclass(error, branch) for branch in branches) == 1
        )
    assert sorted(module.__all__) == module.__all__


def test_every_module_of_the_core_says_what_it_is_for():
    """Each module opens with a sentence on its purpose."""
    for found in pkgutil.iter_modules(promlatest.__path__):
        if found.name.startswith("_") and not found.name.startswith("__"):
            module = importlib.import_module(f"promlatest.{found.name}")
            assert (module.__doc__ or "").strip(), found.name


def test_the_face_is_loaded_at_its_first_name():
    """Importing the package loads none of it; any name, and `dir`, loads all of it."""
    code = """
import sys, promlatest
print(sum(name.startswith("promlatest.") for name in sys.modules), hasattr(promlatest, "no"))
print("Store" in dir(promlatest), promlatest.exposition.check.__name__)
"""

    assert run(code) == "0 False\nTrue check\n"
