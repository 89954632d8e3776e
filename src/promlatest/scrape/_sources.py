"""Which source of a store is whose: names that tell targets apart, and one writer each.

A scrape replaces what its source had. Two writers of one source would therefore hide each
other's series, so a name stands for one target of one job: whoever scrapes another gets
another name, and whoever would scrape the same one beside a running scraper is refused.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping
from types import MethodType
from typing import Any, Final

import attrs

from promlatest.exceptions import UsageError
from promlatest.scrape._fork import reset_in_child
from promlatest.scrape._job import Job
from promlatest.scrape._target import Target

__all__ = ["Claim", "Claims", "claims_of", "visible_labels"]

# ms; a clock that was set back by less is waited for: time goes on by 1 ms a scrape
_SET_BACK: Final = 1_000


def visible_labels(target: Target, job: Job) -> dict[str, str]:
    """The labels that samples get: none that begins with two underscores (C-8)."""
    labels = {"job": job.name, "instance": target.instance, **target.labels}
    return {n: v for n, v in labels.items() if v and not n.startswith("__")}


@attrs.define(eq=False)
class Claim:
    """One source of a store, and who scrapes it.

    Attributes:
        name: what the store calls it.
        base: the name of its target.
        labels: of its series.
        key: what else makes the target another one.
        read: gives its callable or registry, None once that is gone.
        writer: gives the scraper that scrapes it now.
        last: the timestamp of the last scrape, in milliseconds; 0 before the first.
    """

    name: str
    base: str
    labels: Mapping[str, str]
    key: Hashable
    read: Callable[[], object] | None
    writer: Callable[[], object] = attrs.field(default=lambda: None)
    last: int = 0

    def take(self, writer: object) -> None:
        """Scrape it from now on.

        Raises:
            UsageError: another scraper does.
        """
        self.check_free(writer)
        self.writer = weakref.ref(writer)

    def release(self, writer: object) -> None:
        """Scrape it no more."""
        if self.writer() is writer:
            self.writer = lambda: None

    def check_free(self, writer: object = None) -> None:
        """Refuse a second writer.

        Raises:
            UsageError: a scraper scrapes it.
        """
        if self.writer() not in (None, writer):
            raise UsageError(
                f"{self.name} is scraped into this store by another scraper:"
                " ask that one, stop it, or give the target another job or label"
            )

    def moment(self, now: int) -> tuple[int, bool]:
        """The time of a scrape, and whether the clock was set back before it.

        It is never that of the last one again, whose samples would stay: they would not
        count as older.

        Args:
            now: by the clock of the store, in milliseconds since the epoch.
        """
        back = now < self.last - _SET_BACK
        self.last = now if back else max(now, self.last + 1)
        return self.last, back


class Claims:
    """The claims on the sources of one store; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, Claim] = {}

    def claim(
        self, target: Target, job: Job, beside: Iterable[tuple[Target, Job]] = ()
    ) -> Claim:
        """The source of a target of a job, with a name of its own.

        Args:
            target: whose it is.
            job: how it is scraped.
            beside: what gets its name at the same time: one that is called the same
                shall be told apart from the first on.
        """
        labels = visible_labels(target, job)
        key = _key(target)
        with self._lock:
            self._drop_dead()
            for held in self._held.values():
                if _is_same(held, target, labels, key):
                    return held
            rivals = [
                held.labels for held in self._held.values() if held.base == target.name
            ]
            rivals += [visible_labels(t, j) for t, j in beside if t.name == target.name]
            name = self._free(_told_apart(target.name, labels, rivals))
            made = Claim(name, target.name, labels, key, _reference(target.read))
            self._held[name] = made
            return made

    def forget(self, claim: Claim) -> None:
        """Give its name up."""
        with self._lock:
            if self._held.get(claim.name) is claim:
                del self._held[claim.name]

    def reset_lock(self) -> None:
        """In the child of a fork: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def _drop_dead(self) -> None:
        """Names of callables that are gone are free again. The caller holds the lock."""
        dead = [
            name
            for name, held in self._held.items()
            if held.read is not None and held.read() is None and held.writer() is None
        ]
        for name in dead:
            del self._held[name]

    def _free(self, name: str) -> str:
        free, number = name, 1
        while free in self._held:
            number += 1
            free = f"{name}#{number}"
        return free


def _key(target: Target) -> Hashable:
    return (target.kind, target.url, target.path, target.params)


def _is_same(held: Claim, target: Target, labels: Mapping[str, str], key: Hashable) -> bool:
    if held.key != key or held.labels != labels:
        return False
    if held.read is None:
        return target.read is None
    return _is_same_read(held.read(), target.read)


def _is_same_read(one: object, other: object) -> bool:
    # A method is a new object each time it is looked up.
    return one is other or (isinstance(one, MethodType) and one == other)


def _reference(read: Any) -> Callable[[], object] | None:
    """What gives the callable or registry of a target as long as it lives."""
    if read is None:
        return None
    try:
        return (
            weakref.WeakMethod(read) if isinstance(read, MethodType) else weakref.ref(read)
        )
    except TypeError:
        return lambda: read


def _told_apart(
    base: str, labels: Mapping[str, str], rivals: list[Mapping[str, str]]
) -> str:
    """The name with the labels in which it differs from others of its name. Labels are
    shown by every series, so they are no secret; the values of a query may be."""
    differing = sorted(
        {
            name
            for other in rivals
            for name in labels.keys() | other.keys()
            if labels.get(name, "") != other.get(name, "")
        },
        key=lambda name: (name != "job", name),
    )
    shown = ",".join(f'{name}="{labels[name]}"' for name in differing if name in labels)
    return f"{base}{{{shown}}}" if shown else base


class _Stores:
    """The claims of every store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claims: Final[weakref.WeakKeyDictionary[object, Claims]] = (
            weakref.WeakKeyDictionary()
        )
        reset_in_child(self)

    def claims(self, sink: object) -> Claims:
        with self._lock:
            return self._claims.setdefault(sink, Claims())

    def reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        for each in list(self._claims.values()):
            each.reset_lock()


_stores: Final = _Stores()


def claims_of(sink: object) -> Claims:
    """The claims on the sources of a store."""
    return _stores.claims(sink)
