"""`promlatest query`: what it prints, where to, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from served import TEXT, Served

from promlatest.cli import main

pytestmark = pytest.mark.slow

BODY = """\
hits_total{code="200"} 30
hits_total{code="500"} 10
load NaN
"""


@pytest.fixture
def body(tmp_path):
    path = tmp_path / "metrics.prom"
    path.write_text(BODY)
    return str(path)


@pytest.fixture
def counting():
    """A target whose counter goes up by 10 at every scrape."""
    scrapes = []

    def answer(_):
        scrapes.append(1)
        return 200, TEXT, f"hits_total {10 * len(scrapes)}\n".encode()

    with Served(answer) as served:
        yield served.address


def test_a_vector_is_a_line_for_each_series(body, capsys):
    """The series and its value, as `promlatest get` prints them."""
    assert main(["query", body, "hits_total > 5"]) == 0
    assert (
        capsys.readouterr().out == 'hits_total{code="200"} 30\nhits_total{code="500"} 10\n'
    )


@pytest.mark.parametrize(
    ("expr", "printed"),
    [("1 + 1", "2\n"), ("'a'", "a\n"), ("sum(hits_total)", "{} 40\n")],
)
def test_other_answers_are_printed_plainly(body, capsys, expr, printed):
    """A number, a text, a series without labels."""
    assert main(["query", body, expr]) == 0
    assert capsys.readouterr().out == printed


def test_an_empty_answer_is_exit_code_1(body, capsys):
    """Nothing is printed where nothing came back."""
    assert main(["query", body, "nothing"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        ("hits_totl", "close names: hits_total"),
        ("sum(rate(hits_totl[5m]))", "close names: hits_total"),
        ('hits_total{code="20"} / load', "there is 200"),
        ("hits_total > 99", "no series for hits_total > 99"),
    ],
)
def test_why_an_answer_is_empty(body, capsys, expr, words):
    """Which selector of an expression finds nothing, and what was probably meant."""
    assert main(["query", body, expr, "--partial"]) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err


def test_an_answer_as_json(body, capsys):
    """One document, with the type, the result and the annotations; NaN is a text."""
    assert main(["query", body, "load", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    [point] = document.pop("result")
    assert document == {"type": "vector", "warnings": [], "infos": []}
    assert (point["labels"], point["value"]) == ({"__name__": "load"}, "NaN")


def test_an_error_names_its_place(body, capsys):
    """What cannot be read is wrong usage."""
    assert main(["query", body, "sum by foo"]) == 2
    assert capsys.readouterr().err == "promlatest: 1:8: expected '(', got 'foo'\n"


def test_a_range_needs_scrapes(body, capsys):
    """One scrape has no range; the error says how to have more."""
    assert main(["query", body, "rate(hits_total[1m])"]) == 2
    error = capsys.readouterr().err
    assert "1:6: the scrapes kept cover" in error
    assert "--scrapes N --interval SECONDS" in error


def test_scrapes_are_taken_for_a_range(counting, capsys):
    """Several scrapes, some time apart, and one answer over them."""
    arguments = ["--scrapes", "3", "--interval", "0.1", "--json"]
    assert (
        main(["query", counting, "increase(hits_total[1m])", *arguments, "--partial"]) == 0
    )
    captured = capsys.readouterr()

    [point] = json.loads(captured.out)["result"]
    assert point["value"] == pytest.approx(20, rel=0.5)
    assert "all that was kept" in captured.err


def test_samples_of_a_range_are_printed_with_their_times(counting, capsys):
    """A range vector: a line for each sample."""
    assert (
        main(["query", counting, "hits_total[1m]", "--scrapes", "2", "--interval", "0.05"])
        == 0
    )
    lines = capsys.readouterr().out.splitlines()

    assert [line.partition(" @ ")[0] for line in lines] == [
        "hits_total 10",
        "hits_total 20",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--every", "0"], "--every: expected seconds"),
        (["--scrapes", "2", "--interval", "nan"], "--interval: expected seconds"),
        (["--scrapes", "0"], "--scrapes: expected 1 to"),
        (["--every", "1", "--scrapes", "2"], "give it or the others"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(body, capsys, arguments, words):
    """What was expected, and what came."""
    assert main(["query", body, "1", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_standard_input_is_read_once(capsys):
    """It cannot be scraped again."""
    assert main(["query", "-", "1", "--every", "1"]) == 2
    assert "once" in capsys.readouterr().err


def test_every_answers_until_it_is_stopped(counting):
    """A range is refused until it is covered, and then answered at every scrape."""
    command = [sys.executable, "-m", "promlatest", "query", counting, "--every", "0.1"]
    process = subprocess.Popen(
        [*command, "rate(hits_total[300ms])"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    first, second = process.stdout.readline(), process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)

    assert first.startswith("{} ")
    assert second.startswith("{} ")
    assert "the scrapes kept cover" in error
    assert process.returncode == 130


def test_every_goes_on_where_a_scrape_fails(tmp_path):
    """A target that is away is told of and asked again; each answer is a line of JSON."""
    path = tmp_path / "metrics.prom"
    command = [sys.executable, "-m", "promlatest", "query", str(path), "load"]
    process = subprocess.Popen(
        [*command, "--every", "0.05", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert "No such file" in process.stderr.readline()
    (tmp_path / "new.prom").write_text("load 1\n")
    (tmp_path / "new.prom").rename(path)
    assert json.loads(process.stdout.readline())["result"][0]["value"] == 1
    (tmp_path / "new.prom").write_text("lod 1\n")
    (tmp_path / "new.prom").rename(path)
    while "no series for load" not in process.stderr.readline():
        pass
    assert "close names: lod" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode == 130


def test_what_a_scraper_adds_is_not_there(body, capsys):
    """Asked for `up`, which no target says, it names who adds it."""
    assert main(["query", body, "up"]) == 1
    assert "up is what a scraper adds, such as promlatest serve" in capsys.readouterr().err
