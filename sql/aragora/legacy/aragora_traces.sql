-- aragora_traces.db: traces of debates, under the store's own default name (DebateTracer).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('debate_tracer', 1, '2026-03-08 00:00:00');

CREATE TABLE traces (
    trace_id TEXT PRIMARY KEY,
    debate_id TEXT,
    task TEXT,
    agents TEXT,
    random_seed INTEGER,
    started_at TEXT,
    completed_at TEXT,
    checksum TEXT,
    trace_json TEXT
);

CREATE TABLE trace_events (
    event_id TEXT PRIMARY KEY,
    trace_id TEXT,
    event_type TEXT,
    timestamp TEXT,
    round_num INTEGER,
    agent TEXT,
    content TEXT,
    FOREIGN KEY (trace_id) REFERENCES traces (trace_id)
);

CREATE INDEX idx_trace_events_trace ON trace_events (trace_id);
