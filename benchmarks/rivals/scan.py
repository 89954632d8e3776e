"""A dict and a linear scan: the naive way."""

from __future__ import annotations

from benchmarks.rivals import Query
from benchmarks.series import NOW, Shape, all_series


class Table:
    title = "dict + linear scan"

    def __init__(self, size: int) -> None:
        series = enumerate(all_series(size))
        self.points = {each: (NOW, float(at)) for at, each in series}

    def prepare(self, shape: Shape) -> Query:
        points = self.points
        name, wanted, shard = shape.name, shape.controllers, shape.shard
        if shape.prefix:
            prefix = shape.prefix
            return lambda: [
                item for item in points.items() if item[0][0].startswith(prefix)
            ]
        if not name:
            return lambda: [item for item in points.items() if item[0][2] == shard]
        return lambda: [
            item
            for item in points.items()
            if item[0][0] == name
            and (not wanted or item[0][1] in wanted)
            and (not shard or item[0][2] == shard)
        ]
