-- cycles.db: what each cycle of the self-improvement loop taught (CycleLearningStore).

CREATE TABLE cycles (
    cycle_id TEXT PRIMARY KEY,
    started_at REAL NOT NULL,
    completed_at REAL,
    duration_seconds REAL,
    success INTEGER DEFAULT 0,
    topics_json TEXT,
    data_json TEXT NOT NULL
);

CREATE INDEX idx_cycles_started ON cycles (started_at DESC);
CREATE INDEX idx_cycles_success ON cycles (success);
