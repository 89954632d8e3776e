"""Rows and pages for people: pure, over any Queryable; no terminal is needed."""
