"""Contracts: required families, types and labels; additions are allowed."""

from __future__ import annotations

import pytest

from promlatest._datapoint import family_of
from promlatest.exceptions import UsageError
from promlatest.testing import (
    ContractError,
    SeriesBudgetError,
    UnverifiedWarning,
    _reading,
    assert_contract,
    contract_of,
    read_contract,
)
from promlatest.testing._sources import read_body

BODY = """# TYPE jobs_total counter
jobs_total{queue="mail",outcome="ok"} 3
jobs_total{queue="fax",outcome="ok",host="a"} 1
# TYPE took_seconds histogram
took_seconds_bucket{queue="mail",le="+Inf"} 4
took_seconds_sum{queue="mail"} 5.5
took_seconds_count{queue="mail"} 4
# TYPE errors_total counter
# TYPE jobs_created gauge
jobs_created{queue="mail",outcome="ok"} 1.7e9
loose 1
"""

TEXT = """# promlatest contract: family, type, bounds, labels; ? marks what need not be there
errors_total counter
jobs_total counter host? outcome queue
loose unknown
took_seconds histogram le=+Inf queue
"""


def reading(body: str = BODY):
    return read_body("shop", body.encode())


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "shop.contract"
    path.write_text(TEXT)
    return path


NAMES = [
    "\x1b[2J",
    "a b",
    "a?",
    "?a",
    "a=b",
    "#a",
    "\\u{41}",
    "a\u2028b",
    "\x85\u202e",
    "é容",
]


@pytest.mark.parametrize("name", NAMES, ids=map(ascii, NAMES))
def test_any_name_can_be_kept(tmp_path, name):
    """Whatever a name holds, a contract is one line of plain words, and is read back."""
    quoted = name.replace("\\", "\\\\")
    body = f'{{"m{quoted}","{quoted}"="1"}} 1\n{{"n{quoted}","{quoted}"="1"}} 1\nn{{}} 1\n'
    contract = contract_of(reading(body))
    path = tmp_path / "contract"
    path.write_text(str(contract))

    assert str(contract).replace("\n", "").isprintable()
    assert read_contract(path) == contract
    assert_contract(reading(body), path)


def test_the_text():
    """A contract has a line for each family, also for one without series."""
    assert str(contract_of(reading())) == TEXT
    marked = contract_of(reading(), optional=["err*"], ignore=["loose"])
    assert "?errors_total counter" in str(marked)
    assert "loose" not in str(marked)


def test_text_and_contract_are_the_same(path):
    """What was written is what is read."""
    assert str(read_contract(path)) == TEXT


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        BODY + "more 1\n",
        BODY.replace('host="a"', 'host="a",zone="z"'),
        BODY.replace(',host="a"', ""),
    ],
    ids=["the same", "a new family", "a new label", "an optional label is gone"],
)
def test_what_keeps_it(path, body):
    """Additions are allowed, and what is optional may go."""
    assert_contract(reading(body), path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("jobs_total", "job_total"), "jobs_total: missing; close names: job_total"),
        (
            ("took_seconds histogram", "took_seconds gauge"),
            "took_seconds: expected a histogram, got a gauge",
        ),
        (
            ('"mail",outcome="ok"} 3', '"mail"} 3'),
            "jobs_total: 1 of 2 series have the label outcome",
        ),
        (("took_seconds", "took_s"), "took_seconds: missing"),
        (("# TYPE errors_total counter\n", ""), "errors_total: missing"),
        (
            ("outcome=", "result="),
            "jobs_total: none of 2 series have the label outcome; new ones are result",
        ),
        (('le="+Inf"', 'le="5"'), 'took_seconds: none of 1 have le="+Inf"'),
        (
            ('took_seconds_bucket{queue="mail",le="+Inf"} 4\n', ""),
            "took_seconds: it has no buckets",
        ),
    ],
    ids=[
        "renamed",
        "type",
        "label",
        "histogram",
        "declared",
        "label renamed",
        "bucket",
        "buckets",
    ],
)
def test_what_breaks_it(path, change, words):
    """Every breach is listed in words."""
    with pytest.raises(ContractError) as caught:
        assert_contract(reading(BODY.replace(*change)), path)

    assert any(line.strip().startswith(words) for line in str(caught.value).splitlines())


def test_a_lost_quantile_breaks_it(path):
    """The quantiles of a summary are promised as buckets are."""
    body = '# TYPE wait summary\nwait{quantile="0.5"} 1\nwait{quantile="0.9"} 2\nwait_sum 3\nwait_count 2\n'
    path.write_text(str(contract_of(reading(body))))

    assert "wait summary quantile=0.5,0.9" in path.read_text()
    with pytest.raises(ContractError, match=r'wait: none of 1 have quantile="0\.9"'):
        assert_contract(reading(body.replace('quantile="0.9"', 'quantile="0.8"')), path)


