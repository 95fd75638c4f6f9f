-- aragora_metadata.db: configuration and task of each debate (MetadataStore).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('debate_metadata', 1, '2026-03-08 00:00:00');

CREATE TABLE debate_metadata (
    debate_id TEXT PRIMARY KEY,
    config_hash TEXT,
    task_hash TEXT,
    created_at TEXT,
    metadata_json TEXT
);

CREATE INDEX idx_config_hash ON debate_metadata (config_hash);
CREATE INDEX idx_task_hash ON debate_metadata (task_hash);
