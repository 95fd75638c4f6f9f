"""Encrypted columns: brought under their key, under its active version, or back, while applications go on writing.

Rows are changed where they stand, in short transactions that say how far they are; killed anywhere, the same command
goes on. What speaks to PostgreSQL is imported where it is used.
"""
