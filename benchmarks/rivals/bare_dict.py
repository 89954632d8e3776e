"""A dict of points by series text, its keys known: the floor of every look-up."""

from __future__ import annotations

from benchmarks.rivals import Query
from benchmarks.series import NOW, Series, Shape, all_series


class Table:
    title = "bare dict, keys known"

    def __init__(self, size: int) -> None:
        self.series = {_text(each): each for each in all_series(size)}
        # Every series has a sample of its own, as in a store that is written to.
        self.points = {text: (NOW, float(at)) for at, text in enumerate(self.series)}

    def prepare(self, shape: Shape) -> Query:
        points = self.points
        keys = [text for text, series in self.series.items() if shape.fits(series)]
        return lambda: [(key, points[key]) for key in keys]


def _text(series: Series) -> str:
    name, controller, shard = series
    return f'{name}{{controller="{controller}",shard="{shard}"}}'
