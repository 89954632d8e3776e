"""Rows and pages for people: pure, over any Queryable; no terminal is needed.

>>> from promlatest import Store
>>> from promlatest.views import overview_page
>>> store = Store()
>>> _ = store.ingest('# TYPE jobs gauge\\njobs{queue="a"} 3\\njobs{queue="b"} 4\\n')
>>> print(overview_page(store, width=40, target=":8080"))
:8080  up  1 metrics  2 series
<BLANKLINE>
metric  series  type
jobs         2  gauge
"""

from promlatest.views.operator import is_operator, overview
from promlatest.views.page import (
    catalog_page,
    histogram_page,
    operator_page,
    overview_page,
    series_page,
)

__all__ = [
    "catalog_page",
    "histogram_page",
    "is_operator",
    "operator_page",
    "overview",
    "overview_page",
    "series_page",
]
