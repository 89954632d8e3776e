"""Rules, dashboards and alerts, held against the process that they watch.

>>> from promlatest import Store
>>> from promlatest.rules import read_rules  # doctest: +SKIP
>>> for finding in read_rules("alerts.yml", "dashboards/").check(store):  # doctest: +SKIP
...     print(finding)
"""

from promlatest.rules._alerts import Evaluation, Firing, Verdict
from promlatest.rules._finding import Finding
from promlatest.rules._rule import Rule
from promlatest.rules._rules import TARGET_LABELS, Rules, read_rules

__all__ = [
    "TARGET_LABELS",
    "Evaluation",
    "Finding",
    "Firing",
    "Rule",
    "Rules",
    "Verdict",
    "read_rules",
]
