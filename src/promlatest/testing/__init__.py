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

from promlatest.testing._artifacts import replay
from promlatest.testing._contract import (
    Contract,
    ContractLine,
    UnverifiedWarning,
    assert_contract,
    contract_of,
    read_contract,
)
from promlatest.testing._difference import VOLATILE, Difference
from promlatest.testing._errors import (
    AlertError,
    AlreadyHeldError,
    ContractError,
    ExpectationError,
    FlickerError,
    GoldenError,
    LintError,
    MovedError,
    NeverAppearedError,
    NoSeriesError,
    NotReachedError,
    Observation,
    OthersMovedError,
    OvershootError,
    PresentError,
    ResetError,
    RulesError,
    SelectionFailure,
    SeriesBudgetError,
    SeveralSeriesError,
    StaleScrapeError,
    TargetDownError,
    UnaskedError,
    UnaskedWarning,
    UnknownLabelError,
    UnknownMetricError,
    UnmovedError,
    UntakenError,
    VanishedError,
    WaitFailure,
)
from promlatest.testing._expectation import Expectation, Holding
from promlatest.testing._fake import (
    Answer,
    Cut,
    Drop,
    FakeScrape,
    FakeTarget,
    Hang,
    Script,
    ScriptError,
    Slow,
    Status,
    Step,
)
from promlatest.testing._golden import (
    GoldenRules,
    assert_exposes,
    assert_golden,
    golden_text,
)
from promlatest.testing._io import Pending
from promlatest.testing._lint import assert_lint
from promlatest.testing._movement import OnReset, Reset
from promlatest.testing._numbers import Approximate, Increase, Move
from promlatest.testing._reading import Reading
from promlatest.testing._rules import Alerts
from promlatest.testing._target import (
    AsyncMark,
    AsyncScrapeTarget,
    Mark,
    ScrapeTarget,
)
from promlatest.testing._wait import Outcome

__all__ = [
    "VOLATILE",
    "AlertError",
    "Alerts",
    "AlreadyHeldError",
    "Answer",
    "Approximate",
    "AsyncMark",
    "AsyncScrapeTarget",
    "Contract",
    "ContractError",
    "ContractLine",
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
    "Holding",
    "Increase",
    "LintError",
    "Mark",
    "Move",
    "MovedError",
    "NeverAppearedError",
    "NoSeriesError",
    "NotReachedError",
    "Observation",
    "OnReset",
    "OthersMovedError",
    "Outcome",
    "OvershootError",
    "Pending",
    "PresentError",
    "Reading",
    "Reset",
    "ResetError",
    "RulesError",
    "ScrapeTarget",
    "Script",
    "ScriptError",
    "SelectionFailure",
    "SeriesBudgetError",
    "SeveralSeriesError",
    "Slow",
    "StaleScrapeError",
    "Status",
    "Step",
    "TargetDownError",
    "UnaskedError",
    "UnaskedWarning",
    "UnknownLabelError",
    "UnknownMetricError",
    "UnmovedError",
    "UntakenError",
    "UnverifiedWarning",
    "VanishedError",
    "WaitFailure",
    "assert_contract",
    "assert_exposes",
    "assert_golden",
    "assert_lint",
    "contract_of",
    "golden_text",
    "read_contract",
    "replay",
]
