-- semantic_patterns.db: embeddings of patterns (SemanticRetriever).

CREATE TABLE embeddings (
    id TEXT PRIMARY KEY,
    text_hash TEXT UNIQUE,
    text TEXT,
    embedding BLOB,
    provider TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_embeddings_hash ON embeddings (text_hash);
