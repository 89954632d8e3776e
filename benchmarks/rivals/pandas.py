"""pandas: one frame with a sorted index of the labels."""

from __future__ import annotations

import pandas as pd

from benchmarks.rivals import Query
from benchmarks.series import NOW, Shape, all_series


class Table:
    title = "pandas, indexed"

    def __init__(self, size: int) -> None:
        names = ["name", "controller", "shard"]
        index = pd.MultiIndex.from_tuples(all_series(size), names=names)
        frame = pd.DataFrame({"t": NOW, "value": 1.0}, index=index)
        self.frame = frame.sort_index()

    def prepare(self, shape: Shape) -> Query:
        frame = self.frame
        every = slice(None)
        if shape.prefix:
            names = frame.index.get_level_values("name")
            prefix = shape.prefix
            return lambda: list(frame[names.str.startswith(prefix)].itertuples())
        if not shape.name:
            shard = shape.shard
            return lambda: list(
                frame.xs(shard, level="shard", drop_level=False).itertuples()
            )
        controllers = list(shape.controllers) or every
        key = (shape.name, controllers, shape.shard or every)
        return lambda: list(frame.loc[key, :].itertuples())
