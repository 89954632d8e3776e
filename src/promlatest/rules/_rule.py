"""What travels: an expression of a file, what stands beside it, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from promlatest.rules._text import Text

__all__ = ["Finding", "FindingKind", "Rule", "RuleKind", "Severity"]

RuleKind = Literal["alert", "record", "panel", "variable", "annotation"]
FindingKind = Literal["syntax", "metric", "label", "bucket", "use", "value", "template"]
Severity = Literal["failure", "warning"]


@attrs.frozen(kw_only=True)
class Rule:
    """One expression: of an alert, a recording rule, or a dashboard.

    Attributes:
        file: the file as it was named.
        name: of the alert, the recorded metric, or the panel's title.
        kind: what it is.
        expr: the expression. Grafana's variables are filled in, so that it is PromQL.
        line: where the expression begins.
        labels: what an alert or a recording rule adds, its group's labels among them.
        hold: an alert's `for`, in seconds.
        keep_firing_for: how long it goes on after that, in seconds.
        annotations: of an alert, as templates.
        group: the group it is in; of a panel the dashboard.
    """

    file: str
    name: str
    kind: RuleKind
    expr: Text = attrs.field(eq=str)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    hold: float = 0.0
    keep_firing_for: float = 0.0
    annotations: Mapping[str, str] = attrs.field(factory=dict)
    group: str = ""

    @property
    def line(self) -> int:
        return self.expr.line()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.name}"


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that a rule asks for and cannot get.

    Attributes:
        file: of the rule.
        line: of what is asked for, in the file.
        rule: the alert, the recorded metric, or the panel.
        kind: "syntax", "metric", "label", "bucket", "use", "value" or "template".
        about: the metric, label or function that it is about; "" for all of it.
        what: what is wrong, in words.
        close: the names that were probably meant, the closest first.
        severity: a "failure" can never give anything; a "warning" gives nothing now.
    """

    file: str
    line: int
    rule: str
    kind: FindingKind
    about: str
    what: str
    close: tuple[str, ...] = ()
    severity: Severity = "failure"

    def __str__(self) -> str:
        warning = "warning: " if self.severity == "warning" else ""
        close = f"; close names: {', '.join(self.close)}" if self.close else ""
        return f"{self.file}:{self.line}: {self.rule}: {warning}{self.what}{close}"
