"""What the pytest plugin's fixtures give; the plugin itself imports nothing of this until
a test asks for it. It needs no pytest."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from promlatest.exceptions import UsageError
from promlatest.testing._errors import hides
from promlatest.testing._golden import GoldenRules, assert_golden
from promlatest.testing._reading import Reading
from promlatest.testing._target import Look, ScrapeTarget, shared_of
from promlatest.testing._unasked import Ledger

__tracebackhide__ = hides

_LONGEST: Final = 255  # bytes of the name of a file
_TAIL: Final = 4_000  # characters of a program's output that a report shows


class Targets:
    """Makes targets, and closes all of them at the end.

    Args:
        holder: names whom the expectations are for that are made now.
        options: defaults of `ScrapeTarget`: `within` and `timeout`.

    Attributes:
        ledger: what is expected of all of them.
    """

    def __init__(self, holder: Callable[[], str], **options: float) -> None:
        self.ledger: Final = Ledger(holder)
        self._options: Final = options
        self._made: Final[list[ScrapeTarget]] = []
        self._ambient: Final[dict[str, float]] = {}

    def __call__(self, what: object, **options: Any) -> ScrapeTarget:
        """A target of whatever can be scraped; see `ScrapeTarget`."""
        return self._kept(ScrapeTarget(what, **{**self._options, **options}))

    def process(
        self, arguments: Sequence[str | os.PathLike[str]], *args: Any, **options: Any
    ) -> ScrapeTarget:
        """A program that is started now and ended with the test; see
        `ScrapeTarget.process`."""
        chosen = {**self._options, **options}
        return self._kept(ScrapeTarget.process(arguments, *args, **chosen))

    def overrule(self, options: dict[str, float]) -> None:
        """Have `within` and `timeout` be these, and nothing else, from now on."""
        self._ambient.clear()
        self._ambient.update(options)

    def looks(self, since: float) -> list[Look]:
        """The last scrapes that something was asked of since a moment of
        `time.monotonic`."""
        looks = [look for target in self._made for look in shared_of(target).looks]
        return [look for look in looks if look.reading.started >= since]

    def sections(self, since: float) -> list[tuple[str, str]]:
        """What a report says of a failed test: what it looked at last, and what its
        programs have written."""
        found: dict[str, str] = {}
        for look in self.looks(since):
            found |= look.sections()
        for target in self._made:
            if output := target.output:
                found[f"what {target.name} wrote"] = output[-_TAIL:]
        return list(found.items())

    def close(self) -> None:
        """Close all targets, the last one first, whatever one of them raises."""
        with ExitStack() as stack:
            for target in self._made:
                stack.callback(target.close)

    def _kept(self, target: ScrapeTarget) -> ScrapeTarget:
        shared = shared_of(target)
        shared.ambient, shared.ledger = self._ambient, self.ledger
        self._made.append(target)
        return target


class Golden:
    """Compares scrapes with the golden files of one test.

    Args:
        directory: where they are.
        name: of the test, as a file can be called.
        update: whether to write them instead.
    """

    def __init__(self, directory: Path, name: str, *, update: bool) -> None:
        self._directory: Final = directory
        self._name: Final = name
        self._update: Final = update
        self._used: Final[set[Path]] = set()

    def __call__(
        self,
        what: ScrapeTarget | Reading,
        name: str = "",
        rules: GoldenRules | None = None,
    ) -> None:
        """Assert that a scrape is what the golden file of this test says.

        Args:
            what: a scrape, or a target to scrape.
            name: tells several files of one test apart.
            rules: what is left out, and what is not compared.

        Raises:
            GoldenError: it differs, or there is no such file yet.
            UsageError: the name is too long for one of a file.
        """
        reading = what.scrape() if isinstance(what, ScrapeTarget) else what
        parts = filter(None, [self._name, quote(name, safe="")])
        file = self._directory / f"{'@'.join(parts)}.prom"
        if len(file.name) > _LONGEST:
            raise UsageError(
                f"expected a shorter name: {file.name[:40]!r}… has {len(file.name)} bytes,"
                f" and file systems take {_LONGEST}"
            )
        # One that was just written says what the test shows from now on, too.
        update = self._update and file not in self._used
        self._used.add(file)
        assert_golden(reading, file, rules, update=update)

    def unused(self) -> list[Path]:
        """The files of this test that it has not compared with anything."""
        own = [
            file
            for file in self._directory.glob("*.prom")
            if file.stem.partition("@")[0] == self._name
        ]
        return sorted(set(own) - self._used)
