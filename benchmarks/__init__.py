"""Benchmarks: ours beside the naive way and every peer that is installed.

`python -m benchmarks --help` says how to run them, `README.md` what they do not show.
"""
