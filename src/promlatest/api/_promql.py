"""PromQL over HTTP: what the engine answers, as Prometheus writes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from promlatest._datapoint import DataPoint, Exemplar
from promlatest._interfaces import Columnar, Queryable
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._matching.matcher import Matcher
from promlatest._storage.query import QueryMethods
from promlatest.api._answer import ApiResponse, success
from promlatest.api._lists import within
from promlatest.api._params import Params, read_duration, read_time
from promlatest.api._site import Site
from promlatest.api._text import dump, json_time
from promlatest.exceptions import UsageError
from promlatest.promql import (
    Annotations,
    Matrix,
    Scalar,
    Series,
    Vector,
    parse,
    query,
    query_range,
)
from promlatest.promql._aggregations import digits
from promlatest.promql._tree import selectors_of

__all__ = ["exemplars", "format_query", "instant", "over_range", "rows_of"]


# Queries


def instant(site: Site, params: Params) -> ApiResponse:
    """The value of an expression at one time."""
    at = params.read("time", read_time, site.clock())
    found = query(site.queryable, _text(params), at, partial=_partial(site, params))
    return _answer(site, found, at, params)


def over_range(site: Site, params: Params) -> ApiResponse:
    """The values of an expression at every step between two times."""
    start = params.required("start", read_time)
    end = params.required("end", read_time)
    step = params.required("step", read_duration)
    if end < start:
        raise UsageError(
            'invalid parameter "end": end timestamp must not be before start time'
        )
    if step <= 0:
        raise UsageError(
            'invalid parameter "step": zero or negative query resolution step widths are'
            " not accepted. Try a positive integer"
        )
    if (end - start) / 1000 / step > site.max_points:
        raise UsageError(
            f"exceeded maximum resolution of {site.max_points:,} points per timeseries."
            " Try decreasing the query resolution (?step=XX)"
        )
    found = query_range(
        site.queryable, _text(params), start, end, step, partial=_partial(site, params)
    )
    return _answer(site, found, end, params)


def _partial(site: Site, params: Params) -> bool:
    """Whether a range that is covered in part is answered over that part; the parameter
    is Thanos' word for it."""
    asked = params.text("partial_response")
    return asked in ("true", "1") if asked else site.partial


def _text(params: Params) -> str:
    text = params.text("query")
    if not text:
        raise UsageError('invalid parameter "query": expected an expression, got none')
    return text


_NONE: Final = Annotations()


def _answer(site: Site, result: Any, at: int, params: Params) -> ApiResponse:
    kind, write = _KINDS[type(result)]
    found = write(site, result, at)
    cut: Sequence[str] = ()
    if not isinstance(found, str):
        kept, cut = within(found, params)
        found = f"[{','.join(kept)}]"
    data = f'{{"resultType":"{kind}","result":{found}}}'
    told = getattr(result, "annotations", _NONE)  # a text has none
    return success(data, [*told.warnings, *cut], told.infos)


def _vector(site: Site, vector: Vector, at: int) -> Sequence[str]:
    json, time = site.json, json_time(at)
    return [
        f'{{"metric":{json(labels)},"value":[{time},"{digits(value)}"]}}'
        for labels, value in zip(vector.labels, vector.values, strict=True)
    ]


def _matrix(site: Site, matrix: Matrix, _: int) -> Sequence[str]:
    json = site.json
    return [
        f'{{"metric":{json(series.labels)},"values":[{_samples(series)}]}}'
        for series in matrix
    ]


def _samples(series: Series) -> str:
    return ",".join(f'[{json_time(at)},"{digits(v)}"]' for at, v in series.samples)


def _scalar(_: Site, scalar: Scalar, at: int) -> str:
    return f'[{json_time(at)},"{digits(scalar.value)}"]'


def _string(_: Site, text: str, at: int) -> str:
    return f"[{json_time(at)},{dump(text)}]"


_WriteJson = Callable[[Site, Any, int], Sequence[str] | str]

_KINDS: Final[Mapping[type, tuple[str, _WriteJson]]] = {
    str: ("string", _string),
    Scalar: ("scalar", _scalar),
    Vector: ("vector", _vector),
    Matrix: ("matrix", _matrix),
}


def rows_of(
    site: Site, text: str, asked: Columnar | Queryable | None = None
) -> tuple[Sequence[DataPoint], Sequence[str]]:
    """The answer to an expression now as points, and what is to be remarked; of the site,
    or of something else that is asked.

    A number is a point without labels, a text one with the text as its only label, and of
    a range it is the newest sample of each series.
    """
    now = site.clock()
    held = site.queryable if asked is None else asked
    result = query(held, text, now, partial=site.partial)
    if isinstance(result, str):
        return [DataPoint(Labels(string=result), now, math.nan)], ()
    remarks = [*result.annotations.warnings, *result.annotations.infos]
    if isinstance(result, Scalar):
        return [DataPoint(Labels(), now, result.value)], remarks
    if isinstance(result, Matrix):
        newest = [DataPoint(each.labels, *each.samples[-1]) for each in result]
        return newest, remarks
    return result, remarks


def format_query(_: Site, params: Params) -> ApiResponse:
    """An expression as PromQL is written."""
    return success(dump(str(params.required("query", parse))))


# Exemplars


def exemplars(site: Site, params: Params) -> ApiResponse:
    """The exemplars of every series that an expression selects, between two times."""
    start = params.read("start", read_time, -_FOREVER)
    end = params.read("end", read_time, _FOREVER)
    if end < start:
        raise UsageError("end timestamp must not be before start timestamp")
    found: dict[Labels, list[str]] = {}
    for selector in selectors_of(params.required("query", parse)):
        for labels, exemplar in _exemplars(site, selector.matchers):
            at = _time(exemplar)
            if start <= at <= end and labels not in found:
                found[labels] = [_exemplar(site, exemplar, at)]
    return success(f"[{','.join(_of_series(site, *each) for each in found.items())}]")


_FOREVER: Final = 1 << 62


def _exemplars(
    site: Site, matchers: Sequence[Matcher]
) -> Iterable[tuple[Labels, Exemplar]]:
    """Those of a store; another Queryable has none."""
    queryable = site.queryable
    if isinstance(queryable, QueryMethods):
        rest = [each for each in matchers if each.name != METRIC_NAME]
        for metric in queryable.label_values(METRIC_NAME, *matchers):
            yield from queryable.exemplars(metric, *rest)


def _time(exemplar: Exemplar) -> int:
    return 0 if exemplar.timestamp is None else exemplar.timestamp


def _exemplar(site: Site, exemplar: Exemplar, at: int) -> str:
    labels, value = site.json(exemplar.labels), digits(exemplar.value)
    return f'{{"labels":{labels},"value":"{value}","timestamp":{json_time(at)}}}'


def _of_series(site: Site, labels: Labels, texts: Iterable[str]) -> str:
    return f'{{"seriesLabels":{site.json(labels)},"exemplars":[{",".join(texts)}]}}'
