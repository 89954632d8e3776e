"""Rows and pages for people: pure, over any Queryable; no terminal is needed.

>>> from promlatest import Store
>>> from promlatest.views import overview_page
>>> store = Store()
>>> _ = store.ingest('# TYPE jobs gauge\\njobs{queue="a"} 3\\njobs{queue="b"} 4\\n')
>>> print(overview_page(store, width=40, target=":8080"))
:8080  up  1 metric  2 series
<BLANKLINE>
metric  type   series
jobs    gauge       2
"""

from promlatest.views.operator import is_operator, overview
from promlatest.views.page import histogram_page, overview_page, series_page

__all__ = [
    "histogram_page",
    "is_operator",
    "overview",
    "overview_page",
    "series_page",
]
