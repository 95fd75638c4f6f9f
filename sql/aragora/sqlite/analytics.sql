-- analytics.db: ratings, calibration, insights, prompts, usage and audit.
--
-- Columns come in the order in which the stores create and read them. Columns that only the
-- official schema has stand after them and may be NULL, since no store fills them.

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('analytics', 1, '2026-03-08 00:00:00');

-- Ratings: EloSystem (agent_elo.db), RelationshipTracker (agent_relationships.db), and the
-- leaderboard cache (elo_snapshot.json, whole).

CREATE TABLE ratings (
    agent_name TEXT PRIMARY KEY,
    elo REAL DEFAULT 1500,
    domain_elos TEXT,
    wins INTEGER DEFAULT 0,
    losses INTEGER DEFAULT 0,
    draws INTEGER DEFAULT 0,
    debates_count INTEGER DEFAULT 0,
    critiques_accepted INTEGER DEFAULT 0,
    critiques_total INTEGER DEFAULT 0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    calibration_correct INTEGER DEFAULT 0,
    calibration_total INTEGER DEFAULT 0,
    calibration_brier_sum REAL DEFAULT 0.0
);

CREATE INDEX idx_ratings_agent ON ratings (agent_name);

CREATE TABLE matches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    debate_id TEXT UNIQUE,
    winner TEXT,
    participants TEXT,
    domain TEXT,
    scores TEXT,
    elo_changes TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_matches_winner ON matches (winner);
CREATE INDEX idx_matches_created ON matches (created_at);
CREATE INDEX idx_matches_domain ON matches (domain);

CREATE TABLE elo_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    elo REAL NOT NULL,
    debate_id TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_elo_history_agent ON elo_history (agent_name);
CREATE INDEX idx_elo_history_created ON elo_history (created_at);
CREATE INDEX idx_elo_history_debate ON elo_history (debate_id);

-- From actual_winner on: official schema only.
CREATE TABLE calibration_predictions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tournament_id TEXT NOT NULL,
    predictor_agent TEXT NOT NULL,
    predicted_winner TEXT NOT NULL,
    confidence REAL NOT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    actual_winner TEXT,
    resolved_at TEXT,
    UNIQUE (tournament_id, predictor_agent)
);

CREATE INDEX idx_calibration_pred_tournament ON calibration_predictions (tournament_id);

CREATE TABLE domain_calibration (
    agent_name TEXT NOT NULL,
    domain TEXT NOT NULL,
    total_predictions INTEGER DEFAULT 0,
    total_correct INTEGER DEFAULT 0,
    brier_sum REAL DEFAULT 0.0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (agent_name, domain)
);

CREATE INDEX idx_domain_cal_agent ON domain_calibration (agent_name);
CREATE INDEX idx_domain_cal_agent_domain ON domain_calibration (agent_name, domain);

CREATE TABLE calibration_buckets (
    agent_name TEXT NOT NULL,
    domain TEXT NOT NULL,
    bucket_key TEXT NOT NULL,
    predictions INTEGER DEFAULT 0,
    correct INTEGER DEFAULT 0,
    brier_sum REAL DEFAULT 0.0,
    PRIMARY KEY (agent_name, domain, bucket_key)
);

CREATE TABLE agent_relationships (
    agent_a TEXT NOT NULL,
    agent_b TEXT NOT NULL,
    debate_count INTEGER DEFAULT 0,
    agreement_count INTEGER DEFAULT 0,
    critique_count_a_to_b INTEGER DEFAULT 0,
    critique_count_b_to_a INTEGER DEFAULT 0,
    critique_accepted_a_to_b INTEGER DEFAULT 0,
    critique_accepted_b_to_a INTEGER DEFAULT 0,
    position_changes_a_after_b INTEGER DEFAULT 0,
    position_changes_b_after_a INTEGER DEFAULT 0,
    a_wins_over_b INTEGER DEFAULT 0,
    b_wins_over_a INTEGER DEFAULT 0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (agent_a, agent_b),
    CHECK (agent_a < agent_b)
);

CREATE INDEX idx_relationships_a ON agent_relationships (agent_a);
CREATE INDEX idx_relationships_b ON agent_relationships (agent_b);

CREATE TABLE elo_snapshots (
    name TEXT PRIMARY KEY,
    content TEXT NOT NULL
);

-- Calibration: CalibrationTracker (agent_calibration.db).

-- From predicted on: official schema only.
CREATE TABLE predictions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    confidence REAL NOT NULL,
    correct INTEGER NOT NULL,
    domain TEXT DEFAULT 'general',
    debate_id TEXT,
    position_id TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    predicted REAL,
    actual REAL,
    bucket TEXT DEFAULT 'default',
    timestamp TEXT
);

