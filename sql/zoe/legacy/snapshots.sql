-- snapshots.db: backups of the system that were taken.

CREATE TABLE snapshot_config (
    "key" TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    snapshot_id TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    encrypted BOOLEAN NOT NULL,
    compression_ratio REAL,
    checksum TEXT NOT NULL,
    status TEXT NOT NULL,
    backup_path TEXT NOT NULL,
    metadata TEXT
);
