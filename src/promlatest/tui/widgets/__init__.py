"""Widgets that draw what the model makes, and know nothing of metrics."""
