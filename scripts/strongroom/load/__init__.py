"""SQLite → PostgreSQL: staged beside what is live, proven row by row, cut over in one transaction."""
