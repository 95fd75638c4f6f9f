-- zoe.db: everything that the application works with, in one place.
--
-- First its own tables as its services read them today; columns that other files had stand last.
-- An email and the token of a session may be missing: the other files do not always have them.

CREATE TABLE collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    name TEXT NOT NULL,
    icon TEXT DEFAULT '📁',
    color TEXT DEFAULT '#3b82f6',
    x REAL DEFAULT 0,
    y REAL DEFAULT 0,
    size INTEGER DEFAULT 60,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_collections_user ON collections (user_id);

CREATE TABLE conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_message TEXT,
    assistant_response TEXT,
    timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE developer_conversations (
    conversation_id TEXT PRIMARY KEY,
    original_request TEXT,
    request_type TEXT,
    "plan" TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE developer_tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    status TEXT DEFAULT 'pending',
    priority TEXT DEFAULT 'medium',
    category TEXT,
    result JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    completed_at TIMESTAMP
);

CREATE TABLE event_permissions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    permission TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    granted_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (event_id, user_id, permission)
);

CREATE TABLE event_shares (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    shared_with TEXT NOT NULL,
    permission_level TEXT NOT NULL,
    shared_by TEXT NOT NULL,
    shared_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (event_id, shared_with)
);

CREATE TABLE event_visibility (
    event_id TEXT PRIMARY KEY,
    visibility TEXT NOT NULL,
    family_id TEXT,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    start_date DATE NOT NULL,
    start_time TIME,
    cluster_id TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    user_id TEXT DEFAULT 'default',
    description TEXT,
    end_date DATE,
    end_time TIME,
    category TEXT DEFAULT 'personal',
    location TEXT,
    all_day BOOLEAN DEFAULT FALSE,
    recurring TEXT,
    metadata JSON,
    updated_at TIMESTAMP,
    exdates TEXT,
    overrides TEXT,
    duration INTEGER DEFAULT 30
);

CREATE INDEX idx_events_date ON events (start_date, user_id);
CREATE INDEX idx_events_user ON events (user_id);

CREATE TABLE families (
    family_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    family_type TEXT DEFAULT 'family',
    created_by TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    user_id TEXT DEFAULT 'default'
);

CREATE INDEX idx_families_user ON families (user_id);

CREATE TABLE family_invitations (
    invitation_id TEXT PRIMARY KEY,
    family_id TEXT NOT NULL REFERENCES families (family_id),
    email TEXT NOT NULL,
    role TEXT DEFAULT 'member',
    message TEXT,
    invited_by TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    expires_at TIMESTAMP,
    status TEXT DEFAULT 'pending'
);

CREATE TABLE family_members (
    family_id TEXT NOT NULL REFERENCES families (family_id),
    user_id TEXT NOT NULL,
    role TEXT DEFAULT 'member',
    joined_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    invited_by TEXT,
    status TEXT DEFAULT 'active',
    PRIMARY KEY (family_id, user_id)
);

CREATE TABLE focus_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER,
    task_text TEXT NOT NULL,
    duration_minutes INTEGER DEFAULT 25,
    break_duration_minutes INTEGER DEFAULT 5,
    session_type TEXT DEFAULT 'focus',
    start_time TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    end_time TIMESTAMP,
    completed BOOLEAN DEFAULT FALSE,
    productivity_score REAL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    user_id TEXT DEFAULT 'default'
);

CREATE INDEX idx_focus_sessions_user ON focus_sessions (user_id);

CREATE TABLE generated_pages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    page_name TEXT NOT NULL,
    template_used TEXT,
    generated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    replacements JSON
);

CREATE TABLE journal_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    mood TEXT,
    mood_score INTEGER,
    tags TEXT,
    weather TEXT,
    location TEXT,
    photos JSON,
    health_data JSON,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_journal_mood ON journal_entries (mood, user_id);
CREATE INDEX idx_journal_date ON journal_entries (created_at, user_id);

