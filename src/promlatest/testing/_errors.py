"""The failures of expectations, as one tree.

All of them are `AssertionError`: the program is not what the test says. A call that
cannot be carried out is a `promlatest.exceptions.UsageError`. `UnaskedWarning` is what an
expectation says that was made without a fixture, and never asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import attrs

from promlatest._escape import escaped_lines
from promlatest.exceptions import BodyError, EndpointError, UsageError


@attrs.frozen
class Observation:
    """What one scrape of a wait showed.

    Attributes:
        at: when the scrape started, in seconds since the wait began.
        value: what was looked at; None if it was not there, or nothing could be seen.
        error: why the scrape failed; "" if it did not.
        words: what it showed, where that is no number.
    """

    at: float
    value: float | None = None
    error: str = ""
    words: str = ""

    def differs(self, other: Observation) -> bool:
        """Whether it showed something else than another one."""
        return attrs.evolve(self, at=0.0) != attrs.evolve(other, at=0.0)


class ExpectationError(AssertionError):
    """A program is not what a test says of it.

    Attributes:
        verdict: the first line of the message.
        details: the lines below it.
        target: what was scraped.
        selector: what was looked at, as a selector text.
        observations: what the scrapes of a wait showed, in their order.
        sections: further text for a report, by title: the series that were there.
    """

    def __init__(
        self,
        verdict: str,
        *,
        target: str = "",
        selector: str = "",
        details: Sequence[str] = (),
        observations: Sequence[Observation] = (),
        sections: Mapping[str, str] | None = None,
    ) -> None:
        self.verdict = verdict
        self.details = tuple(details)
        self.target = target
        self.selector = selector
        self.observations = tuple(observations)
        self.sections = dict(sections or {})
        said = "\n".join([verdict, *(f"  {line}" for line in details)])
        super().__init__(escaped_lines(said))

    def __init_subclass__(cls) -> None:
        cls.__module__ = _PUBLIC

    def with_more(self, *details: str, observations: Sequence[Observation]) -> Self:
        """The same failure, with what a wait knows of it."""
        return type(self)(
            self.verdict,
            target=self.target,
            selector=self.selector,
            details=[*self.details, *details],
            observations=observations,
            sections=self.sections,
        )


# A failure is shown by the name that it can be imported by.
_PUBLIC: Final = "promlatest.testing"
ExpectationError.__module__ = _PUBLIC


class SelectionFailure(ExpectationError):
    """What was asked for is not there, or not once."""


class UnknownMetricError(SelectionFailure):
    """No metric has this name."""


class UnknownLabelError(SelectionFailure):
    """The metric is there, and none of its series has a label of this name."""


class NoSeriesError(SelectionFailure):
    """The metric and its labels are there, and no series fits."""


class SeveralSeriesError(SelectionFailure):
    """Several series fit where one was meant."""


class PresentError(ExpectationError):
    """A series is there that was said to be absent."""


class WaitFailure(ExpectationError):
    """A wait ended without what it waited for."""


class AlreadyHeldError(WaitFailure):
    """It was so before the wait, so that waiting for it proves nothing."""


class OvershootError(WaitFailure):
    """The value went past what was waited for."""


class NotReachedError(WaitFailure):
    """The time ran out."""


class NeverAppearedError(NotReachedError):
    """The time ran out, and the series was never there."""


class VanishedError(WaitFailure):
    """The series was there, and is gone."""


class FlickerError(WaitFailure):
    """It came and went: what one scrape showed, the next one did not."""


class MovedError(WaitFailure):
    """The value changed where it was to stay."""


class ResetError(ExpectationError):
    """A counter began anew, so that a difference is no increase."""


class OthersMovedError(ExpectationError):
    """More series moved than the test says."""


class UnmovedError(ExpectationError):
    """A test says that series moved, and they did not."""


class TargetDownError(ExpectationError):
    """No scrape succeeded, so that nothing can be said."""


class StaleScrapeError(ExpectationError):
    """There is no scrape that started after the call."""


class UntakenError(ExpectationError):
    """A scrape has samples that no scraper takes: a series twice, or out of its time."""


class UnaskedError(ExpectationError):
    """A test made an expectation, and never asked whether it comes true."""


class UnaskedWarning(Warning):
    """The same of an expectation that no fixture watches over."""

    __module__ = _PUBLIC


class LintError(ExpectationError):
    """An exposition has what its format forbids, or good practice advises against."""


class SeriesBudgetError(ExpectationError):
    """There are more series than were allowed."""


class GoldenError(ExpectationError):
    """An exposition is not what its golden file says."""


class ContractError(ExpectationError):
    """An exposition breaks its contract."""


class RulesError(ExpectationError):
    """Rules or dashboards ask for what is not exposed."""


class AlertError(ExpectationError):
    """An alert is not what a test says of it, or cannot be judged."""


def hides(excinfo: Any) -> bool:
    """What a module gives as `__tracebackhide__`, so that pytest leaves its frames out
    where an expectation failed or a call was wrong; not where the harness itself did."""
    return isinstance(getattr(excinfo, "value", None), ExpectationError | UsageError)


# How a scrape fails, beside the kinds of `promlatest.exceptions`


class StaleError(EndpointError):
    """The store has no scrape that started after the call."""


class EndedError(EndpointError):
    """The program has ended, so whoever answers at its address is another one."""


def reason(error: EndpointError) -> str:
    """The first sentence of what is wrong, without the target's name before it."""
    return error.message.splitlines()[0].partition(". ")[0]


def cause(error: EndpointError) -> BaseException | None:
    """What the program under test raised; of clients and files the words say enough."""
    return error.__cause__ if isinstance(error, BodyError) else None
