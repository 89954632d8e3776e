"""Results of PromQL, from the JSON of the API to what `promlatest.promql` gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from promlatest._matching.floats import parse_float
from promlatest._matching.labels import Labels
from promlatest.promql import Annotations, Matrix, Result, Scalar, Series, Vector
from promlatest.remote._answers import ServerAnswer

__all__ = ["milliseconds", "result_of"]


def milliseconds(seconds: float) -> int:
    """The API's seconds as our milliseconds."""
    return round(seconds * 1000)


def result_of(answer: ServerAnswer) -> Result:
    """The result that an answer to `query` or `query_range` carries.

    Series stand in the order of the server, which is that of the expression where it asks
    for one.

    Raises:
        LookupError, TypeError, ValueError: the data is none of the API's.
    """
    read = _READERS[answer.data["resultType"]]
    return read(answer.data["result"], Annotations(answer.warnings, answer.infos))


def _vector(found: Any, annotations: Annotations) -> Vector:
    at = milliseconds(found[0]["value"][0]) if found else 0
    return Vector(
        [Labels(each["metric"]) for each in found],
        [parse_float(each["value"][1]) for each in found],
        at,
        annotations,
    )


def _matrix(found: Any, annotations: Annotations) -> Matrix:
    return Matrix([_series(each) for each in found], annotations)


def _series(found: Mapping[str, Any]) -> Series:
    samples = ((milliseconds(at), parse_float(text)) for at, text in found["values"])
    return Series(Labels(found["metric"]), tuple(samples))


def _scalar(found: Any, annotations: Annotations) -> Scalar:
    return Scalar(parse_float(found[1]), milliseconds(found[0]), annotations)


def _string(found: Any, _: Annotations) -> str:
    return str(found[1])


_READERS: Final[Mapping[str, Callable[[Any, Annotations], Result]]] = {
    "vector": _vector,
    "matrix": _matrix,
    "scalar": _scalar,
    "string": _string,
}
