"""Scrapes as files, and a target that replays them."""

from __future__ import annotations

import attrs
import pytest

from promlatest.exceptions import UsageError
from promlatest.testing import ScrapeTarget, replay
from promlatest.testing._artifacts import write_looks
from promlatest.testing._sources import read_body
from promlatest.testing._target import Look


def look(target: str, started: float, text: str = "") -> Look:
    reading = read_body(target, f"at {started}\n".encode())
    return Look(text, attrs.evolve(reading, started=started))


def test_scrapes_of_all_targets_are_in_one_order(tmp_path):
    """They are numbered as they were made, whichever target they are of."""
    files = write_looks([look("a", 2), look("b", 1), look("a", 3)], tmp_path / "out")

    assert [file.name for file in files] == ["01-b.prom", "02-a.prom", "03-a.prom"]
    assert [file.read_text() for file in files] == ["at 1\n", "at 2\n", "at 3\n"]


def test_a_scrape_that_was_looked_at_twice_is_one_file(tmp_path):
    """Several questions of one scrape leave one file."""
    one = look("a", 1)

    assert len(write_looks([one, attrs.evolve(one, text="at")], tmp_path / "out")) == 1


def test_names_of_targets_are_names_of_files(tmp_path):
    """Whatever a target is called, its file can be written."""
    [file] = write_looks([look("http://a:1/metrics?x=" + "y" * 300, 1)], tmp_path / "out")

    assert "/" not in file.name
    assert file.exists()


def test_what_was_there_before_is_replaced(tmp_path):
    """A rerun leaves the scrapes of its own."""
    write_looks([look("a", 1), look("b", 2)], tmp_path / "out")
    write_looks([look("c", 3)], tmp_path / "out")

    assert [file.name for file in (tmp_path / "out").iterdir()] == ["01-c.prom"]


def test_scrapes_are_replayed(tmp_path):
    """One after the other, and the last one for ever."""
    write_looks([look("a", 1), look("a", 2)], tmp_path)
    target = ScrapeTarget(replay(tmp_path))

    assert [target.value("at") for _ in range(3)] == [1, 2, 2]


def test_nothing_to_replay(tmp_path):
    """An empty directory is a wrong call."""
    with pytest.raises(UsageError, match="expected a directory with scrapes"):
        replay(tmp_path)
