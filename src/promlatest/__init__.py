"""Transient Prometheus metrics: keep the latest sample of every series, and ask.

>>> from promlatest import Store
>>> store = Store()
>>> _ = store.ingest('workqueue_depth{name="pods"} 3')
>>> store.value("workqueue_depth", name="pods")
3.0

`Store` is where to begin: what is ingested, scraped or appended goes in, and `value`,
`query`, `select`, `histogram` and `increase` answer. Around it:

- `promlatest.scrape`: targets, and a store that is kept up to date with them
- `promlatest.testing`: expectations, waits, fake targets and golden files, for tests
- `promlatest.exposition`: what an endpoint answers, to samples and back
- `promlatest.registry`: a store as a collector of prometheus_client
- `promlatest.promql`, `promlatest.rules`: the field's questions and alerts
- `promlatest.api`: Prometheus' HTTP API over a store, to be mounted
- `promlatest.remote`: a Prometheus-compatible server, asked as a store is asked
- `promlatest.views`, `promlatest.tui`: pages for people, and the dashboard
- `promlatest.exceptions`: every error, as one tree

On the command line: `promlatest --help`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promlatest._exports import *  # noqa: F403 type checkers see through it
    from promlatest._exports import __all__ as __all__


def __getattr__(name: str) -> object:
    # The first name that is asked for loads all of them. Until then the package costs
    # nothing, which a command line that is to print its help is glad of.
    exports = import_module("promlatest._exports")
    globals().update(
        {each: getattr(exports, each) for each in [*exports.__all__, "__all__"]}
    )
    try:
        return globals()[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return [*__getattr__("__all__")]  # type: ignore[misc]
