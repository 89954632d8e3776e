"""Where no examples of docstrings are looked for, and how the tests are collected.

An extra that is not installed cannot be imported. It is listed here, and not passed over
with `--doctest-ignore-import-errors`: that would pass over a test file that cannot be
imported, too.
"""

import gc
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

_NEEDED = {
    "textual": [
        "src/promlatest/tui/*.py",
        "src/promlatest/tui/pages/*.py",
        "src/promlatest/tui/widgets/*.py",
    ],
    "yaml": ["src/promlatest/rules/_yaml.py"],
    "cattrs": ["src/promlatest/scrape/_config.py"],
    "opentelemetry.proto": ["src/promlatest/testing/otlp.py"],
}


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # nor is what it is a part of
        return False


collect_ignore_glob = ["docs/*.py"]  # the tools of the documents
for _package, _modules in _NEEDED.items():
    if not _is_there(_package):
        collect_ignore_glob += _modules


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Collect without looking for garbage, and never look at what was collected again.

    The modules and the thousands of tests stay until the end. Looking through them took
    1.6 of the 4.1 s of CPU that a start takes, and a part of every test that makes much.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