def test_one_histogram_of_two_that_lost_a_bucket(path):
    """Every histogram of a family has all of its bounds."""
    body = BODY + 'took_seconds_bucket{queue="fax",le="1"} 4\n'

    with pytest.raises(ContractError, match=r'1 of 2 have le="\+Inf"'):
        assert_contract(reading(body), path)


def test_a_family_without_series_is_said(path):
    """Where there is no series, no label can be verified, and that is said."""
    path.write_text("errors_total counter reason\n")

    assert read_contract(path).unverified(reading())
    with pytest.warns(UnverifiedWarning, match="errors_total: no series"):
        assert_contract(reading(), path)


def test_an_empty_contract_is_a_wrong_call(path):
    """A contract that promises nothing can neither be written nor kept."""
    path.write_text("# nothing\n")

    with pytest.raises(UsageError, match="there is none"):
        assert_contract(reading(), path)
    with pytest.raises(UsageError, match="needs a family"):
        contract_of(reading(), ignore=["*"])


@pytest.mark.parametrize("word", ["le=", "le=a", "quantile=1"])
def test_bounds_that_cannot_be_read(path, word):
    """Bounds are numbers, behind the label that their type has."""
    path.write_text(f"took_seconds histogram {word}\n")

    with pytest.raises(UsageError, match=r"line 1: expected le=0.1,1,\+Inf"):
        read_contract(path)


def test_an_optional_family_may_be_missing(path):
    """Series of rare errors come and go."""
    path.write_text(TEXT + "?rare_total counter reason?\n")

    assert_contract(reading(), path)


@pytest.mark.parametrize("line", ["alone", "jobs_total counter", "? counter"])
def test_a_file_that_cannot_be_read(path, line):
    """A line that makes no sense is a wrong call, and says where."""
    path.write_text(TEXT + line + "\n")

    with pytest.raises(UsageError, match="line 6"):
        read_contract(path)


def test_no_file(tmp_path):
    """A contract that is not there is a wrong call."""
    with pytest.raises(UsageError, match="No such file"):
        read_contract(tmp_path / "none")


def test_writing_again_keeps_what_is_optional(path):
    """Marks that a person made outlive an update."""
    path.write_text(
        "?errors_total counter reason\n?rare_total counter\njobs_total counter queue?\n"
    )

    lines = str(read_contract(path).renewed(contract_of(reading()))).splitlines()

    assert "?errors_total counter reason" in lines
    assert "?rare_total counter" in lines
    assert "jobs_total counter host? outcome queue?" in lines


def test_families_are_found_in_one_look(monkeypatch):
    """A contract of many families looks up the family of each name once, and so does a
    budget that many of them exceed."""
    asked = []
    monkeypatch.setattr(
        _reading, "family_of", lambda *given: asked.append(1) or family_of(*given)
    )
    lines = (f"# TYPE jobs{i}_total counter\njobs{i}_total 1\n" for i in range(100))
    reading = read_body("the shop", "".join(lines).encode())

    contract_of(reading)
    with pytest.raises(SeriesBudgetError):
        reading.assert_series_below(1, per="family")

    assert len(asked) == 200  # of each name, and of each series


def test_only_the_first_missing_families_are_compared():
    """Where all families have another name, ten of them are told what comes close."""
    old, new = (
        read_body("the shop", "".join(f"{name}{i} 1\n" for i in range(60)).encode())
        for name in ("jobs", "jobz")
    )

    breaches = contract_of(old).breaches(new)

    assert len(breaches) == 60
    assert sum("close names" in each for each in breaches) == 10


@pytest.mark.parametrize("page", ["h_sum 1\nh_count 2\n", 'h_bucket{le="low"} 1\n'])
def test_a_histogram_without_buckets_promises_none(page):
    """A page keeps the contract that was written from it, also without a bucket."""
    found = reading(f"# TYPE h histogram\n{page}")

    assert contract_of(found).breaches(found) == []


def test_bounds_that_are_no_numbers(tmp_path):
    """What is no bound is no part of a contract; a histogram tells what is wrong with it."""
    body = "# TYPE h histogram\n" + "".join(
        f'h_bucket{{le="{le}"}} 1\n' for le in ("low", "NaN", "1", "+Inf")
    )

    assert "h histogram le=1,+Inf\n" in str(contract_of(reading(f"{body}h_bucket 1\n")))


def test_a_file_that_is_no_text(tmp_path):
    """A contract in another encoding is refused at its line."""
    path = tmp_path / "it.contract"
    path.write_bytes(b"# a\n\xff\xfe")

    with pytest.raises(UsageError, match=r":2: expected UTF-8"):
        read_contract(path)
