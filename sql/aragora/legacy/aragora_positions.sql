-- aragora_positions.db: positions and outcomes, with the laboratory's tables (PositionTracker).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('insights', 1, '2026-03-08 00:00:00');

CREATE TABLE position_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    debate_id TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    position_type TEXT NOT NULL,
    position_text TEXT NOT NULL,
    round_num INTEGER DEFAULT 0,
    confidence REAL DEFAULT 0.5,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    was_winning_position INTEGER DEFAULT NULL,
    verified_correct INTEGER DEFAULT NULL,
    UNIQUE (debate_id, agent_name, position_type, round_num)
);

CREATE INDEX idx_position_agent ON position_history (agent_name);
CREATE INDEX idx_position_debate ON position_history (debate_id);

CREATE TABLE debate_outcomes (
    debate_id TEXT PRIMARY KEY,
    winning_agent TEXT,
    winning_position TEXT,
    consensus_confidence REAL,
    verified_at TEXT DEFAULT NULL,
    verification_result INTEGER DEFAULT NULL,
    verification_source TEXT DEFAULT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE experiments (
    experiment_id TEXT PRIMARY KEY,
    agent_name TEXT NOT NULL,
    control_persona TEXT NOT NULL,
    variant_persona TEXT NOT NULL,
    hypothesis TEXT,
    status TEXT DEFAULT 'running',
    control_successes INTEGER DEFAULT 0,
    control_trials INTEGER DEFAULT 0,
    variant_successes INTEGER DEFAULT 0,
    variant_trials INTEGER DEFAULT 0,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    completed_at TEXT
);

CREATE TABLE emergent_traits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trait_name TEXT NOT NULL,
    source_agents TEXT NOT NULL,
    supporting_evidence TEXT,
    confidence REAL DEFAULT 0.5,
    first_detected TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE trait_transfers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    from_agent TEXT NOT NULL,
    to_agent TEXT NOT NULL,
    trait TEXT NOT NULL,
    expertise_domain TEXT,
    success_rate_before REAL,
    success_rate_after REAL,
    transferred_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE evolution_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    mutation_type TEXT NOT NULL,
    before_state TEXT NOT NULL,
    after_state TEXT NOT NULL,
    reason TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);
