"""PromQL: the field's own questions, asked in process.

>>> from promlatest.promql import parse
>>> print(parse("sum by(code)(rate(http_requests_total[5m]))"))
sum by (code) (rate(http_requests_total[5m]))
"""

from promlatest.exceptions import EvaluationError, QueryError
from promlatest.promql._parser import parse
from promlatest.promql._tree import Node, walk

__all__ = ["EvaluationError", "Node", "QueryError", "parse", "walk"]
