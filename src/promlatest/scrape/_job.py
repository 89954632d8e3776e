"""How targets are scraped: the options that the targets of one job share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs

from promlatest._arguments import as_tuple, checked, checked_choice, checked_seconds
from promlatest.exposition import ACCEPT, Format
from promlatest.scrape._fetch import ScrapeLimits
from promlatest.scrape._kinds import kinds_checked
from promlatest.scrape._target import Target, refuse_control

if TYPE_CHECKING:
    from promlatest.scrape._relabel import Relabel

__all__ = ["LOOKBACK", "Job", "JobTargets"]

LOOKBACK = 5 * 60 * 1000  # ms; for so long Prometheus sees a sample after its time


def _rules(given: Iterable[Relabel]) -> tuple[Relabel, ...]:
    rules = as_tuple(given, "rules")
    if not rules:
        return ()
    from promlatest.scrape._relabel import Relabel  # 5 ms; few jobs have rules

    return tuple(checked(each, Relabel, "a Relabel in metric_relabel") for each in rules)


@attrs.frozen(kw_only=True, field_transformer=kinds_checked)
class Job:
    """What a `scrape_config` says about all of its targets.

    Attributes:
        name: the label `job` of its series.
        interval: from the start of a scrape to the start of the next, in seconds.
        timeout: for one whole scrape, in seconds; not above the interval.
        honor_labels: keep a label of the sample that clashes with one of the target;
            else it becomes `exported_…` (C-8).
        honor_timestamps: keep the timestamps that an exposition gives (C-16).
        limits: how much one scrape may bring.
        fallback: the format where the Content-Type names none (C-3).
        accept: the formats to ask for, as an Accept header (C-1).
        follow_redirects: False: a redirect is an error.
        compression: ask for gzip, except on this machine.
        metric_relabel: rules for every sample (C-10).
        lookback: a sample with a timestamp of its own that is older than so many
            milliseconds is not taken (C-16).
    """

    name: str = "promlatest"
    interval: float = 60.0
    timeout: float = 10.0
    honor_labels: bool = False
    honor_timestamps: bool = True
    limits: ScrapeLimits = attrs.field(factory=ScrapeLimits)
    fallback: Format | None = None
    accept: str = ACCEPT
    follow_redirects: bool = True
    compression: bool = True
    metric_relabel: tuple[Relabel, ...] = attrs.field(default=(), converter=_rules)
    lookback: int = LOOKBACK

    def __attrs_post_init__(self) -> None:
        for name in ("interval", "timeout"):
            checked_seconds(name, getattr(self, name), above=True)
        checked(self.limits, ScrapeLimits, "ScrapeLimits for limits")
        refuse_control(self.accept, "accept")
        if self.fallback is not None:
            checked_choice("fallback", self.fallback, Format)


JobTargets = Iterable[tuple[Job, Iterable[Target]]]
"""Several jobs, each with its targets."""
