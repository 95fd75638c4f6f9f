"""Faults of loads into PostgreSQL: which of the tests that answer for a part notices each."""
