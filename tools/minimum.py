"""The oldest versions that pyproject.toml allows, as constraints of pip: `make minimum`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def oldest(project: dict[str, Any]) -> Iterator[str]:
    """`name==version` for each dependency of the package and of its extras."""
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for of in extras.values() for each in of)]
    for requirement in wanted:
        if not requirement.startswith("promlatest["):
            found = re.fullmatch(r"([\w.-]+)[>~]=([\w.]+).*", requirement)
            if found is None:
                raise SystemExit(f"expected a lower bound, got {requirement!r}")
            yield f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    print(*oldest(tomllib.loads(PROJECT.read_text())["project"]), sep="\n")
