"""What became of the samples of a commit."""

from __future__ import annotations

import attrs


@attrs.define
class Counts:
    """What became of the samples of a commit.

    Attributes:
        samples: samples that were taken.
        added: series that were not there before.
        removed: series that are gone.
        duplicates: not taken: a second sample of a series for one timestamp.
        out_of_order: not taken: older than what is held.
        out_of_bounds: not taken: more than ten minutes in the future.
        too_old: not taken: a timestamp of its own from before the lookback.
        example: the first sample that was not taken, and why, in words; "" if all were.
    """

    samples: int = 0
    added: int = 0
    removed: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    out_of_bounds: int = 0
    too_old: int = 0
    example: str = attrs.field(default="", eq=False)

    @property
    def untaken(self) -> int:
        """How many samples were not taken."""
        return self.duplicates + self.out_of_order + self.out_of_bounds + self.too_old

    def _add(self, other: Counts) -> None:
        """Add another commit's counts to these; the first example stays."""
        self.samples += other.samples
        self.added += other.added
        self.removed += other.removed
        self.duplicates += other.duplicates
        self.out_of_order += other.out_of_order
        self.out_of_bounds += other.out_of_bounds
        self.too_old += other.too_old
        self.example = self.example or other.example

    def _refuse(self, reason: str, count: int, example: str) -> None:
        """Count samples that are not taken, for a reason that is the name of a count."""
        setattr(self, reason, getattr(self, reason) + count)
        self.example = self.example or example
