-- self_awareness.db: states, reflections and goals of the assistant.

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
