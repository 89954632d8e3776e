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
from functools import reduce
from itertools import count
from operator import or_
from typing import Final

from promlatest._matching import charsets
from promlatest._matching.charsets import CharRanges
from promlatest._matching.regex_fragments import (
    ALWAYS,
    ASSERT,
    EDGE,
    IN_WORD,
    NEWLINE,
    OTHER,
    SAVE,
    SPLIT,
    TAKE,
    Fragment,
    Instruction,
    concat,
    context,
)

GroupTexts = tuple[str | None, ...]
_Saved = tuple[int, int, "_Saved"] | None  # slot, place in the text; those before

# Steps kept, of states with up to 64 positions: 0.5 MB. Larger states count for more.
_MOST_KEPT: Final = 5_000

_EDGE: Final = Fragment(
    ((),), 0, ((ALWAYS, 1),), ((ALWAYS, 1),)
)  # start and end of the text


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


class Machine:
    """The automaton of one pattern.

    Args:
        pattern: the whole of it.
        prefix: what every text that matches begins with, or some of it; `matches` is given
            the rest.
    """

    def __init__(self, pattern: Fragment, prefix: str = "") -> None:
        whole = concat([_EDGE, pattern, _EDGE])
        self._program: Final = _absolute(pattern.program)
        self._asserts: Final = any(step[0] == ASSERT for step in pattern.program)
        self._prefix: Final = prefix
        self._end: Final = 1 << len(whole.sets) - 1
        by_set: dict[CharRanges, int] = defaultdict(int)
        for position, ranges in enumerate(whole.sets):
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
        wheres = {where for *_, where in (*whole.moves, *whole.joins)}
        looks = wheres != {ALWAYS}  # at the characters on both sides
        self._kind: Final = _kind if looks else _any_kind
        self._follow: Final = [
            _follow(whole, 1 << each) for each in range(16 if looks else 1)
        ]
        self._most: Final = max(_MOST_KEPT // (1 + len(whole.sets) // 64), 1)
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
        kinds = [EDGE, *map(_kind if self._asserts else _any_kind, text), EDGE]
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


def _follow(whole: Fragment, here: int) -> tuple[_Pairs, _Pairs, _Pairs]:
    """Which positions move forward and back by how much, and the joins, in one context."""
    moves = [(ends, by) for (by, where), ends in whole.moves.items() if where & here]
    return (
        [(ends, by) for ends, by in moves if by >= 0],
        [(ends, -by) for ends, by in moves if by < 0],
        [(ends, starts) for ends, starts, where in whole.joins if where & here],
    )


def _absolute(program: tuple[Instruction, ...]) -> list[Instruction]:
    """The steps with their places in place of distances, "take" with its position."""
    positions = count(1)
    return [
        (TAKE, next(positions), 0)
        if operation == TAKE
        else (SPLIT, at + one, at + other)
        if operation == SPLIT
        else (operation, one, other)
        for at, (operation, one, other) in enumerate(program)
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
