"""What the two SQL stores share: the questions as SQL."""

from __future__ import annotations

from benchmarks.series import Shape


def where(shape: Shape) -> tuple[str, list[str]]:
    """The condition of a shape, and its parameters."""
    terms: list[str] = []
    values: list[str] = []
    if shape.name:
        terms.append("name = ?")
        values.append(shape.name)
    if shape.prefix:
        terms.append("name >= ? AND name < ?")  # a LIKE takes no index everywhere
        values += [shape.prefix, shape.prefix[:-1] + chr(ord(shape.prefix[-1]) + 1)]
    if shape.controllers:
        terms.append(f"controller IN ({', '.join('?' * len(shape.controllers))})")
        values += shape.controllers
    if shape.shard:
        terms.append("shard = ?")
        values.append(shape.shard)
    return " AND ".join(terms), values
