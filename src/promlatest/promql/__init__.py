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
from promlatest.promql._tree import (
    Aggregation,
    At,
    Binary,
    Call,
    Cardinality,
    Matching,
    MatrixSelector,
    Node,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    ValueType,
    VectorSelector,
    walk,
)
from promlatest.promql._values import Annotations, Matrix, Result, Scalar, Series, Vector

__all__ = [
    "Aggregation",
    "Annotations",
    "At",
    "Binary",
    "Block",
    "Call",
    "Cardinality",
    "Columnar",
    "CoverageError",
    "EvaluationError",
    "Matching",
    "Matrix",
    "MatrixSelector",
    "Node",
    "Number",
    "Paren",
    "QueryError",
    "Result",
    "Scalar",
    "Series",
    "String",
    "Subquery",
    "Unary",
    "ValueType",
    "Vector",
    "VectorSelector",
    "parse",
    "query",
    "query_range",
    "walk",
]
