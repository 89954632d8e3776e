"""Expositions: what an endpoint answers, as bytes, and what they mean.

    >>> from promlatest.exposition import parse
    >>> [sample.value for sample in parse('depth{queue="pods"} 3\\n').samples()]
    [3.0]

It opens no socket: bytes in, samples out, and back.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from promlatest.exposition._families import FamilySample, MetricFamily, Registry
from promlatest.exposition._formats import ACCEPT, CONTENT_TYPES, Format, format_of
from promlatest.exposition._reader import Diagnostic, Exposition, Sample, parse
from promlatest.exposition._render import render
from promlatest.exposition._rescrape import Reader

if TYPE_CHECKING:
    from promlatest.exposition._check import check

__all__ = [
    "ACCEPT",
    "CONTENT_TYPES",
    "Diagnostic",
    "Exposition",
    "FamilySample",
    "Format",
    "MetricFamily",
    "Reader",
    "Registry",
    "Sample",
    "check",
    "format_of",
    "parse",
    "render",
]


def __getattr__(name: str) -> object:
    # No scrape and no store needs `check`, which is 7 % of what importing `Store` costs.
    if name != "check":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = import_module("promlatest.exposition._check").check
    return globals()[name]


def __dir__() -> list[str]:
    return __all__