CREATE INDEX idx_pred_agent ON predictions (agent);
CREATE INDEX idx_pred_domain ON predictions (domain);
CREATE INDEX idx_pred_confidence ON predictions (confidence);
CREATE INDEX idx_pred_created ON predictions (created_at);
CREATE INDEX idx_predictions_domain ON predictions (agent, domain);

CREATE TABLE temperature_params (
    agent TEXT PRIMARY KEY,
    temperature REAL DEFAULT 1.0,
    domain_temperatures TEXT DEFAULT '{}',
    last_tuned TEXT,
    predictions_at_tune INTEGER DEFAULT 0
);

-- Insights: InsightStore (aragora_insights.db).

-- From topic on: official schema only.
CREATE TABLE debate_summaries (
    debate_id TEXT PRIMARY KEY,
    task TEXT,
    consensus_reached INTEGER,
    duration_seconds REAL,
    total_insights INTEGER,
    key_takeaway TEXT,
    agent_performances TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    topic TEXT,
    summary TEXT,
    key_arguments TEXT,
    final_positions TEXT,
    rounds_completed INTEGER
);

CREATE INDEX idx_debate_summaries_created ON debate_summaries (created_at DESC);

CREATE TABLE insights (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    confidence REAL DEFAULT 0.5,
    debate_id TEXT NOT NULL,
    agents_involved TEXT,
    evidence TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    metadata TEXT
);

CREATE INDEX idx_insights_type ON insights (type);
CREATE INDEX idx_insights_debate ON insights (debate_id);
CREATE INDEX idx_insights_confidence ON insights (confidence DESC);
CREATE INDEX idx_insights_type_confidence ON insights (type, confidence DESC);

-- From metric_name on: official schema only.
CREATE TABLE agent_performance_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    debate_id TEXT NOT NULL,
    proposals_made INTEGER DEFAULT 0,
    critiques_given INTEGER DEFAULT 0,
    critiques_received INTEGER DEFAULT 0,
    proposal_accepted INTEGER DEFAULT 0,
    vote_aligned INTEGER DEFAULT 0,
    avg_critique_severity REAL DEFAULT 0.0,
    contribution_score REAL DEFAULT 0.5,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    metric_name TEXT,
    metric_value REAL,
    period TEXT,
    period_start TEXT,
    period_end TEXT,
    sample_size INTEGER DEFAULT 0,
    FOREIGN KEY (debate_id) REFERENCES debate_summaries (debate_id)
);

CREATE INDEX idx_agent_perf_name ON agent_performance_history (agent_name);
CREATE INDEX idx_agent_perf_debate ON agent_performance_history (debate_id);
CREATE INDEX idx_agent_perf_name_debate ON agent_performance_history (agent_name, debate_id);
CREATE INDEX idx_perf_history_period ON agent_performance_history (period_start);

-- From cluster_name on: official schema only.
CREATE TABLE pattern_clusters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    category TEXT NOT NULL,
    pattern_text TEXT NOT NULL,
    occurrence_count INTEGER DEFAULT 1,
    avg_severity REAL DEFAULT 0.5,
    debate_ids TEXT,
    first_seen TEXT,
    last_seen TEXT,
    cluster_name TEXT,
    pattern_type TEXT,
    centroid BLOB,
    member_count INTEGER DEFAULT 0,
    sample_patterns TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (category, pattern_text)
);

CREATE INDEX idx_pattern_category ON pattern_clusters (category);
CREATE INDEX idx_pattern_last_seen ON pattern_clusters (last_seen DESC);

-- Prompts: PromptEvolver (prompt_evolution.db, aragora_evolution.db), EvolutionTracker
-- (aragora_evolution_tracker.db).

-- From prompt_name on: official schema only.
CREATE TABLE prompt_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    version INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    performance_score REAL DEFAULT 0.0,
    debates_count INTEGER DEFAULT 0,
    consensus_rate REAL DEFAULT 0.0,
    metadata TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    prompt_name TEXT,
    content TEXT,
    parent_version INTEGER,
    fitness_score REAL,
    usage_count INTEGER DEFAULT 0,
    success_rate REAL,
    UNIQUE (agent_name, version)
);

CREATE INDEX idx_prompt_versions_name ON prompt_versions (prompt_name);

-- From source_type on: official schema only.
CREATE TABLE extracted_patterns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pattern_type TEXT NOT NULL,
    pattern_text TEXT NOT NULL,
    source_debate_id TEXT,
    effectiveness_score REAL DEFAULT 0.5,
    usage_count INTEGER DEFAULT 0,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    source_type TEXT,
    source_id TEXT,
    frequency INTEGER DEFAULT 1,
    embedding BLOB
);

