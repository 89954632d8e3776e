"""Relabelling: every action, as Prometheus carries it out (C-10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from promlatest.exceptions import UsageError
from promlatest.scrape import Relabel
from promlatest.scrape._relabel import relabel

ABC = {"a": "foo", "b": "bar", "c": "baz"}

# Labels, rules, and what is left; None: dropped. Most of it is Prometheus' own table.
CASES: list[tuple[Mapping[str, str], list[dict[str, Any]], Mapping[str, str] | None]] = [
    (ABC, [{"source_labels": ["a"], "regex": "f(.*)", "target_label": "d", "separator": ";",
                "replacement": "ch${1}-ch${1}"}], {**ABC, "d": "choo-choo"}),
    (ABC, [{"source_labels": ["a", "b"], "regex": "f(.*);(.*)r", "target_label": "a",
                "replacement": "b${1}${2}m"},
           {"source_labels": ["c", "a"], "regex": "(b).*b(.*)ba(.*)", "target_label": "d",
                "replacement": "$1$2$2$3"}],
     {"a": "boobam", "b": "bar", "c": "baz", "d": "boooom"}),
    ({"a": "foo"}, [{"source_labels": ["a"], "regex": ".*o.*", "action": "drop"},
                    {"source_labels": ["a"], "regex": "f(.*)", "target_label": "d"}], None),
    ({"a": "foo", "b": "bar"}, [{"source_labels": ["a"], "regex": ".*o.*", "action": "drop"}], None),
    ({"a": "abc"}, [{"source_labels": ["a"], "regex": ".*(b).*", "target_label": "d",
                         "replacement": "$1"}], {"a": "abc", "d": "b"}),
    ({"a": "foo"}, [{"source_labels": ["a"], "regex": "no-match", "action": "drop"}], {"a": "foo"}),
    ({"a": "foo"}, [{"source_labels": ["a"], "regex": "f|o", "action": "drop"}], {"a": "foo"}),
    ({"a": "foo"}, [{"source_labels": ["a"], "regex": "no-match", "action": "keep"}], None),
    ({"a": "foo"}, [{"source_labels": ["a"], "regex": "f.*", "action": "keep"}], {"a": "foo"}),
    # No match changes nothing; an empty result deletes.
    ({"a": "foo", "b": "bar"}, [{"source_labels": ["a"], "regex": "f", "target_label": "b",
                                     "replacement": "x"}], {"a": "foo", "b": "bar"}),
    ({"a": "foo", "b": "bar"}, [{"source_labels": ["a"], "regex": "f(x?)oo", "target_label": "b"}],
     {"a": "foo"}),
    ({"a": "foo"}, [{"target_label": "b", "replacement": "set"}], {"a": "foo", "b": "set"}),
    ({"a": "foo", "b": "x"}, [{"target_label": "b", "replacement": ""}], {"a": "foo"}),
    # A target name from the value; a name that comes to nothing is passed over.
    ({"a": "some-name-value"}, [{"source_labels": ["a"], "regex": "some-([^-]+)-([^,]+)",
                                     "replacement": "${2}", "target_label": "${1}"}],
     {"a": "some-name-value", "name": "value"}),
    ({"a": "foo"}, [{"source_labels": ["a"], "replacement": "x", "target_label": "$9"}], {"a": "foo"}),
    # Go's references: the longest name, $$, the whole match, a named group.
    ({"a": "foo"}, [{"source_labels": ["a"], "target_label": "b", "replacement": "<$1x>"}],
     {"a": "foo", "b": "<>"}),
    ({"a": "foo"}, [{"source_labels": ["a"], "target_label": "b", "replacement": "$$1 $0 ${1}x"}],
     {"a": "foo", "b": "$1 foo foox"}),
    ({"a": "foo"}, [{"source_labels": ["a"], "regex": "(?P<n>f)oo", "target_label": "b",
                         "replacement": "$n ${n}x $ $("}], {"a": "foo", "b": "f fx $ $("}),
    ({"a": "a\nb"}, [{"source_labels": ["a"], "regex": "a.b", "action": "drop"}], None),
    (ABC, [{"source_labels": ["a", "b"], "separator": "", "regex": "foobar", "action": "drop"}], None),
    # The others.
    (ABC, [{"source_labels": ["c"], "target_label": "d", "action": "hashmod", "modulus": 1000}],
     {**ABC, "d": "976"}),
    ({"a": "foo\nbar"}, [{"source_labels": ["a"], "target_label": "b", "action": "hashmod",
                              "modulus": 1000}], {"a": "foo\nbar", "b": "734"}),
    ({"a": "foo", "b1": "bar", "b2": "baz"}, [{"regex": "(b.*)", "replacement": "bar_${1}",
                                                   "action": "labelmap"}],
     {"a": "foo", "b1": "bar", "b2": "baz", "bar_b1": "bar", "bar_b2": "baz"}),
    ({"__meta_my_bar": "aaa", "__meta_my_baz": "bbb", "__meta_other": "ccc"},
     [{"regex": "__meta_(my.*)", "replacement": "${1}", "action": "labelmap"}],
     {"__meta_my_bar": "aaa", "__meta_my_baz": "bbb", "__meta_other": "ccc",
      "my_bar": "aaa", "my_baz": "bbb"}),
    ({"a": "foo", "b1": "bar", "b2": "baz"}, [{"regex": "(b.*)", "action": "labeldrop"}],
     {"a": "foo"}),
    ({"a": "foo", "b1": "bar", "b2": "baz"}, [{"regex": "(b.*)", "action": "labelkeep"}],
     {"b1": "bar", "b2": "baz"}),
    ({"foo": "bAr123Foo"}, [{"source_labels": ["foo"], "action": "lowercase", "target_label": "l"},
                            {"source_labels": ["foo"], "action": "Uppercase", "target_label": "u"}],
     {"foo": "bAr123Foo", "l": "bar123foo", "u": "BAR123FOO"}),
    ({"a": "ß"}, [{"source_labels": ["a"], "action": "uppercase", "target_label": "a"}], {"a": "ß"}),
    ({"a": "1", "b": "1"}, [{"source_labels": ["a"], "action": "keepequal", "target_label": "b"}],
     {"a": "1", "b": "1"}),
    ({"a": "1", "b": "2"}, [{"source_labels": ["a"], "action": "keepequal", "target_label": "b"}], None),
    ({"a": "1", "b": "1"}, [{"source_labels": ["a"], "action": "dropequal", "target_label": "b"}], None),
    ({"a": "1", "b": "2"}, [{"source_labels": ["a"], "action": "dropequal", "target_label": "b"}],
     {"a": "1", "b": "2"}),
]  # fmt: skip


@pytest.mark.parametrize(("labels", "rules", "expected"), CASES)
def test_relabel(
    labels: Mapping[str, str],
    rules: list[dict[str, Any]],
    expected: Mapping[str, str] | None,
) -> None:
    """A rule does to labels what it does in Prometheus (C-10)."""
    assert relabel(labels, [Relabel(**rule) for rule in rules]) == expected


@pytest.mark.parametrize(
    "rule",
    [
        {"action": "explode"},
        {},
        {"action": "hashmod", "target_label": "a"},
        {"action": "keepequal", "target_label": "a"},
        {"action": "labeldrop", "source_labels": ["a"]},
        {"action": "lowercase", "target_label": "a", "replacement": "b"},
        {"target_label": "a", "regex": "("},
    ],
)
def test_rules_that_cannot_be(rule: dict[str, Any]) -> None:
    """A rule that lacks what its action needs, or has what it cannot use, is refused."""
    with pytest.raises(UsageError):
        Relabel(**rule)


def test_a_modulus_below_0() -> None:
    """It is refused, as Prometheus refuses it: Python's remainder would be below 0, too."""
    with pytest.raises(UsageError, match="expected a modulus from 1 on, not -1"):
        Relabel(action="hashmod", source_labels=["a"], target_label="b", modulus=-1)
