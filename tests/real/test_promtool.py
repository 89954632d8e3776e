"""Against Debian's promtool: what it refuses or warns of, `check` finds too."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from promlatest.exposition import Diagnostic, check

pytestmark = pytest.mark.real

# What promtool says: what a finding of ours says then.
WORDS = {
    r"no help text": "has no HELP",
    r"use base unit": "expected the base unit",
    r'counter metrics should have "_total"': "the name of a counter ends in '_total'",
    r'non-counter metrics should not have "_total"': "'_total' is for a counter",
    r'should not have "_bucket" suffix': "'_bucket' is for a",
    r'should not have "_count" suffix': "'_count' is for a",
    r'should not have "_sum" suffix': "'_sum' is for a",
    r'should not have "le" label': "the label 'le' is for a",
    r'should not have "quantile" label': "the label 'quantile' is for a",
    r"metric name should not include type": "does not include the type",
    r"should not contain ':'": "the names of recording rules",
    r"metric names should be written in 'snake_case'": "got camelCase",
    r"label names should be written in 'snake_case'": "got camelCase in the label",
    r"should not contain abbreviated units": "does not abbreviate the unit",
}


def told(name: str, kind: str) -> str:
    return f"# HELP {name} x\n# TYPE {name} {kind}\n"


GAUGE = told("a", "gauge")
LINTED = [
    "a 1\n",
    "# HELP a\n# TYPE a gauge\na 1\n",
    "# TYPE a counter\n# HELP a x\na_total 1\n",
    "#HELP a x\n# TYPE a gauge\na 1\n",
    *(told(name, "gauge") + f"{name} 1\n" for name in [
        *("a_total", "a_bucket", "a_count", "a_sum", "a:b", "aB", "a_gauge", "a_summary_b"),
        *("a_counter", "a_gauge_histogram", "a_ms", "a_ms_b", "a_S", "a_d", "a_kb_b"),
        *("a_minutes", "a_bits", "a_kelvins", "a_picoseconds_b", "a_mibibytes", "a_calories"),
        *("a_pounds", "a_kilometers", "a_millimetres", "a_tebibits", "a_decivolts"),
    ]),
    told("a", "counter") + "a 1\n",
    told("a_created", "counter") + "a_created 1\n",
    told("a_ms_total", "counter") + "a_ms_total 1\n",
    told("a", "summary") + 'a{le="1"} 1\na_sum 1\na_count 1\n',
    told("a", "histogram") + 'a_bucket{le="+Inf",quantile="1"} 1\na_sum 1\na_count 1\n',
    told("a_bucket", "summary") + 'a_bucket{quantile="1"} 1\n',
    GAUGE + 'a{bC="1"} 1\n',
    GAUGE + 'a 1\na{le="1"} 1\n',
    GAUGE + 'a{quantile="1"} 1\n',
    told("a_minutes", "untyped") + 'a_minutes{le="1"} 1\n',
]  # fmt: skip
REFUSED = [
    *("a 1", "a 1 \n", "a 1 1 \n", "a 1 1 1\n", "a 1 x\n", "a 1 1.5\n", "a\n", "a x\n"),
    *("a 0x1\n", "a 1_0\n", "a 1e400\n", "a 1 99999999999999999999\n", "1a 1\n", "\r\n"),
    *('a{b="c" d="e"} 1\n', 'a{b="c"d="e"} 1\n', "a{b=c} 1\n", "a{b='c'} 1\n"),
    *('a{="c"} 1\n', 'a{b="c",,} 1\n', "a{,} 1\n", 'a{b:c="d"} 1\n', 'a{b="c"} \n'),
    *('a{b="\\q"} 1\n', 'a{b="x\ny"} 1\n', 'a{__name__="x"} 1\n', 'a{x="1",x="2"} 1\n'),
    *('{"a.b"} 1\n', 'a{"b.c"="d"} 1\n', 'a{b="\udcff"} 1\n', 'a 1 # {a="b"} 1\n'),
    *(
        '# HELP a \\"x\\"\na 1\n',
        "# HELP a \\q\na 1\n",
        "# HELP a{ x\na 1\n",
        "# HELP 1a x\na 1\n",
        "a 1\r\n",
    ),
    *("# TYPE a foo\na 1\n", "# TYPE a gauge x\na 1\n", "# TYPE a info\na 1\n"),
    *("# TYPE a unknown\na 1\n", "# TYPE a gauge\n# TYPE a gauge\na 1\n"),
    *("# HELP a x\n# HELP a y\na 1\n", "a 1\n# TYPE a gauge\n"),
    told("a", "histogram") + 'a_bucket{le="x"} 1\n',
    told("a", "summary") + 'a{quantile="x"} 1\n',
]


def promtool(body: str) -> tuple[str, list[str]]:
    """Why it refuses the body ("" if it does not), and its warnings."""
    path = shutil.which("promtool")
    if path is None:
        pytest.fail("promtool is not installed: make real installs it")
    done = subprocess.run(
        [path, "check", "metrics"],
        input=body.encode(errors="surrogateescape"),
        capture_output=True,
        timeout=60,
    )
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    if done.returncode == 1:
        return "\n".join(lines), []
    return "", lines


def refuses(found: list[Diagnostic]) -> bool:
    return any(each.severity == "error" or "refuse" in each.reason for each in found)


@pytest.mark.parametrize("body", LINTED)
def test_what_promtool_warns_of(body: str) -> None:
    """Each warning of promtool has a finding of ours that says the same."""
    refused, warnings = promtool(body)
    reasons = " ".join(each.reason for each in check(body))

    assert refused == ""
    for warning in warnings:
        [ours] = [ours for theirs, ours in WORDS.items() if re.search(theirs, warning)]
        assert ours in reasons


def test_every_warning_was_seen() -> None:
    """The bodies above make promtool say all that this file knows of it."""
    said = "\n".join(line for body in LINTED for line in promtool(body)[1])

    assert [theirs for theirs in WORDS if not re.search(theirs, said)] == []


@pytest.mark.parametrize("body", REFUSED)
def test_what_promtool_refuses(body: str) -> None:
    """A body that promtool refuses has an error, or a warning of who refuses it."""
    assert promtool(body)[0] != ""
    assert refuses(check(body.encode(errors="surrogateescape")))


GOOD = (
    told("jobs_total", "counter")
    + 'jobs_total{a="b",c="d \\"e\\" \\\\ \\n"} 1.5e3 1000\n'
    + "# A remark.\n"
    + told("size_bytes", "histogram")
    + 'size_bytes_bucket{le="1"} 1\nsize_bytes_bucket{le="+Inf"} 2\n'
    + "size_bytes_sum 3\nsize_bytes_count 2\n"
    + told("wait_seconds", "summary")
    + 'wait_seconds{quantile="0.5"} 1\nwait_seconds_sum 1\nwait_seconds_count 1\n'
)


def mutants() -> Iterator[str]:
    chance = random.Random(1)
    for _ in range(400):
        body = list(GOOD)
        for _ in range(chance.randint(1, 2)):
            at = chance.randrange(len(body))
            body[at : at + chance.choice([0, 1, 1, 2])] = chance.choice(
                ["", "", " ", ",", '"', "\\", "\n", "{", "}", "#", "=", "1", "x", "\t", "_"]
            )
        yield "".join(body)


def test_what_promtool_refuses_of_broken_bodies() -> None:
    """Of a good body with a character or two changed, what promtool refuses is found."""
    assert promtool(GOOD) == ("", [])
    assert check(GOOD) == []

    unseen = [
        (body, reason)
        for body in mutants()
        if (reason := promtool(body)[0]) and not refuses(check(body))
    ]

    assert unseen == []
