-- users.db: accounts, organizations and what they did (UserStore).

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
