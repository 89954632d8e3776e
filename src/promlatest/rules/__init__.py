"""Rules, dashboards and alerts, held against the process that they watch.

::

    from promlatest.rules import read_rules

    rules = read_rules("alerts.yml", "dashboards/")
    for finding in rules.check(store):  # what they ask for and nobody exposes
        print(finding)
    for verdict in rules.evaluate(before, after):  # two snapshots: which alerts are true
        print(verdict)
"""

from promlatest.rules._evaluation import Evaluation, Firing, Verdict
from promlatest.rules._rule import Finding, FindingKind, Rule, RuleKind, Severity
from promlatest.rules._rules import TARGET_LABELS, Rules, read_rules
from promlatest.rules._text import Text

__all__ = [
    "TARGET_LABELS",
    "Evaluation",
    "Finding",
    "FindingKind",
    "Firing",
    "Rule",
    "RuleKind",
    "Rules",
    "Severity",
    "Text",
    "Verdict",
    "read_rules",
]
