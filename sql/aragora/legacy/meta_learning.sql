-- meta_learning.db: hyperparameters of the learner and their effect (MetaLearner).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('meta_learner', 1, '2026-03-08 00:00:00');

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
