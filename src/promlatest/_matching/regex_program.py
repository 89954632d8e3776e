"""The programs that regular expressions are read into: which steps a match may take.

A program is a row of instructions, those of the preferred way first. Where one goes on
elsewhere it names a distance, so that programs are put together, and repeated, by adding
tuples.

``^``, ``$`` and ``\\b`` look at the characters on their two sides. There are four kinds of
those (an edge of the text, a line break, a letter of a word, any other), so 16 *contexts*;
a set of contexts is an integer of 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from promlatest._matching.charsets import CharRanges

EDGE, NEWLINE, IN_WORD, OTHER = range(4)  # the kinds of characters
ALWAYS: Final = 0xFFFF


def contexts(*, before: Iterable[int] = range(4), after: Iterable[int] = range(4)) -> int:
    """The contexts with these kinds of characters before and after."""
    after = list(after)
    return sum(1 << context(one, other) for one in before for other in after)


def context(before: int, after: int) -> int:
    """The number of a context."""
    return before * 4 + after


# Take one character of a set; go on in two places, the preferred one first, given as
# distances; save the place in the text in a slot; go on in some contexts only.
Instruction = tuple[str, Any, int]
TAKE, SPLIT, SAVE, ASSERT = "take", "split", "save", "assert"


@dataclass(frozen=True, slots=True)
class Program:
    """What a piece of a pattern is read into.

    Attributes:
        steps: the instructions.
        size: how many characters stand in it.
        is_empty: whether it may match the empty text.
        count: the product of the counted repeats in it, ``{n}`` in ``{m}``.
    """

    steps: tuple[Instruction, ...] = ()
    size: int = 0
    is_empty: bool = True
    count: int = 1


def run_of(*sets: CharRanges) -> Program:
    """One character of each set, one after the other."""
    return Program(tuple((TAKE, ranges, 0) for ranges in sets), len(sets), not sets)


def assertion(where: int) -> Program:
    """The empty text, in these contexts."""
    return Program(((ASSERT, where, 0),))


def group(body: Program, number: int) -> Program:
    """A piece whose text is that of a group."""
    begin, end = (SAVE, 2 * number, 0), (SAVE, 2 * number + 1, 0)
    return replace(body, steps=(begin, *body.steps, end))


def concat(parts: Sequence[Program]) -> Program:
    """One after the other."""
    return Program(
        tuple(step for part in parts for step in part.steps),
        sum(part.size for part in parts),
        all(part.is_empty for part in parts),
        max((part.count for part in parts), default=1),
    )


def choice(branches: Sequence[Program]) -> Program:
    """Any of them; the first one that fits is preferred."""
    *others, final = branches
    length = sum(len(branch.steps) + 2 for branch in others) + len(final.steps)
    steps: list[Instruction] = []
    for branch in others:
        steps += ((SPLIT, 1, len(branch.steps) + 2), *branch.steps)
        steps.append((SPLIT, length - len(steps), length - len(steps)))
    is_empty = any(branch.is_empty for branch in branches)
    return replace(concat(branches), steps=(*steps, *final.steps), is_empty=is_empty)


def repeat(body: Program, low: int, high: int | None, *, lazy: bool) -> Program:
    """From `low` to `high` times, or for ever; as few as fit if lazy, else as many."""
    if high is not None:
        return concat([*[body] * low, _up_to(body, high - low, lazy)])
    if low == 0:
        return _up_to(_plus(body, lazy), 1, lazy) if body.is_empty else _star(body, lazy)
    return concat([*[body] * (low - 1), _plus(body, lazy)])


def _plus(body: Program, lazy: bool) -> Program:
    return replace(body, steps=(*body.steps, _split(-len(body.steps), 1, lazy)))


def _star(body: Program, lazy: bool) -> Program:
    # One split for the first time and all others, as long as none can be empty: which
    # groups are preferred in a repeat of repeats hangs on it.
    length = len(body.steps)
    back = (SPLIT, -length - 1, -length - 1)
    steps = (_split(1, length + 2, lazy), *body.steps, back)
    return replace(body, steps=steps, is_empty=True)


def _up_to(body: Program, most: int, lazy: bool) -> Program:
    """(x(x(x)?)?)?: at each one the choice is between it and the end of all."""
    length = len(body.steps) + 1
    steps = (
        step
        for leave in range(most * length, 0, -length)
        for step in (_split(1, leave, lazy), *body.steps)
    )
    return Program(tuple(steps), most * body.size, count=body.count)


def _split(go_on: int, leave: int, lazy: bool) -> Instruction:
    return (SPLIT, leave, go_on) if lazy else (SPLIT, go_on, leave)
