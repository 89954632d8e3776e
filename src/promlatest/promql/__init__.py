"""PromQL: the field's own questions, asked in process.

>>> from promlatest import Store
>>> from promlatest.promql import query
>>> store = Store()
>>> _ = store.ingest('hits{code="200"} 3\\nhits{code="500"} 1')
>>> [point.value for point in query(store, 'sum(hits)')]
[4.0]
"""

from promlatest.exceptions import CoverageError, EvaluationError, QueryError
from promlatest.promql._columns import Block, Columnar
from promlatest.promql._engine import query, query_range
from promlatest.promql._parser import parse
from promlatest.promql._tree import Node, walk
from promlatest.promql._values import Annotations, Matrix, Result, Scalar, Series, Vector

__all__ = [
    "Annotations",
    "Block",
    "Columnar",
    "CoverageError",
    "EvaluationError",
    "Matrix",
    "Node",
    "QueryError",
    "Result",
    "Scalar",
    "Series",
    "Vector",
    "parse",
    "query",
    "query_range",
    "walk",
]
