-- knowledge.db: what worked and what did not.

CREATE TABLE error_patterns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp DATETIME DEFAULT CURRENT_TIMESTAMP,
    error_signature TEXT NOT NULL,
    solution TEXT NOT NULL,
    occurrences INTEGER DEFAULT 1,
    last_seen DATETIME DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_error_signature ON error_patterns (error_signature);

CREATE TABLE proven_solutions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp DATETIME DEFAULT CURRENT_TIMESTAMP,
    category TEXT NOT NULL,
    problem TEXT NOT NULL,
    solution TEXT NOT NULL,
    success_rate REAL DEFAULT 1.0,
    code_snippet TEXT,
    test_command TEXT
);

CREATE INDEX idx_solutions_category ON proven_solutions (category);

CREATE TABLE things_to_avoid (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp DATETIME DEFAULT CURRENT_TIMESTAMP,
    category TEXT NOT NULL,
    issue TEXT NOT NULL,
    reason TEXT NOT NULL,
    alternative TEXT,
    error_message TEXT
);

CREATE INDEX idx_avoid_category ON things_to_avoid (category);
