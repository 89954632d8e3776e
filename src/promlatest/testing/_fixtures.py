"""What the pytest plugin's fixtures give; the plugin itself imports nothing of this until
a test asks for it. It needs no pytest."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from promlatest.testing._fake import FakeTarget
from promlatest.testing._golden import GoldenRules, assert_golden
from promlatest.testing._reading import Reading
from promlatest.testing._target import ScrapeTarget

__all__ = ["Fakes", "Golden", "Targets"]

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class Targets:
    """Makes targets, and closes all of them at the end.

    Args:
        options: defaults of `ScrapeTarget`: `within` and `timeout`.
    """

    def __init__(self, **options: float) -> None:
        self._options: Final = options
        self.made: Final[list[ScrapeTarget]] = []

    def __call__(self, what: object, **options: Any) -> ScrapeTarget:
        """A target of whatever can be scraped; see `ScrapeTarget`."""
        return self._kept(ScrapeTarget(what, **{**self._options, **options}))

    def process(
        self, arguments: Sequence[str | os.PathLike[str]], *args: Any, **options: Any
    ) -> ScrapeTarget:
        """A program that is started now and ended with the test; see
        `ScrapeTarget.process`."""
        __tracebackhide__ = True
        chosen = {**self._options, **options}
        return self._kept(ScrapeTarget.process(arguments, *args, **chosen))

    def close(self) -> None:
        """Close all targets, the last one first."""
        for target in reversed(self.made):
            target.close()

    def _kept(self, target: ScrapeTarget) -> ScrapeTarget:
        self.made.append(target)
        return target


class Fakes:
    """Makes fake targets, and closes all of them at the end."""

    def __init__(self) -> None:
        self._made: Final[list[FakeTarget]] = []

    def __call__(self, *steps: Any, **options: Any) -> FakeTarget:
        """A fake target with this script; see `FakeTarget`."""
        fake = FakeTarget(*steps, **options)
        self._made.append(fake)
        return fake

    def close(self) -> None:
        """Close all of them, the last one first."""
        for fake in reversed(self._made):
            fake.close()


class Golden:
    """Compares scrapes with the golden files of one test.

    Args:
        directory: where they are.
        name: of the test.
        update: whether to write them instead.
    """

    def __init__(self, directory: Path, name: str, *, update: bool) -> None:
        self._directory: Final = directory
        self._name: Final = _UNSAFE.sub("-", name).strip("-")
        self._update: Final = update

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
        """
        __tracebackhide__ = True
        reading = what.scrape() if isinstance(what, ScrapeTarget) else what
        file = "-".join(filter(None, [self._name, name])) + ".prom"
        assert_golden(reading, self._directory / file, rules, update=self._update)


def report_sections(targets: Sequence[ScrapeTarget]) -> list[tuple[str, str]]:
    """What a report says of the targets of a failed test: what was looked at last, and
    what their processes wrote."""
    found: dict[str, str] = {}
    for target in targets:
        for text, reading in target.looks:
            found |= reading.sections_of(text)
        if output := target.output:
            found[f"what {target.name} wrote"] = output[-4_000:]
    return list(found.items())
