"""Which series a result has: what operations do to labels.

Everything here looks at labels only, once for each tuple of them, and keeps a plan; what
is done to the values at every question is a pick out of a column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from promlatest._interfaces import Values
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest.promql._tree import Matching
from promlatest.promql._values import Kept, VectorColumn, has_gaps

METADATA: Final = (METRIC_NAME, "__type__", "__unit__")
"""What a value is called loses its meaning once the value is another (Q-4)."""


SAME_LABELS: Final = "vector cannot contain metrics with the same labelset"


class Conflict(Exception):
    """Two series would have the same labels; the reason in words."""


def without_metadata(labels: Labels) -> Labels:
    flat = labels.flat
    # As it nearly always is: the name comes first, and is all there is. 0.5 µs, not 1.6.
    if flat[:1] == (METRIC_NAME,) and METADATA[1] not in flat and METADATA[2] not in flat:
        return Labels._from_flat(flat[2:])
    return labels.without(*METADATA)


Pick = Callable[[Sequence[Any]], Sequence[Any]]


def picker(places: Sequence[int], length: int) -> Pick:
    """Picks these places out of a column of this length."""
    if len(places) == length and list(places) == list(range(length)):
        return lambda column: column
    if len(places) == 1:
        [place] = places
        return lambda column: (column[place],)
    return itemgetter(*places) if places else lambda _: ()


class Groups(NamedTuple):
    """Series put together: the labels of each group, and where its series stand."""

    labels: tuple[Labels, ...]
    places: tuple[tuple[int, ...], ...]


def grouped(labels: tuple[Labels, ...], key: Callable[[Labels], Labels]) -> Groups:
    """Series by what a key makes of their labels, in the order of first appearance."""
    groups: dict[Labels, list[int]] = {}
    for place, each in enumerate(labels):
        groups.setdefault(key(each), []).append(place)
    return Groups(tuple(groups), tuple(map(tuple, groups.values())))


class Relabelling:
    """Gives series other labels. Several may get the same ones, if at every moment at
    most one of them has a value."""

    def __init__(self, change: Callable[[Labels], Labels]) -> None:
        self._plan: Kept[Groups] = Kept(lambda labels: grouped(labels, change))

    def __call__(self, labels: tuple[Labels, ...], values: Values) -> VectorColumn:
        """The column under its new labels.

        Raises:
            Conflict: two values would have the same labels.
        """
        plan = self._plan(labels)
        if len(plan.labels) == len(labels):
            return VectorColumn(plan.labels, values)
        return VectorColumn(plan.labels, [_only(values, places) for places in plan.places])


def _only(values: Values, places: Sequence[int]) -> float | None:
    found = [values[place] for place in places if values[place] is not None]
    if len(found) > 1:
        raise Conflict(SAME_LABELS)
    return found[0] if found else None


def present(column: VectorColumn) -> VectorColumn:
    """The series that have a value, in their own tuple."""
    if not has_gaps(column.values):
        return column
    places = [at for at, value in enumerate(column.values) if value is not None]
    pick = picker(places, len(column.values))
    return VectorColumn(tuple(pick(column.labels)), list(pick(column.values)))


def joined(*tuples: tuple[Labels, ...]) -> tuple[Labels, ...]:
    """Label sets one behind the other."""
    return tuple(labels for each in tuples for labels in each)


def any_twice(*tuples: tuple[Labels, ...]) -> bool:
    """Whether a label set stands in these twice."""
    labels = joined(*tuples)
    return len(set(labels)) < len(labels)


# -- aggregations ---------------------------------------------------------------------


def grouping_key(names: Sequence[str], without: bool) -> Callable[[Labels], Labels]:
    """What `by (names)` or `without (names)` leaves of labels."""
    if without:
        dropped = (*names, METRIC_NAME)
        return lambda labels: labels.without(*dropped)
    if not names:
        nothing = Labels()
        return lambda _: nothing
    return kept_only(names)


def kept_only(names: Sequence[str]) -> Callable[[Labels], Labels]:
    kept = sorted(set(names))

    def key(labels: Labels) -> Labels:
        flat = []
        for name in kept:
            value = labels.get(name)
            if value is not None:
                flat += [name, value]
        return Labels._from_flat(tuple(flat))

    return key


# -- two vectors ----------------------------------------------------------------------


class Join(NamedTuple):
    """Which series of two vectors meet: their places, and what the result is called."""

    labels: tuple[Labels, ...]
    left: Pick
    right: Pick


def signature(matching: Matching) -> Callable[[Labels], Labels]:
    """What of a series' labels must be equal to that of another."""
    if matching.on:
        return kept_only(matching.labels)
    dropped = (METRIC_NAME, *matching.labels)
    return lambda labels: labels.without(*dropped)


def join(
    left: tuple[Labels, ...],
    right: tuple[Labels, ...],
    matching: Matching,
    *,
    rename: bool,
) -> Join | Conflict:
    """The plan by which two vectors meet one to one, or many to one.

    Args:
        rename: whether the result loses its name, as under arithmetic and `bool`.

    Returns:
        The plan; or why there can be none if all the series have values.
    """
    swapped = matching.cardinality == "one-to-many"
    many, one = (right, left) if swapped else (left, right)
    key = signature(matching)
    places: dict[Labels, int] = {}
    for place, labels in enumerate(one):
        other = places.setdefault(key(labels), place)
        if other != place:
            return _doubled(key(labels), one[other], labels, "left" if swapped else "right")
    name = _result_name(matching, rename=rename)
    matches = [(at, places.get(key(labels), -1)) for at, labels in enumerate(many)]
    matches = [match for match in matches if match[1] >= 0]
    if matching.cardinality == "one-to-one" and len({b for _, b in matches}) < len(matches):
        return Conflict(
            "multiple matches for labels: many-to-one matching must be explicit"
            " (group_left/group_right)"
        )
    result = tuple(name(many[a], one[b]) for a, b in matches)
    if len(set(result)) < len(result):
        return Conflict(
            "multiple matches for labels: grouping labels must ensure unique matches"
        )
    pick_many = picker([a for a, _ in matches], len(many))
    pick_one = picker([b for _, b in matches], len(one))
    if swapped:
        return Join(result, pick_one, pick_many)
    return Join(result, pick_many, pick_one)


def _doubled(group: Labels, first: Labels, second: Labels, side: str) -> Conflict:
    return Conflict(
        f"found duplicate series for the match group {group} on the {side} hand-side of"
        f" the operation: [{second}, {first}];many-to-many matching not allowed:"
        " matching labels must be unique on one side"
    )


def _result_name(matching: Matching, *, rename: bool) -> Callable[[Labels, Labels], Labels]:
    one_to_one = matching.cardinality == "one-to-one"
    keep = kept_only(matching.labels)

    def name(many: Labels, one: Labels) -> Labels:
        if rename:
            many = without_metadata(many)
        if one_to_one:
            return keep(many) if matching.on else many.without(*matching.labels)
        if not matching.include:
            return many
        return Labels({**many, **{each: one.get(each, "") for each in matching.include}})

    return name


def signatures(labels: tuple[Labels, ...], matching: Matching) -> list[Labels]:
    """What has to be equal, for each series."""
    return list(map(signature(matching), labels))
