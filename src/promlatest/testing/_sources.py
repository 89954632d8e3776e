"""What can be scraped, all behind one role.

Endpoints, files, callables and registries are read by `promlatest.scrape`; applications
(`_applications`) are called in this process; of a store the next commit is awaited.
Whatever goes wrong with them is an `EndpointError`, as everywhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import attrs

from promlatest._clock import now_ms
from promlatest._datapoint import Metadata
from promlatest._storage.snapshot import Snapshot
from promlatest._storage.store import LOOKBACK, Store
from promlatest._storage.store import Source as StoredSource
from promlatest.exceptions import BodyError, EndpointError
from promlatest.exposition import CONTENT_TYPES, Reader
from promlatest.exposition._families import samples_of
from promlatest.scrape import Fetched, Target, fetch_once
from promlatest.testing._errors import EndedError, StaleError
from promlatest.testing._io import Io
from promlatest.testing._process import Subprocess
from promlatest.testing._reading import Reading
from promlatest.testing._words import many

_TEXT: Final = CONTENT_TYPES["text"]


class Scrapable(Protocol):
    """Something that can be read again and again."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    async def read(self, timeout: float, io: Io) -> Reading:
        """Scrape it now.

        Args:
            timeout: for everything together, in seconds.
            io: how to wait.

        Raises:
            EndpointError: what is wrong with it.
        """


class Bodies:
    """Makes readings of the bodies of one target. Each is read by what the last one left,
    which spares what did not change, and is a moment of its own. Safe to use from any
    thread.

    Args:
        name: what the target is called in messages.
    """

    def __init__(self, name: str) -> None:
        self._name: Final = name
        self._reader: Final = Reader()  # for one thread at a time
        self._lock: Final = threading.Lock()

    def reading(
        self, body: bytes, content_type: str = _TEXT, started: float = 0.0, path: str = ""
    ) -> Reading:
        """The reading that a body is.

        Args:
            body: the exposition.
            content_type: the Content-Type it came with.
            started: when its scrape started, by `time.monotonic`, in seconds.
            path: where it was asked for.

        Raises:
            EndpointError: it cannot be read.
        """
        try:
            with self._lock:
                exposition = self._reader.read(body, content_type)
        except EndpointError as error:
            error.target = error.target or self._name
            raise
        told = {"body": body, "content_type": content_type, "path": path}
        return _reading_of(self._name, exposition, exposition.metadata, started, **told)

    def answer(self, fetched: Fetched, started: float, path: str = "") -> Reading:
        """The reading that an answer is."""
        return self.reading(bytes(fetched.body), fetched.content_type, started, path)


def read_body(name: str, body: bytes, content_type: str = _TEXT) -> Reading:
    """The reading that one body is; see `Bodies.reading`."""
    return Bodies(name).reading(body, content_type)


# The default of a source's field, made of its name.
BODIES: Final[Any] = attrs.Factory(lambda source: Bodies(source.name), takes_self=True)


def _reading_of(
    name: str, samples: Any, declared: Mapping[str, Metadata], started: float, **told: Any
) -> Reading:
    """The reading that samples are, and what of them no scraper takes."""
    store = Store()
    batch = store.batch(name, lookback=LOOKBACK)
    batch.append_samples(samples, declared)
    counts = batch.commit()
    untaken = ""
    if counts.untaken:
        what = many(counts.untaken, "sample")
        untaken = f"{what} that no scraper takes: {counts.example}"
    return Reading(name, store.snapshot(), declared, started, untaken=untaken, **told)


@attrs.frozen
class TargetSource:
    """An endpoint, a file or a function."""

    target: Target
    bodies: Bodies = attrs.field(init=False, default=BODIES, eq=False, repr=False)

    @property
    def name(self) -> str:
        return self.target.name

    async def read(self, timeout: float, io: Io) -> Reading:
        started = time.monotonic()

        def fetch() -> Fetched:
            return fetch_once(self.target, timeout=timeout)

        remote = self.target.kind in ("http", "unix")
        fetched = await io.called(fetch) if remote else fetch()
        path = urlsplit(self.name).path if remote else ""
        return self.bodies.answer(fetched, started, path)


@attrs.frozen
class ProcessSource:
    """The endpoint of a program that this process has started."""

    inner: TargetSource
    process: Subprocess

    @property
    def name(self) -> str:
        return self.inner.name

    async def read(self, timeout: float, io: Io) -> Reading:
        reading = await self.inner.read(timeout, io)
        # After the scrape: an answer of somebody else on its port is none of its.
        if ended := self.process.ended():
            raise EndedError(f"the program {ended}", target=self.name)
        return reading


@attrs.frozen
class RegistrySource:
    """A prometheus_client registry in this process; it is read and never changed."""

    registry: Any

    @property
    def name(self) -> str:
        return "the registry"

    async def read(self, timeout: float, io: Io) -> Reading:
        started = time.monotonic()
        try:
            samples, declared = samples_of(self.registry.collect())
        except Exception as error:
            raise BodyError(
                f"collecting raised {type(error).__name__}: {error}", target=self.name
            ) from error
        return _reading_of(self.name, samples, declared, started)


@attrs.frozen
class StoreSource:
    """A store that somebody else fills, by scraping for instance: what counts is a commit
    after the call, of a scrape that started after the call."""

    store: Store
    source: str = ""

    @property
    def name(self) -> str:
        return f"source {self.source!r} of the store" if self.source else "the store"

    async def read(self, timeout: float, io: Io) -> Reading:
        return await io.called(lambda: self._wait(timeout))

    def _wait(self, timeout: float) -> Reading:
        started = time.monotonic()
        changed = threading.Event()
        unsubscribe = self.store.subscribe(lambda _: changed.set())
        # A wall clock that was set back makes old commits look new, so that being new
        # to this call counts, too.
        before, since = self._newest(), now_ms()
        try:
            while late := self._late(before, since):
                left = started + timeout - time.monotonic()
                if left <= 0 or not changed.wait(left):
                    raise StaleError(_late_words(late, since), target=self.name)
                changed.clear()
        finally:
            unsubscribe()
        return Reading(self.name, self._snapshot(), started=started)

    def _newest(self) -> dict[str, int]:
        return {name: each.timestamp for name, each in self.store.sources.items()}

    def _late(self, before: dict[str, int], since: int) -> list[StoredSource]:
        """The sources without a scrape that started after the call."""
        sources = self.store.sources
        asked = [self.source] if self.source else list(sources)
        found = [sources.get(name) or StoredSource(name) for name in asked]
        late = []
        for each in found or [StoredSource(self.name)]:  # of none, none was scraped
            if each.timestamp > max(since, before.get(each.name, 0)):
                if each.error is not None:
                    raise self._failed(each)
            else:
                late.append(each)
        return late

    def _failed(self, source: StoredSource) -> EndpointError:
        if isinstance(source.error, EndpointError):
            return source.error
        return BodyError(str(source.error), target=source.name)

    def _snapshot(self) -> Snapshot:
        sources = self.store.sources
        return sources[self.source].current if self.source else self.store.snapshot()


def _late_words(late: list[StoredSource], since: int) -> str:
    first = late[0]
    if not first.timestamp:
        return f"{first.name} was never scraped"
    age = (since - first.timestamp) / 1000
    if age < 0:
        return (
            f"the last scrape of {first.name} is {-age:.3f} s from the future:"
            " was the clock set back?"
        )
    if not age:
        return f"{first.name} was scraped at the moment of the call: does the clock go?"
    return f"the last scrape of {first.name} started {age:.3f} s before the call"
