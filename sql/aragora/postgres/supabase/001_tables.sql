-- supabase: what the cloud deployment keeps: cycles, artifacts, events, metrics, workspaces.

CREATE TABLE nomic_cycles (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    loop_id TEXT NOT NULL,
    cycle_number INTEGER NOT NULL,
    phase TEXT NOT NULL,
    stage TEXT,
    started_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    completed_at TIMESTAMPTZ,
    success BOOLEAN,
    git_commit TEXT,
    task_description TEXT,
    total_tasks INTEGER DEFAULT 0,
    completed_tasks INTEGER DEFAULT 0,
    error_message TEXT,
    created_at TIMESTAMPTZ DEFAULT NOW(),
    UNIQUE (loop_id, cycle_number, phase)
);

CREATE INDEX idx_nomic_cycles_loop ON nomic_cycles (loop_id, started_at DESC);
CREATE INDEX idx_nomic_cycles_phase ON nomic_cycles (phase, started_at DESC);

CREATE TABLE debate_artifacts (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    loop_id TEXT NOT NULL,
    cycle_number INTEGER NOT NULL,
    phase TEXT NOT NULL,
    task TEXT NOT NULL,
    agents JSONB NOT NULL,
    transcript JSONB NOT NULL,
    consensus_reached BOOLEAN NOT NULL DEFAULT FALSE,
    confidence DOUBLE PRECISION NOT NULL DEFAULT 0,
    winning_proposal TEXT,
    vote_tally JSONB,
    created_at TIMESTAMPTZ DEFAULT NOW(),
    view_count INTEGER DEFAULT 0
);

CREATE INDEX idx_debate_artifacts_loop ON debate_artifacts (loop_id, created_at DESC);
CREATE INDEX idx_debate_artifacts_phase ON debate_artifacts (phase, created_at DESC);
CREATE INDEX idx_debate_artifacts_consensus ON debate_artifacts (consensus_reached, created_at DESC);

CREATE TABLE stream_events (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    loop_id TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    event_data JSONB NOT NULL DEFAULT '{}',
    agent TEXT,
    timestamp TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX idx_stream_events_loop_time ON stream_events (loop_id, timestamp DESC);
CREATE INDEX idx_stream_events_type ON stream_events (event_type, timestamp DESC);
CREATE INDEX idx_stream_events_agent ON stream_events (agent, timestamp DESC);

CREATE TABLE agent_metrics (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    loop_id TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    agent_name TEXT NOT NULL,
    model TEXT NOT NULL,
    phase TEXT NOT NULL,
    messages_sent INTEGER DEFAULT 0,
    proposals_made INTEGER DEFAULT 0,
    critiques_given INTEGER DEFAULT 0,
    votes_won INTEGER DEFAULT 0,
    votes_received INTEGER DEFAULT 0,
    consensus_contributions INTEGER DEFAULT 0,
    avg_response_time_ms DOUBLE PRECISION,
    timestamp TIMESTAMPTZ DEFAULT NOW()
);

CREATE INDEX idx_agent_metrics_agent ON agent_metrics (agent_name, timestamp DESC);
CREATE INDEX idx_agent_metrics_loop ON agent_metrics (loop_id, cycle);

CREATE TABLE slack_workspaces (
    workspace_id TEXT PRIMARY KEY,
    workspace_name TEXT NOT NULL,
    access_token TEXT NOT NULL,
    bot_user_id TEXT NOT NULL,
    installed_at TIMESTAMPTZ NOT NULL,
    installed_by TEXT,
    scopes TEXT[],
    tenant_id TEXT,
    is_active BOOLEAN DEFAULT TRUE,
    signing_secret TEXT,
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW()
);

CREATE INDEX idx_slack_workspaces_tenant ON slack_workspaces (tenant_id);
CREATE INDEX idx_slack_workspaces_active ON slack_workspaces (is_active);

CREATE TABLE usage_metrics (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id TEXT,
    tenant_id TEXT,
    debate_id UUID,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd DECIMAL(10, 6) NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ DEFAULT NOW()
);

CREATE INDEX idx_usage_metrics_workspace ON usage_metrics (workspace_id, created_at);
CREATE INDEX idx_usage_metrics_tenant ON usage_metrics (tenant_id, created_at);
CREATE INDEX idx_usage_metrics_provider ON usage_metrics (provider, created_at);

CREATE TABLE teams_tenants (
    tenant_id TEXT PRIMARY KEY,
    tenant_name TEXT NOT NULL,
    access_token TEXT NOT NULL,
    refresh_token TEXT,
    bot_id TEXT NOT NULL,
    installed_at TIMESTAMPTZ NOT NULL,
    installed_by TEXT,
    scopes TEXT[],
    aragora_org_id TEXT,
    is_active BOOLEAN DEFAULT TRUE,
    expires_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW()
);

CREATE INDEX idx_teams_tenants_org ON teams_tenants (aragora_org_id);
CREATE INDEX idx_teams_tenants_active ON teams_tenants (is_active);
CREATE INDEX idx_teams_tenants_expires ON teams_tenants (expires_at);
