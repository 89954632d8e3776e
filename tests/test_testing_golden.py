"""Golden files: identity is pinned, noise is scrubbed, edits survive."""

from __future__ import annotations

import pytest

from promlatest.exceptions import UsageError
from promlatest.testing import (
    GoldenError,
    GoldenRules,
    assert_exposes,
    assert_golden,
    golden_text,
)
from promlatest.testing._sources import read_body

BODY = """# TYPE jobs_total counter
jobs_total{queue="mail"} 3
jobs_total{queue="fax"} 0.1
# TYPE took_seconds histogram
took_seconds_bucket{le="+Inf"} 4
took_seconds_sum 5.5
took_seconds_count 4
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12
loose NaN
"""

TEXT = """# promlatest golden file; values: *, 3, >=1, <0.5, 3±0.1
# TYPE jobs_total counter
jobs_total{queue="fax"} 0.1
jobs_total{queue="mail"} 3
# TYPE loose unknown
loose NaN
# TYPE took_seconds histogram
took_seconds_bucket{le="+Inf"} *
took_seconds_count 4
took_seconds_sum *
"""


def reading(body: str = BODY):
    return read_body("shop", body.encode())


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "golden" / "shop.prom"
    assert_golden(reading(), path, update=True)
    return path


def test_the_text(path):
    """Types, names and labels stand there in order, and values that say something."""
    assert golden_text(reading()) == TEXT
    assert path.read_text() == TEXT


def test_the_same_again(path):
    """What is as it was is fine, whatever the volatile values are now."""
    assert_golden(reading(), path)
    assert_golden(reading(BODY.replace("5.5", "7").replace("total 12", "total 99")), path)
    assert_golden(reading(BODY.replace("0.1", "0.1000000000001")), path)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (('jobs_total{queue="fax"} 0.1\n', ""), '- jobs_total{queue="fax"} 0.1'),
        (('"fax"', '"post"'), '+ jobs_total{queue="post"} 0.1'),
        (("} 3\n", "} 4\n"), '! jobs_total{queue="mail"}: expected 3, got 4'),
        (("loose NaN", "loose 1"), "! loose: expected NaN, got 1"),
        (
            ("jobs_total counter", "jobs_total gauge"),
            "! # TYPE jobs_total: expected counter, got gauge",
        ),
        (('le="+Inf"', 'le="1"'), '- took_seconds_bucket{le="+Inf"} *'),
        (("loose", "tight"), "- loose NaN"),
    ],
    ids=["gone", "new", "value", "NaN", "type", "bucket", "name"],
)
def test_differences(path, change, line):
    """Every difference has a line of its own."""
    with pytest.raises(GoldenError) as caught:
        assert_golden(reading(BODY.replace(*change)), path)

    assert line in [each.strip() for each in str(caught.value).splitlines()]
    assert "--promlatest-update" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "fits", "does_not"),
    [
        ("*", "9", None),
        (">=1", "1", "0.5"),
        (">1", "2", "1"),
        ("<=1", "1", "2"),
        ("<0.5", "0.4", "0.5"),
        ("3±0.1", "3.05", "3.2"),
        ("+Inf", "+Inf", "1"),
    ],
)
def test_edited_values(path, value, fits, does_not):
    """A value may be edited to what is meant, and an update keeps that while it holds."""
    edited = path.read_text().replace('{queue="mail"} 3', f'{{queue="mail"}} {value}')
    path.write_text(edited)

    now = reading(BODY.replace("} 3\n", f"}} {fits}\n"))
    assert_golden(now, path)
    assert_golden(now, path, update=True)
    assert path.read_text() == edited
    if does_not is not None:
        other = reading(BODY.replace("} 3\n", f"}} {does_not}\n"))
        with pytest.raises(GoldenError):
            assert_golden(other, path)
        assert_golden(other, path, update=True)
        assert f'{{queue="mail"}} {does_not}\n' in path.read_text()


def test_scrubbed_labels():
    """Labels of no meaning are scrubbed; series that are alike then are one line."""
    body = 'x{pod="a-1",zone="z"} 1\nx{pod="b-2",zone="z"} 2\ny{pod="a-1"} 5\n'

    text = golden_text(reading(body), GoldenRules(labels=("pod",)))

    assert text.splitlines()[2:] == [
        'x{pod="*", zone="z"} *',
        "# TYPE y unknown",
        'y{pod="*"} 5',
    ]


