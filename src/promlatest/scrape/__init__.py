"""Scraping: targets, what they answer, and a store that is kept up to date.

    >>> from promlatest import Store
    >>> from promlatest.scrape import scrape_once
    >>> store = Store()
    >>> scrape_once(store, lambda: b'workqueue_depth{name="pods"} 3\\n').samples
    1
    >>> store.query("workqueue_depth", name="pods")[0].labels["job"]
    'promlatest'

Files, callables and registries need nothing else; HTTP needs the extra ``[scrape]``.
"""

from promlatest.scrape._engine import AsyncScraper
from promlatest.scrape._extras import load_config
from promlatest.scrape._fetch import Fetched, ScrapeLimits
from promlatest.scrape._ingest import ScrapeBatch, ScrapeResult, ScrapeSink
from promlatest.scrape._job import Job
from promlatest.scrape._once import fetch_once, scrape_once
from promlatest.scrape._relabel import Relabel
from promlatest.scrape._target import TLS, Auth, Target
from promlatest.scrape._threads import Scraper

__all__ = [
    "TLS",
    "AsyncScraper",
    "Auth",
    "Fetched",
    "Job",
    "Relabel",
    "ScrapeBatch",
    "ScrapeLimits",
    "ScrapeResult",
    "ScrapeSink",
    "Scraper",
    "Target",
    "fetch_once",
    "load_config",
    "scrape_once",
]
