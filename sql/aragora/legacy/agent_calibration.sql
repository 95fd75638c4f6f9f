-- agent_calibration.db: how often agents are right when they are sure (CalibrationTracker).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('calibration', 2, '2026-03-08 00:00:00');

CREATE TABLE predictions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    confidence REAL NOT NULL,
    correct INTEGER NOT NULL,
    domain TEXT DEFAULT 'general',
    debate_id TEXT,
    position_id TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_pred_agent ON predictions (agent);
CREATE INDEX idx_pred_domain ON predictions (domain);
CREATE INDEX idx_pred_confidence ON predictions (confidence);
CREATE INDEX idx_pred_created ON predictions (created_at);

CREATE TABLE temperature_params (
    agent TEXT PRIMARY KEY,
    temperature REAL DEFAULT 1.0,
    domain_temperatures TEXT DEFAULT '{}',
    last_tuned TEXT,
    predictions_at_tune INTEGER DEFAULT 0
);
