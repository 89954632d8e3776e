"""Which series are meant: labels, patterns, matchers and selector text."""
