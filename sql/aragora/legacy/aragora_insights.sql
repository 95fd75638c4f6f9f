-- aragora_insights.db: what was learned from debates, per debate, agent and pattern (InsightStore).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('insight_store', 2, '2026-03-08 00:00:00');

CREATE TABLE debate_summaries (
    debate_id TEXT PRIMARY KEY,
    task TEXT,
    consensus_reached INTEGER,
    duration_seconds REAL,
    total_insights INTEGER,
    key_takeaway TEXT,
    agent_performances TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_debate_summaries_created ON debate_summaries (created_at DESC);

CREATE TABLE insights (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    confidence REAL DEFAULT 0.5,
    debate_id TEXT NOT NULL,
    agents_involved TEXT,
    evidence TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    metadata TEXT
);

CREATE INDEX idx_insights_type ON insights (type);
CREATE INDEX idx_insights_debate ON insights (debate_id);
CREATE INDEX idx_insights_confidence ON insights (confidence DESC);
CREATE INDEX idx_insights_type_confidence ON insights (type, confidence DESC);

CREATE TABLE agent_performance_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    debate_id TEXT NOT NULL,
    proposals_made INTEGER DEFAULT 0,
    critiques_given INTEGER DEFAULT 0,
    critiques_received INTEGER DEFAULT 0,
    proposal_accepted INTEGER DEFAULT 0,
    vote_aligned INTEGER DEFAULT 0,
    avg_critique_severity REAL DEFAULT 0.0,
    contribution_score REAL DEFAULT 0.5,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (debate_id) REFERENCES debate_summaries (debate_id)
);

CREATE INDEX idx_agent_perf_name ON agent_performance_history (agent_name);
CREATE INDEX idx_agent_perf_debate ON agent_performance_history (debate_id);
CREATE INDEX idx_agent_perf_name_debate ON agent_performance_history (agent_name, debate_id);

CREATE TABLE pattern_clusters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    category TEXT NOT NULL,
    pattern_text TEXT NOT NULL,
    occurrence_count INTEGER DEFAULT 1,
    avg_severity REAL DEFAULT 0.5,
    debate_ids TEXT,
    first_seen TEXT,
    last_seen TEXT,
    UNIQUE (category, pattern_text)
);

CREATE INDEX idx_pattern_category ON pattern_clusters (category);
CREATE INDEX idx_pattern_last_seen ON pattern_clusters (last_seen DESC);
