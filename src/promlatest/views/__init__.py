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

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from promlatest.views._counting import Count
    from promlatest.views.operator import (
        ControllerRow,
        Latency,
        LeaderRow,
        Overview,
        Pauses,
        ProcessRow,
        RequestRow,
        WebhookRow,
        is_operator,
        overview,
    )
    from promlatest.views.printed import histogram_page, overview_page
    from promlatest.views.series import series_page

__all__ = [
    "ControllerRow",
    "Count",
    "Latency",
    "LeaderRow",
    "Overview",
    "Pauses",
    "ProcessRow",
    "RequestRow",
    "WebhookRow",
    "histogram_page",
    "is_operator",
    "overview",
    "overview_page",
    "series_page",
]

_HOMES: Final = {
    "Count": "_counting",
    "Latency": "operator",
    "Pauses": "operator",
    "ControllerRow": "operator",
    "LeaderRow": "operator",
    "ProcessRow": "operator",
    "RequestRow": "operator",
    "WebhookRow": "operator",
    "Overview": "operator",
    "histogram_page": "printed",
    "is_operator": "operator",
    "overview": "operator",
    "overview_page": "printed",
    "series_page": "series",
}


def __getattr__(name: str) -> object:
    # Each is loaded when it is asked for: to print a series takes no tables and no bars.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"promlatest.views.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
