"""What is wrong with a rule, at its file and line."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["Finding", "FindingKind", "Severity"]

FindingKind = Literal["syntax", "metric", "label", "bucket", "use", "value", "template"]
Severity = Literal["failure", "warning"]


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
