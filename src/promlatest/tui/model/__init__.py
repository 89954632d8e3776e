"""What the dashboard shows, without a screen: pure, and tested without one.

Nothing in here imports Textual. Samples come in as snapshots of the store, and rows,
lines and words go out; the widgets only draw them.
"""
