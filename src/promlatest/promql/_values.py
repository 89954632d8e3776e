"""What the engine works on, and what a question gives."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import repeat
from operator import is_
from typing import Any, Final, Generic, NamedTuple, TypeVar, overload

import attrs

from promlatest._datapoint import DataPoint
from promlatest._interfaces import Values
from promlatest._matching.labels import Labels

# -- inside ---------------------------------------------------------------------------


class VectorColumn(NamedTuple):
    """An instant vector at work: a value a series, None where a series has none.

    What filters puts None in place of values and leaves `labels` alone, so that the
    next operation finds what it knows about them. `order` says in which order to show
    the series, where the expression asked for one.
    """

    labels: tuple[Labels, ...]
    values: Sequence[float | None]
    order: Sequence[int] | None = None


EMPTY: Final = VectorColumn((), ())


def has_gaps(values: Values) -> bool:
    """Whether a series has no value; `None in values`, which compares, takes half more."""
    return not isinstance(values, array) and any(map(is_, values, repeat(None)))


class Span(NamedTuple):
    """The samples of some series over a range: for each time a column.

    Attributes:
        start: from where on they are known: where the range begins, or later.
    """

    labels: tuple[Labels, ...]
    times: Sequence[int]
    columns: Sequence[Sequence[float | None]]
    start: int


class Window(NamedTuple):
    """A range vector at work.

    Attributes:
        spans: its samples; no series stands in two of them.
        start: where the range begins, in milliseconds, itself left out.
        end: where it ends, itself included.
    """

    spans: Sequence[Span]
    start: int
    end: int


_Made = TypeVar("_Made")
_KEPT: Final = 2  # of an expression asked of two stores in turn, each finds its own


class Kept(Generic[_Made]):
    """Remembers what was derived from objects, by their identity.

    Objects are held, so that no other can take their identity; a few are, and
    the memory starts afresh. Two threads may derive the same twice, and it is the same.
    """

    __slots__ = ("_kept", "_make")

    def __init__(self, make: Callable[..., _Made]) -> None:
        self._make = make
        self._kept: dict[Hashable, tuple[tuple[Any, ...], _Made]] = {}

    def __call__(self, *objects: object) -> _Made:
        key = tuple(map(id, objects))
        found = self._kept.get(key)
        if found is not None:
            return found[1]
        made = self._make(*objects)
        if len(self._kept) >= _KEPT:
            self._kept = {}
        self._kept[key] = objects, made
        return made


class Lately(Generic[_Made]):
    """Remembers what was derived from objects for as long as they are asked about.

    It is for the spans of a range, which are many where series come and go. What was not
    asked about in the last turns, two stores' worth of them, is forgotten.
    """

    __slots__ = ("_make", "_turns")

    def __init__(self, make: Callable[[Any], _Made]) -> None:
        self._make = make
        self._turns: deque[dict[int, tuple[object, _Made]]] = deque(maxlen=_KEPT + 1)

    def turn(self) -> None:
        """Begin to ask about the next range."""
        self._turns.appendleft({})

    def __call__(self, thing: object) -> _Made:
        key = id(thing)
        found = next((turn[key] for turn in self._turns if key in turn), None)
        if found is None:
            found = thing, self._make(thing)
        self._turns[0][key] = found
        return found[1]


# -- outside --------------------------------------------------------------------------


@attrs.frozen
class Annotations:
    """What is noteworthy about an answer, in sentences that name their place.

    Attributes:
        warnings: it may not mean what was asked.
        infos: it may be worth a look.
    """

    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


class Vector(Sequence[DataPoint]):
    """An instant vector: the points of one moment, sorted by labels, or in the order
    that the expression asks for.

    It equals a list of the same points. Points are made when somebody looks.

    Attributes:
        labels: the label set of each point.
        values: the value of each point.
        timestamp: the moment, in milliseconds.
        annotations: what is noteworthy.
    """

    __slots__ = ("_points", "annotations", "labels", "timestamp", "values")

    def __init__(
        self,
        labels: Sequence[Labels],
        values: Sequence[float],
        timestamp: int,
        annotations: Annotations = Annotations(),
    ) -> None:
        self.labels = labels
        self.values = values
        self.timestamp = timestamp
        self.annotations = annotations
        self._points: list[DataPoint] | None = None

    @property
    def points(self) -> list[DataPoint]:
        if self._points is None:
            rows = zip(self.labels, repeat(self.timestamp), self.values, strict=False)
            made = map(tuple.__new__, repeat(DataPoint), rows)
            self._points = list(made)
        return self._points

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, at: int) -> DataPoint: ...
    @overload
    def __getitem__(self, at: slice) -> list[DataPoint]: ...
    def __getitem__(self, at: int | slice) -> DataPoint | list[DataPoint]:
        return self.points[at]

    def __iter__(self) -> Iterator[DataPoint]:
        return iter(self.points)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Vector | list):
            return list(self) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment] # as of a list

    def __repr__(self) -> str:
        return f"Vector({self.points!r})"


@attrs.frozen
class Scalar:
    """A number and the moment it belongs to.

    Attributes:
        value: the number.
        timestamp: the moment, in milliseconds.
        annotations: what is noteworthy.
    """

    value: float
    timestamp: int
    annotations: Annotations = Annotations()

    def __float__(self) -> float:
        return self.value


@attrs.frozen
class Series:
    """One series of a matrix.

    Attributes:
        labels: its labels.
        samples: (timestamp in milliseconds, value), oldest first.
    """

    labels: Labels
    samples: tuple[tuple[int, float], ...]


class Matrix(list[Series]):
    """Series over a time, sorted by labels, with annotations."""

    def __init__(self, series: Sequence[Series], annotations: Annotations) -> None:
        super().__init__(series)
        self.annotations = annotations


Result = Vector | Scalar | str | Matrix
"""What an expression gives: at a moment the first three, over a time a matrix."""
