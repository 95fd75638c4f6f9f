-- usage.db: what each call to a model cost.

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
