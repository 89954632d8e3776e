"""Expectations about metrics that cannot pass by accident.

    >>> from prometheus_client import CollectorRegistry, Counter
    >>> from promlatest.testing import ScrapeTarget
    >>> registry = CollectorRegistry()
    >>> orders = Counter("orders", "Orders taken.", ["status"], registry=registry)
    >>> shop = ScrapeTarget(registry)
    >>> mark = shop.mark()
    >>> orders.labels("ok").inc()
    >>> mark.expect("orders_total", status="ok").to_increase_by(1, within=5).value
    1.0

The pytest plugin brings the same as fixtures; everything here works without pytest.
"""

from promlatest.testing._contract import (
    Contract,
    assert_contract,
    contract_of,
    read_contract,
)
from promlatest.testing._difference import VOLATILE, Difference, Move
from promlatest.testing._errors import (
    AlreadyHeldError,
    ContractError,
    ExpectationError,
    FlickerError,
    GoldenError,
    MovedError,
    NeverAppearedError,
    NoSeriesError,
    NotReachedError,
    Observation,
    OthersMovedError,
    OvershootError,
    PresentError,
    ResetError,
    SelectionFailure,
    SeveralSeriesError,
    StaleScrapeError,
    TargetDownError,
    UnknownLabelError,
    UnknownMetricError,
    VanishedError,
    WaitFailure,
)
from promlatest.testing._fake import (
    Answer,
    Cut,
    Drop,
    FakeScrape,
    FakeTarget,
    Hang,
    Slow,
    Status,
)
from promlatest.testing._golden import GoldenRules, assert_golden, golden_text
from promlatest.testing._movement import Reset
from promlatest.testing._reading import Reading
from promlatest.testing._target import (
    AsyncMark,
    AsyncScrapeTarget,
    Expectation,
    Mark,
    ScrapeTarget,
)
from promlatest.testing._wait import Outcome

__all__ = [
    "VOLATILE",
    "AlreadyHeldError",
    "Answer",
    "AsyncMark",
    "AsyncScrapeTarget",
    "Contract",
    "ContractError",
    "Cut",
    "Difference",
    "Drop",
    "Expectation",
    "ExpectationError",
    "FakeScrape",
    "FakeTarget",
    "FlickerError",
    "GoldenError",
    "GoldenRules",
    "Hang",
    "Mark",
    "Move",
    "MovedError",
    "NeverAppearedError",
    "NoSeriesError",
    "NotReachedError",
    "Observation",
    "OthersMovedError",
    "Outcome",
    "OvershootError",
    "PresentError",
    "Reading",
    "Reset",
    "ResetError",
    "ScrapeTarget",
    "SelectionFailure",
    "SeveralSeriesError",
    "Slow",
    "StaleScrapeError",
    "Status",
    "TargetDownError",
    "UnknownLabelError",
    "UnknownMetricError",
    "VanishedError",
    "WaitFailure",
    "assert_contract",
    "assert_golden",
    "contract_of",
    "golden_text",
    "read_contract",
]
