-- share_links.db: links by which debates are shared (ShareLinkStore).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('share_links', 1, '2026-03-08 00:00:00');

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
