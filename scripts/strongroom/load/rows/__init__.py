"""Rows from a snapshot into staged tables: read, packed, copied, noted, and what belongs to each table after them."""
