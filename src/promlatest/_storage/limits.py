"""What a store takes at the most. Finite by default, so that a wrong endpoint ends in an
error and not in a machine without memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import attrs

from promlatest._arguments import checked
from promlatest._matching.labels import METRIC_NAME, Labels
from promlatest._samples import Rows, rows_of
from promlatest.exceptions import LimitError, UsageError


def _is_limit(_: object, limit: attrs.Attribute[int], value: int) -> None:
    if checked(value, int, f"a whole number for the limit {limit.name}") < 0:
        raise UsageError(f"expected no negative limit {limit.name}, not {value}")


@attrs.frozen
class Limits:
    """The most that a store takes; past one, a commit raises and changes nothing.

    Attributes:
        series: series in the whole store.
        labels: labels of one series, `__name__` among them.
        label_name_length: bytes of one label name in UTF-8.
        label_value_length: bytes of one label value in UTF-8.

    Raises:
        UsageError: one is no whole number, or negative.
    """

    series: int = attrs.field(default=10_000_000, validator=_is_limit)
    labels: int = attrs.field(default=256, validator=_is_limit)
    label_name_length: int = attrs.field(default=1_024, validator=_is_limit)
    label_value_length: int = attrs.field(default=65_536, validator=_is_limit)


def check_labels(labels: Labels, limits: Limits) -> None:
    """Check one label set.

    Raises:
        LimitError: it has more labels, or longer ones, than allowed.
    """
    flat = labels.flat
    # UTF-8 takes at most 4 bytes a character: only near a limit each text is looked at.
    most = 4 * max(map(len, flat))
    if (
        len(flat) // 2 > limits.labels
        or most > limits.label_name_length
        or most > limits.label_value_length
    ):
        check_rows(rows_of([(labels, 0)]), limits)


def check_rows(many: Sequence[Rows], limits: Limits) -> None:
    """Check the label sets of rows.

    Raises:
        LimitError: a row has more labels, or longer ones, than allowed.
    """
    # UTF-8 takes at most 4 bytes a character: only near a limit each text is looked at.
    names = {rows.names for rows in many}
    longest_name = max(map(len, chain.from_iterable(names)), default=0)
    columns = chain.from_iterable([rows.columns for rows in many])
    texts = chain([rows.metric for rows in many], chain.from_iterable(columns))
    if (
        max(map(len, names), default=0) >= limits.labels
        or 4 * longest_name > limits.label_name_length
        or 4 * max(map(len, texts), default=0) > limits.label_value_length
    ):
        for rows in many:
            _check_each(rows, limits)


def _check_each(rows: Rows, limits: Limits) -> None:
    _check_limit("labels", 1 + len(rows.names), limits.labels, rows.metric)
    length = _bytes(rows.metric)
    _check_limit("label_value_length", length, limits.label_value_length, METRIC_NAME)
    for name, column in zip(rows.names, rows.columns, strict=True):
        where = (name, rows.metric)
        _check_limit("label_name_length", _bytes(name), limits.label_name_length, *where)
        if 4 * max(map(len, column), default=0) > limits.label_value_length:
            length = max(map(_bytes, column))
            _check_limit("label_value_length", length, limits.label_value_length, *where)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _check_limit(limit: str, came: int, allowed: int, where: str, of: str = "") -> None:
    if came > allowed:
        metric = f" of {of[:60]!r}" if of else ""
        raise LimitError(
            f"expected at most {allowed} for the limit {limit}, got {came}"
            f" at {where[:60]!r}{metric}",
            limit=limit,
            allowed=allowed,
        )
