-- evolution.db: cycles of the self-improvement loop and rollbacks (EvolutionRepository).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('evolution_repository', 1, '2026-03-08 00:00:00');

CREATE TABLE nomic_rollbacks (
    id TEXT PRIMARY KEY,
    loop_id TEXT NOT NULL,
    cycle_number INTEGER NOT NULL,
    phase TEXT NOT NULL,
    reason TEXT NOT NULL,
    severity TEXT NOT NULL,
    rolled_back_commit TEXT,
    preserved_branch TEXT,
    files_affected TEXT,
    diff_summary TEXT,
    error_message TEXT,
    created_at TEXT NOT NULL
);

CREATE INDEX idx_rollbacks_loop ON nomic_rollbacks (loop_id, cycle_number);
CREATE INDEX idx_rollbacks_severity ON nomic_rollbacks (severity);

CREATE TABLE cycle_evolutions (
    id TEXT PRIMARY KEY,
    loop_id TEXT NOT NULL,
    cycle_number INTEGER NOT NULL,
    debate_artifact_id TEXT,
    winning_proposal_summary TEXT,
    files_changed TEXT,
    git_commit TEXT,
    rollback_id TEXT,
    created_at TEXT NOT NULL,
    UNIQUE (loop_id, cycle_number),
    FOREIGN KEY (rollback_id) REFERENCES nomic_rollbacks (id)
);

CREATE TABLE cycle_file_changes (
    loop_id TEXT NOT NULL,
    cycle_number INTEGER NOT NULL,
    file_path TEXT NOT NULL,
    change_type TEXT NOT NULL,
    insertions INTEGER DEFAULT 0,
    deletions INTEGER DEFAULT 0,
    PRIMARY KEY (loop_id, cycle_number, file_path)
);

CREATE INDEX idx_file_changes_path ON cycle_file_changes (file_path);
