"""The public face: what stands in a public signature has a public name, and one name one
meaning."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import promlatest

SRC = Path(promlatest.__file__).parent


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SRC.rglob("*.py")):
        yield path.relative_to(SRC).as_posix(), ast.parse(path.read_text())


def defined() -> dict[str, set[str]]:
    """The files in which each class, private ones too, and each alias of types is made."""
    found: dict[str, set[str]] = defaultdict(set)
    for file, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name].add(file)
        for node in tree.body:
            if isinstance(node, ast.Assign) and is_of_types(node.value):
                found[ast.unparse(node.targets[0])].add(file)
    return found


def is_of_types(value: ast.expr) -> bool:
    """Whether an assignment names a type: `X = Mapping[...]`, `X = A | B`."""
    if isinstance(value, ast.BinOp):
        return isinstance(value.op, ast.BitOr) and is_of_types(value.left)
    if isinstance(value, ast.Subscript):
        value = value.value
    return isinstance(value, ast.Name) and value.id[:1].isupper() and not value.id.isupper()


def test_one_name_means_one_thing():
    """No class and no alias of types has the name of another one."""
    assert {name: files for name, files in defined().items() if len(files) > 1} == {}
