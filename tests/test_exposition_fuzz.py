"""Whatever comes is read or refused with a ParseError, and nothing else ever happens."""

from __future__ import annotations

import random

import pytest
from exposition_bodies import CONTENT, spoiled_bodies
from fuzz import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from promlatest.exceptions import ParseError
from promlatest.exposition import Exposition, Format, check, parse

pytestmark = pytest.mark.slow

GOOD = {
    "text": """\
# HELP go_goroutines Number of goroutines that exist \\\\ now.
# TYPE go_goroutines gauge
go_goroutines 12
# TYPE h histogram
h_bucket{name="pöds",le="1"} 1
h_bucket{name="pöds",le="+Inf"} 2 1700000000000
h_sum{name="pöds"} 3.5e-07
{"my.name",a="x\\ny\\"z"} NaN
# a comment
last{a="b",} -Inf
""",
    "openmetrics": """\
# TYPE h_seconds histogram
# UNIT h_seconds seconds
# HELP h_seconds How \\"long\\".
h_seconds_bucket{le="1.0"} 1 # {trace="ä"} 0.5 1.25
h_seconds_bucket{le="+Inf"} 2
h_seconds_count 2
{"my.name",a="x\\ny"} 1 1.5
# EOF
""",
}
FORMATS: list[Format] = ["text", "openmetrics"]


def attempt(body: bytes | str, syntax: Format) -> Exposition | None:
    """Read a body in every way; only a strict reading may refuse it."""
    check(body, CONTENT[syntax])
    lenient = parse(body, CONTENT[syntax], lenient=True)
    try:
        strict = parse(body, CONTENT[syntax])
    except ParseError as refusal:
        error = refusal
    else:
        assert not lenient.diagnostics
        assert len(strict) == len(lenient)
        return strict
    assert min(error.line, error.column) >= 1
    assert error.reason
    assert str(error).encode()
    return None


@pytest.mark.parametrize("syntax", FORMATS)
def test_cut_at_every_byte(syntax: Format) -> None:
    """A body cut anywhere is read up to there or refused (C-20)."""
    body = GOOD[syntax].encode()
    whole = parse(body, CONTENT[syntax])

    read = [attempt(body[:at], syntax) for at in range(len(body) + 1)]

    assert max(len(each) for each in read if each is not None) == len(whole)


def test_openmetrics_cut_anywhere_is_refused() -> None:
    """Without its `# EOF` an OpenMetrics body is refused, wherever it was cut (C-20)."""
    body = GOOD["openmetrics"].encode()
    end = body.index(b"# EOF") + len(b"# EOF")

    assert all(attempt(body[:at], "openmetrics") is None for at in range(1, end))


@pytest.mark.parametrize("syntax", FORMATS)
@pytest.mark.parametrize("seed", range(4))
def test_spliced(syntax: Format, seed: int) -> None:
    """Pieces put in, taken out and moved about make bodies that are read or refused."""
    rng = random.Random(seed)
    body = GOOD[syntax].encode()
    for _ in range(120):
        at, to = sorted(rng.randrange(len(body)) for _ in range(2))
        piece = body[at:to] if rng.random() < 0.5 else rng.randbytes(rng.randrange(4))
        where = rng.randrange(len(body))
        attempt(body[:where] + piece + body[where + rng.randrange(3) :], syntax)


@pytest.mark.parametrize("syntax", FORMATS)
def test_every_byte_changed(syntax: Format) -> None:
    """One wrong byte anywhere gives a body that is read or refused."""
    body = GOOD[syntax].encode()
    for at in range(len(body)):
        for byte in (0x00, 0x0A, 0x22, 0x5C, 0xFF):
            attempt(body[:at] + bytes([byte]) + body[at + 1 :], syntax)


@settings(max_examples=examples(100), deadline=None)
@given(st.binary(max_size=60), st.sampled_from(FORMATS))
def test_random_bytes(body: bytes, syntax: Format) -> None:
    """Bytes of no kind are read or refused."""
    attempt(body, syntax)


@settings(max_examples=examples(100), deadline=None)
@given(
    st.text(alphabet='ab{}="\\, \n\t#1.\0\r\udcffHELPTYOF', max_size=60),
    st.sampled_from(FORMATS),
)
def test_random_tokens(body: str, syntax: Format) -> None:
    """The characters that mean something, in any order, are read or refused."""
    attempt(body, syntax)


@settings(max_examples=examples(100), deadline=None)
@given(st.data(), st.sampled_from(FORMATS))
def test_spoiled_bodies(data: st.DataObject, syntax: Format) -> None:
    """Bodies that are almost right are read or refused."""
    attempt(data.draw(spoiled_bodies(syntax)), syntax)
