-- webhook_events.db: webhook events that were already handled (SQLiteWebhookStore).

CREATE TABLE webhook_events (
    event_id TEXT PRIMARY KEY,
    processed_at REAL NOT NULL,
    result TEXT NOT NULL
);

CREATE INDEX idx_webhook_processed_at ON webhook_events (processed_at);
