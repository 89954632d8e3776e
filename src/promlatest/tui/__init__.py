"""The dashboard for a terminal: ``promlatest top``. It needs the extra ``[tui]``.

Widgets are thin; what they draw is made in `promlatest.tui.model`, which needs no terminal
and no Textual.
"""

from __future__ import annotations

from promlatest._storage.store import Store
from promlatest.exceptions import UsageError
from promlatest.tui.app import Dashboard
from promlatest.tui.feed import Feed, Work

__all__ = ["Dashboard", "Feed", "run"]


def run(
    work: Work, *, interval: float | None = None, first_time: bool = False, theme: str = ""
) -> None:
    """Show targets until somebody quits.

    Args:
        work: jobs, each with its targets.
        interval: seconds between two scrapes of all of them; None: each job's own.
        first_time: whether nobody named a target; an error then says how to go on.
        theme: "light" or "dark"; "": what fits the terminal.

    Raises:
        UsageError: there is no target.
    """
    if not any(targets for _, targets in work):
        raise UsageError("there is no target to show")
    store = Store()
    Dashboard(store, Feed(store, work, interval), first_time=first_time, theme=theme).run()
