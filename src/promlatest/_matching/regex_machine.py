"""Runs a pattern over a whole text, in time linear in the text.

Whether it matches is asked of an automaton whose states are made as texts reach them: a
state is a dict from a character to the next state, so that a known step is one look-up in
C. A step that is not known takes a few microseconds; when half a megabyte of them is held,
all are let go and made anew. Threads share it without a lock: two that miss the same step
at once both make it, and it is the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import count
from operator import or_
from typing import Final

from promlatest._matching import charsets
from promlatest._matching.charsets import CharRanges
from promlatest._matching.regex_program import (
    ASSERT,
    EDGE,
    IN_WORD,
    NEWLINE,
    OTHER,
    SAVE,
    SPLIT,
    TAKE,
    Instruction,
    context,
)

GroupTexts = tuple[str | None, ...]
_Saved = tuple[int, int, "_Saved"] | None  # slot, place in the text; those before

# Steps kept, of states with up to 64 positions: 0.5 MB. Larger states count for more.
_MOST_KEPT: Final = 5_000

_MOST_BITS: Final = 2_000_000  # of all joins, which bounds the time of a step: 0.2 ms
_MOST_REACHED: Final = 600_000_000  # bits of what is reached from all places: 75 MB, 1 s
# What follows, or is followed by, more positions than that is not noted pair by pair.
_FEW: Final = 16


class _State(dict[str, "_State"]):
    """The next state by character.

    Attributes:
        positions: where in the pattern the text so far may have led.
        kind: of the last character, where the pattern asks.
    """

    __slots__ = ("accepts", "kind", "machine", "positions")

    def __init__(self, machine: Machine, positions: int, kind: int) -> None:
        super().__init__()
        self.machine = machine
        self.positions = positions
        self.kind = kind
        self.accepts: bool | None = None  # not asked yet

    def __missing__(self, character: str) -> _State:
        if not self.positions:
            raise _NoWay
        return self.machine.step(self, character)


class _NoWay(Exception):
    """Whatever follows, the text does not match."""


class TooLargeError(Exception):
    """Too many places of a pattern may follow too many others."""


class Machine:
    """The automaton of one program.

    Its positions are the characters of the program, from 1 on; 0 is the start of the text,
    and after the last one stands its end. A set of positions is an integer with a bit for
    each, so that a step is a few operations on integers, however many are alive.

    Args:
        steps: the program of the whole pattern.
        prefix: what every text that matches begins with, or some of it; `matches` is given
            the rest.

    Raises:
        TooLargeError: the pattern takes too long to prepare.
    """

    def __init__(self, steps: Sequence[Instruction], prefix: str = "") -> None:
        sets: list[CharRanges] = [ranges for kind, ranges, _ in steps if kind == TAKE]
        self._program: Final = _absolute(steps)
        self._asserts: Final = any(kind == ASSERT for kind, *_ in steps)
        self._prefix: Final = prefix
        self._end: Final = 1 << len(sets) + 1
        by_set: dict[CharRanges, int] = defaultdict(int)
        for position, ranges in enumerate(sets, 1):
            by_set[ranges] |= 1 << position
        self._sets: Final = by_set
        self._bounds: Final = sorted(
            {
                bound
                for ranges in by_set
                for low, high in ranges
                for bound in (low, high + 1)
            }
        )
        self._masks: Final[dict[int, int]] = {}
        self._kind: Final = _kind if self._asserts else _any_kind
        self._follow: Final = [
            _moves(self._program, 1 << each) for each in range(16 if self._asserts else 1)
        ]
        self._most: Final = max(_MOST_KEPT // (1 + len(sets) // 64), 1)
        self._forget()

    def matches(self, rest: str) -> bool:
        """Whether the prefix and this together match."""
        state = self._start
        try:
            for character in rest:
                state = state[character]
        except _NoWay:
            return False
        if state.accepts is None:
            after = self._after(state.positions, context(state.kind, EDGE))
            state.accepts = bool(after & self._end)
        return state.accepts

    def step(self, state: _State, character: str) -> _State:
        """The state after one more character, which is kept."""
        self._kept += 1
        if self._kept > self._most:
            self._forget()
        return self._made(state, character)

    def groups(self, text: str, number: int) -> GroupTexts:
        """The text of each group, in a text that matches.

        It backtracks, and tries no choice twice at one place: it takes at most as many
        steps as the program is long, times the characters.
        """
        masks = [self._mask(ord(character)) for character in text]
        kinds = [EDGE, *map(self._kind, text), EDGE]
        tried: set[tuple[int, int]] = set()
        ways: list[tuple[int, int, _Saved]] = [(0, 0, None)]
        while True:
            at, place, saved = ways.pop()
            while at < len(self._program):
                operation, one, other = self._program[at]
                if operation == TAKE:
                    if place == len(text) or not masks[place] >> one & 1:
                        break
                    place += 1
                elif operation == SPLIT:
                    if (at, place) in tried:
                        break
                    tried.add((at, place))
                    ways.append((other, place, saved))
                    at = one - 1
                elif operation == SAVE:
                    saved = one, place, saved
                elif not one >> context(kinds[place], kinds[place + 1]) & 1:
                    break
                at += 1
            else:
                if place == len(text):
                    return _texts(text, saved, number)

    def _made(self, state: _State, character: str) -> _State:
        kind = self._kind(character)
        after = self._after(state.positions, context(state.kind, kind))
        key = after & self._mask(ord(character)), kind
        states = self._states
        target = states.get(key)
        if target is None:
            target = states[key] = _State(self, *key)
        state[character] = target
        return target

    def _forget(self) -> None:
        self._kept = 0
        self._states: dict[tuple[int, int], _State] = {}
        start = _State(self, 1, EDGE)
        for character in self._prefix:
            start = self._made(start, character)
        self._start = start

    def _after(self, positions: int, where: int) -> int:
        """The positions that may follow these, in a context."""
        forward, back, joins = self._follow[where]
        after = 0
        for ends, distance in forward:
            after |= (positions & ends) << distance
        for ends, distance in back:
            after |= (positions & ends) >> distance
        for ends, starts in joins:
            if positions & ends:
                after |= starts
        return after

    def _mask(self, code: int) -> int:
        """The positions whose set holds the character."""
        interval = bisect_right(self._bounds, code)
        mask = self._masks.get(interval)
        if mask is None:
            taking = (
                at for ranges, at in self._sets.items() if charsets.holds(ranges, code)
            )
            mask = self._masks[interval] = reduce(or_, taking, 0)
        return mask


def _kind(character: str) -> int:
    if character == "\n":
        return NEWLINE
    return IN_WORD if charsets.holds(charsets.WORD, ord(character)) else OTHER


def _any_kind(_character: str) -> int:
    return EDGE


_Pairs = list[tuple[int, int]]


def _moves(program: Sequence[Instruction], here: int) -> tuple[_Pairs, _Pairs, _Pairs]:
    """Which positions may follow which in a context, as few operations: positions that go
    forward by so much, those that go back, and those that go on in the same positions.

    In a repeat, ``x{1000}``, all go on at one distance; in a choice the ends of all
    branches at one position.

    Raises:
        TooLargeError: they are too many.
    """
    runs, follow = _follow(program, here)
    most = _MOST_BITS // max(1, *follow)
    same: dict[int, int] = defaultdict(int)
    many = 0
    for position, after in follow.items():
        # Told here too: sets that end alike share 61 hashes, and 24,000 of them take 4 s.
        many += after not in same and after.bit_count() > _FEW
        if many > most:
            raise TooLargeError
        same[after] |= 1 << position
    joins = [
        (ends, after)
        for after, ends in same.items()
        if ends.bit_count() > _FEW or after.bit_count() > _FEW
    ]
    if len(joins) > most:
        raise TooLargeError
    joined = reduce(or_, (ends for ends, _ in joins), 0)
    by_distance: dict[int, int] = defaultdict(int, {1: runs})
    by_target: dict[int, int] = defaultdict(int)
    for position, after in follow.items():
        for target in () if joined >> position & 1 else _bits(after):
            by_distance[target - position] |= 1 << position
            by_target[target] |= 1 << position
    for target, ends in by_target.items():
        shared = 0
        for position in _bits(ends):
            if by_distance[target - position].bit_count() < ends.bit_count():
                by_distance[target - position] ^= 1 << position
                shared |= 1 << position
        if shared:
            joins.append((shared, 1 << target))
    moves = [(ends, by) for by, ends in by_distance.items() if ends]
    return (
        [(ends, by) for ends, by in moves if by >= 0],
        [(ends, -by) for ends, by in moves if by < 0],
        joins,
    )


def _follow(program: Sequence[Instruction], here: int) -> tuple[int, dict[int, int]]:
    """The positions before which the next one stands, as a set; and of each other position
    those that follow it in a context.

    What is reached from a place is what is reached from where it goes on, so it is found
    from the end to the start; again as long as a loop, which goes back, brings more.

    Raises:
        TooLargeError: they are too many.
    """
    characters = sum(map(_takes, program))
    if characters * (len(program) - characters) > _MOST_REACHED:
        raise TooLargeError
    reached: dict[int, int] = {len(program): 1 << characters + 1}

    def reach(at: int) -> int:
        is_taken = at < len(program) and _takes(program[at])
        return 1 << int(program[at][1]) if is_taken else reached.get(at, 0)

    others = [at for at, step in enumerate(program) if not _takes(step)][::-1]
    before = None
    while before != (before := [*reached.values()]):
        for at in others:
            kind, one, other = program[at]
            if kind == SPLIT:
                reached[at] = reach(one) | reach(other)
            elif kind == SAVE or one & here:
                reached[at] = reach(at + 1)
    ends = [0, *(at + 1 for at, step in enumerate(program) if _takes(step))]
    is_run = [at < len(program) and _takes(program[at]) for at in ends]
    runs = int("".join("01"[each] for each in reversed(is_run)), 2)
    return runs, {n: reach(at) for n, at in enumerate(ends) if not is_run[n]}


def _takes(step: Instruction) -> bool:
    return step[0] == TAKE


def _bits(positions: int) -> Iterator[int]:
    while positions:
        yield (positions & -positions).bit_length() - 1
        positions &= positions - 1


def _absolute(steps: Sequence[Instruction]) -> list[Instruction]:
    """The steps with their places in place of distances, "take" with its position."""
    positions = count(1)
    return [
        (TAKE, next(positions), 0)
        if operation == TAKE
        else (SPLIT, at + one, at + other)
        if operation == SPLIT
        else (operation, one, other)
        for at, (operation, one, other) in enumerate(steps)
    ]


def _texts(text: str, saved: _Saved, number: int) -> GroupTexts:
    places: dict[int, int] = {}
    while saved is not None:
        slot, place, saved = saved
        places.setdefault(slot, place)  # the last note comes first
    return tuple(
        text[places[2 * group] : places[2 * group + 1]] if 2 * group in places else None
        for group in range(1, number + 1)
    )
