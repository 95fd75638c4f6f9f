-- suggestion_feedback.db: what became of the audience's suggestions (SuggestionFeedbackTracker).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('suggestion_feedback', 1, '2026-03-08 00:00:00');

CREATE TABLE suggestion_injections (
    id TEXT PRIMARY KEY,
    debate_id TEXT NOT NULL,
    suggestion_text TEXT NOT NULL,
    cluster_count INTEGER DEFAULT 1,
    user_ids TEXT,
    injected_at TEXT,
    debate_completed INTEGER DEFAULT 0,
    consensus_reached INTEGER DEFAULT 0,
    consensus_confidence REAL DEFAULT 0.0,
    duration_seconds REAL DEFAULT 0.0,
    effectiveness_score REAL DEFAULT 0.0
);

CREATE INDEX idx_injection_debate ON suggestion_injections (debate_id);
CREATE INDEX idx_injection_completed ON suggestion_injections (debate_completed);

CREATE TABLE contributor_stats (
    user_id TEXT PRIMARY KEY,
    total_suggestions INTEGER DEFAULT 0,
    suggestions_in_consensus INTEGER DEFAULT 0,
    avg_effectiveness REAL DEFAULT 0.0,
    reputation_score REAL DEFAULT 0.5,
    updated_at TEXT
);
