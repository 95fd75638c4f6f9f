"""SQLite: open, describe, copy, check. The only place that speaks to the library."""
