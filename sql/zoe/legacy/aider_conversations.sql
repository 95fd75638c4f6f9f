-- aider_conversations.db: sessions with the coding assistant.

CREATE TABLE aider_sessions (
    session_id TEXT PRIMARY KEY,
    task_id TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    last_active TIMESTAMP,
    status TEXT DEFAULT 'active',
    files_context TEXT,
    conversation_history TEXT
);

CREATE TABLE aider_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT REFERENCES aider_sessions (session_id),
    role TEXT,
    content TEXT,
    code_changes TEXT,
    files_modified TEXT,
    timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