CREATE INDEX idx_patterns_type ON extracted_patterns (pattern_type);

-- From prompt_name on: official schema only.
CREATE TABLE evolution_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    from_version INTEGER,
    to_version INTEGER,
    strategy TEXT,
    patterns_applied TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    prompt_name TEXT,
    mutation_type TEXT,
    fitness_delta REAL
);

CREATE INDEX idx_evolution_prompt ON evolution_history (prompt_name);

CREATE TABLE vulnerability_patterns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    vulnerability_type TEXT NOT NULL,
    severity TEXT NOT NULL,
    category TEXT NOT NULL,
    trigger_prompt TEXT,
    agent_response TEXT,
    mitigation_strategy TEXT,
    gauntlet_id TEXT,
    occurrence_count INTEGER DEFAULT 1,
    last_seen TEXT DEFAULT CURRENT_TIMESTAMP,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_vuln_agent ON vulnerability_patterns (agent_name);

CREATE TABLE outcomes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    won INTEGER NOT NULL,
    debate_id TEXT,
    generation INTEGER DEFAULT 0,
    recorded_at TEXT
);

CREATE INDEX idx_outcomes_agent ON outcomes (agent);
CREATE INDEX idx_outcomes_generation ON outcomes (generation);

-- Usage and billing: calls to models (usage.db), UsageSyncService (billing.db).

CREATE TABLE usage_events (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    org_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    debate_id TEXT,
    tokens_in INTEGER DEFAULT 0,
    tokens_out INTEGER DEFAULT 0,
    provider TEXT,
    model TEXT,
    cost_usd TEXT DEFAULT '0',
    metadata TEXT DEFAULT '{}',
    created_at TEXT NOT NULL
);

CREATE INDEX idx_usage_org_created ON usage_events (org_id, created_at);
CREATE INDEX idx_usage_user_created ON usage_events (user_id, created_at);
CREATE INDEX idx_usage_debate ON usage_events (debate_id);

CREATE TABLE usage_sync_watermarks (
    org_id TEXT NOT NULL,
    tokens_in INTEGER DEFAULT 0,
    tokens_out INTEGER DEFAULT 0,
    debates INTEGER DEFAULT 0,
    period_start TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (org_id, period_start)
);

CREATE TABLE usage_sync_records (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    sync_type TEXT NOT NULL,
    period_start TEXT NOT NULL,
    quantity_reported INTEGER NOT NULL,
    cumulative_total INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL DEFAULT 'pending',
    stripe_record_id TEXT,
    created_at TEXT NOT NULL,
    completed_at TEXT,
    error TEXT
);

CREATE INDEX idx_sync_records_status ON usage_sync_records (status);
CREATE INDEX idx_sync_records_org_period ON usage_sync_records (org_id, period_start);

CREATE TABLE usage_sync_state (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

-- Security audit: AuditStore (audit.db). The audit log of accounts is in core.db.

CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY,
    timestamp TEXT NOT NULL,
    user_id TEXT,
    org_id TEXT,
    action TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT,
    old_value TEXT,
    new_value TEXT,
    metadata TEXT,
    ip_address TEXT,
    user_agent TEXT
);

CREATE INDEX idx_audit_timestamp ON audit_log (timestamp DESC);
CREATE INDEX idx_audit_user ON audit_log (user_id);
CREATE INDEX idx_audit_org ON audit_log (org_id);
CREATE INDEX idx_audit_action ON audit_log (action);
CREATE INDEX idx_audit_resource ON audit_log (resource_type, resource_id);

-- Empty: the official schema and the path setting META_LEARNING look for the learner here, while
-- its store opens memory.db unless told otherwise, and the rows are there.

-- From param_name on: official schema only.
CREATE TABLE meta_hyperparams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hyperparams TEXT NOT NULL,
    metrics TEXT,
    adjustment_reason TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    param_name TEXT,
    param_value REAL,
    context TEXT,
    effectiveness REAL,
    sample_size INTEGER DEFAULT 0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

-- From cycle_id on: official schema only.
CREATE TABLE meta_efficiency_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cycle_number INTEGER,
    metrics TEXT NOT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    cycle_id TEXT,
    learning_rate REAL,
    pattern_retention_rate REAL,
    forgetting_rate REAL,
    convergence_speed REAL,
    hyperparams_snapshot TEXT
);

CREATE INDEX idx_meta_efficiency_cycle ON meta_efficiency_log (cycle_id);
