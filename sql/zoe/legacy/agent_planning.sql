-- agent_planning.db: goals of agents, their plans and what became of them.

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

CREATE TABLE task_executions (
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
