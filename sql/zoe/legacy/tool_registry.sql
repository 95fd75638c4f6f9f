-- tool_registry.db: tools and their calls.

CREATE TABLE ai_invocations (
    invocation_id TEXT PRIMARY KEY,
    user_request TEXT NOT NULL,
    context TEXT,
    selected_tools TEXT,
    execution_ids TEXT,
    status TEXT DEFAULT 'pending',
    user_id TEXT DEFAULT 'default',
    session_id TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    completed_at TEXT
);

CREATE TABLE tools (
    tool_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    category TEXT NOT NULL,
    permissions TEXT,
    parameters TEXT,
    status TEXT DEFAULT 'available',
    requires_confirmation BOOLEAN DEFAULT FALSE,
    timeout_seconds INTEGER DEFAULT 30,
    retry_count INTEGER DEFAULT 3,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    last_used TEXT,
    usage_count INTEGER DEFAULT 0,
    success_rate REAL DEFAULT 1.0,
    metadata TEXT
);

CREATE TABLE tool_executions (
    execution_id TEXT PRIMARY KEY,
    tool_id TEXT NOT NULL REFERENCES tools (tool_id),
    parameters TEXT,
    status TEXT DEFAULT 'pending',
    result TEXT,
    error_message TEXT,
    started_at TEXT,
    completed_at TEXT,
    duration_ms INTEGER,
    user_id TEXT DEFAULT 'default',
    session_id TEXT,
    requires_confirmation BOOLEAN DEFAULT FALSE,
    confirmed BOOLEAN DEFAULT FALSE
);
