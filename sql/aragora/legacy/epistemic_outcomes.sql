-- epistemic_outcomes.db: claims of debates, and how they turned out (EpistemicOutcomeStore).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('epistemic_outcomes', 1, '2026-03-08 00:00:00');

CREATE TABLE epistemic_outcomes (
    debate_id TEXT PRIMARY KEY,
    claim TEXT NOT NULL,
    falsifier TEXT NOT NULL,
    metric TEXT NOT NULL,
    review_horizon_days INTEGER NOT NULL DEFAULT 30,
    resolver_type TEXT NOT NULL DEFAULT 'human',
    status TEXT NOT NULL DEFAULT 'open',
    initial_confidence REAL NOT NULL DEFAULT 0.0,
    confidence_delta REAL NOT NULL DEFAULT 0.0,
    resolved_truth INTEGER,
    created_at TEXT NOT NULL,
    resolved_at TEXT,
    metadata TEXT
);

CREATE INDEX idx_epistemic_outcomes_status ON epistemic_outcomes (status);
CREATE INDEX idx_epistemic_outcomes_created_at ON epistemic_outcomes (created_at);
