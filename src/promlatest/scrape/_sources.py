"""Which source of a store is whose: names that tell targets apart, and one writer each.

A scrape replaces what its source had. Two writers of one source would therefore hide each
other's series, so a name stands for one target of one job: whoever scrapes another gets
another name, and whoever would scrape the same one beside a running scraper is refused.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MethodType
from typing import Any, Final

import attrs

from promlatest.exceptions import UsageError
from promlatest.scrape._fork import in_child
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
        identity: what makes its target the same as another.
        read: gives its callable or registry, None once that is gone.
        writer: gives the scraper that scrapes it now.
        last: the timestamp of the last scrape, in milliseconds; 0 before the first.
    """

    name: str
    base: str
    labels: Mapping[str, str]
    identity: Hashable
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

    def is_dead(self) -> bool:
        """Whether what it reads is gone, and nobody scrapes it."""
        return self.read is not None and self.read() is None and self.writer() is None

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

    _lock = threading.Lock()  # one for all stores

    def __init__(self) -> None:
        self._held: dict[str, Claim] = {}  # by name
        self._alike: dict[str, list[Claim]] = {}  # by the name of the target

    def claim(self, target: Target, job: Job) -> Claim:
        """The source of a target of a job, with a name of its own."""
        (made,) = self.claim_all([(target, job)])
        return made

    def claim_all(self, pairs: Sequence[tuple[Target, Job]]) -> list[Claim]:
        """The source of each target of a job. Those that are called the same get names
        that tell them apart from the first on; what is the same in all has one source."""
        labels = [visible_labels(target, job) for target, job in pairs]
        groups: dict[str, list[int]] = {}
        for number, (target, _) in enumerate(pairs):
            groups.setdefault(target.name, []).append(number)
        made: dict[int, Claim] = {}
        with self._lock:
            self._drop_dead()
            for base, numbers in groups.items():
                alike = self._alike.setdefault(base, [])
                differing = _differing(
                    [*(held.labels for held in alike), *(labels[n] for n in numbers)]
                )
                known = {held.identity: held for held in alike}
                for number in numbers:
                    target = pairs[number][0]
                    key = _identity(target, labels[number])
                    if key not in known:
                        name = self._free(base, labels[number], differing)
                        claim = Claim(
                            name, base, labels[number], key, _reference(target.read)
                        )
                        known[key] = self._held[name] = claim
                        alike.append(claim)
                    made[number] = known[key]
        return [made[number] for number in range(len(pairs))]

    def forget(self, claim: Claim) -> None:
        """Give its name up."""
        with self._lock:
            if self._held.get(claim.name) is claim:
                self._drop(claim)

    # The caller holds the lock

    def _drop_dead(self) -> None:
        """Names of callables that are gone are free again."""
        dead = [held for held in self._held.values() if held.is_dead()]
        for held in dead:
            self._drop(held)

    def _drop(self, claim: Claim) -> None:
        del self._held[claim.name]
        alike = self._alike[claim.base]
        alike.remove(claim)
        if not alike:
            del self._alike[claim.base]

    def _free(self, base: str, labels: Mapping[str, str], differing: Sequence[str]) -> str:
        """The name with the labels in which it differs from others of its name. Labels
        are shown by every series, so they are no secret; the values of a query may be."""
        shown = ",".join(f'{name}="{labels[name]}"' for name in differing if name in labels)
        name = free = f"{base}{{{shown}}}" if shown else base
        number = 1
        while free in self._held:
            number += 1
            free = f"{name}#{number}"
        return free


def _differing(several: Sequence[Mapping[str, str]]) -> list[str]:
    """The labels that do not have the same value in all; the job first."""
    values: dict[str, set[str]] = {}
    for name in {name for labels in several for name in labels}:
        values[name] = {labels.get(name, "") for labels in several}
    found = [name for name, held in values.items() if len(held) > 1]
    return sorted(found, key=lambda name: (name != "job", name))


def _identity(target: Target, labels: Mapping[str, str]) -> Hashable:
    """What makes two targets one: all of where they are, and their labels. A method is a
    new object each time it is looked up, so it is told by what it is bound to."""
    read = target.read
    bound = (read.__self__, read.__func__) if isinstance(read, MethodType) else (read,)
    key = (target.kind, target.url, target.path, target.params)
    return (*key, frozenset(labels.items()), *map(id, bound))


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


def _reset_lock(claims: type[Claims]) -> None:
    claims._lock = threading.Lock()  # a thread of the parent may have held it


in_child(Claims, _reset_lock)

_claims: Final[weakref.WeakKeyDictionary[object, Claims]] = weakref.WeakKeyDictionary()

# What a `ScrapeSink` has.
_SINK: Final = ("batch", "fail", "remove", "clock", "is_watched")


def claims_of(sink: object) -> Claims:
    """The claims on the sources of a store.

    Raises:
        UsageError: it is no store.
    """
    if not all(hasattr(sink, name) for name in _SINK):
        raise UsageError(
            "expected a store first, and then what to scrape into it,"
            f" not something of type {type(sink).__name__}"
        )
    with Claims._lock:
        return _claims.setdefault(sink, Claims())
