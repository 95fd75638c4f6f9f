-- billing.db: what was reported to the payment provider, and how far (UsageSyncService).

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
