"""Rows of a proven load into tables that are live, beside others, and out again."""
