"""What a store takes at the most. Finite by default, so that a wrong endpoint ends in an
error and not in a machine without memory."""

from __future__ import annotations

import attrs


@attrs.frozen
class Limits:
    """The most that a store takes; past one, a commit raises and changes nothing.

    Attributes:
        series: series in the whole store.
        labels: labels of one series, `__name__` among them.
        label_name_length: bytes of one label name in UTF-8.
        label_value_length: bytes of one label value in UTF-8.
    """

    series: int = 10_000_000
    labels: int = 256
    label_name_length: int = 1_024
    label_value_length: int = 65_536
