"""Label sets: what identifies a series.

A label set is immutable, sorted by name, without empty values, and hashed once. It is
a `Mapping`, so it reads like a dict and equals one. `__name__` is a label like
every other (L-1, L-2).

The pairs are held as one flat tuple ``(name, value, name, value, …)``: it hashes,
compares and sorts in C exactly as Prometheus' `labels.Compare` does (pair by pair,
then the shorter first), and takes 56 bytes less a pair than a tuple of pairs.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from promlatest._arguments import shown
from promlatest.exceptions import LabelError

METRIC_NAME: Final = "__name__"

LEGACY_METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
LEGACY_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)

_GO_ESCAPES: Final = {
    escaped: f"\\{letter}"
    for escaped, letter in zip('\a\b\f\n\r\t\v\\"', 'abfnrtv\\"', strict=True)
}


class Labels(Mapping[str, str]):
    """An immutable, sorted, hashable set of labels.

    Empty values are dropped, since a label without a value is one that is not there.

        >>> Labels({"name": "pods", "__name__": "workqueue_depth", "priority": ""})
        Labels({__name__="workqueue_depth", name="pods"})
        >>> Labels(__name__="up").metric
        'up'

    Raises:
        LabelError: they are no mapping, a name is empty, or a name or value is no text that
            UTF-8 can hold.
    """

    __slots__ = ("_flat", "_hash")

    _flat: tuple[str, ...]
    _hash: int | None

    def __init__(self, labels: Mapping[str, str] = {}, /, **more: str) -> None:
        if type(labels) is not dict:  # most are, and to ask abstract classes costs a tenth
            if isinstance(labels, Labels) and not more:
                self._flat, self._hash = labels._flat, labels._hash
                return
            if not isinstance(labels, Mapping):
                raise LabelError(f"expected labels as a mapping, not {shown(labels)}")
        pairs = {**labels, **more}
        _check(pairs)
        held = sorted(pairs.items())
        if "" in pairs.values():
            held = [pair for pair in held if pair[1]]
        self._flat = tuple(chain.from_iterable(held))
        self._hash = None

    @classmethod
    def _from_flat(cls, flat: tuple[str, ...]) -> Labels:
        """Labels of a flat tuple that is known to be sorted, unique and valid."""
        labels = object.__new__(cls)
        labels._flat = flat
        labels._hash = None
        return labels

    @classmethod
    def _from_cells(
        cls, metric: str, names: tuple[str, ...], cells: tuple[str, ...]
    ) -> Labels:
        """Labels of a metric and the values of sorted label names."""
        at = bisect_left(names, METRIC_NAME)
        rest = tuple(chain.from_iterable(zip(names, cells, strict=True)))
        return cls._from_flat((*rest[: 2 * at], METRIC_NAME, metric, *rest[2 * at :]))

    def _cut(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """The metric, the other label names, and their values."""
        flat = self._flat
        at = 2 * flat[::2].index(METRIC_NAME)
        rest = flat[:at] + flat[at + 2 :]
        return flat[at + 1], rest[::2], rest[1::2]

    @property
    def flat(self) -> tuple[str, ...]:
        """Names and values in turn, sorted by name: the sort key of a series."""
        return self._flat

    @property
    def metric(self) -> str:
        """The metric's name; "" where a label set has none."""
        try:
            return self._flat[2 * self._flat[::2].index(METRIC_NAME) + 1]  # `get` costs 3x
        except ValueError:
            return ""

    def without(self, *names: str) -> Labels:
        """The same labels less these names."""
        pairs = zip(self._flat[::2], self._flat[1::2], strict=True)  # `items` costs 4x
        kept = [pair for pair in pairs if pair[0] not in names]
        return Labels._from_flat(tuple(chain.from_iterable(kept)))

    def __getitem__(self, name: str) -> str:
        flat = self._flat
        for at in range(0, len(flat), 2):
            if flat[at] == name:
                return flat[at + 1]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._flat[::2])

    def __len__(self) -> int:
        return len(self._flat) // 2

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self._flat)
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Labels):
            return self._flat == other._flat
        return super().__eq__(other)

    def __lt__(self, other: Labels) -> bool:
        if isinstance(other, Labels):
            return self._flat < other._flat
        return NotImplemented

    def __reduce__(self) -> tuple[type[Labels], tuple[dict[str, str]]]:
        return Labels, (dict(self),)

    def __str__(self) -> str:
        """The label set as Prometheus prints it (L-6)."""
        pairs = (f"{quote_name(name)}={quote(value)}" for name, value in self.items())
        return "{" + ", ".join(pairs) + "}"

    def __repr__(self) -> str:
        return f"Labels({self})"

    def series(self) -> str:
        """The series as one writes it, in an exposition and in a selector: the name before
        the braces, or as the first thing in them where only quotes can hold it.

        >>> Labels(__name__="workqueue_depth", name="pods").series()
        'workqueue_depth{name="pods"}'
        >>> print(Labels(__name__="queue.depth", name="pods").series())
        {"queue.depth", name="pods"}
        """
        metric = self.metric
        if not metric:
            return str(self)
        rest = self.without(METRIC_NAME)
        if LEGACY_METRIC_NAME.fullmatch(metric):
            return f"{metric}{rest}" if rest else metric
        return f"{{{quote(metric)}{', ' if rest else ''}{str(rest)[1:]}"


def quote(value: str) -> str:
    """A value in double quotes, escaped as Go's strconv.Quote does (L-6)."""
    if value.isprintable() and "\\" not in value and '"' not in value:
        return f'"{value}"'
    return '"' + "".join(map(_go_escape, value)) + '"'


def quote_name(name: str) -> str:
    """A label name, quoted if it is not one of the legacy form."""
    return name if LEGACY_LABEL_NAME.fullmatch(name) else quote(name)


def _go_escape(character: str) -> str:
    if character in _GO_ESCAPES:
        return _GO_ESCAPES[character]
    # Go prints the plain blank only; Python's isprintable agrees for all but that.
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as surrogateescape has it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _check(pairs: Mapping[str, str]) -> None:
    """Check label names and values, most of which are ASCII: those together, in C."""
    try:
        if "".join([*pairs, *pairs.values()]).isascii() and "" not in pairs:
            return
    except TypeError:  # of which, is said below
        pass
    for name, value in pairs.items():
        _check_text("name", name)
        _check_text("value", value)
        if not name:
            raise LabelError(
                f"a label name must not be empty (its value is {shown(value)})"
            )


def _check_text(what: str, text: object) -> None:
    if not isinstance(text, str):
        raise LabelError(f"a label's {what} must be a str, not {shown(text)}")
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise LabelError(f"a label's {what} must be valid UTF-8, not {shown(text)}")
