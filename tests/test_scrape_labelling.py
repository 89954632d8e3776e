"""From exposed samples to kept ones: target labels, relabelling, timestamps."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from promlatest._clock import deadline
from promlatest.exceptions import UsageError
from promlatest.exposition import Reader, parse
from promlatest.scrape import Relabel
from promlatest.scrape._labelling import Labeller, SeriesCache
from promlatest.scrape._relabel import relabel

TARGET = {"job": "j", "instance": "i"}


def labelled(text: str, labels: Mapping[str, str], *, honor: bool) -> list[dict[str, str]]:
    found = Labeller(labels, honor=honor).label(parse(text).rows)
    return [
        {name: value for name, value in each.items() if value and name != "__name__"}
        for rows in found
        for each in rows.labels()
    ]


# Exposed, and what it becomes without and with honor_labels.
CLASHES = [
    ("a 1", TARGET, TARGET),
    ('a{x="y"} 1', {**TARGET, "x": "y"}, {**TARGET, "x": "y"}),
    ('a{job="k"} 1', {**TARGET, "exported_job": "k"}, {"job": "k", "instance": "i"}),
    ('a{job="k",exported_job="l"} 1',
     {**TARGET, "exported_job": "l", "exported_exported_job": "k"},
     {"job": "k", "instance": "i", "exported_job": "l"}),
    # A label without a value does not clash; honoured, it says that there is none.
    ('a{job=""} 1', TARGET, {"instance": "i"}),
    ('a{job="k",exported_job=""} 1', {**TARGET, "exported_job": "k"},
     {"job": "k", "instance": "i"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "renamed", "honoured"), CLASHES)
def test_target_labels(
    text: str, renamed: Mapping[str, str], honoured: Mapping[str, str]
) -> None:
    """The target's label wins and the sample's is renamed, or the other way (C-8)."""
    assert labelled(text, TARGET, honor=False) == [renamed]
    assert labelled(text, TARGET, honor=True) == [honoured]


def test_clash_in_some_rows() -> None:
    """Each sample is renamed by itself, also where samples share their label names (C-8)."""
    text = 'a{n="1",job="k",exported_job=""} 1\na{n="2",job="",exported_job="x"} 2\n'

    found = labelled(text, TARGET, honor=False)

    assert sorted(found, key=lambda each: each["n"]) == [
        {**TARGET, "n": "1", "exported_job": "k"},
        {**TARGET, "n": "2", "exported_job": "x"},
    ]


def test_target_label_in_the_way() -> None:
    """A renamed label goes around a label of the target that is called exported_ (C-8)."""
    found = labelled('a{job="k"} 1', {"job": "j", "exported_job": "t"}, honor=False)

    assert found == [{"job": "j", "exported_job": "t", "exported_exported_job": "k"}]


def test_columns_are_shared() -> None:
    """Rows with the columns of the scrape before have them after labelling too."""
    reader, labeller = Reader(), Labeller(TARGET, honor=False)
    first = labeller.label(reader.read('a{x="1"} 1\nb 1\n').rows)
    second = labeller.label(reader.read('a{x="1"} 2\nb 3\n').rows)

    assert all(a.columns is b.columns for a, b in zip(first, second, strict=True))


def cached(*rules: Relabel) -> SeriesCache:
    return SeriesCache(lambda labels: relabel(labels, rules))


def series(text: str, cache: SeriesCache) -> list[tuple[str, float]]:
    exposition = parse(text)
    return sorted(
        (labels.series(), exposition.values[place])
        for rows in cache.relabel(exposition.rows)
        for labels, place in zip(rows.labels(), rows.places, strict=True)
    )


def test_metric_relabelling() -> None:
    """Rules may drop, rename and move samples between metrics (C-10)."""
    cache = cached(
        Relabel(source_labels=["__name__"], regex="go_.*", action="drop"),
        Relabel(source_labels=["__name__"], regex="(b)", target_label="__name__", replacement="a"),
        Relabel(regex="secret", action="labeldrop"),
    )  # fmt: skip
    text = 'go_x 1\na{n="1",secret="s"} 1\nb{n="2"} 2\nc 3\n'

    for _ in range(2):  # the second time by the cache
        assert series(text, cache) == [('a{n="1"}', 1.0), ('a{n="2"}', 2.0), ("c", 3.0)]


def test_the_first_of_two_that_become_one_stays_first() -> None:
    """Samples that relabelling makes one series keep the order they had (C-15)."""
    text = 'b{n="1"} 1\na{n="1",x="y"} 2\nb{n="2"} 3\n'
    cache = cached(
        Relabel(target_label="__name__", replacement="a"),
        Relabel(regex="x|n", action="labeldrop"),
    )

    exposition = parse(text)
    (rows,) = cache.relabel(exposition.rows)

    assert [exposition.values[place] for place in rows.places] == [1.0, 2.0, 3.0]


def test_a_sample_without_a_name() -> None:
    """A sample that relabelling leaves without a name fails the scrape (C-11)."""
    with pytest.raises(UsageError, match="without a name"):
        series("a 1", cached(Relabel(regex="__name__", action="labeldrop"),
                             Relabel(target_label="x", replacement="y")))  # fmt: skip


def test_a_sample_without_labels_is_dropped() -> None:
    """A sample that relabelling leaves with no label at all is dropped (C-11)."""
    assert series("a 1", cached(Relabel(regex=".*", action="labeldrop"))) == []


def test_a_value_like_a_name() -> None:
    """A label value __name__ is not taken for the metric's name."""
    assert series('a{A="__name__"} 1', cached()) == [('a{A="__name__"}', 1.0)]


@pytest.mark.slow
def test_the_cache_is_bounded() -> None:
    """What is remembered stays within twice the series and a thousand (C-14)."""
    cache = cached(Relabel(target_label="x", replacement="y"))
    for number in range(5000):
        series(f'a{{n="{number}"}} 1', cache)

    assert len(cache._known) <= 1003


def test_relabelling_ends_at_a_deadline() -> None:
    """Rules that take long are asked no more once the time of a scrape has run out."""
    asked: list[Mapping[str, str]] = []

    def slow(labels: Mapping[str, str]) -> Mapping[str, str]:
        asked.append(labels)
        time.sleep(0.0005)
        return labels

    rows = parse("".join(f'a{{n="{number}"}} 1\n' for number in range(5000))).rows
    with pytest.raises(TimeoutError), deadline(time.perf_counter() + 0.05):
        SeriesCache(slow).relabel(rows)

    assert len(asked) < 1000
