-- debate_embeddings.db: embeddings of debates (SemanticRetriever).

CREATE TABLE embeddings (
    id TEXT PRIMARY KEY,
    text_hash TEXT UNIQUE,
    text TEXT,
    embedding BLOB,
    provider TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_embeddings_hash ON embeddings (text_hash);
