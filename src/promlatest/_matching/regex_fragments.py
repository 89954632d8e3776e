"""The fragments that a regular expression is made of, each in two forms.

To tell *whether* a text matches, a fragment is an automaton without empty moves
(Glushkov's): its characters are numbered positions, and `moves` and `joins` say which may
follow which. A set of positions is an integer with a bit for each, so that one step of the
automaton is a few operations on integers, however many positions are alive; a counted
repeat (``x{1000}``) is one shift. To tell *what* the groups match, a fragment is a
`program`, the preferred way first. Neither form holds absolute places, so that fragments
are put together, and repeated, by shifting bits and adding tuples.

``^``, ``$`` and ``\\b`` look at the characters on their two sides. There are four kinds of
those (an edge of the text, a line break, a letter of a word, any other), so 16 *contexts*;
a set of contexts is an integer of 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import accumulate, product
from operator import or_
from typing import Final

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


# Take one character; go on in two places, the preferred one first, given as distances;
# save the place in the text in a slot; go on in some contexts only.
Instruction = tuple[str, int, int]
TAKE, SPLIT, SAVE, ASSERT = "take", "split", "save", "assert"

_Reach = tuple[tuple[int, int], ...]  # (contexts, the positions reached in those)
_Join = tuple[int, int, int]  # positions, those that may follow them, contexts
_MOST_BITS: Final = 2_000_000  # of all joins, which bounds the time of a step: 0.2 ms
# A repeated part has the same joins again and again, at the same distances. Joins of up to
# so many pairs are kept as distances: all repeats together are then one shift.
_FEW: Final = 16


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a pattern.

    Attributes:
        sets: the set of characters of each position.
        empty: the contexts in which it can match the empty text.
        first: the positions that a match can begin with.
        last: the positions that a match can end with.
        moves: the positions that those at a distance may follow, in some contexts.
        joins: which else may follow which.
        program: the same for groups; it takes a character for each position, in order.
        count: the product of the counted repeats in it, ``{n}`` in ``{m}``.
    """

    sets: tuple[CharRanges, ...] = ()
    empty: int = ALWAYS
    first: _Reach = ()
    last: _Reach = ()
    moves: dict[tuple[int, int], int] = field(default_factory=dict)
    joins: list[_Join] = field(default_factory=list)
    program: tuple[Instruction, ...] = ()
    count: int = 1


class TooManyJoinsError(Exception):
    """Too many places may follow too many others."""


def run_of(*sets: CharRanges) -> Fragment:
    """One character of each set, one after the other."""
    last = 1 << len(sets) - 1
    moves = {(1, ALWAYS): last - 1} if len(sets) > 1 else {}
    program = ((TAKE, 0, 0),) * len(sets)
    return Fragment(sets, 0, ((ALWAYS, 1),), ((ALWAYS, last),), moves, program=program)


def assertion(where: int) -> Fragment:
    """The empty text, in these contexts."""
    return Fragment(empty=where, program=((ASSERT, where, 0),))


def group(body: Fragment, number: int) -> Fragment:
    """A fragment whose text is that of a group."""
    begin, end = (SAVE, 2 * number, 0), (SAVE, 2 * number + 1, 0)
    return replace(body, program=(begin, *body.program, end))


def concat(parts: Sequence[Fragment]) -> Fragment:
    """One after the other."""
    whole = _side_by_side(parts)
    empty = ALWAYS
    first: _Reach = ()
    last: _Reach = ()
    for part, at in _placed(parts):
        starts = _moved(part.first, at)
        _connect(last, starts, whole.moves, whole.joins)
        first = _merged(first, _limited(starts, empty))
        last = _merged(_limited(last, part.empty), _moved(part.last, at))
        empty &= part.empty
        if len(whole.joins) * len(whole.sets) > _MOST_BITS:
            raise TooManyJoinsError
    return replace(whole, empty=empty, first=first, last=last, program=_program(parts))


def choice(branches: Sequence[Fragment]) -> Fragment:
    """Any of them; the first one that fits is preferred."""
    *others, final = branches
    size = sum(len(branch.program) + 2 for branch in others) + len(final.program)
    program: list[Instruction] = []
    for branch in others:
        program += ((SPLIT, 1, len(branch.program) + 2), *branch.program)
        program.append((SPLIT, size - len(program), size - len(program)))
    return replace(
        _side_by_side(branches),
        empty=reduce(or_, (branch.empty for branch in branches)),
        first=_merged(*(_moved(branch.first, at) for branch, at in _placed(branches))),
        last=_merged(*(_moved(branch.last, at) for branch, at in _placed(branches))),
        program=(*program, *final.program),
    )


