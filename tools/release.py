"""Whether the files of a directory may be released: `make release-check`.

The version has a section with a date in the changelog, the wheel works in an empty
environment without any extra, and it holds what is not Python, too.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOT_PYTHON = ("promlatest/py.typed", "promlatest/tui/dashboard.tcss", "licenses/LICENSE")
ASKED = """
from importlib.metadata import version
from promlatest import Store
store = Store()
store.ingest('depth{queue="mail"} 3')
assert store.query("depth", queue="mail")[0].value == 3
print(version("promlatest"))
"""


def problems(directory: Path) -> Iterator[str]:
    """What stands against it, in words."""
    told = (ROOT / "src/promlatest/_version.py").read_text()
    (version,) = re.findall(r'"(\d.*)"', told)
    changes = (ROOT / "CHANGELOG.md").read_text()
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changes, re.M):
        yield f"CHANGELOG.md: expected a section '## [{version}] - YYYY-MM-DD'"
    wheel = directory / f"promlatest-{version}-py3-none-any.whl"
    if not wheel.exists():
        yield f"{wheel} is missing"
        return
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in NOT_PYTHON:
        if not any(name.endswith(wanted) for name in names):
            yield f"{wheel.name} lacks {wanted}"
    yield from _in_an_empty_environment(wheel, version)


def _in_an_empty_environment(wheel: Path, version: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as home:
        venv.create(home, with_pip=True)
        scripts = Path(home, "Scripts" if sys.platform == "win32" else "bin")
        subprocess.run(
            [scripts / "python", "-m", "pip", "install", "--quiet", wheel], check=True
        )
        commands: list[list[str | Path]] = [
            [scripts / "python", "-W", "error", "-c", ASKED],
            [scripts / "promlatest", "--version"],
        ]
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode or version not in done.stdout:
                yield f"expected {version}: {done.stdout}{done.stderr}"


if __name__ == "__main__":
    found = list(problems(Path(sys.argv[1])))
    print(*found or ["it may be released"], sep="\n")
    sys.exit(bool(found))
