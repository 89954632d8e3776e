"""What happens while a test waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def later(*actions: Callable[[], object]) -> Iterator[None]:
    """Call these functions one after the other, while the block runs."""
    thread = threading.Thread(target=lambda: [action() for action in actions])
    thread.start()
    try:
        yield
    finally:
        thread.join()
