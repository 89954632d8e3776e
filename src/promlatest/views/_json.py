"""Rows as dicts that JSON can hold."""

from __future__ import annotations

from math import isnan
from typing import Any

import attrs

from promlatest._matching.floats import json_number


def number(value: float | None) -> float | None:
    """The number, or None where it says nothing: NaN, as None, is unknown."""
    return None if value is None or isnan(value) else value


@attrs.frozen
class Row:
    """What a view shows in one line."""

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON can hold it.

        What is unknown is None; infinities are "+Inf" and "-Inf".
        """
        return attrs.asdict(self, value_serializer=_serialised)


def _serialised(owner: object, field: object, value: Any) -> Any:
    return json_number(value) if isinstance(value, float) else value
