-- memory.db: what agents and debates remember.
--
-- Columns come in the order in which the stores create and read them. Columns that only the
-- official schema has stand after them and may be NULL, since no store fills them.

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('memory', 1, '2026-03-08 00:00:00');

-- Memory in tiers: ContinuumMemory (continuum.db), TierAnalyticsTracker (memory_analytics.db).

CREATE TABLE continuum_memory (
    id TEXT PRIMARY KEY,
    tier TEXT NOT NULL DEFAULT 'slow',
    content TEXT NOT NULL,
    importance REAL DEFAULT 0.5,
    surprise_score REAL DEFAULT 0.0,
    consolidation_score REAL DEFAULT 0.0,
    update_count INTEGER DEFAULT 0,
    success_count INTEGER DEFAULT 0,
    failure_count INTEGER DEFAULT 0,
    semantic_centroid BLOB,
    last_promotion_at TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    metadata TEXT DEFAULT '{}',
    expires_at TEXT,
    red_line INTEGER DEFAULT 0,
    red_line_reason TEXT DEFAULT ''
);

CREATE INDEX idx_continuum_tier ON continuum_memory (tier);
CREATE INDEX idx_continuum_surprise ON continuum_memory (surprise_score DESC);
CREATE INDEX idx_continuum_importance ON continuum_memory (importance DESC);
CREATE INDEX idx_continuum_tier_updated ON continuum_memory (tier, updated_at);
CREATE INDEX idx_continuum_tier_importance ON continuum_memory (tier, importance DESC);
CREATE INDEX idx_continuum_tier_surprise ON continuum_memory (tier, surprise_score DESC);
CREATE INDEX idx_continuum_expires ON continuum_memory (expires_at);
CREATE INDEX idx_continuum_red_line ON continuum_memory (red_line);

CREATE TABLE continuum_memory_archive (
    id TEXT PRIMARY KEY,
    tier TEXT NOT NULL,
    content TEXT NOT NULL,
    importance REAL,
    surprise_score REAL,
    consolidation_score REAL,
    update_count INTEGER,
    success_count INTEGER,
    failure_count INTEGER,
    semantic_centroid BLOB,
    created_at TEXT,
    updated_at TEXT,
    archived_at TEXT DEFAULT CURRENT_TIMESTAMP,
    archive_reason TEXT,
    metadata TEXT
);

CREATE INDEX idx_archive_tier ON continuum_memory_archive (tier);
CREATE INDEX idx_archive_archived_at ON continuum_memory_archive (archived_at);

CREATE TABLE tier_transitions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    memory_id TEXT NOT NULL,
    from_tier TEXT NOT NULL,
    to_tier TEXT NOT NULL,
    reason TEXT,
    surprise_score REAL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (memory_id) REFERENCES continuum_memory (id)
);

CREATE INDEX idx_tier_transitions_memory ON tier_transitions (memory_id);

CREATE TABLE meta_learning_state (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hyperparams TEXT NOT NULL,
    learning_efficiency REAL,
    pattern_retention_rate REAL,
    forgetting_rate REAL,
    cycles_evaluated INTEGER DEFAULT 0,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE memory_usage (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    memory_id TEXT NOT NULL,
    tier TEXT NOT NULL,
    debate_id TEXT NOT NULL,
    quality_before REAL,
    quality_after REAL,
    used_at TEXT,
    UNIQUE (memory_id, debate_id)
);

CREATE TABLE tier_movements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    memory_id TEXT NOT NULL,
    from_tier TEXT NOT NULL,
    to_tier TEXT NOT NULL,
    reason TEXT NOT NULL,
    moved_at TEXT
);

CREATE TABLE tier_snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    snapshot_date TEXT NOT NULL,
    tier TEXT NOT NULL,
    entry_count INTEGER,
    total_hits INTEGER,
    avg_quality_impact REAL,
    UNIQUE (snapshot_date, tier)
);

-- The learner: MetaLearner (continuum.db, meta_learning.db).

CREATE TABLE meta_hyperparams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hyperparams TEXT NOT NULL,
    metrics TEXT,
    adjustment_reason TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE meta_efficiency_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cycle_number INTEGER,
    metrics TEXT NOT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

-- Memories of single agents: MemoryStream (agent_memories.db, continuum.db), CVStore
-- (agent_memories.db).

-- From context on: official schema only.
CREATE TABLE memories (
    id TEXT PRIMARY KEY,
    agent_name TEXT NOT NULL,
    memory_type TEXT NOT NULL,
    content TEXT NOT NULL,
    importance REAL DEFAULT 0.5,
    debate_id TEXT,
    metadata TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    context TEXT,
    decay_rate REAL DEFAULT 0.1,
    embedding BLOB,
    expires_at TEXT
);

