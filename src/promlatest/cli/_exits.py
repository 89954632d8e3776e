"""The exit codes, and which error ends a command with which.

====  ==================================================================
0     done
1     nothing matched (`get`, `histogram`), something was found (`check`), or a
      contract is broken (`contract`)
2     the command itself cannot be carried out as it was given
3     the target cannot be reached, refuses, or does not answer in time
4     the target answered with something that cannot be read
5     the output cannot be written
====  ==================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from promlatest.exceptions import (
    BodyError,
    ContentTypeError,
    EndpointError,
    LimitError,
    ParseError,
    PromlatestError,
    UsageError,
)

DONE, NOTHING, USAGE, UNREACHABLE, UNREADABLE, UNWRITABLE = range(6)


# The first that fits.
_EXIT_CODES: Final[Sequence[tuple[type[PromlatestError], int]]] = (
    (UsageError, USAGE),
    (ParseError, UNREADABLE),
    (ContentTypeError, UNREADABLE),
    (BodyError, UNREADABLE),
    (LimitError, UNREADABLE),
    (EndpointError, UNREACHABLE),
    (PromlatestError, USAGE),
)


def exit_code(error: PromlatestError) -> int:
    """The exit code that says what kind of error ended a command."""
    return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))
