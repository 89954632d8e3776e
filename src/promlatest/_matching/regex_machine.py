"""Runs a pattern of any form over a whole text, in time linear in the text.

It is loaded for the first pattern that is none of the simple forms of `regex`.

Whether it matches is asked of an automaton whose states are made as texts reach them: a
state is a dict from a character to the next state, so that a known step is one look-up in
C. A step that is not known takes a few microseconds; when half a megabyte of them is held,
all are let go and made anew. Threads share it without a lock: two that miss the same step
at once both make it, and it is the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache, reduce
from itertools import count
from operator import or_
from typing import Final, NamedTuple

from promlatest._matching.charsets import ANY, WORD, CharRanges, holds
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
    repeat,
    run_of,
)
from promlatest._matching.regex_syntax import TOO_LARGE, PatternParser
from promlatest.exceptions import PatternError

_Saved = tuple[int, int, "_Saved"] | None  # slot, place in the text; those before

# Steps kept, of states with up to 64 positions: 0.5 MB. Larger states count for more.
_MOST_KEPT: Final = 5_000

_MOST_BITS: Final = 2_000_000  # of all joins, which bounds the time of a step: 0.2 ms
_MOST_REACHED: Final = 600_000_000  # bits of what is reached from all places: 75 MB, 1 s
# What follows, or is followed by, more positions than that is not noted pair by pair.
_FEW: Final = 16

# Reading takes up to 20 µs a character, so a second here; choices of texts (`a|b`), which
# Grafana makes of what was ticked, are not bounded: they take 0.3.
_LENGTH: Final = 50_000

_MOST_SKIPPED: Final = 64  # a state after more characters may be too large to keep

# The whole rest of a value, as ".*" and ".*?" read.
_RESTS: Final = [repeat(run_of(ANY), 0, None, lazy=lazy).steps for lazy in (False, True)]


class _State(dict[str, "_State"]):
    """The next state by character; "" is the end of the text, after which there is one if
    the text matches.

    Attributes:
        positions: where in the pattern the text so far may have led.
        kind: of the last character, where the pattern asks.
    """

    __slots__ = ("kind", "machine", "positions")

    def __init__(self, machine: Machine, positions: int, kind: int) -> None:
        super().__init__()
        self.machine = machine
        self.positions = positions
        self.kind = kind

    def __missing__(self, character: str) -> _State:
        if not self.positions:
            raise _NoWay
        return self.machine.step(self, character)


class _NoWay(Exception):
    """Whatever follows, the text does not match."""


class _TooLargeError(Exception):
    """Too many places of a pattern may follow too many others."""


class Machine:
    """The automaton of one pattern.

    Its positions are the characters of the program, from 1 on; 0 is the start of the text,
    and after the last one stands its end. A set of positions is an integer with a bit for
    each, so that a step is a few operations on integers, however many are alive.

    Attributes:
        prefix: what every text that matches begins with; "" if nothing is known.
        prefix_decides: every text with that prefix matches.
        names: the number of each named group; of two of a name the first.

    Raises:
        PatternError: the pattern is wrong, or too large.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > _LENGTH:
            reason = f"{TOO_LARGE}: {len(pattern)} characters, at most {_LENGTH}"
            raise PatternError(pattern, reason)
        parser = PatternParser(pattern)
        steps = parser.parse().steps
        sets: list[CharRanges] = [ranges for kind, ranges, _ in steps if kind == TAKE]
        saves = [at for at, step in enumerate(steps) if step[0] == SAVE]
        asserts = any(kind == ASSERT for kind, *_ in steps)
        self.names: Final = parser.names
        self.prefix, self.prefix_decides = _prefix(steps)
        self._skipped: Final = self.prefix[:_MOST_SKIPPED]
        self._number: Final = parser.groups
        around_all = parser.groups == 1 and saves == [0, len(steps) - 1]
        self._are_whole: Final = around_all or not parser.groups
        self._program: Final = _absolute(steps)
        self._end: Final = 1 << len(sets) + 1
        self._sets: Final[dict[CharRanges, int]] = defaultdict(int)
        for position, ranges in enumerate(sets, 1):
            self._sets[ranges] |= 1 << position
        self._mask: Final = lru_cache(256)(self._taking)
        self._kind: Final = _kind if asserts else lambda _: EDGE
        try:
            contexts = range(16 if asserts else 1)
            self._moves: Final = [_moves(self._program, 1 << each) for each in contexts]
        except _TooLargeError:
            raise PatternError(pattern, TOO_LARGE) from None
        self._most: Final = max(_MOST_KEPT // (1 + len(sets) // 64), 1)
        self._forget()

    def matches(self, text: str) -> bool:
        """Whether the pattern matches the whole text."""
        if not text.startswith(self.prefix):
            return False
        state = self._start
        try:
            for character in text[len(self._skipped) :]:
                state = state[character]
            return bool(state[""].positions)
        except _NoWay:
            return False

    def fullmatch(self, text: str) -> tuple[str | None, ...] | None:
        """The text of each group; None if the pattern does not match the whole text."""
        if not self.matches(text):
            return None
        return (text,) * self._number if self._are_whole else self._groups(text)

    def step(self, state: _State, character: str) -> _State:
        """The state after one more character, which is kept."""
        self._kept += 1
        if self._kept > self._most:
            self._forget()
        return self._made(state, character)

    def _groups(self, text: str) -> tuple[str | None, ...]:
        """The text of each group, in a text that matches.

        It backtracks, and tries no choice twice at one place: it takes at most as many
        steps as the program is long, times the characters.
        """
        masks = [*map(self._mask, text), self._end]
        kinds = [EDGE, *map(self._kind, text), EDGE]
        tried: set[tuple[int, int]] = set()
        ways: list[tuple[int, int, _Saved]] = [(0, 0, None)]
        while True:
            at, place, saved = ways.pop()
            while at < len(self._program):
                operation, one, other = self._program[at]
                if operation == TAKE:
                    if not masks[place] >> one & 1:
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
                return self._texts(text, saved)

    def _texts(self, text: str, saved: _Saved) -> tuple[str | None, ...]:
        places: dict[int, int] = {}
        while saved is not None:
            slot, place, saved = saved
            places.setdefault(slot, place)  # the last note comes first
        return tuple(
            text[places[2 * group] : places[2 * group + 1]] if 2 * group in places else None
            for group in range(1, self._number + 1)
        )

    def _made(self, state: _State, character: str) -> _State:
        kind = self._kind(character)
        after = self._moves[context(state.kind, kind)].after(state.positions)
        key = after & self._mask(character), kind
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
        for character in self._skipped:
            start = self._made(start, character)
        self._start = start

    def _taking(self, character: str) -> int:
        """The positions whose set holds the character."""
        if not character:
            return self._end
        code = ord(character)
        taking = (at for ranges, at in self._sets.items() if holds(ranges, code))
        return reduce(or_, taking, 0)


def _prefix(program: Iterable[Instruction]) -> tuple[str, bool]:
    """The characters that every match begins with, and whether nothing else is asked."""
    steps = [step for step in program if step[0] != SAVE]
    prefix = ""
    for kind, ranges, _ in steps:
        if kind != TAKE or len(ranges) != 1 or ranges[0][0] != ranges[0][1]:
            break
        prefix += chr(ranges[0][0])
    return prefix, tuple(steps[len(prefix) :]) in _RESTS


_KINDS: Final = {"": EDGE, "\n": NEWLINE}


def _kind(character: str) -> int:
    if character in _KINDS:
        return _KINDS[character]
    return IN_WORD if holds(WORD, ord(character)) else OTHER


class _Moves(NamedTuple):
    """Which positions may follow which in a context, in few operations.

    Attributes:
        shifts: positions, and how far all of these go on, counted from `back`.
        back: how far the furthest goes back.
        joins: positions, and those in which all of these go on.
    """

    shifts: list[tuple[int, int]]
    back: int
    joins: list[tuple[int, int]]

    def after(self, positions: int) -> int:
        """The positions that may follow these."""
        after = 0
        for ends, distance in self.shifts:
            after |= (positions & ends) << distance
        after >>= self.back
        for ends, starts in self.joins:
            if positions & ends:
                after |= starts
        return after


def _moves(program: Sequence[Instruction], here: int) -> _Moves:
    """The moves in a context.

    In a repeat, ``x{1000}``, all go on at one distance, which is a shift; in a choice the
    ends of all branches go on at one position, which is a join.

    Raises:
        _TooLargeError: they are too many.
    """
    runs, follow = _follow(program, here)
    most = _MOST_BITS // max([1, *follow])
    joins: dict[int, int] = defaultdict(int)
    by_distance: dict[int, int] = defaultdict(int, {1: runs} if runs else {})
    for position, after in follow.items():
        if after.bit_count() > _FEW:
            joins[after] |= 1 << position
        else:
            for target in _bits(after):
                by_distance[target - position] |= 1 << position
        # Told here: sets that end alike share 61 hashes, and 24,000 of them take 4 s.
        if len(joins) > most:
            raise _TooLargeError
    shared = {by: ends for by, ends in by_distance.items() if ends & ends - 1}
    alone: dict[int, int] = defaultdict(int)
    for by in by_distance.keys() - shared:
        position = by_distance[by].bit_length() - 1
        alone[position] |= 1 << position + by
    for position, after in alone.items():
        joins[after] |= 1 << position
    back = -min(0, *shared) if shared else 0
    shifts = [(ends, by + back) for by, ends in shared.items()]
    return _Moves(shifts, back, [(ends, after) for after, ends in joins.items()])


def _follow(program: Sequence[Instruction], here: int) -> tuple[int, dict[int, int]]:
    """The positions before which the next one stands, as a set; and of each other position
    those that follow it in a context.

    What is reached from a place is what is reached from where it goes on, so it is found
    from the end to the start; again as long as a loop, which goes back, brings more.

    Raises:
        _TooLargeError: they are too many.
    """
    takes = [at for at, step in enumerate(program) if step[0] == TAKE]
    others = [at for at, step in enumerate(program) if step[0] != TAKE][::-1]
    if len(takes) * len(others) > _MOST_REACHED:
        raise _TooLargeError
    reached: dict[int, int] = {}

    def reach(at: int) -> int:
        kind, one, _ = program[at]
        return 1 << one if kind == TAKE else reached.get(at, 0)

    before = None
    while before != (before := [*reached.values()]):
        for at in others:
            kind, one, other = program[at]
            if kind == SPLIT:
                reached[at] = reach(one) | reach(other)
            elif kind == SAVE or one & here:
                reached[at] = reach(at + 1)
    starts = [0, *(at + 1 for at in takes[:-1])]
    is_run = [program[at][0] == TAKE for at in starts]
    runs = int("".join("01"[each] for each in reversed(is_run)), 2)
    return runs, {n: reach(at) for n, at in enumerate(starts) if not is_run[n]}


def _bits(positions: int) -> Iterator[int]:
    while positions:
        yield (positions & -positions).bit_length() - 1
        positions &= positions - 1


def _absolute(steps: Sequence[Instruction]) -> list[Instruction]:
    """The steps with their places in place of distances, "take" with its position; the
    last one takes the end of the text."""
    positions = count(1)
    return [
        (TAKE, next(positions), 0)
        if operation == TAKE
        else (SPLIT, at + one, at + other)
        if operation == SPLIT
        else (operation, one, other)
        for at, (operation, one, other) in enumerate([*steps, (TAKE, None, 0)])
    ]
