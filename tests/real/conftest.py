"""Fixtures of the tests against real programs."""

from programs import programs

__all__ = ["programs"]
