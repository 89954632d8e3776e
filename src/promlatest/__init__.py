"""Transient Prometheus metrics."""
