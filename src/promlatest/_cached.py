"""A property that is worked out once and kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

__all__ = ["cached_property"]

if TYPE_CHECKING or sys.version_info >= (3, 12):
    from functools import cached_property
else:

    class cached_property:
        """As `functools.cached_property` is from Python 3.12 on: without a lock.

        That of 3.11 takes one for all instances of a class. A child of a fork hangs in it
        if another thread was inside, and it costs a fifth of a quantile. Two threads that
        ask at once may both work it out, and one result is kept.
        """

        def __init__(self, function):
            self._function = function
            self.__doc__ = function.__doc__

        def __set_name__(self, owner, name):
            self._name = name

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            value = instance.__dict__[self._name] = self._function(instance)
            return value