def test_what_is_ignored_and_volatile():
    """Rules say what is left out and what is not compared."""
    rules = GoldenRules(ignore=("took_*", "loose"), volatile=("jobs_*",))

    lines = golden_text(reading(), rules).splitlines()

    assert 'jobs_total{queue="mail"} *' in lines
    assert not any("took" in line or "loose" in line for line in lines)


def test_no_file_yet(tmp_path):
    """A golden file that is not there does not pass."""
    with pytest.raises(GoldenError, match="--promlatest-update"):
        assert_golden(reading(), tmp_path / "none.prom")


@pytest.mark.parametrize(
    "line",
    [
        "jobs_total", "x three", "x >=", "x 3±", "x 3±-1", "x 3±NaN", "x 1_0", "loose 1",
        "x y 1", 'x{a=~"b"} 1', 'x{a!="b"} 1', "# TYPE loose gauge",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read(path, line):
    """A line that makes no sense is a wrong call, and says where."""
    path.write_text(path.read_text() + line + "\n")
    if line == "x 3±":  # a margin of nothing is 0
        with pytest.raises(GoldenError):
            assert_golden(reading(), path)
        return

    with pytest.raises(UsageError, match="line 11"):
        assert_golden(reading(), path)


# A text in the test


def test_what_is_exposed_as_a_text_says():
    """Families that the text names are compared, whatever the order of labels, and
    values may be what those of a golden file may be."""
    assert_exposes(
        reading('x{b="2", a="1"} 5\ny 1\n'),
        """
        # what the dashboard shows
        x{ b = "2", a="1" } >=4
        """,
    )
    assert_exposes(reading(), "took_seconds_sum *", only=["took_seconds_sum"])
    assert_exposes(
        reading(), 'loose NaN\njobs_total{queue="fax"} 0.1\njobs_total{queue="mail"} 3'
    )


@pytest.mark.parametrize(
    ("text", "only", "line"),
    [
        ('jobs_total{queue="fax"} 0.1', (), '+ jobs_total{queue="mail"} 3'),
        ('jobs_total{queue="post"} 1', (), '- jobs_total{queue="post"} 1'),
        ("loose 1", (), "! loose: expected 1, got NaN"),
        (
            "# TYPE loose gauge\nloose NaN",
            (),
            "! # TYPE loose: expected gauge, got unknown",
        ),
        ("", ["loose"], "+ loose NaN"),
        ("took_seconds_count 4", ["took_seconds"], "+ took_seconds_sum 5.5"),
    ],
    ids=["new", "gone", "value", "type", "only", "family"],
)
def test_what_is_exposed_otherwise(text, only, line):
    """Every difference has a line of its own."""
    with pytest.raises(GoldenError) as caught:
        assert_exposes(reading(), text, only=only)

    assert line in [each.strip() for each in str(caught.value).splitlines()]


def test_a_text_that_cannot_be_read():
    """A line that makes no sense is a wrong call, and says where."""
    with pytest.raises(UsageError, match="the text, line 2"):
        assert_exposes(reading(), "loose NaN\nloose")


def test_bounds_are_numbers():
    """What a program writes as le="1" is read as "1.0", and may be written as either."""
    body = "# TYPE took histogram\n" + "".join(
        f'took_bucket{{le="{le}"}} 1\n' for le in ("1", "1000000", "+Inf")
    )

    assert_exposes(reading(body), body)
    assert_exposes(reading(body), body.replace('"1"', '"1.0"').replace("1000000", "1e+06"))


def test_names_that_need_quotes(tmp_path):
    """A name in quotes is one, in the line of its type as well."""
    body = '# TYPE "queue.depth" gauge\n{"queue.depth",a="1"} 1\n{"queue.depth"} 2\nx 1\n'

    assert_exposes(reading(body), '# TYPE "queue.depth" gauge\n{"queue.depth"} 2\n'
                   '{a="1","queue.depth"} 1')  # fmt: skip
    with pytest.raises(GoldenError, match=r"does not expose queue\.depth as"):
        assert_exposes(reading(body), '{"queue.depth"} 2\n')
    assert_golden(reading(body), tmp_path / "it.prom", update=True)
    assert_golden(reading(body), tmp_path / "it.prom")
    assert '# TYPE "queue.depth" gauge\n' in golden_text(reading(body))


def test_a_file_that_is_no_text(path):
    """A golden file in another encoding is refused at its line, and so is a folder."""
    path.write_bytes(b"# a\n\xff\xfe")

    with pytest.raises(UsageError, match=r":2: expected UTF-8"):
        assert_golden(reading(), path)
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        assert_golden(reading(), path.parent)