CREATE INDEX idx_memories_agent ON memories (agent_name);
CREATE INDEX idx_memories_type ON memories (agent_name, memory_type);
CREATE INDEX ix_memories_memory_type ON memories (memory_type);
CREATE INDEX idx_memories_debate ON memories (debate_id);
CREATE INDEX idx_memories_expires ON memories (expires_at);

-- From id on: official schema only.
CREATE TABLE reflection_schedule (
    agent_name TEXT PRIMARY KEY,
    last_reflection TEXT,
    memories_since_reflection INTEGER DEFAULT 0,
    id INTEGER,
    reflection_type TEXT,
    scheduled_for TEXT,
    completed_at TEXT,
    memory_ids TEXT,
    result TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_reflection_agent ON reflection_schedule (agent_name);
CREATE INDEX idx_reflection_scheduled ON reflection_schedule (scheduled_for);

CREATE TABLE agent_cvs (
    agent_id TEXT PRIMARY KEY,
    cv_data TEXT NOT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_cv_updated ON agent_cvs (updated_at);

-- Consensus: ConsensusMemory (consensus_memory.db).

-- From supporting_agents on: official schema only.
CREATE TABLE consensus (
    id TEXT PRIMARY KEY,
    topic TEXT NOT NULL,
    topic_hash TEXT NOT NULL,
    conclusion TEXT NOT NULL,
    strength TEXT NOT NULL,
    confidence REAL,
    domain TEXT,
    tags TEXT,
    timestamp TEXT,
    data TEXT NOT NULL,
    supporting_agents TEXT,
    opposing_agents TEXT,
    evidence TEXT,
    debate_ids TEXT,
    stability_score REAL DEFAULT 0.5,
    last_challenged_at TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_consensus_topic_hash ON consensus (topic_hash);
CREATE INDEX idx_consensus_domain ON consensus (domain);
CREATE INDEX idx_consensus_confidence_ts ON consensus (confidence DESC, timestamp DESC);
CREATE INDEX idx_consensus_topic ON consensus (topic);
CREATE INDEX idx_consensus_confidence ON consensus (confidence);

-- From reasoning on: official schema only.
CREATE TABLE dissent (
    id TEXT PRIMARY KEY,
    debate_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    dissent_type TEXT NOT NULL,
    content TEXT NOT NULL,
    confidence REAL,
    timestamp TEXT,
    data TEXT NOT NULL,
    reasoning TEXT,
    strength REAL DEFAULT 0.5,
    resolved INTEGER DEFAULT 0,
    resolved_at TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (debate_id) REFERENCES consensus (id)
);

CREATE INDEX idx_dissent_debate ON dissent (debate_id);
CREATE INDEX idx_dissent_type ON dissent (dissent_type);
CREATE INDEX idx_dissent_timestamp ON dissent (timestamp DESC);
CREATE INDEX idx_dissent_agent ON dissent (agent_id);

CREATE TABLE verified_proofs (
    id TEXT PRIMARY KEY,
    debate_id TEXT NOT NULL,
    proof_status TEXT NOT NULL,
    language TEXT,
    formal_statement TEXT,
    is_verified INTEGER DEFAULT 0,
    proof_hash TEXT,
    translation_time_ms REAL,
    proof_search_time_ms REAL,
    prover_version TEXT,
    error_message TEXT,
    timestamp TEXT NOT NULL,
    data TEXT NOT NULL,
    FOREIGN KEY (debate_id) REFERENCES consensus (id)
);

CREATE INDEX idx_verified_proofs_debate ON verified_proofs (debate_id);
CREATE INDEX idx_verified_proofs_status ON verified_proofs (proof_status);
CREATE INDEX idx_verified_proofs_verified ON verified_proofs (is_verified);

-- Critiques and patterns: CritiqueStore (agora_memory.db). These debates are summaries; the
-- artifacts are in core.db.

CREATE TABLE debates (
    id TEXT PRIMARY KEY,
    task TEXT NOT NULL,
    final_answer TEXT,
    consensus_reached INTEGER,
    confidence REAL,
    rounds_used INTEGER,
    duration_seconds REAL,
    grounded_verdict TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_debates_task ON debates (task);

CREATE TABLE critiques (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    debate_id TEXT,
    agent TEXT NOT NULL,
    target_agent TEXT,
    issues TEXT,
    suggestions TEXT,
    severity REAL,
    reasoning TEXT,
    led_to_improvement INTEGER DEFAULT 0,
    expected_usefulness REAL DEFAULT 0.5,
    actual_usefulness REAL,
    prediction_error REAL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (debate_id) REFERENCES debates (id)
);

CREATE INDEX idx_critiques_debate ON critiques (debate_id);
CREATE INDEX idx_critiques_agent ON critiques (agent);
CREATE INDEX idx_critiques_target ON critiques (target_agent);

CREATE TABLE patterns (
    id TEXT PRIMARY KEY,
    issue_type TEXT NOT NULL,
    issue_text TEXT NOT NULL,
    suggestion_text TEXT,
    success_count INTEGER DEFAULT 0,
    failure_count INTEGER DEFAULT 0,
    avg_severity REAL DEFAULT 0.5,
    surprise_score REAL DEFAULT 0.0,
    base_rate REAL DEFAULT 0.5,
    avg_prediction_error REAL DEFAULT 0.0,
    prediction_count INTEGER DEFAULT 0,
    example_task TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_patterns_type ON patterns (issue_type);
CREATE INDEX idx_patterns_success ON patterns (success_count DESC);
CREATE INDEX idx_patterns_type_success ON patterns (issue_type, success_count DESC);
CREATE INDEX idx_patterns_success_updated ON patterns (success_count DESC, updated_at DESC);

CREATE TABLE pattern_embeddings (
    pattern_id TEXT PRIMARY KEY,
    embedding BLOB,
    FOREIGN KEY (pattern_id) REFERENCES patterns (id)
);

-- No key: the same pattern may be archived twice.
CREATE TABLE patterns_archive (
    id TEXT,
    issue_type TEXT,
    issue_text TEXT,
    suggestion_text TEXT,
    success_count INTEGER,
    failure_count INTEGER,
    avg_severity REAL,
    surprise_score REAL,
    example_task TEXT,
    created_at TEXT,
    updated_at TEXT,
    archived_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE agent_reputation (
    agent_name TEXT PRIMARY KEY,
    proposals_made INTEGER DEFAULT 0,
    proposals_accepted INTEGER DEFAULT 0,
    critiques_given INTEGER DEFAULT 0,
    critiques_valuable INTEGER DEFAULT 0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    total_predictions INTEGER DEFAULT 0,
    total_prediction_error REAL DEFAULT 0.0,
    calibration_score REAL DEFAULT 0.5
);

CREATE INDEX idx_reputation_score ON agent_reputation (proposals_accepted DESC);
CREATE INDEX idx_reputation_agent ON agent_reputation (agent_name);

-- Embeddings of patterns: SemanticRetriever (semantic_patterns.db) reads embeddings; the other name
-- is the official schema's.

CREATE TABLE embeddings (
    id TEXT PRIMARY KEY,
    text_hash TEXT UNIQUE,
    text TEXT,
    embedding BLOB,
    provider TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_embeddings_hash ON embeddings (text_hash);

-- Official schema only.
CREATE TABLE semantic_embeddings (
    id TEXT PRIMARY KEY,
    text_hash TEXT UNIQUE,
    text TEXT,
    embedding BLOB,
    provider TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_semantic_hash ON semantic_embeddings (text_hash);

-- Suggestions of the audience: SuggestionFeedbackTracker (suggestion_feedback.db).

-- From user_id on: official schema only.
CREATE TABLE suggestion_injections (
    id TEXT PRIMARY KEY,
    debate_id TEXT NOT NULL,
    suggestion_text TEXT NOT NULL,
    cluster_count INTEGER DEFAULT 1,
    user_ids TEXT,
    injected_at TEXT,
    debate_completed INTEGER DEFAULT 0,
    consensus_reached INTEGER DEFAULT 0,
    consensus_confidence REAL DEFAULT 0.0,
    duration_seconds REAL DEFAULT 0.0,
    effectiveness_score REAL DEFAULT 0.0,
    user_id TEXT,
    suggestion_type TEXT,
    content TEXT,
    target_agent TEXT,
    accepted INTEGER DEFAULT 0,
    impact_score REAL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_injection_debate ON suggestion_injections (debate_id);
CREATE INDEX idx_injection_completed ON suggestion_injections (debate_completed);
CREATE INDEX idx_suggestions_user ON suggestion_injections (user_id);

-- From suggestions_total on: official schema only.
CREATE TABLE contributor_stats (
    user_id TEXT PRIMARY KEY,
    total_suggestions INTEGER DEFAULT 0,
    suggestions_in_consensus INTEGER DEFAULT 0,
    avg_effectiveness REAL DEFAULT 0.0,
    reputation_score REAL DEFAULT 0.5,
    updated_at TEXT,
    suggestions_total INTEGER DEFAULT 0,
    suggestions_accepted INTEGER DEFAULT 0,
    acceptance_rate REAL DEFAULT 0.0,
    impact_score_sum REAL DEFAULT 0.0,
    last_contribution_at TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);
