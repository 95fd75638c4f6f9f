-- agent_memories.db: what agents remember, when they reflect, their CVs (MemoryStream, CVStore).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES
('memory_stream', 1, '2026-03-08 00:00:00'),
('agent_cv', 1, '2026-03-08 00:00:00');

CREATE TABLE memories (
    id TEXT PRIMARY KEY,
    agent_name TEXT NOT NULL,
    memory_type TEXT NOT NULL,
    content TEXT NOT NULL,
    importance REAL DEFAULT 0.5,
    debate_id TEXT,
    metadata TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_memories_agent ON memories (agent_name);
CREATE INDEX idx_memories_type ON memories (agent_name, memory_type);

CREATE TABLE reflection_schedule (
    agent_name TEXT PRIMARY KEY,
    last_reflection TEXT,
    memories_since_reflection INTEGER DEFAULT 0
);

CREATE TABLE agent_cvs (
    agent_id TEXT PRIMARY KEY,
    cv_data TEXT NOT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_cv_updated ON agent_cvs (updated_at);
