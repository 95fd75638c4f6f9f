-- aragora_evolution_tracker.db: wins and losses per generation (EvolutionTracker).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('evolution_tracker', 1, '2026-03-08 00:00:00');

CREATE TABLE outcomes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    won INTEGER NOT NULL,
    debate_id TEXT,
    generation INTEGER DEFAULT 0,
    recorded_at TEXT
);

CREATE INDEX idx_outcomes_agent ON outcomes (agent);
CREATE INDEX idx_outcomes_generation ON outcomes (generation);
