-- debates.db: debates with their artifacts, as the server opens them (DebateStorage).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('debate_storage', 1, '2026-03-08 00:00:00');

CREATE TABLE debates (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    task TEXT NOT NULL,
    agents TEXT NOT NULL,
    artifact_json TEXT NOT NULL,
    consensus_reached BOOLEAN,
    confidence REAL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    view_count INTEGER DEFAULT 0,
    audio_path TEXT,
    audio_generated_at TIMESTAMP,
    audio_duration_seconds INTEGER,
    org_id TEXT,
    is_public INTEGER
);

CREATE INDEX idx_slug ON debates (slug);
CREATE INDEX idx_created ON debates (created_at);
CREATE INDEX idx_task ON debates (task);
CREATE INDEX idx_debates_org ON debates (org_id, created_at);
