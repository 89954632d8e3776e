"""Patterns of any form: `regex_syntax` reads them, `regex_machine` runs them.

It is loaded for the first pattern that is none of the simple forms of `regex`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from typing import Final

from promlatest._matching.charsets import ANY, CharRanges
from promlatest._matching.regex_machine import GroupTexts, Machine, TooLargeError
from promlatest._matching.regex_program import SAVE, TAKE, Instruction, repeat, run_of
from promlatest._matching.regex_syntax import TOO_LARGE, PatternParser
from promlatest.exceptions import PatternError

# Reading takes up to 20 µs a character, so a second here; choices of texts (`a|b`), which
# Grafana makes of what was ticked, are not bounded: they take 0.3.
_LENGTH: Final = 50_000

_MOST_SKIPPED: Final = 64  # a state after more characters may be too large to keep

# The whole rest of a value, as ".*" and ".*?" read.
_RESTS: Final = [repeat(run_of(ANY), 0, None, lazy=lazy).steps for lazy in (False, True)]

Compiled = tuple[
    Callable[[str], bool],
    Callable[[str], GroupTexts | None],
    str,
    bool,
    Mapping[str, int],
]
"""What `Pattern` has from `matches` to `group_names`."""


def compiled(pattern: str) -> Compiled:
    """A pattern of any form.

    Raises:
        PatternError: the pattern is wrong, or too large.
    """
    if len(pattern) > _LENGTH:
        reason = f"{TOO_LARGE}: {len(pattern)} characters, at most {_LENGTH}"
        raise PatternError(pattern, reason)
    parser = PatternParser(pattern)
    steps = parser.parse().steps
    prefix, decides = _prefix(steps)
    skipped = prefix[:_MOST_SKIPPED]
    try:
        machine = Machine(steps, skipped)
    except TooLargeError:
        raise PatternError(pattern, TOO_LARGE) from None
    number = parser.groups
    saves = [at for at, step in enumerate(steps) if step[0] == SAVE]
    around_all = number == 1 and saves == [0, len(steps) - 1]

    def matches(value: str) -> bool:
        return value.startswith(prefix) and machine.matches(value[len(skipped) :])

    def fullmatch(value: str) -> GroupTexts | None:
        if not matches(value):
            return None
        if number == 0 or around_all:
            return (value,) * number
        return machine.groups(value, number)

    return matches, fullmatch, prefix, decides, parser.names


def _prefix(program: Iterable[Instruction]) -> tuple[str, bool]:
    """The characters that every match begins with, and whether nothing else is asked."""
    steps = [step for step in program if step[0] != SAVE]
    sets = (ranges for _, ranges, _ in takewhile(lambda step: step[0] == TAKE, steps))
    prefix = "".join(chr(ranges[0][0]) for ranges in takewhile(_is_one, sets))
    return prefix, tuple(steps[len(prefix) :]) in _RESTS


def _is_one(ranges: CharRanges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]
