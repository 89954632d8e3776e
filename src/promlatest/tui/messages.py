"""What workers tell the application; only its handlers touch the screen."""

from __future__ import annotations

from textual.message import Message

from promlatest._storage.store import Source


class Scraped(Message):
    """The store has something new of a target.

    Attributes:
        source: what it has now.
        same: whether it has the series that it had before.
    """

    def __init__(self, source: Source, same: bool = False) -> None:
        super().__init__()
        self.source = source
        self.same = same
