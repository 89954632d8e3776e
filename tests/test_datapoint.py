"""Points, as they travel."""

from __future__ import annotations

import json
import pickle
from math import inf, nan

import pytest

from promlatest import DataPoint, Labels

LABELS = Labels(__name__="up", job="a")


@pytest.mark.parametrize(
    ("value", "written"), [(1.5, "1.5"), (nan, "null"), (inf, '"+Inf"'), (-inf, '"-Inf"')]
)
def test_as_dict_is_json(value, written):
    """Any point can be written as strict JSON: NaN is null, infinities are text."""
    point = DataPoint(LABELS, 1000, value)

    assert json.dumps(point.as_dict(), allow_nan=False) == (
        f'{{"labels": {{"__name__": "up", "job": "a"}}, "timestamp": 1000, "value": {written}}}'
    )


def test_a_point_can_be_pickled():
    """A point can be pickled."""
    point = DataPoint(LABELS, 1000, 1.0)

    assert pickle.loads(pickle.dumps(point)) == point
