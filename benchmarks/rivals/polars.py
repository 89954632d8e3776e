"""polars: one frame, filtered."""

from __future__ import annotations

from functools import reduce
from operator import and_

import polars as pl

from benchmarks.rivals import Query
from benchmarks.series import NOW, Shape, all_series


class Table:
    title = "polars"

    def __init__(self, size: int) -> None:
        columns = zip(*all_series(size), strict=True)
        names = ("name", "controller", "shard")
        self.frame = pl.DataFrame(
            {name: list(column) for name, column in zip(names, columns, strict=True)}
        ).with_columns(t=pl.lit(NOW), value=pl.lit(1.0))

    def prepare(self, shape: Shape) -> Query:
        terms: list[pl.Expr] = []
        if shape.name:
            terms.append(pl.col("name") == shape.name)
        if shape.prefix:
            terms.append(pl.col("name").str.starts_with(shape.prefix))
        if shape.controllers:
            terms.append(pl.col("controller").is_in(list(shape.controllers)))
        if shape.shard:
            terms.append(pl.col("shard") == shape.shard)
        condition = reduce(and_, terms)
        filtered = self.frame.filter
        return lambda: filtered(condition).rows()
