"""The parts that a regular expression is made of, each as two things that match alike.

For *whether* a text matches, a part is an automaton without empty moves (Glushkov's): its
characters are numbered positions, and `moves` and `joins` say which may follow which. A set
of positions is an integer, a bit for each, so that one step of the automaton is a few
operations on integers, however many positions are alive; a counted repeat (``x{1000}``) is
one shift. For *what* the groups match, a part is `code`, the steps of a small machine, the
preferred way first. Both know no absolute places: parts are put together by shifting bits
and adding tuples.

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

from promlatest._matching.charsets import Ranges

EDGE, NEWLINE, IN_WORD, OTHER = range(4)  # the kinds of characters
ALWAYS: Final = 0xFFFF


def contexts(*, before: Iterable[int] = range(4), after: Iterable[int] = range(4)) -> int:
    """The contexts with these kinds of characters before and after."""
    after = list(after)
    return sum(1 << context(one, other) for one in before for other in after)


def context(before: int, after: int) -> int:
    """The number of a context."""
    return before * 4 + after


# A step of the code: take one character; go on in two places, the preferred one first, as
# distances; note the place in the text in a slot; go on in some contexts only.
Step = tuple[str, int, int]
TAKE, SPLIT, SAVE, ASSERT = "take", "split", "save", "assert"

_Reach = tuple[tuple[int, int], ...]  # (contexts, the positions reached in those)
_Join = tuple[int, int, int]  # positions, those that may follow them, contexts
# A repeated part has the same joins again and again, at the same distances. Joins of up to
# so many pairs are kept as distances: all repeats together are then one shift.
_FEW: Final = 16


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a pattern.

    Attributes:
        sets: the set of characters of each position.
        empty: the contexts in which it can match the empty text.
        first: the positions that a match can begin with.
        last: the positions that a match can end with.
        moves: the positions that those at a distance may follow, in some contexts.
        joins: which else may follow which.
        code: the steps; a "take" for each position, in their order.
        count: the product of the counted repeats in it, ``{n}`` in ``{m}``.
    """

    sets: tuple[Ranges, ...] = ()
    empty: int = ALWAYS
    first: _Reach = ()
    last: _Reach = ()
    moves: dict[tuple[int, int], int] = field(default_factory=dict)
    joins: list[_Join] = field(default_factory=list)
    code: tuple[Step, ...] = ()
    count: int = 1


def one_of(ranges: Ranges) -> Part:
    """One character of a set."""
    here = ((ALWAYS, 1),)
    return Part((ranges,), 0, here, here, code=((TAKE, 0, 0),))


def assertion(where: int) -> Part:
    """The empty text, in these contexts."""
    return Part(empty=where, code=((ASSERT, where, 0),))


def group(body: Part, number: int) -> Part:
    """A part whose text is noted in the slots of a group."""
    around = (SAVE, 2 * number, 0), (SAVE, 2 * number + 1, 0)
    return replace(body, code=(around[0], *body.code, around[1]))


def concat(parts: Sequence[Part]) -> Part:
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
    return replace(whole, empty=empty, first=first, last=last, code=_code(parts))


def choice(branches: Sequence[Part]) -> Part:
    """Any of them; the first one that fits is preferred."""
    *others, final = branches
    size = sum(len(branch.code) + 2 for branch in others) + len(final.code)
    code: list[Step] = []
    for branch in others:
        code += ((SPLIT, 1, len(branch.code) + 2), *branch.code)
        code.append((SPLIT, size - len(code), size - len(code)))
    return replace(
        _side_by_side(branches),
        empty=reduce(or_, (branch.empty for branch in branches)),
        first=_merged(*(_moved(branch.first, at) for branch, at in _placed(branches))),
        last=_merged(*(_moved(branch.last, at) for branch, at in _placed(branches))),
        code=(*code, *final.code),
    )


def repeat(body: Part, low: int, high: int | None, *, lazy: bool) -> Part:
    """From `low` to `high` times, or for ever; as few as fit if lazy, else as many."""
    final, most = (_plus(body, lazy), 1) if high is None else (body, high)
    if low == 0:
        many = _up_to(final, most, lazy)
        return (
            replace(many, code=_star(body, lazy))
            if high is None and not body.empty
            else many
        )
    parts = [*[body] * (low - 1), final]
    if high is not None:
        parts.append(_up_to(body, high - low, lazy))
    if body.empty == ALWAYS:  # none is required, which spares a join between any two
        return replace(_up_to(final, most, lazy), code=_code(parts))
    return concat(parts)


def _plus(body: Part, lazy: bool) -> Part:
    again = _split(-len(body.code), 1, lazy)
    whole = replace(
        body, moves={**body.moves}, joins=[*body.joins], code=(*body.code, again)
    )
    _connect(body.last, body.first, whole.moves, whole.joins)
    return whole


def _star(body: Part, lazy: bool) -> tuple[Step, ...]:
    # One split for the first time and all others, as long as none can be empty: which
    # groups are preferred in a repeat of repeats hangs on it.
    size = len(body.code)
    return (_split(1, size + 2, lazy), *body.code, (SPLIT, -size - 1, -size - 1))


def _up_to(body: Part, most: int, lazy: bool) -> Part:
    """(x(x(x)?)?)?: at each one the choice is between it and the end of all."""
    bodies = [body] * most
    size = most * (len(body.code) + 1)
    leave = range(size, 0, -len(body.code) - 1)
    return replace(
        concat([replace(body, empty=0)] * most),
        empty=ALWAYS,
        last=_merged(*(_moved(part.last, at) for part, at in _placed(bodies))),
        code=tuple(step for n in leave for step in (_split(1, n, lazy), *body.code)),
    )


def _split(go_on: int, leave: int, lazy: bool) -> Step:
    return (SPLIT, leave, go_on) if lazy else (SPLIT, go_on, leave)


def _code(parts: Iterable[Part]) -> tuple[Step, ...]:
    return tuple(step for part in parts for step in part.code)


def _placed(parts: Sequence[Part]) -> Iterator[tuple[Part, int]]:
    """Each with the number of its first position."""
    return zip(parts, accumulate((len(part.sets) for part in parts), initial=0))  # noqa: B905  # one more


def _side_by_side(parts: Sequence[Part]) -> Part:
    """What they hold, not yet connected."""
    moves: dict[tuple[int, int], int] = {}
    joins: list[_Join] = []
    for part, at in _placed(parts):
        for key, positions in part.moves.items():
            moves[key] = moves.get(key, 0) | positions << at
        joins += ((ends << at, starts << at, where) for ends, starts, where in part.joins)
    return Part(
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
