-- core.db: debates and what belongs to them, the self-improvement loop, accounts.
--
-- Columns come in the order in which the stores create and read them. Columns that only the
-- official schema has stand after them and may be NULL, since no store fills them.

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('core', 1, '2026-03-08 00:00:00');

-- Debates: DebateStorage (debates.db, aragora_debates.db), MetadataStore (aragora_metadata.db).

CREATE TABLE debates (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    task TEXT NOT NULL,
    agents TEXT NOT NULL,
    artifact_json TEXT NOT NULL,
    consensus_reached BOOLEAN,
    confidence REAL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    view_count INTEGER DEFAULT 0,
    audio_path TEXT,
    audio_generated_at TIMESTAMP,
    audio_duration_seconds INTEGER,
    org_id TEXT,
    is_public INTEGER
);

CREATE INDEX idx_slug ON debates (slug);
CREATE INDEX idx_created ON debates (created_at);
CREATE INDEX idx_task ON debates (task);
CREATE INDEX idx_debates_org ON debates (org_id, created_at);
CREATE INDEX idx_debates_consensus ON debates (consensus_reached);

CREATE TABLE debate_metadata (
    debate_id TEXT PRIMARY KEY,
    config_hash TEXT,
    task_hash TEXT,
    created_at TEXT,
    metadata_json TEXT
);

CREATE INDEX idx_config_hash ON debate_metadata (config_hash);
CREATE INDEX idx_task_hash ON debate_metadata (task_hash);

-- Traces: DebateTracer (traces.db, aragora_traces.db).

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

CREATE INDEX idx_traces_debate ON traces (debate_id);

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
CREATE INDEX idx_trace_events_type ON trace_events (event_type);

-- Tournaments: TournamentManager (tournaments.db, aragora_tournaments.db).

CREATE TABLE tournaments (
    tournament_id TEXT PRIMARY KEY,
    name TEXT,
    format TEXT,
    agents TEXT,
    tasks TEXT,
    standings TEXT,
    champion TEXT,
    started_at TEXT,
    completed_at TEXT
);

CREATE TABLE tournament_matches (
    match_id TEXT PRIMARY KEY,
    tournament_id TEXT,
    round_num INTEGER,
    participants TEXT,
    task_id TEXT,
    scores TEXT,
    winner TEXT,
    started_at TEXT,
    completed_at TEXT
);

CREATE INDEX idx_tournament_matches_tournament ON tournament_matches (tournament_id);
CREATE INDEX idx_tournament_matches_round ON tournament_matches (round_num);

-- Embeddings of debates: DebateEmbeddingsDatabase (debate_embeddings.db).

