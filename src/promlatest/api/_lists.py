"""What there is: series, labels, metadata, and the samples as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, TypeVar

import attrs

from promlatest._matching.floats import format_float
from promlatest._matching.matcher import Matcher
from promlatest.api._answer import ApiResponse, success
from promlatest.api._params import Params, read_time
from promlatest.api._site import Site
from promlatest.api._text import dump
from promlatest.exceptions import UsageError
from promlatest.exposition import CONTENT_TYPES, render
from promlatest.exposition._render import metric_text

__all__ = [
    "expose",
    "federate",
    "label_names",
    "label_values",
    "metadata",
    "series",
    "within",
]

T = TypeVar("T")

_PLAIN: Final = "text/plain; version=0.0.4; charset=utf-8"
_CUT: Final = "results truncated due to limit"


def series(site: Site, params: Params) -> ApiResponse:
    """The label sets of the series that fulfil one of the selectors."""
    selectors = _selectors(params)
    if not selectors:
        raise UsageError("no match[] parameter provided")
    texts = [site.json(point.labels) for point in site.points(selectors)]
    kept, warnings = within(texts, params)
    return success(f"[{','.join(kept)}]", warnings)


def label_names(site: Site, params: Params) -> ApiResponse:
    """The names of the labels of the matching series."""
    found = (site.queryable.label_names(*each) for each in _selectors(params) or [()])
    return _names(found, params)


def label_values(site: Site, params: Params, name: str) -> ApiResponse:
    """The values of one label of the matching series."""
    if not name:
        raise UsageError('invalid label name: ""')
    selectors = _selectors(params) or [()]
    return _names((site.queryable.label_values(name, *each) for each in selectors), params)


def _selectors(params: Params) -> list[tuple[Matcher, ...]]:
    """Those of `match[]`; the times beside them must be some, though it is listed what is
    held now."""
    for name in ("start", "end"):
        params.read(name, read_time, 0)
    return params.matchers()


def _names(found: Iterable[Iterable[str]], params: Params) -> ApiResponse:
    kept, warnings = within(sorted({name for names in found for name in names}), params)
    return success(dump(kept), warnings)


def within(found: Sequence[T], params: Params) -> tuple[Sequence[T], list[str]]:
    """The first of what was found, as many as are wanted, and the warning if that cuts."""
    limit = params.limit()
    cut = 0 < limit < len(found)
    return (found[:limit] if cut else found), [_CUT] * cut


def metadata(site: Site, params: Params) -> ApiResponse:
    """Type, help and unit of each family."""
    wanted, limit = params.text("metric"), params.limit()
    told = site.queryable.metrics()
    names = [name for name in told if wanted in ("", name)]
    shown = names[: limit or None]
    return success(dump({name: [attrs.asdict(told[name])] for name in shown}))


# Samples as text


def federate(site: Site, params: Params) -> ApiResponse:
    """The latest samples of the selected series, as Prometheus federates: metric by
    metric, untyped, and with timestamps."""
    told = site.federated
    found = [(*told(labels), t, v) for labels, t, v in site.points(params.matchers())]
    found.sort(key=itemgetter(0))  # a label such as "Zone" sorts before the name
    lines = []
    for metric, samples in groupby(found, itemgetter(0)):
        lines.append(f"# TYPE {metric_text(metric)} untyped\n")
        lines += [f"{text} {format_float(v)} {t}\n" for _, text, t, v in samples]
    return _text("".join(lines))


def expose(site: Site, _: Params) -> ApiResponse:
    """Everything that is held, with types and help, without timestamps."""
    queryable = site.queryable
    return _text(render(queryable.match(()), queryable.metrics()))


def _text(text: str) -> ApiResponse:
    """Samples in the format's version 0.0.4, unless a name may need the quotes of 1.0.0:
    tools from before Prometheus 3 know no other."""
    quoted = '{"' in text or ',"' in text
    return ApiResponse(200, CONTENT_TYPES["text"] if quoted else _PLAIN, text.encode())
