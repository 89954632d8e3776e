"""What the format forbids about an exposition, or good practice advises against, as a
failure. The rules are those of `promlatest check`."""

from __future__ import annotations

from collections.abc import Iterable

from promlatest._arguments import as_tuple
from promlatest.exposition import check
from promlatest.testing._errors import LintError, hides
from promlatest.testing._reading import Reading
from promlatest.testing._words import fits_any, many, shortened

__tracebackhide__ = hides


def assert_lint(reading: Reading, *, ignore: Iterable[str] = ()) -> None:
    """Assert that nothing is wrong with an exposition, as `promlatest check` sees it.

    What was never text, a registry for instance, is checked as it would be written.

    Args:
        reading: the scrape.
        ignore: findings that are let pass, as patterns of the shell for their reason
            and text, such as ``"*ends in '_total'*"`` or ``"*: 'legacy_*'"``.

    Raises:
        LintError: something is; it lists all of it.
        UsageError: `ignore` is one text and no list of them.
    """
    patterns = as_tuple(ignore, "texts for ignore")
    found = [
        each
        for each in check(*reading.text())
        if not fits_any(f"{each.reason}: {each.text!r}", patterns)
    ]
    if found:
        raise LintError(
            f"{reading.target} has {many(len(found), 'finding')}:",
            target=reading.target,
            details=shortened(map(str, found), 40),
        )