CREATE TABLE embeddings (
    id TEXT PRIMARY KEY,
    text_hash TEXT UNIQUE,
    text TEXT,
    embedding BLOB,
    provider TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_embeddings_hash ON embeddings (text_hash);

-- What became of claims and who may see a debate: EpistemicOutcomeStore (epistemic_outcomes.db),
-- ShareLinkStore (share_links.db).

CREATE TABLE epistemic_outcomes (
    debate_id TEXT PRIMARY KEY,
    claim TEXT NOT NULL,
    falsifier TEXT NOT NULL,
    metric TEXT NOT NULL,
    review_horizon_days INTEGER NOT NULL DEFAULT 30,
    resolver_type TEXT NOT NULL DEFAULT 'human',
    status TEXT NOT NULL DEFAULT 'open',
    initial_confidence REAL NOT NULL DEFAULT 0.0,
    confidence_delta REAL NOT NULL DEFAULT 0.0,
    resolved_truth INTEGER,
    created_at TEXT NOT NULL,
    resolved_at TEXT,
    metadata TEXT
);

CREATE INDEX idx_epistemic_outcomes_status ON epistemic_outcomes (status);
CREATE INDEX idx_epistemic_outcomes_created_at ON epistemic_outcomes (created_at);

CREATE TABLE share_links (
    token TEXT PRIMARY KEY,
    debate_id TEXT NOT NULL UNIQUE,
    visibility TEXT NOT NULL DEFAULT 'private',
    owner_id TEXT,
    org_id TEXT,
    created_at REAL NOT NULL,
    expires_at REAL,
    allow_comments INTEGER DEFAULT 0,
    allow_forking INTEGER DEFAULT 0,
    view_count INTEGER DEFAULT 0,
    last_viewed_at REAL
);

CREATE INDEX idx_share_links_debate ON share_links (debate_id);
CREATE INDEX idx_share_links_expires ON share_links (expires_at)
WHERE expires_at IS NOT NULL;
CREATE INDEX idx_share_links_owner ON share_links (owner_id);
CREATE INDEX idx_share_links_org ON share_links (org_id, visibility);

-- The self-improvement loop: EvolutionRepository (evolution.db), CycleLearningStore (cycles.db),
-- and the state of the loop (nomic_state.json, whole).

CREATE TABLE nomic_rollbacks (
    id TEXT PRIMARY KEY,
    loop_id TEXT NOT NULL,
    cycle_number INTEGER NOT NULL,
    phase TEXT NOT NULL,
    reason TEXT NOT NULL,
    severity TEXT NOT NULL,
    rolled_back_commit TEXT,
    preserved_branch TEXT,
    files_affected TEXT,
    diff_summary TEXT,
    error_message TEXT,
    created_at TEXT NOT NULL
);

CREATE INDEX idx_rollbacks_loop ON nomic_rollbacks (loop_id, cycle_number);
CREATE INDEX idx_rollbacks_severity ON nomic_rollbacks (severity);

CREATE TABLE cycle_evolutions (
    id TEXT PRIMARY KEY,
    loop_id TEXT NOT NULL,
    cycle_number INTEGER NOT NULL,
    debate_artifact_id TEXT,
    winning_proposal_summary TEXT,
    files_changed TEXT,
    git_commit TEXT,
    rollback_id TEXT,
    created_at TEXT NOT NULL,
    UNIQUE (loop_id, cycle_number),
    FOREIGN KEY (rollback_id) REFERENCES nomic_rollbacks (id)
);

CREATE TABLE cycle_file_changes (
    loop_id TEXT NOT NULL,
    cycle_number INTEGER NOT NULL,
    file_path TEXT NOT NULL,
    change_type TEXT NOT NULL,
    insertions INTEGER DEFAULT 0,
    deletions INTEGER DEFAULT 0,
    PRIMARY KEY (loop_id, cycle_number, file_path)
);

CREATE INDEX idx_file_changes_path ON cycle_file_changes (file_path);

CREATE TABLE cycles (
    cycle_id TEXT PRIMARY KEY,
    started_at REAL NOT NULL,
    completed_at REAL,
    duration_seconds REAL,
    success INTEGER DEFAULT 0,
    topics_json TEXT,
    data_json TEXT NOT NULL
);

CREATE INDEX idx_cycles_started ON cycles (started_at DESC);
CREATE INDEX idx_cycles_success ON cycles (success);

-- No key: the loop's state may lie in two places under one name.
CREATE TABLE nomic_states (
    name TEXT NOT NULL,
    content TEXT NOT NULL
);

-- Onboarding: OnboardingRepository, VerticalsConfigRepository (onboarding.db).

CREATE TABLE onboarding_flows (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    org_id TEXT,
    current_step TEXT NOT NULL,
    completed_steps TEXT NOT NULL,
    use_case TEXT,
    selected_template TEXT,
    first_debate_id TEXT,
    quick_start_profile TEXT,
    metadata TEXT,
    started_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    completed_at TEXT
);

CREATE INDEX idx_onboarding_user_org ON onboarding_flows (user_id, org_id);

CREATE TABLE vertical_configs (
    vertical_id TEXT NOT NULL PRIMARY KEY,
    config_json TEXT NOT NULL,
    updated_by TEXT DEFAULT '',
    updated_at TEXT NOT NULL
);

-- Accounts: UserStore (users.db), OrganizationStore (organizations.db, which has no table of its
-- own).

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    password_salt TEXT NOT NULL,
    name TEXT DEFAULT '',
    org_id TEXT,
    role TEXT DEFAULT 'member',
    is_active INTEGER DEFAULT 1,
    email_verified INTEGER DEFAULT 0,
    api_key TEXT UNIQUE,
    api_key_hash TEXT UNIQUE,
    api_key_prefix TEXT,
    api_key_created_at TEXT,
    api_key_expires_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    last_login_at TEXT,
    mfa_secret TEXT,
    mfa_enabled INTEGER DEFAULT 0,
    mfa_backup_codes TEXT,
    token_version INTEGER DEFAULT 1,
    failed_login_attempts INTEGER DEFAULT 0,
    lockout_until TEXT,
    last_failed_login_at TEXT,
    preferences TEXT DEFAULT '{}',
    FOREIGN KEY (org_id) REFERENCES organizations (id)
);

