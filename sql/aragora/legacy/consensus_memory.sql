-- consensus_memory.db: what debates agreed on, who dissented, what was proven (ConsensusMemory).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('consensus_memory', 2, '2026-03-08 00:00:00');

CREATE TABLE consensus (
    id TEXT PRIMARY KEY,
    topic TEXT NOT NULL,
    topic_hash TEXT NOT NULL,
    conclusion TEXT NOT NULL,
    strength TEXT NOT NULL,
    confidence REAL,
    domain TEXT,
    tags TEXT,
    timestamp TEXT,
    data TEXT NOT NULL
);

CREATE INDEX idx_consensus_topic_hash ON consensus (topic_hash);
CREATE INDEX idx_consensus_domain ON consensus (domain);
CREATE INDEX idx_consensus_confidence_ts ON consensus (confidence DESC, timestamp DESC);

CREATE TABLE dissent (
    id TEXT PRIMARY KEY,
    debate_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    dissent_type TEXT NOT NULL,
    content TEXT NOT NULL,
    confidence REAL,
    timestamp TEXT,
    data TEXT NOT NULL,
    FOREIGN KEY (debate_id) REFERENCES consensus (id)
);

CREATE INDEX idx_dissent_debate ON dissent (debate_id);
CREATE INDEX idx_dissent_type ON dissent (dissent_type);
CREATE INDEX idx_dissent_timestamp ON dissent (timestamp DESC);

CREATE TABLE verified_proofs (
    id TEXT PRIMARY KEY,
    debate_id TEXT NOT NULL,
    proof_status TEXT NOT NULL,
    language TEXT,
    formal_statement TEXT,
    is_verified INTEGER DEFAULT 0,
    proof_hash TEXT,
    translation_time_ms REAL,
    proof_search_time_ms REAL,
    prover_version TEXT,
    error_message TEXT,
    timestamp TEXT NOT NULL,
    data TEXT NOT NULL,
    FOREIGN KEY (debate_id) REFERENCES consensus (id)
);

CREATE INDEX idx_verified_proofs_debate ON verified_proofs (debate_id);
CREATE INDEX idx_verified_proofs_status ON verified_proofs (proof_status);
CREATE INDEX idx_verified_proofs_verified ON verified_proofs (is_verified);
