"""Where data lies that tests may use and the project does not hold.

Prometheus' own PromQL scripts, and expressions out of public rules and dashboards, stand
beside a checkout as `../shared`, or where `PROMLATEST_SHARED` says.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[2] / "shared"
SHARED = Path(os.environ.get("PROMLATEST_SHARED", _BESIDE))


def needs(path: Path) -> pytest.MarkDecorator:
    """Skips in words where the data is not there."""
    reason = f"no {path.name} beside the checkout: say where with PROMLATEST_SHARED"
    return pytest.mark.skipif(not path.exists(), reason=reason)