CREATE TABLE lists (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    list_type TEXT NOT NULL,
    list_category TEXT DEFAULT 'personal',
    name TEXT NOT NULL,
    items JSON,
    metadata JSON,
    shared_with JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_lists_user_type_category ON lists (user_id, list_type, list_category);
CREATE INDEX idx_lists_user_type_updated ON lists (user_id, list_type, updated_at);
CREATE INDEX idx_lists_user ON lists (user_id);
CREATE INDEX idx_lists_type ON lists (list_type, list_category, user_id);

CREATE TABLE list_items (
    id TEXT PRIMARY KEY,
    list_id TEXT NOT NULL REFERENCES lists (id),
    text TEXT NOT NULL,
    description TEXT,
    priority TEXT DEFAULT 'medium',
    status TEXT DEFAULT 'pending',
    due_date TEXT,
    estimated_duration INTEGER,
    actual_duration INTEGER,
    tags TEXT,
    metadata TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_items_status ON list_items (status);
CREATE INDEX idx_items_list_id ON list_items (list_id);

CREATE TABLE matrix_rooms (
    room_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    room_type TEXT NOT NULL,
    members TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    last_activity TIMESTAMP
);

CREATE TABLE matrix_messages (
    message_id TEXT PRIMARY KEY,
    room_id TEXT NOT NULL REFERENCES matrix_rooms (room_id),
    sender TEXT NOT NULL,
    content TEXT NOT NULL,
    message_type TEXT DEFAULT 'text',
    timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    encrypted BOOLEAN DEFAULT TRUE,
    reply_to TEXT
);

CREATE TABLE matrix_users (
    user_id TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    avatar_url TEXT,
    is_household BOOLEAN DEFAULT TRUE,
    is_zoe_bot BOOLEAN DEFAULT FALSE,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    last_seen TIMESTAMP
);

CREATE TABLE memories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT,
    name TEXT,
    data JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    user_id TEXT DEFAULT 'default'
);

CREATE INDEX idx_memories_user ON memories (user_id);

CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    title TEXT NOT NULL,
    content TEXT,
    category TEXT,
    tags TEXT,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_notes_category ON notes (category);
CREATE INDEX idx_notes_user ON notes (user_id);

CREATE TABLE notification_interactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    notification_id INTEGER,
    "action" TEXT,
    created_at TEXT
);

CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    name TEXT NOT NULL,
    relationship TEXT,
    birthday DATE,
    phone TEXT,
    email TEXT,
    address TEXT,
    notes TEXT,
    avatar_url TEXT,
    tags TEXT,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    last_interaction TEXT
);

CREATE INDEX idx_people_user ON people (user_id);

