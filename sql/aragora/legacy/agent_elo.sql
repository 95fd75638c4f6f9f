-- agent_elo.db: ratings, matches and calibration of the agents (EloSystem).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('elo', 2, '2026-03-08 00:00:00');

CREATE TABLE ratings (
    agent_name TEXT PRIMARY KEY,
    elo REAL DEFAULT 1500,
    domain_elos TEXT,
    wins INTEGER DEFAULT 0,
    losses INTEGER DEFAULT 0,
    draws INTEGER DEFAULT 0,
    debates_count INTEGER DEFAULT 0,
    critiques_accepted INTEGER DEFAULT 0,
    critiques_total INTEGER DEFAULT 0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    calibration_correct INTEGER DEFAULT 0,
    calibration_total INTEGER DEFAULT 0,
    calibration_brier_sum REAL DEFAULT 0.0
);

CREATE INDEX idx_ratings_agent ON ratings (agent_name);

CREATE TABLE matches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    debate_id TEXT UNIQUE,
    winner TEXT,
    participants TEXT,
    domain TEXT,
    scores TEXT,
    elo_changes TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_matches_winner ON matches (winner);
CREATE INDEX idx_matches_created ON matches (created_at);
CREATE INDEX idx_matches_domain ON matches (domain);

CREATE TABLE elo_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    elo REAL NOT NULL,
    debate_id TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_elo_history_agent ON elo_history (agent_name);
CREATE INDEX idx_elo_history_created ON elo_history (created_at);
CREATE INDEX idx_elo_history_debate ON elo_history (debate_id);

CREATE TABLE calibration_predictions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tournament_id TEXT NOT NULL,
    predictor_agent TEXT NOT NULL,
    predicted_winner TEXT NOT NULL,
    confidence REAL NOT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (tournament_id, predictor_agent)
);

CREATE INDEX idx_calibration_pred_tournament ON calibration_predictions (tournament_id);

CREATE TABLE domain_calibration (
    agent_name TEXT NOT NULL,
    domain TEXT NOT NULL,
    total_predictions INTEGER DEFAULT 0,
    total_correct INTEGER DEFAULT 0,
    brier_sum REAL DEFAULT 0.0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (agent_name, domain)
);

CREATE INDEX idx_domain_cal_agent ON domain_calibration (agent_name);
CREATE INDEX idx_domain_cal_agent_domain ON domain_calibration (agent_name, domain);

CREATE TABLE calibration_buckets (
    agent_name TEXT NOT NULL,
    domain TEXT NOT NULL,
    bucket_key TEXT NOT NULL,
    predictions INTEGER DEFAULT 0,
    correct INTEGER DEFAULT 0,
    brier_sum REAL DEFAULT 0.0,
    PRIMARY KEY (agent_name, domain, bucket_key)
);

CREATE TABLE agent_relationships (
    agent_a TEXT NOT NULL,
    agent_b TEXT NOT NULL,
    debate_count INTEGER DEFAULT 0,
    agreement_count INTEGER DEFAULT 0,
    critique_count_a_to_b INTEGER DEFAULT 0,
    critique_count_b_to_a INTEGER DEFAULT 0,
    critique_accepted_a_to_b INTEGER DEFAULT 0,
    critique_accepted_b_to_a INTEGER DEFAULT 0,
    position_changes_a_after_b INTEGER DEFAULT 0,
    position_changes_b_after_a INTEGER DEFAULT 0,
    a_wins_over_b INTEGER DEFAULT 0,
    b_wins_over_a INTEGER DEFAULT 0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (agent_a, agent_b),
    CHECK (agent_a < agent_b)
);

CREATE INDEX idx_relationships_a ON agent_relationships (agent_a);
CREATE INDEX idx_relationships_b ON agent_relationships (agent_b);
