"""SQLite in memory: one wide table, indexed."""

from __future__ import annotations

import sqlite3

from benchmarks.rivals import Query
from benchmarks.rivals._sql import where
from benchmarks.series import NOW, Shape, all_series


class Table:
    title = "SQLite in memory, indexed"

    def __init__(self, size: int) -> None:
        self.base = sqlite3.connect(":memory:", check_same_thread=False)
        self.base.execute(
            "CREATE TABLE points (name TEXT, controller TEXT, shard TEXT,"
            " t INTEGER, value REAL, PRIMARY KEY (name, controller, shard)) WITHOUT ROWID"
        )
        rows = ((*series, NOW, 1.0) for series in all_series(size))
        self.base.executemany("INSERT INTO points VALUES (?, ?, ?, ?, ?)", rows)
        self.base.execute("CREATE INDEX shards ON points (shard)")
        self.base.execute("ANALYZE")

    def prepare(self, shape: Shape) -> Query:
        condition, values = where(shape)
        text = f"SELECT * FROM points WHERE {condition}"
        execute = self.base.execute
        return lambda: execute(text, values).fetchall()
