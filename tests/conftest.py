"""How much hypothesis looks for, and what it does with what it finds.

Locally a counterexample is shown as it was found, with the line that replays it: a
shrink of the store machine took five minutes. CI has the time for a small one.
`HYPOTHESIS_PROFILE=ci make test ARGS='-k ...'` shrinks here too.
"""

from __future__ import annotations

import os

from hypothesis import Phase, settings

settings.register_profile(
    "local",
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    print_blob=True,
    deadline=None,
)
settings.register_profile("ci", phases=list(Phase), print_blob=True, deadline=None)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "local")
)
