-- token_blacklist.db: revoked access tokens (SQLiteBlacklist).

CREATE TABLE token_blacklist (
    jti TEXT PRIMARY KEY,
    expires_at REAL NOT NULL,
    revoked_at REAL NOT NULL
);

CREATE INDEX idx_blacklist_expires ON token_blacklist (expires_at);
