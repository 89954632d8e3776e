"""What is kept of one question, as long as it is true.

Where its series are, for as long as no series came or went; and its last answer, for as
long as nothing was committed where it looked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from promlatest._datapoint import DataPoint
from promlatest._histogram import Histogram
from promlatest._matching.labels import Labels
from promlatest._samples import picker
from promlatest._storage.cache import Cache
from promlatest._storage.histograms import histograms_of
from promlatest._storage.layout import Selection
from promlatest._storage.plan import Plan
from promlatest._storage.scrape import Scrape
from promlatest._storage.window import Scrapes


class _Dated(Protocol):
    @property
    def labels(self) -> Labels: ...
    @property
    def timestamp(self) -> int: ...


T = TypeVar("T", bound=_Dated)

QUESTIONS_KEPT: Final = 65_536  # hits, and 32 for each question itself


class SourceCell(Protocol):
    """Where the scrape of one source is found that is visible now."""

    @property
    def visible(self) -> Scrape: ...

    @property
    def scrapes(self) -> Scrapes:
        """Those that are kept, oldest first."""


class QuestionView(Protocol):
    """What a question is asked of: a store, or a snapshot."""

    _questions: Cache[Any, Question]
    _changes: int
    """Another number after every commit; odd while one is being shown."""

    _version: int
    """Another number whenever series came or went."""

    def _cells_of(self, plan: Plan) -> Sequence[SourceCell]:
        """The sources that may have what a plan asks for."""


class _Known(NamedTuple):
    """Where the series of a question are.

    Attributes:
        version: of the layouts that were looked at.
        found: each source that has some, which they are, and the number of the layout
            that this holds for.
        order: puts the points of all, one after the other, in the order of their labels;
            None where two sources have one series.
    """

    version: int
    found: Sequence[tuple[SourceCell, Selection, int]]
    order: Callable[[Sequence[DataPoint]], tuple[DataPoint, ...]] | None


_Answer = tuple[int, list[int], list[Any]]
"""`QuestionView._changes` when it was found, the numbers of the scrapes, what was found.

A scrape is noted by its number, so that what is kept holds no vector."""
_NEVER: Final = -1


class Question:
    """What is kept of one question, beside its plan.

    It asks for the histograms of a metric, or where that is "" for points.
    """

    __slots__ = ("_answer", "_known", "is_kept", "key", "metric", "plan")

    def __init__(self, key: object, plan: Plan, metric: str = "") -> None:
        self.key: Final = key
        self.plan: Final = plan
        self.metric: Final = metric
        self.is_kept = False
        self._known: _Known | None = None
        self._answer: _Answer = (_NEVER, [], [])

    def answer(self, view: QuestionView) -> list[Any]:
        """What is found in all scrapes that are visible; the list is not the caller's."""
        if self._answer[0] != view._changes:
            self._answer = self._renewed(view, self._answer)
        return self._answer[2]

    def _renewed(self, view: QuestionView, kept: _Answer) -> _Answer:
        """The answer of now: the kept one, if nothing was committed where it looked."""
        while True:
            changes, known = view._changes, self._known
            if known is None or known.version != view._version:
                known = self._known = self._find(view)
            scrapes, numbers = [], []
            for cell, _, layout in known.found:
                scrape = cell.visible
                if scrape.layout.number != layout:
                    break
                scrapes.append(scrape)
                numbers.append(scrape.number)
            else:
                break
            self._known = None  # a commit came between the two
        found = kept[2]
        if kept[1] != numbers:
            found = (self._assemble if self.metric else self._pick)(known, scrapes)
        if not self.is_kept:
            self._keep(view._questions, known)
        # What was found while a commit was being shown is not known to be of before it.
        return (_NEVER if changes % 2 else changes), numbers, found

    def _pick(self, known: _Known, scrapes: Sequence[Scrape]) -> list[DataPoint]:
        if len(scrapes) == 1:
            return scrapes[0].points(known.found[0][1])
        found = [
            scrape.points(selection)
            for scrape, (_, selection, _) in zip(scrapes, known.found, strict=True)
        ]
        if known.order is None:
            return newest(chain.from_iterable(found))
        return list(known.order(list(chain.from_iterable(found))))

    def _assemble(self, known: _Known, scrapes: Sequence[Scrape]) -> list[Histogram]:
        found = [histograms_of(scrape, self.metric, self.plan) for scrape in scrapes]
        return found[0] if len(found) == 1 else newest(chain.from_iterable(found))

    def _find(self, view: QuestionView) -> _Known:
        version = view._version
        found = []
        for cell in view._cells_of(self.plan):
            scrape = cell.visible
            selection = scrape.layout.select(self.plan)
            if selection.places:
                found.append((cell, selection, scrape.layout.number))
        order = None
        if len(found) != 1:
            labels = [each._flat for _, selection, _ in found for each in selection.labels]
            if len(set(labels)) == len(labels):
                order = picker(sorted(range(len(labels)), key=labels.__getitem__))
        return _Known(version, found, order)

    def _keep(self, questions: Cache[Any, Question], known: _Known) -> None:
        """Keep it among other questions, weighed by its hits.

        A histogram of 20 buckets takes 1,008 bytes, the points of its series 2,475.
        """
        self.is_kept = True
        hits = sum(len(selection.places) for _, selection, _ in known.found)
        questions.keep(self.key, self, 32 + (hits // 2 if self.metric else hits))


def newest(found: Iterable[T]) -> list[T]:
    """One point, histogram or exemplar for each label set, sorted: of several the newest,
    of equally new ones the source that was there first."""
    newest: dict[tuple[str, ...], T] = {}
    for each in found:
        held = newest.setdefault(each.labels._flat, each)
        if held.timestamp < each.timestamp:
            newest[each.labels._flat] = each
    return [newest[flat] for flat in sorted(newest)]
