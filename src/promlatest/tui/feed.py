"""When targets are scraped for the dashboard: at an interval that can be changed, now, or
not at all while it is paused.

The scraper's own clock is not used: it is asked for one scrape after the other, so that a
change of the interval loses nothing of what is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from promlatest.scrape import AsyncScraper, Job, ScrapeSink, Target

WatchedTargets = Sequence[tuple[Job, Sequence[Target]]]

STEPS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0)


class Feed:
    """Scrapes targets one time after the other. It belongs to the loop that runs it.

    Args:
        sink: the store.
        work: jobs, each with its targets.
        interval: for all of them; None: each job's own.
    """

    def __init__(
        self, sink: ScrapeSink, work: WatchedTargets, interval: float | None = None
    ) -> None:
        self._scraper: Final = AsyncScraper.of_jobs(sink, work)
        self.names: Final = list(self._scraper.targets)
        self._own: Final = {name: job.interval for name, job in self._scraper.jobs.items()}
        self._interval = interval
        self._changed: dict[str, asyncio.Event] = {}
        self._asked: set[str] = set()
        self.paused = False

    async def run(self) -> None:
        """Scrape until it is cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for name in self.names:
                    self._changed[name] = asyncio.Event()
                    group.create_task(self._keep(name))
        finally:
            await self._scraper.stop()

    async def _keep(self, name: str) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            await self._scraper.scrape(name)
            await self._rest(name, started)

    async def _rest(self, name: str, started: float) -> None:
        """Wait until a target is due, or asked for."""
        clock = asyncio.get_running_loop().time
        changed = self._changed[name]
        while name not in self._asked:
            left = None if self.paused else started + self.interval(name) - clock()
            if left is not None and left <= 0:
                return
            try:
                async with asyncio.timeout(left):
                    await changed.wait()
            except TimeoutError:
                continue
            changed.clear()
        self._asked.discard(name)

    # What can be asked of it

    def interval(self, name: str) -> float:
        """Seconds between two scrapes of a target."""
        return self._interval or self._own[name]

    def scrape_now(self) -> None:
        """Scrape all targets at once, paused or not."""
        self._asked.update(self.names)
        self._wake()

    def pause(self) -> None:
        """Stop scraping, or go on."""
        self.paused = not self.paused
        self._wake()

    def change_interval(self, name: str, step: int) -> float:
        """Scrape all targets more seldom (1) or more often (-1); gives the interval."""
        now = self.interval(name)
        longer = [each for each in STEPS if each > now]
        shorter = [each for each in STEPS if each < now]
        if step > 0:
            self._interval = longer[0] if longer else now
        else:
            self._interval = shorter[-1] if shorter else now
        self._wake()
        return self._interval

    def _wake(self) -> None:
        for changed in self._changed.values():
            changed.set()
