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
from promlatest.exposition._rescrape import Reader

if TYPE_CHECKING:
    from promlatest.exposition._check import check
    from promlatest.exposition._render import render

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


# No scrape and no store needs these: 7 % and 1 % of what importing `Store` costs.
_LATER = {"check": "_check", "render": "_render"}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"promlatest.exposition.{_LATER[name]}")
    globals()[name] = getattr(module, name)
    return globals()[name]


def __dir__() -> list[str]:
    return __all__
