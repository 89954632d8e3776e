"""Scraping: targets, what they answer, and a store that is kept up to date.

    >>> from promlatest import Store
    >>> from promlatest.scrape import scrape_once
    >>> store = Store()
    >>> scrape_once(store, lambda: b'workqueue_depth{name="pods"} 3\\n').samples
    1
    >>> store.query("workqueue_depth", name="pods")[0].labels["job"]
    'promlatest'

Nothing else is needed for that; configuration files need the extra ``[scrape]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from promlatest.scrape._extras import load_config
    from promlatest.scrape._fetch import Fetched, ScrapeLimits
    from promlatest.scrape._fetch_once import fetch_once
    from promlatest.scrape._ingest import ScrapeBatch, ScrapeResult, ScrapeSink
    from promlatest.scrape._job import Job, JobTargets
    from promlatest.scrape._once import scrape_once
    from promlatest.scrape._relabel import Action, Relabel
    from promlatest.scrape._scrapers import AsyncScraper, Scraper
    from promlatest.scrape._target import TLS, Auth, Target, TargetKind

__all__ = [
    "TLS",
    "Action",
    "AsyncScraper",
    "Auth",
    "Fetched",
    "Job",
    "JobTargets",
    "Relabel",
    "ScrapeBatch",
    "ScrapeLimits",
    "ScrapeResult",
    "ScrapeSink",
    "Scraper",
    "Target",
    "TargetKind",
    "fetch_once",
    "load_config",
    "scrape_once",
]


_HOMES: Final = {
    "load_config": "_extras",
    **dict.fromkeys(["Fetched", "ScrapeLimits"], "_fetch"),
    **dict.fromkeys(["ScrapeBatch", "ScrapeResult", "ScrapeSink"], "_ingest"),
    **dict.fromkeys(["Job", "JobTargets"], "_job"),
    "fetch_once": "_fetch_once",
    "scrape_once": "_once",
    **dict.fromkeys(["Action", "Relabel"], "_relabel"),
    **dict.fromkeys(["AsyncScraper", "Scraper"], "_scrapers"),
    **dict.fromkeys(["TLS", "Auth", "Target", "TargetKind"], "_target"),
}


def __getattr__(name: str) -> object:
    # Each is loaded when it is asked for: one look at a file takes no asyncio (40 ms).
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"promlatest.scrape.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