def repeat(body: Fragment, low: int, high: int | None, *, lazy: bool) -> Fragment:
    """From `low` to `high` times, or for ever; as few as fit if lazy, else as many."""
    final, most = (_plus(body, lazy), 1) if high is None else (body, high)
    if low == 0:
        many = _up_to(final, most, lazy)
        star = high is None and not body.empty
        return replace(many, program=_star(body, lazy)) if star else many
    parts = [*[body] * (low - 1), final]
    if high is not None:
        parts.append(_up_to(body, high - low, lazy))
    if body.empty == ALWAYS:  # none is required, which spares a join between any two
        return replace(_up_to(final, most, lazy), program=_program(parts))
    return concat(parts)


def _plus(body: Fragment, lazy: bool) -> Fragment:
    again = _split(-len(body.program), 1, lazy)
    whole = replace(
        body, moves={**body.moves}, joins=[*body.joins], program=(*body.program, again)
    )
    _connect(body.last, body.first, whole.moves, whole.joins)
    return whole


def _star(body: Fragment, lazy: bool) -> tuple[Instruction, ...]:
    # One split for the first time and all others, as long as none can be empty: which
    # groups are preferred in a repeat of repeats hangs on it.
    size = len(body.program)
    return (_split(1, size + 2, lazy), *body.program, (SPLIT, -size - 1, -size - 1))


def _up_to(body: Fragment, most: int, lazy: bool) -> Fragment:
    """(x(x(x)?)?)?: at each one the choice is between it and the end of all."""
    bodies = [body] * most
    size = most * (len(body.program) + 1)
    leave = range(size, 0, -len(body.program) - 1)
    return replace(
        concat([replace(body, empty=0)] * most),
        empty=ALWAYS,
        last=_merged(*(_moved(part.last, at) for part, at in _placed(bodies))),
        program=tuple(
            instruction
            for n in leave
            for instruction in (_split(1, n, lazy), *body.program)
        ),
    )


def _split(go_on: int, leave: int, lazy: bool) -> Instruction:
    return (SPLIT, leave, go_on) if lazy else (SPLIT, go_on, leave)


def _program(parts: Iterable[Fragment]) -> tuple[Instruction, ...]:
    return tuple(instruction for part in parts for instruction in part.program)


def _placed(parts: Sequence[Fragment]) -> Iterator[tuple[Fragment, int]]:
    """Each with the number of its first position."""
    starts = accumulate((len(part.sets) for part in parts), initial=0)
    return zip(parts, starts, strict=False)  # there is one start more


def _side_by_side(parts: Sequence[Fragment]) -> Fragment:
    """What they hold, not yet connected."""
    moves: dict[tuple[int, int], int] = {}
    joins: list[_Join] = []
    for part, at in _placed(parts):
        for key, positions in part.moves.items():
            moves[key] = moves.get(key, 0) | positions << at
        joins += ((ends << at, starts << at, where) for ends, starts, where in part.joins)
    return Fragment(
        sets=tuple(ranges for part in parts for ranges in part.sets),
        moves=moves,
        joins=joins,
        count=max((part.count for part in parts), default=1),
    )


def _connect(
    last: _Reach, first: _Reach, moves: dict[tuple[int, int], int], joins: list[_Join]
) -> None:
    """Let those that begin follow those that end."""
    for one, ends in last:
        for other, starts in first:
            where = one & other
            if where and ends.bit_count() * starts.bit_count() <= _FEW:
                for end, start in product(_bits(ends), _bits(starts)):
                    key = start - end, where
                    moves[key] = moves.get(key, 0) | 1 << end
            elif where:
                joins.append((ends, starts, where))


def _bits(positions: int) -> Iterator[int]:
    while positions:
        yield (positions & -positions).bit_length() - 1
        positions &= positions - 1


def _moved(reach: _Reach, by: int) -> _Reach:
    return tuple((where, positions << by) for where, positions in reach)


def _limited(reach: _Reach, where: int) -> _Reach:
    return tuple((where & those, positions) for those, positions in reach)


def _merged(*reaches: _Reach) -> _Reach:
    merged: dict[int, int] = {}
    for where, positions in (pair for reach in reaches for pair in reach):
        if where:
            merged[where] = merged.get(where, 0) | positions
    return tuple(merged.items())