CREATE INDEX idx_users_email ON users (email);
CREATE INDEX idx_users_api_key ON users (api_key);
CREATE INDEX idx_users_org_id ON users (org_id);
CREATE INDEX idx_users_org_role ON users (org_id, role);
CREATE INDEX idx_users_email_active ON users (email, is_active);
CREATE UNIQUE INDEX idx_users_api_key_hash ON users (api_key_hash);

CREATE TABLE organizations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    tier TEXT DEFAULT 'free',
    owner_id TEXT,
    stripe_customer_id TEXT,
    stripe_subscription_id TEXT,
    debates_used_this_month INTEGER DEFAULT 0,
    billing_cycle_start TEXT NOT NULL,
    settings TEXT DEFAULT '{}',
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    FOREIGN KEY (owner_id) REFERENCES users (id)
);

CREATE INDEX idx_orgs_slug ON organizations (slug);
CREATE INDEX idx_orgs_stripe ON organizations (stripe_customer_id);

CREATE TABLE oauth_providers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    provider_user_id TEXT NOT NULL,
    email TEXT,
    linked_at TEXT NOT NULL,
    UNIQUE (provider, provider_user_id),
    FOREIGN KEY (user_id) REFERENCES users (id)
);

CREATE INDEX idx_oauth_user ON oauth_providers (user_id);
CREATE INDEX idx_oauth_provider ON oauth_providers (provider, provider_user_id);

CREATE TABLE org_invitations (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    email TEXT NOT NULL,
    role TEXT DEFAULT 'member',
    token TEXT NOT NULL UNIQUE,
    invited_by TEXT,
    status TEXT DEFAULT 'pending',
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    accepted_at TEXT,
    FOREIGN KEY (org_id) REFERENCES organizations (id),
    FOREIGN KEY (invited_by) REFERENCES users (id)
);

CREATE INDEX idx_invitations_org ON org_invitations (org_id);
CREATE INDEX idx_invitations_email ON org_invitations (email);
CREATE INDEX idx_invitations_token ON org_invitations (token);
CREATE INDEX idx_invitations_status ON org_invitations (status);

-- Counters per organization. What each call cost is in analytics.db.
CREATE TABLE usage_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    count INTEGER DEFAULT 1,
    metadata TEXT DEFAULT '{}',
    created_at TEXT NOT NULL,
    FOREIGN KEY (org_id) REFERENCES organizations (id)
);

CREATE INDEX idx_usage_org ON usage_events (org_id);
CREATE INDEX idx_usage_org_type ON usage_events (org_id, event_type);

CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp TEXT NOT NULL,
    user_id TEXT,
    org_id TEXT,
    action TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT,
    old_value TEXT,
    new_value TEXT,
    metadata TEXT DEFAULT '{}',
    ip_address TEXT,
    user_agent TEXT,
    FOREIGN KEY (user_id) REFERENCES users (id),
    FOREIGN KEY (org_id) REFERENCES organizations (id)
);

CREATE INDEX idx_audit_timestamp ON audit_log (timestamp);
CREATE INDEX idx_audit_user ON audit_log (user_id);
CREATE INDEX idx_audit_org ON audit_log (org_id);
CREATE INDEX idx_audit_action ON audit_log (action);

