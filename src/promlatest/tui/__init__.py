"""The dashboard for a terminal: ``promlatest top``. It needs the extra ``[tui]``.

Widgets are thin; what they draw is made in `promlatest.tui.model`, which needs no terminal
and no Textual.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from promlatest._storage.store import Store
from promlatest.exceptions import UsageError
from promlatest.tui.app import Dashboard
from promlatest.tui.feed import Feed, WatchedTargets
from promlatest.tui.settings import usual_path
from promlatest.tui.themes import theme_for

__all__ = ["Dashboard", "Feed", "run"]


def run(
    work: WatchedTargets,
    *,
    interval: float | None = None,
    first_time: bool = False,
    theme: str = "",
    ascii_only: bool = False,
) -> int:
    """Show targets until somebody quits.

    Args:
        work: jobs, each with its targets.
        interval: seconds between two scrapes of all of them; None: each job's own.
        first_time: whether nobody named a target; an error then says how to go on.
        theme: "light" or "dark"; "": what fits the terminal.
        ascii_only: whether the terminal has no other characters.

    Returns:
        The exit code: 0, 1 after a crash, 128 and more after a signal.

    Raises:
        UsageError: there is no target, or PROMLATEST_THEME names no theme.
    """
    if not any(targets for _, targets in work):
        raise UsageError("there is no target to show")
    theme_for({**os.environ, **({"PROMLATEST_THEME": theme} if theme else {})})
    store = Store()
    feed = Feed(store, work, interval)
    app = Dashboard(
        store,
        feed,
        first_time=first_time,
        theme=theme,
        ascii_only=ascii_only,
        settings=usual_path(),
    )
    with _drawn_on_the_terminal():
        app.run()
    return app.return_code or 0


@contextmanager
def _drawn_on_the_terminal() -> Iterator[None]:
    """Textual draws on the standard error: where that leads elsewhere, to a file for one,
    have it draw on the standard output."""
    drawn_on = sys.__stderr__
    if drawn_on is None or not drawn_on.isatty():
        sys.__stderr__ = sys.__stdout__  # type: ignore[misc]
    try:
        yield
    finally:
        sys.__stderr__ = drawn_on  # type: ignore[misc]
