"""What the documents say is what is there. Their examples run as doctests."""

from __future__ import annotations

import pkgutil
import re
import sys
from pathlib import Path

import pytest

import promlatest
from promlatest.cli import _COMMANDS

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import pictures  # noqa: E402 it lies beside the documents

DOCUMENTS = [
    *pictures.documents(),
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
]
names = [document.relative_to(ROOT).as_posix() for document in DOCUMENTS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_links_lead_somewhere(document: Path) -> None:
    """Every link to a file of the repository leads to one."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_commands_exist(document: Path) -> None:
    """Every command that a document names is one, with its options."""
    named = re.findall(r"`promlatest ([a-z]+)", document.read_text())

    assert set(named) <= set(_COMMANDS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_make_targets_exist(document: Path) -> None:
    """Every `make …` that a document names is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = re.findall(r"`make ([a-z-]+)", document.read_text())

    assert set(named) <= targets


FILES = [
    f"/{path.relative_to(ROOT).as_posix()}"
    for folder in ("src", "tests", "benchmarks", "docs")
    for path in ROOT.glob(f"{folder}/**/*.py")
]


@pytest.mark.parametrize("name", ["docs/implementation.md", "CONTRIBUTING.md"])
def test_files_that_are_named_exist(name: str) -> None:
    """Every Python file that a document on the inside names is there."""
    named = re.findall(r"`([\w/]+\.py)`", (ROOT / name).read_text())

    assert [each for each in named if not any(f.endswith(f"/{each}") for f in FILES)] == []


@pytest.mark.parametrize(
    "document", pictures.documents(), ids=names[: len(pictures.documents())]
)
def test_pictures_are_of_today(document: Path) -> None:
    """The pages that a document shows are drawn so by today's code: make pictures."""
    text = document.read_text()

    assert text == pictures.redrawn(text)


def test_every_command_is_documented() -> None:
    """The page on commands names every one."""
    page = (ROOT / "docs/commands.md").read_text()

    assert [name for name in _COMMANDS if f"`promlatest {name}" not in page] == []


def test_every_public_module_has_a_page() -> None:
    """The reference has a page for each module without an underscore, and the site shows
    every page there is."""
    nav = (ROOT / "mkdocs.yml").read_text()
    modules = {found.name for found in pkgutil.iter_modules(promlatest.__path__)}
    public = {name for name in modules if not name.startswith("_")} - {"cli"}
    pages = {page.stem for page in (ROOT / "docs/reference").glob("*.md")}

    assert public <= pages
    shown = [
        page.relative_to(ROOT / "docs").as_posix() for page in pictures.documents()[1:]
    ]
    assert [page for page in shown if f"- {page}\n" not in nav] == []
