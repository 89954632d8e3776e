"""What travels: one expression of a file, with everything that stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from promlatest.rules._text import Text

__all__ = ["Rule", "RuleKind"]

RuleKind = Literal["alert", "record", "panel", "variable", "annotation"]


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
