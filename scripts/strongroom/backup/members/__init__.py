"""What a set is made of: SQLite and SQLCipher databases, loose files, PostgreSQL, Redis."""
