"""The public face: what stands in a public signature has a public name, and one name one
meaning."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import promlatest

SRC = Path(promlatest.__file__).parent
PUBLIC = [
    "promlatest",
    "promlatest.api",
    "promlatest.exceptions",
    "promlatest.exposition",
    "promlatest.promql",
    "promlatest.registry",
    "promlatest.remote",
    "promlatest.rules",
    "promlatest.scrape",
    "promlatest.testing",
    "promlatest.views",
]
SPOKEN = {"__add__", "__call__", "__contains__", "__getitem__", "__iter__", "__sub__"}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SRC.rglob("*.py")):
        yield path.relative_to(SRC).as_posix(), ast.parse(path.read_text())


@cache
def defined() -> dict[str, set[str]]:
    """The files in which each class, private ones too, and each alias of types is made."""
    found: dict[str, set[str]] = defaultdict(set)
    for file, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name].add(file)
        for node in tree.body:
            if isinstance(node, ast.Assign):
                name = ast.unparse(node.targets[0])
                if is_of_types(name, node.value):
                    found[name].add(file)
    return found


def is_of_types(name: str, value: ast.expr) -> bool:
    """Whether an assignment names a type: `Name = Mapping[...]`, `Name = A | B`."""
    if not name.lstrip("_")[:1].isupper() or name.isupper():
        return False
    return isinstance(value, ast.Name | ast.Subscript) or (
        isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr)
    )


@pytest.mark.slow
def test_one_name_means_one_thing():
    """No class and no alias of types has the name of another one."""
    assert {name: files for name, files in defined().items() if len(files) > 1} == {}


def names_in(annotation: Any) -> set[str]:
    text = (
        annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    )
    nodes = ast.walk(ast.parse(text, mode="eval"))
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def is_foreign(name: str, module: str) -> bool:
    """Whether a name means something of another package where it stands."""
    meant = getattr(importlib.import_module(module), name, None)
    return inspect.isclass(meant) and not meant.__module__.startswith("promlatest")


def signatures(value: Any) -> Iterator[tuple[str, str, Any]]:
    """The annotations of what a user calls or reads, each with its module and where it stands."""
    if inspect.isclass(value):
        for name, each in inspect.get_annotations(value).items():
            if not name.startswith("_"):
                yield value.__module__, name, each
        for name, each in inspect.getmembers_static(value):
            is_made = name == "__init__" and "Args:" in (value.__doc__ or "")
            if not name.startswith("_") or name in SPOKEN or is_made:
                yield from of_function(name, each)
    else:
        yield from of_function(getattr(value, "__name__", ""), value)


def of_function(name: str, value: Any) -> Iterator[tuple[str, str, Any]]:
    value = value.fget if isinstance(value, property) else value
    value = inspect.unwrap(getattr(value, "__func__", value))
    if inspect.isfunction(value) and value.__module__.startswith("promlatest"):
        for parameter, each in inspect.get_annotations(value).items():
            if not parameter.startswith("_"):
                yield value.__module__, f"{name}({parameter})", each


@pytest.mark.slow
@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_signature_has_public_types(module):
    """Every type of promlatest in a public signature can be imported from a public module."""
    ours = set(defined())
    public = {each for name in PUBLIC for each in importlib.import_module(name).__all__}
    named = importlib.import_module(module)

    hidden = {
        f"{name}: {where}: {each}"
        for name in named.__all__
        for home, where, annotation in signatures(getattr(named, name))
        for each in (names_in(annotation) & ours) - public
        if not is_foreign(each, home)
    }

    assert sorted(hidden) == []


@pytest.mark.parametrize("module", PUBLIC)
def test_what_a_shell_completes_is_what_is_public(module):
    """`dir()` of a package shows its public names, those that are loaded later too."""
    named = importlib.import_module(module)
    shown = {name for name in dir(named) if not name.startswith("_")}

    assert set(named.__all__) <= shown
    if hasattr(named, "__getattr__"):
        assert shown == set(named.__all__)


def test_the_floors_are_those_of_the_document():
    """docs/implementation.md lists the floors that import-linter holds, lowest first."""
    root = Path(__file__).parents[1]
    linter = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(
        each for each in linter["contracts"] if each.get("containers") == ["promlatest"]
    )
    held = [{name.strip() for name in each.split("|")} for each in layers["layers"]]

    text = (root / "docs" / "implementation.md").read_text()
    rows = re.findall(r"^\| \d+ \|([^|]+)\|", text, re.MULTILINE)
    told = [set(re.findall(r"`(\w+)/?`", row)) for row in rows]

    assert told == held[::-1]


def methods_of_store() -> list[str]:
    found = inspect.getmembers_static(promlatest.Store, inspect.isfunction)
    return [name for name, _ in found if not name.startswith("_")]


@pytest.mark.parametrize("name", methods_of_store())
def test_a_method_of_the_store_says_its_cost_and_shows_itself(name):
    """Each public method of `Store` says what it costs, and has an example."""
    said = getattr(promlatest.Store, name).__doc__

    assert "O(" in said
    assert ">>> " in said
