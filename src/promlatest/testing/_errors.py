"""The failures of expectations, as one tree.

::

    AssertionError
    └── ExpectationError        has the target, the selector and what was observed
        ├── SelectionFailure    what was asked for is not there, or not once
        │   ├── UnknownMetricError   no metric has this name
        │   ├── UnknownLabelError    the metric has no label of this name
        │   ├── NoSeriesError        metric and labels are known, no series fits
        │   └── SeveralSeriesError   several series fit where one was meant
        ├── PresentError        said to be absent, and there
        ├── WaitFailure         a wait that ended without what it waited for
        │   ├── AlreadyHeldError     vacuous: it was so before the wait
        │   ├── OvershootError       went past what was waited for
        │   ├── NotReachedError      the time ran out
        │   ├── NeverAppearedError   the time ran out, and the series was never there
        │   ├── VanishedError        the series was there, and is gone
        │   ├── FlickerError         came and went: it was true and is not any more
        │   └── MovedError           changed where it was to stay
        ├── ResetError          a counter began anew, so a difference is no increase
        ├── OthersMovedError    more moved than was said
        ├── TargetDownError     no scrape succeeded
        ├── StaleScrapeError    no scrape that started after the call
        ├── GoldenError         an exposition unlike its golden file
        └── ContractError       an exposition that breaks its contract

All of them are `AssertionError`: the program is not what the test says. A call that
cannot be carried out is a `promlatest.exceptions.UsageError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

__all__ = [
    "AlreadyHeldError",
    "ContractError",
    "ExpectationError",
    "FlickerError",
    "GoldenError",
    "MovedError",
    "NeverAppearedError",
    "NoSeriesError",
    "NotReachedError",
    "Observation",
    "OthersMovedError",
    "OvershootError",
    "PresentError",
    "ResetError",
    "SelectionFailure",
    "SeveralSeriesError",
    "StaleScrapeError",
    "TargetDownError",
    "UnknownLabelError",
    "UnknownMetricError",
    "VanishedError",
    "WaitFailure",
]


@attrs.frozen
class Observation:
    """What one scrape of a wait showed.

    Attributes:
        at: when the scrape started, in seconds since the wait began.
        value: what was looked at; None if it was not there, or nothing could be seen.
        error: why the scrape failed; "" if it did not.
    """

    at: float
    value: float | None = None
    error: str = ""


class ExpectationError(AssertionError):
    """A program is not what a test says of it.

    Attributes:
        verdict: the first line of the message.
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
        self.target = target
        self.selector = selector
        self.observations = tuple(observations)
        self.sections = dict(sections or {})
        super().__init__("\n".join([verdict, *(f"  {line}" for line in details)]))


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


class TargetDownError(ExpectationError):
    """No scrape succeeded, so that nothing can be said."""


class StaleScrapeError(ExpectationError):
    """There is no scrape that started after the call."""


class GoldenError(ExpectationError):
    """An exposition is not what its golden file says."""


class ContractError(ExpectationError):
    """An exposition breaks its contract."""