CREATE TABLE person_activities (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    person_id INTEGER REFERENCES people (id) ON DELETE CASCADE,
    activity TEXT,
    frequency TEXT,
    last_done TEXT,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_activities_person ON person_activities (person_id);

CREATE TABLE person_conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    person_id INTEGER REFERENCES people (id) ON DELETE CASCADE,
    topic TEXT,
    notes TEXT,
    conversation_date TEXT,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_conversations_person ON person_conversations (person_id);

CREATE TABLE person_gifts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    person_id INTEGER REFERENCES people (id) ON DELETE CASCADE,
    item TEXT,
    occasion TEXT,
    status TEXT DEFAULT 'idea',
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_gifts_person ON person_gifts (person_id);

CREATE TABLE person_important_dates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    person_id INTEGER REFERENCES people (id) ON DELETE CASCADE,
    name TEXT,
    date TEXT,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_dates_person ON person_important_dates (person_id);

CREATE TABLE person_timeline (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    person_id INTEGER REFERENCES people (id) ON DELETE CASCADE,
    event_type TEXT,
    event_text TEXT,
    event_date TEXT,
    location TEXT,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_timeline_person ON person_timeline (person_id);

CREATE TABLE projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    name TEXT NOT NULL,
    description TEXT,
    status TEXT DEFAULT 'active',
    start_date DATE,
    end_date DATE,
    priority TEXT DEFAULT 'medium',
    tags TEXT,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_projects_user ON projects (user_id);

CREATE TABLE relationships (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    person1_id INTEGER REFERENCES people (id) ON DELETE CASCADE,
    person2_id INTEGER REFERENCES people (id) ON DELETE CASCADE,
    relationship_type TEXT,
    strength REAL DEFAULT 0.5,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_relationships_user ON relationships (user_id);

CREATE TABLE reminders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    title TEXT NOT NULL,
    description TEXT,
    reminder_type TEXT NOT NULL DEFAULT 'once',
    category TEXT NOT NULL DEFAULT 'personal',
    priority TEXT NOT NULL DEFAULT 'medium',
    due_date DATE,
    due_time TIME,
    recurring_pattern JSON,
    linked_list_id INTEGER,
    linked_list_item_id INTEGER,
    family_member TEXT,
    snooze_minutes INTEGER DEFAULT 5,
    requires_acknowledgment BOOLEAN DEFAULT FALSE,
    is_active BOOLEAN DEFAULT TRUE,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_reminders_user_active_due ON reminders (user_id, is_active, due_date, due_time);
CREATE INDEX idx_reminders_due_date ON reminders (due_date, due_time);
CREATE INDEX idx_reminders_user_active ON reminders (user_id, is_active);

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    reminder_id INTEGER REFERENCES reminders (id),
    notification_time TIMESTAMP NOT NULL,
    message TEXT NOT NULL,
    notification_type TEXT DEFAULT 'reminder',
    priority TEXT DEFAULT 'medium',
    is_delivered BOOLEAN DEFAULT FALSE,
    is_acknowledged BOOLEAN DEFAULT FALSE,
    acknowledged_at TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    title TEXT,
    action_url TEXT,
    dismissible INTEGER,
    read INTEGER,
    metadata TEXT
);

CREATE INDEX idx_notifications_user ON notifications (user_id, is_delivered);
CREATE INDEX idx_notifications_time ON notifications (notification_time, is_delivered);

CREATE TABLE reminder_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    reminder_id INTEGER REFERENCES reminders (id),
    "action" TEXT NOT NULL,
    action_time TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    notes TEXT
);

CREATE TABLE response_feedback (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message TEXT,
    model TEXT,
    routing_type TEXT,
    helpful INTEGER,
    notes TEXT,
    created_at TEXT
);

CREATE TABLE scheduled_tasks (
    id TEXT PRIMARY KEY,
    task_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    scheduled_start TEXT NOT NULL,
    scheduled_end TEXT NOT NULL,
    actual_start TEXT,
    actual_end TEXT,
    status TEXT DEFAULT 'scheduled',
    energy_level TEXT DEFAULT 'medium',
    task_type TEXT DEFAULT 'focus',
    priority INTEGER DEFAULT 3,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE shared_events (
    event_id TEXT PRIMARY KEY,
    family_id TEXT NOT NULL REFERENCES families (family_id),
    created_by TEXT NOT NULL,
    assigned_to TEXT,
    title TEXT NOT NULL,
    description TEXT,
    event_type TEXT DEFAULT 'family',
    visibility TEXT DEFAULT 'family',
    start_time TIMESTAMP NOT NULL,
    end_time TIMESTAMP,
    recurring TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    user_id TEXT DEFAULT 'default'
);

CREATE INDEX idx_shared_events_user ON shared_events (user_id);

CREATE TABLE event_participants (
    event_id TEXT NOT NULL REFERENCES shared_events (event_id),
    user_id TEXT NOT NULL,
    role TEXT DEFAULT 'participant',
    status TEXT DEFAULT 'pending',
    PRIMARY KEY (event_id, user_id)
);

CREATE TABLE system_metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cpu_percent REAL,
    memory_percent REAL,
    disk_usage REAL,
    container_count INTEGER,
    timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE task_conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id TEXT NOT NULL,
    role TEXT NOT NULL,
    message TEXT NOT NULL,
    code_snippet TEXT,
    timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE tasks (
    task_id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    description TEXT,
    type TEXT DEFAULT 'feature',
    priority TEXT DEFAULT 'medium',
    status TEXT DEFAULT 'pending',
    assigned_to TEXT DEFAULT 'unassigned',
    metadata TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    completed_at TIMESTAMP,
    approved INTEGER DEFAULT 0,
    code_generated TEXT,
    implementation_path TEXT,
    user_id TEXT DEFAULT 'default'
);

CREATE INDEX idx_tasks_user ON tasks (user_id);

CREATE TABLE code_approvals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id TEXT NOT NULL REFERENCES tasks (task_id),
    approved BOOLEAN,
    comments TEXT,
    approved_by TEXT DEFAULT 'developer',
    timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE templates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    category TEXT NOT NULL,
    content TEXT NOT NULL,
    description TEXT,
    placeholders JSON,
    usage_count INTEGER DEFAULT 0,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE tiles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    collection_id INTEGER REFERENCES collections (id) ON DELETE CASCADE,
    name TEXT,
    content TEXT,
    preview_type TEXT,
    preview_data JSON,
    x REAL DEFAULT 0,
    y REAL DEFAULT 0,
    size INTEGER DEFAULT 50,
    tile_x REAL,
    tile_y REAL,
    tile_width INTEGER,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_tiles_collection ON tiles (collection_id);
CREATE INDEX idx_tiles_user ON tiles (user_id);

CREATE TABLE time_slots (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    start_time TEXT NOT NULL,
    end_time TEXT NOT NULL,
    duration_minutes INTEGER NOT NULL,
    energy_level TEXT NOT NULL,
    task_type TEXT NOT NULL,
    priority INTEGER NOT NULL,
    available BOOLEAN DEFAULT TRUE,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE user_patterns (
    user_id TEXT PRIMARY KEY,
    morning_energy REAL DEFAULT 0.8,
    afternoon_energy REAL DEFAULT 0.6,
    evening_energy REAL DEFAULT 0.4,
    focus_time_preference TEXT DEFAULT 'morning',
    break_frequency_minutes INTEGER DEFAULT 25,
    work_session_length_minutes INTEGER DEFAULT 50,
    preferred_work_days TEXT DEFAULT '["monday", "tuesday", "wednesday", "thursday", "friday"]',
    preferred_work_hours TEXT DEFAULT '{"start": "09:00", "end": "17:00"}',
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE users (
    user_id TEXT PRIMARY KEY,
    email TEXT UNIQUE,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    is_active BOOLEAN DEFAULT 1,
    is_admin BOOLEAN DEFAULT 0,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    settings_json TEXT DEFAULT '{}',
    role TEXT DEFAULT 'user',
    display_name TEXT,
    preferences TEXT DEFAULT '{}',
    last_active TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE user_api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    service TEXT NOT NULL,
    encrypted_key TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (user_id, service)
);

CREATE TABLE user_sessions (
    session_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    token TEXT,
    expires_at TIMESTAMP NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    session_data TEXT DEFAULT '{}',
    last_accessed TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    is_active BOOLEAN DEFAULT 1
);

CREATE TABLE workflows (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT DEFAULT 'default',
    name TEXT NOT NULL,
    description TEXT,
    trigger_type TEXT NOT NULL,
    trigger_config JSON,
    actions JSON NOT NULL,
    conditions JSON,
    active BOOLEAN DEFAULT TRUE,
    last_run TIMESTAMP,
    next_run TIMESTAMP,
    run_count INTEGER DEFAULT 0,
    success_count INTEGER DEFAULT 0,
    error_count INTEGER DEFAULT 0,
    metadata JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_workflows_active ON workflows (active, user_id);

CREATE TABLE workflow_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_id INTEGER NOT NULL REFERENCES workflows (id),
    status TEXT NOT NULL,
    started_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    completed_at TIMESTAMP,
    error_message TEXT,
    result_data JSON
);

CREATE INDEX idx_workflow_runs_workflow ON workflow_runs (workflow_id, started_at);

-- From auth.db: accounts and sign-ins.

CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    expires_at TIMESTAMP NOT NULL,
    session_type TEXT DEFAULT 'password'
);

-- From developer_tasks.db: development tasks, alerts and accounts of their own.

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

-- From agent_planning.db: goals of agents, their plans and what became of them.

CREATE TABLE agent_goals (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    objective TEXT NOT NULL,
    constraints TEXT,
    success_criteria TEXT,
    priority TEXT DEFAULT 'medium',
    deadline TEXT,
    estimated_duration_minutes INTEGER,
    dependencies TEXT,
    context TEXT,
    assigned_agent TEXT,
    status TEXT DEFAULT 'pending',
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    completed_at TEXT
);

CREATE TABLE agent_messages (
    message_id TEXT PRIMARY KEY,
    from_agent TEXT NOT NULL,
    to_agent TEXT NOT NULL,
    message_type TEXT NOT NULL,
    content TEXT,
    timestamp TEXT DEFAULT CURRENT_TIMESTAMP,
    priority TEXT DEFAULT 'medium',
    requires_response BOOLEAN DEFAULT FALSE,
    response_deadline TEXT,
    responded_at TEXT
);

CREATE TABLE agents (
    agent_id TEXT PRIMARY KEY,
    agent_type TEXT NOT NULL,
    name TEXT NOT NULL,
    capabilities TEXT,
    current_load INTEGER DEFAULT 0,
    max_concurrent_tasks INTEGER DEFAULT 3,
    specializations TEXT,
    status TEXT DEFAULT 'available',
    last_activity TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE task_plans (
    plan_id TEXT PRIMARY KEY,
    goal_id TEXT NOT NULL REFERENCES agent_goals (id),
    goal_data TEXT,
    steps TEXT,
    estimated_total_duration INTEGER,
    critical_path TEXT,
    parallel_steps TEXT,
    risk_assessment TEXT,
    rollback_strategy TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    status TEXT DEFAULT 'planned'
);

CREATE TABLE agent_task_executions (
    execution_id TEXT PRIMARY KEY,
    plan_id TEXT NOT NULL REFERENCES task_plans (plan_id),
    step_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    started_at TEXT DEFAULT CURRENT_TIMESTAMP,
    completed_at TEXT,
    status TEXT DEFAULT 'running',
    result TEXT,
    error_message TEXT
);

-- From aider_conversations.db: sessions with the coding assistant.

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

-- From knowledge.db: what worked and what did not.

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

-- From learning.db: patterns learned from tasks.

CREATE TABLE knowledge_base (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    category TEXT NOT NULL,
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    confidence_score REAL DEFAULT 0.0,
    usage_count INTEGER DEFAULT 0,
    last_used TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE learning_patterns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pattern_type TEXT NOT NULL,
    pattern_data TEXT NOT NULL,
    success_count INTEGER DEFAULT 0,
    failure_count INTEGER DEFAULT 0,
    last_updated TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE system_improvements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    improvement_type TEXT NOT NULL,
    description TEXT NOT NULL,
    implementation TEXT,
    effectiveness_score REAL DEFAULT 0.0,
    applied_count INTEGER DEFAULT 0,
    last_applied TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE task_execution_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id TEXT NOT NULL,
    task_title TEXT,
    execution_time TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    execution_duration REAL,
    error_message TEXT,
    system_context TEXT,
    improvements_applied TEXT,
    learning_insights TEXT
);

-- From self_awareness.db: states, reflections and goals of the assistant.

CREATE TABLE consciousness_states (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp TIMESTAMP NOT NULL,
    attention_focus TEXT,
    current_goals JSON,
    emotional_state TEXT,
    energy_level REAL,
    confidence REAL,
    active_memories JSON,
    current_context JSON,
    user_id TEXT DEFAULT 'default'
);

CREATE TABLE goal_progress (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    goal TEXT NOT NULL,
    status TEXT DEFAULT 'active',
    progress REAL DEFAULT 0.0,
    milestones JSON,
    last_updated TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    user_id TEXT DEFAULT 'default'
);

CREATE TABLE identity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    data JSON NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    user_id TEXT DEFAULT 'default'
);

CREATE TABLE self_memories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    memory_type TEXT NOT NULL,
    content TEXT NOT NULL,
    importance REAL DEFAULT 5.0,
    tags JSON,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    user_id TEXT DEFAULT 'default'
);

CREATE TABLE self_reflections (
    id TEXT PRIMARY KEY,
    timestamp TIMESTAMP NOT NULL,
    reflection_type TEXT NOT NULL,
    content TEXT NOT NULL,
    insights JSON,
    action_items JSON,
    emotional_state TEXT DEFAULT 'neutral',
    confidence_level REAL DEFAULT 0.5,
    user_id TEXT DEFAULT 'default'
);

-- From snapshots.db: backups of the system that were taken.

CREATE TABLE snapshot_config (
    "key" TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    snapshot_id TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    encrypted BOOLEAN NOT NULL,
    compression_ratio REAL,
    checksum TEXT NOT NULL,
    status TEXT NOT NULL,
    backup_path TEXT NOT NULL,
    metadata TEXT
);

-- From tool_registry.db: tools and their calls.

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
