"""The oldest versions that pyproject.toml allows, as constraints of pip: `make minimum`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def oldest(project: dict[str, object]) -> Iterator[str]:
    """`name==version` for each dependency of the package and of its extras."""
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for of in extras.values() for each in of)]
    for requirement in wanted:
        if not requirement.startswith("promlatest["):
            name, version = re.fullmatch(r"([\w.-]+)[>~]=([\w.]+).*", requirement).groups()
            yield f"{name}=={version}"


if __name__ == "__main__":
    print(*oldest(tomllib.loads(PROJECT.read_text())["project"]), sep="\n")
