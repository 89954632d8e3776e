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
    **dict.fromkeys(["histogram_page", "overview_page"], "printed"),
    "series_page": "series",
}


def __getattr__(name: str) -> object:
    # Each is loaded when it is asked for: to print a series takes no tables and no bars.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES.get(name, "operator")
    return getattr(import_module(f"promlatest.views.{home}"), name)


def __dir__() -> list[str]:
    return __all__
