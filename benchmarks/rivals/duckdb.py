"""DuckDB in memory: one wide table in the order of the names."""

from __future__ import annotations

import duckdb

from benchmarks.rivals import Query
from benchmarks.rivals._sql import where
from benchmarks.series import CONTROLLERS, NOW, SHARDS, Shape, metrics_of

_FILL = f"""
CREATE TABLE points AS
SELECT printf('app_%05d_total', m) AS name, controller,
    CASE WHEN m % 1000 = 7 THEN printf('rare-%05d-', m) || shard ELSE shard END AS shard,
    {NOW}::BIGINT AS t, 1.0::DOUBLE AS value
FROM range(?) metrics(m), unnest({list(CONTROLLERS)}) c(controller),
    unnest({list(SHARDS)}) s(shard)
ORDER BY name, controller, shard
"""


class Table:
    title = "DuckDB in memory"

    def __init__(self, size: int) -> None:
        self.base = duckdb.connect()
        self.base.execute(_FILL, [metrics_of(size)])

    def prepare(self, shape: Shape) -> Query:
        condition, values = where(shape)
        text = f"SELECT * FROM points WHERE {condition}"
        execute = self.base.execute
        return lambda: execute(text, values).fetchall()
