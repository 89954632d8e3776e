"""Two hours of scraping in a minute or two: does anything grow?

    make soak                                   # 28,800 scrapes
    python tests/soak.py --scrapes 100000       # as long as one likes

Twenty targets at 5 s for two hours are 28,800 scrapes. Here they come as fast as they
can: series churn, targets come and go, and every target plays a fault now and then. Then
two hundred targets over TLS, each with a trust of its own, are added and removed.
After a warm-up memory, threads and descriptors are noted, and at the end compared.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import threading
import time
from dataclasses import dataclass

import scrape_servers
from scrape_servers import Servers

from promlatest import Store
from promlatest.scrape import TLS, Job, ScrapeLimits, Scraper, Target

TARGETS = 20
TLS_TARGETS = 200
WARM_TLS = 20
POOL = 4  # threads that commit
HOURS = 2
INTERVAL = 5  # s, of the scraping that is compressed
SCRAPES = TARGETS * HOURS * 3600 // INTERVAL
FAULTS = [
    "good", "other", "empty", "bad_line", "bad_utf8", "closes", "gzip", "chunks_cut", "html",
    "status_500", "duplicates", "reset", "large", "redirect_loop", "gzip_cut", "not_http",
]  # fmt: skip


@dataclass(frozen=True)
class State:
    """What the process holds at one moment."""

    blocks: int
    rss: int
    threads: int
    descriptors: int
    series: int

    @classmethod
    def now(cls, store: Store) -> State:
        gc.collect()
        return cls(
            sys.getallocatedblocks(),
            _rss(),
            threading.active_count(),
            _descriptors(),
            len(store),
        )

    def __str__(self) -> str:
        return (
            f"{self.blocks:,} blocks, {self.rss / 2**20:.1f} MiB, {self.threads} threads,"
            f" {self.descriptors} descriptors, {self.series:,} series"
        )


def _rss() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        return 0


def _descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except FileNotFoundError:
        return 0


@dataclass(frozen=True)
class Outcome:
    """How a soak went."""

    scrapes: int
    failed: int
    seconds: float
    warm: State
    end: State

    def problems(self) -> list[str]:
        """What has grown.

        Blocks are what Python has allocated; 3 % cover what caches hold at one moment
        and not at another. 8 MiB of RSS cover what the allocator does with the rest. A
        pool of threads may have come to its end only now.
        """
        checks = {
            "memory": self.end.blocks > self.warm.blocks * 1.03 + 2000,
            "resident memory": self.end.rss > self.warm.rss * 1.03 + (8 << 20),
            "threads": self.end.threads > self.warm.threads + POOL,
            "descriptors": self.end.descriptors > self.warm.descriptors,
            "series": self.end.series != self.warm.series,
        }
        return [name for name, grown in checks.items() if grown]

    def __str__(self) -> str:
        return (
            f"{self.scrapes:,} scrapes ({self.failed:,} failed) in {self.seconds:.1f} s\n"
            f"after warm-up: {self.warm}\nat the end:    {self.end}"
        )


def soak(
    scrapes: int = SCRAPES,
    *,
    warm_up: float = 0.2,
    seed: int = 1,
    tls_targets: int = TLS_TARGETS,
) -> Outcome:
    """Scrape so often, and compare the end with the state after a part of it."""
    with scrape_servers.start() as servers:
        store = Store()
        run = _Run(servers, store, random.Random(seed))
        started = time.monotonic()
        run.until(round(scrapes * warm_up))
        run.come_and_go(range(WARM_TLS))
        warm = run.resting()
        run.until(scrapes)
        run.come_and_go(range(WARM_TLS, WARM_TLS + tls_targets))
        end = run.resting()
        run.scraper.stop()
        return Outcome(run.scrapes, run.failed, time.monotonic() - started, warm, end)


class _Run:
    def __init__(self, servers: Servers, store: Store, dice: random.Random) -> None:
        self.servers, self.store, self.dice = servers, store, dice
        self.scrapes = self.failed = 0
        self.scraper = Scraper(store)
        self.names = [f"soak{number}" for number in range(TARGETS)]
        for name in self.names:
            self.play(name, "churn")
            self.add(name)

    def play(self, name: str, what: str) -> None:
        self.servers.play(name, what)

    def add(self, name: str) -> None:
        job = Job(interval=3600, timeout=2, limits=ScrapeLimits(body_size=1 << 20))
        self.scraper.add(Target.parse(self.servers.url(name)), job=job)

    def until(self, scrapes: int) -> None:
        while self.scrapes < scrapes:
            self.disturb()
            for _ in range(4):
                self.scrape()

    def scrape(self) -> None:
        results = self.scraper.scrape_all()
        self.scrapes += len(results)
        self.failed += sum(not result.up for result in results)

    def disturb(self) -> None:
        """A target fails for a while, another goes and comes back."""
        tried, moved = self.dice.sample(self.names, 2)
        self.play(tried, self.dice.choice(FAULTS))
        self.scrape()
        self.play(tried, "churn")
        self.scraper.remove(self.servers.url(moved))
        self.add(moved)

    def come_and_go(self, numbers: range) -> None:
        """Targets over TLS are added, scraped once and removed, each with a trust of its
        own: that takes 0.8 MB as long as it is held."""
        url = f"https://127.0.0.1:{self.servers.tls}/t/good"
        for number in numbers:
            trust = TLS(server_name=f"n{number}.test", skip_verify=True)
            labels = {"number": str(number)}
            name = self.scraper.add(Target.parse(url, tls=trust, labels=labels))
            result = self.scraper.scrape(name)
            self.scrapes += 1
            self.failed += not result.up
            self.scraper.remove(name)

    def resting(self) -> State:
        """The state in which everything is well, and everywhere the same."""
        for name in self.names:
            self.play(name, "good")
        self.scrape()
        self.scrape()
        state = State.now(self.store)
        for name in self.names:
            self.play(name, "churn")
        return state


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scrapes", type=int, default=SCRAPES)
    outcome = soak(parser.parse_args().scrapes)
    print(outcome)
    problems = outcome.problems()
    print(f"grown: {', '.join(problems)}" if problems else "nothing has grown")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
