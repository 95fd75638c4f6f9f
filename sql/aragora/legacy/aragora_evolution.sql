-- aragora_evolution.db: versions of prompts, under the store's default name (PromptEvolver).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('prompt_evolver', 1, '2026-03-08 00:00:00');

CREATE TABLE prompt_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    version INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    performance_score REAL DEFAULT 0.0,
    debates_count INTEGER DEFAULT 0,
    consensus_rate REAL DEFAULT 0.0,
    metadata TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (agent_name, version)
);

CREATE TABLE extracted_patterns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pattern_type TEXT NOT NULL,
    pattern_text TEXT NOT NULL,
    source_debate_id TEXT,
    effectiveness_score REAL DEFAULT 0.5,
    usage_count INTEGER DEFAULT 0,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE evolution_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    from_version INTEGER,
    to_version INTEGER,
    strategy TEXT,
    patterns_applied TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE vulnerability_patterns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    vulnerability_type TEXT NOT NULL,
    severity TEXT NOT NULL,
    category TEXT NOT NULL,
    trigger_prompt TEXT,
    agent_response TEXT,
    mitigation_strategy TEXT,
    gauntlet_id TEXT,
    occurrence_count INTEGER DEFAULT 1,
    last_seen TEXT DEFAULT CURRENT_TIMESTAMP,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_vuln_agent ON vulnerability_patterns (agent_name);
