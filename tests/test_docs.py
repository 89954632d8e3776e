"""What the documents say is what is there. Their examples run as doctests."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from promlatest.cli import _COMMANDS

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import pictures  # noqa: E402 it lies beside the documents

DOCUMENTS = [*pictures.documents(), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
names = [document.name for document in DOCUMENTS]


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


@pytest.mark.parametrize("document", pictures.documents(), ids=lambda path: path.name)
def test_pictures_are_of_today(document: Path) -> None:
    """The pages that a document shows are drawn so by today's code: make pictures."""
    text = document.read_text()

    assert text == pictures.redrawn(text)


def test_every_command_is_documented() -> None:
    """The README names every command."""
    readme = (ROOT / "README.md").read_text()

    assert [name for name in _COMMANDS if f"`promlatest {name}" not in readme] == []
