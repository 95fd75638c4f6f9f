-- agora_memory.db: critiques and the patterns learned from them (CritiqueStore).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('critique_store', 1, '2026-03-08 00:00:00');

CREATE TABLE debates (
    id TEXT PRIMARY KEY,
    task TEXT NOT NULL,
    final_answer TEXT,
    consensus_reached INTEGER,
    confidence REAL,
    rounds_used INTEGER,
    duration_seconds REAL,
    grounded_verdict TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE critiques (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    debate_id TEXT,
    agent TEXT NOT NULL,
    target_agent TEXT,
    issues TEXT,
    suggestions TEXT,
    severity REAL,
    reasoning TEXT,
    led_to_improvement INTEGER DEFAULT 0,
    expected_usefulness REAL DEFAULT 0.5,
    actual_usefulness REAL,
    prediction_error REAL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (debate_id) REFERENCES debates (id)
);

CREATE INDEX idx_critiques_debate ON critiques (debate_id);

CREATE TABLE patterns (
    id TEXT PRIMARY KEY,
    issue_type TEXT NOT NULL,
    issue_text TEXT NOT NULL,
    suggestion_text TEXT,
    success_count INTEGER DEFAULT 0,
    failure_count INTEGER DEFAULT 0,
    avg_severity REAL DEFAULT 0.5,
    surprise_score REAL DEFAULT 0.0,
    base_rate REAL DEFAULT 0.5,
    avg_prediction_error REAL DEFAULT 0.0,
    prediction_count INTEGER DEFAULT 0,
    example_task TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_patterns_type ON patterns (issue_type);
CREATE INDEX idx_patterns_success ON patterns (success_count DESC);
CREATE INDEX idx_patterns_type_success ON patterns (issue_type, success_count DESC);
CREATE INDEX idx_patterns_success_updated ON patterns (success_count DESC, updated_at DESC);

CREATE TABLE pattern_embeddings (
    pattern_id TEXT PRIMARY KEY,
    embedding BLOB,
    FOREIGN KEY (pattern_id) REFERENCES patterns (id)
);

CREATE TABLE agent_reputation (
    agent_name TEXT PRIMARY KEY,
    proposals_made INTEGER DEFAULT 0,
    proposals_accepted INTEGER DEFAULT 0,
    critiques_given INTEGER DEFAULT 0,
    critiques_valuable INTEGER DEFAULT 0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    total_predictions INTEGER DEFAULT 0,
    total_prediction_error REAL DEFAULT 0.0,
    calibration_score REAL DEFAULT 0.5
);

CREATE INDEX idx_reputation_score ON agent_reputation (proposals_accepted DESC);
CREATE INDEX idx_reputation_agent ON agent_reputation (agent_name);

CREATE TABLE patterns_archive (
    id TEXT,
    issue_type TEXT,
    issue_text TEXT,
    suggestion_text TEXT,
    success_count INTEGER,
    failure_count INTEGER,
    avg_severity REAL,
    surprise_score REAL,
    example_task TEXT,
    created_at TEXT,
    updated_at TEXT,
    archived_at TEXT DEFAULT CURRENT_TIMESTAMP
);
