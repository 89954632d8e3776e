"""How many examples hypothesis tries: PROMLATEST_FUZZ times what a test asks for.

`make fuzz` tries a hundred times as many, `make quick` a tenth.
"""

from __future__ import annotations

import os


def examples(count: int) -> int:
    """So many examples, or as many times more or less as the environment says."""
    return max(1, round(count * float(os.environ.get("PROMLATEST_FUZZ", "1"))))
