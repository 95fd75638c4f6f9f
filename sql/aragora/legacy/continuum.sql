-- continuum.db: memory in tiers, learner, stream (ContinuumMemory, MetaLearner, MemoryStream).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES
('continuum_memory', 3, '2026-03-08 00:00:00'),
('memory_stream', 1, '2026-03-08 00:00:00'),
('meta_learner', 1, '2026-03-08 00:00:00');

CREATE TABLE continuum_memory (
    id TEXT PRIMARY KEY,
    tier TEXT NOT NULL DEFAULT 'slow',
    content TEXT NOT NULL,
    importance REAL DEFAULT 0.5,
    surprise_score REAL DEFAULT 0.0,
    consolidation_score REAL DEFAULT 0.0,
    update_count INTEGER DEFAULT 0,
    success_count INTEGER DEFAULT 0,
    failure_count INTEGER DEFAULT 0,
    semantic_centroid BLOB,
    last_promotion_at TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    metadata TEXT DEFAULT '{}',
    expires_at TEXT,
    red_line INTEGER DEFAULT 0,
    red_line_reason TEXT DEFAULT ''
);

CREATE INDEX idx_continuum_tier ON continuum_memory (tier);
CREATE INDEX idx_continuum_surprise ON continuum_memory (surprise_score DESC);
CREATE INDEX idx_continuum_importance ON continuum_memory (importance DESC);
CREATE INDEX idx_continuum_tier_updated ON continuum_memory (tier, updated_at);
CREATE INDEX idx_continuum_tier_importance ON continuum_memory (tier, importance DESC);
CREATE INDEX idx_continuum_tier_surprise ON continuum_memory (tier, surprise_score DESC);
CREATE INDEX idx_continuum_expires ON continuum_memory (expires_at);
CREATE INDEX idx_continuum_red_line ON continuum_memory (red_line);

CREATE TABLE continuum_memory_archive (
    id TEXT PRIMARY KEY,
    tier TEXT NOT NULL,
    content TEXT NOT NULL,
    importance REAL,
    surprise_score REAL,
    consolidation_score REAL,
    update_count INTEGER,
    success_count INTEGER,
    failure_count INTEGER,
    semantic_centroid BLOB,
    created_at TEXT,
    updated_at TEXT,
    archived_at TEXT DEFAULT CURRENT_TIMESTAMP,
    archive_reason TEXT,
    metadata TEXT
);

CREATE INDEX idx_archive_tier ON continuum_memory_archive (tier);
CREATE INDEX idx_archive_archived_at ON continuum_memory_archive (archived_at);

CREATE TABLE tier_transitions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    memory_id TEXT NOT NULL,
    from_tier TEXT NOT NULL,
    to_tier TEXT NOT NULL,
    reason TEXT,
    surprise_score REAL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (memory_id) REFERENCES continuum_memory (id)
);

CREATE TABLE meta_learning_state (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hyperparams TEXT NOT NULL,
    learning_efficiency REAL,
    pattern_retention_rate REAL,
    forgetting_rate REAL,
    cycles_evaluated INTEGER DEFAULT 0,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE memories (
    id TEXT PRIMARY KEY,
    agent_name TEXT NOT NULL,
    memory_type TEXT NOT NULL,
    content TEXT NOT NULL,
    importance REAL DEFAULT 0.5,
    debate_id TEXT,
    metadata TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_memories_agent ON memories (agent_name);
CREATE INDEX idx_memories_type ON memories (agent_name, memory_type);

CREATE TABLE reflection_schedule (
    agent_name TEXT PRIMARY KEY,
    last_reflection TEXT,
    memories_since_reflection INTEGER DEFAULT 0
);

CREATE TABLE meta_hyperparams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hyperparams TEXT NOT NULL,
    metrics TEXT,
    adjustment_reason TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE meta_efficiency_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cycle_number INTEGER,
    metrics TEXT NOT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);
