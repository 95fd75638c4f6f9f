-- developer_tasks.db: development tasks, alerts and accounts of their own.

CREATE TABLE alert_rules (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    service TEXT NOT NULL,
    metric TEXT NOT NULL,
    threshold REAL NOT NULL,
    operator TEXT NOT NULL,
    level TEXT NOT NULL,
    enabled BOOLEAN DEFAULT TRUE
);

CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    service TEXT NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    resolved BOOLEAN DEFAULT FALSE,
    resolved_at TEXT
);

CREATE TABLE dynamic_tasks (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    objective TEXT NOT NULL,
    requirements TEXT NOT NULL,
    constraints TEXT,
    acceptance_criteria TEXT,
    priority TEXT DEFAULT 'medium',
    assigned_to TEXT DEFAULT 'unassigned',
    status TEXT DEFAULT 'pending',
    context_snapshot TEXT,
    last_analysis TEXT,
    execution_count INTEGER DEFAULT 0,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    last_executed_at TIMESTAMP,
    completed_at TIMESTAMP,
    user_id TEXT DEFAULT 'system',
    phase_id TEXT,
    phase_order INTEGER,
    roadmap_priority TEXT DEFAULT 'medium',
    zoe_vs_411 TEXT DEFAULT 'zoe'
);

CREATE TABLE recovery_attempts (
    id TEXT PRIMARY KEY,
    service TEXT NOT NULL,
    attempt_number INTEGER NOT NULL,
    timestamp TEXT NOT NULL,
    success BOOLEAN NOT NULL,
    error_message TEXT,
    backoff_delay INTEGER NOT NULL
);

CREATE TABLE recovery_config (
    id INTEGER PRIMARY KEY,
    enabled BOOLEAN DEFAULT TRUE,
    max_attempts INTEGER DEFAULT 5,
    base_delay INTEGER DEFAULT 30,
    max_delay INTEGER DEFAULT 300,
    backoff_multiplier REAL DEFAULT 2.0,
    services TEXT DEFAULT '["core", "ui", "ollama", "redis", "whisper", "tts", "n8n"]'
);

CREATE TABLE roadmap_phases (
    id TEXT PRIMARY KEY,
    phase_name TEXT NOT NULL,
    phase_number INTEGER NOT NULL,
    description TEXT,
    success_criteria TEXT,
    start_date DATE,
    target_end_date DATE,
    status TEXT DEFAULT 'pending'
);

CREATE TABLE task_executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id TEXT NOT NULL REFERENCES dynamic_tasks (id),
    execution_time TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    system_state_before TEXT,
    plan_generated TEXT,
    execution_result TEXT,
    success BOOLEAN,
    changes_made TEXT
);

CREATE TABLE task_phase_assignments (
    task_id TEXT REFERENCES dynamic_tasks (id),
    phase_id TEXT REFERENCES roadmap_phases (id),
    phase_order INTEGER
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    email TEXT,
    display_name TEXT,
    role TEXT DEFAULT 'user',
    preferences TEXT DEFAULT '{}',
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    last_active TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    is_active BOOLEAN DEFAULT 1
);

CREATE TABLE user_sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    session_data TEXT DEFAULT '{}',
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    last_accessed TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    expires_at TIMESTAMP,
    is_active BOOLEAN DEFAULT 1
);
