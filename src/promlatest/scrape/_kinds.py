"""Fields that refuse, in words, what is of another kind than their annotation says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

import attrs

from promlatest._arguments import checked, checked_text

__all__ = ["kinds_checked", "texts"]

_KINDS: Final[Mapping[object, tuple[type | tuple[type, ...], str]]] = {
    "str": (str, "a text"),
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "bool": (bool, "True or False"),
}


def kinds_checked(
    _: type, fields: list[attrs.Attribute[Any]]
) -> list[attrs.Attribute[Any]]:
    """For attrs: have fields of plain types look at what they are given. What is called a
    path or a file may be an `os.PathLike`, and becomes a text."""
    return [_checked(field) if field.type in _KINDS else field for field in fields]


def _checked(field: attrs.Attribute[Any]) -> attrs.Attribute[Any]:
    kinds, words = _KINDS[field.type]

    is_path = field.name.endswith(("_file", "path"))  # whose bytes may be no UTF-8

    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        expected, secret = f"{words} for {field.name}", not field.repr
        checked(value, kinds, expected, secret=secret)
        if isinstance(value, str) and not is_path:
            checked_text(value, expected, secret=secret)

    return field.evolve(validator=check, converter=_path if is_path else field.converter)


def _path(given: object) -> object:
    return os.fspath(given) if isinstance(given, os.PathLike) else given


def texts(given: Mapping[str, str], what: str) -> dict[str, str]:
    """A mapping of texts, copied. What is in it may be secret.

    Raises:
        UsageError: it is none.
    """
    checked(given, Mapping, f"a mapping for {what}", secret=True)
    for pair in given.items():
        for each in pair:
            checked_text(each, f"texts in {what}", secret=True)
    return dict(given)