-- The server: SQLiteBlacklist (token_blacklist.db), SQLiteWebhookStore (webhook_events.db).

CREATE TABLE token_blacklist (
    jti TEXT PRIMARY KEY,
    expires_at REAL NOT NULL,
    revoked_at REAL NOT NULL
);

CREATE INDEX idx_blacklist_expires ON token_blacklist (expires_at);

CREATE TABLE webhook_events (
    event_id TEXT PRIMARY KEY,
    processed_at REAL NOT NULL,
    result TEXT NOT NULL
);

CREATE INDEX idx_webhook_processed_at ON webhook_events (processed_at);

-- Positions: PositionLedger and FlipDetector as the server opens them (grounded_positions.db, and the
-- positions of agent_personas.db), with the other tables of that file.

CREATE TABLE positions (
    id TEXT PRIMARY KEY,
    agent_name TEXT NOT NULL,
    claim TEXT NOT NULL,
    confidence REAL NOT NULL,
    debate_id TEXT NOT NULL,
    round_num INTEGER NOT NULL,
    outcome TEXT DEFAULT 'pending',
    reversed INTEGER DEFAULT 0,
    reversal_debate_id TEXT,
    domain TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    resolved_at TEXT
);

CREATE INDEX idx_positions_agent ON positions (agent_name);
CREATE INDEX idx_positions_debate ON positions (debate_id);
CREATE INDEX idx_positions_outcome ON positions (outcome);

CREATE TABLE detected_flips (
    id TEXT PRIMARY KEY,
    agent_name TEXT NOT NULL,
    original_claim TEXT NOT NULL,
    new_claim TEXT NOT NULL,
    original_confidence REAL,
    new_confidence REAL,
    original_debate_id TEXT,
    new_debate_id TEXT,
    original_position_id TEXT,
    new_position_id TEXT,
    similarity_score REAL,
    flip_type TEXT,
    domain TEXT,
    detected_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_flips_agent ON detected_flips (agent_name);
CREATE INDEX idx_flips_type ON detected_flips (flip_type);

CREATE TABLE position_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    debate_id TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    position_type TEXT NOT NULL,
    position_text TEXT NOT NULL,
    round_num INTEGER DEFAULT 0,
    confidence REAL DEFAULT 0.5,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    was_winning_position INTEGER DEFAULT NULL,
    verified_correct INTEGER DEFAULT NULL,
    UNIQUE (debate_id, agent_name, position_type, round_num)
);

CREATE INDEX idx_position_agent ON position_history (agent_name);
CREATE INDEX idx_position_debate ON position_history (debate_id);

CREATE TABLE debate_outcomes (
    debate_id TEXT PRIMARY KEY,
    winning_agent TEXT,
    winning_position TEXT,
    consensus_confidence REAL,
    verified_at TEXT DEFAULT NULL,
    verification_result INTEGER DEFAULT NULL,
    verification_source TEXT DEFAULT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE experiments (
    experiment_id TEXT PRIMARY KEY,
    agent_name TEXT NOT NULL,
    control_persona TEXT NOT NULL,
    variant_persona TEXT NOT NULL,
    hypothesis TEXT,
    status TEXT DEFAULT 'running',
    control_successes INTEGER DEFAULT 0,
    control_trials INTEGER DEFAULT 0,
    variant_successes INTEGER DEFAULT 0,
    variant_trials INTEGER DEFAULT 0,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    completed_at TEXT
);

CREATE TABLE emergent_traits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trait_name TEXT NOT NULL,
    source_agents TEXT NOT NULL,
    supporting_evidence TEXT,
    confidence REAL DEFAULT 0.5,
    first_detected TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE trait_transfers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    from_agent TEXT NOT NULL,
    to_agent TEXT NOT NULL,
    trait TEXT NOT NULL,
    expertise_domain TEXT,
    success_rate_before REAL,
    success_rate_after REAL,
    transferred_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE evolution_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    mutation_type TEXT NOT NULL,
    before_state TEXT NOT NULL,
    after_state TEXT NOT NULL,
    reason TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);
