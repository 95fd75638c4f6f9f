-- memory_analytics.db: how memories are used and move between tiers (TierAnalyticsTracker).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('tier_analytics', 1, '2026-03-08 00:00:00');

CREATE TABLE memory_usage (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    memory_id TEXT NOT NULL,
    tier TEXT NOT NULL,
    debate_id TEXT NOT NULL,
    quality_before REAL,
    quality_after REAL,
    used_at TEXT,
    UNIQUE (memory_id, debate_id)
);

CREATE TABLE tier_movements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    memory_id TEXT NOT NULL,
    from_tier TEXT NOT NULL,
    to_tier TEXT NOT NULL,
    reason TEXT NOT NULL,
    moved_at TEXT
);

CREATE TABLE tier_snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    snapshot_date TEXT NOT NULL,
    tier TEXT NOT NULL,
    entry_count INTEGER,
    total_hits INTEGER,
    avg_quality_impact REAL,
    UNIQUE (snapshot_date, tier)
);
