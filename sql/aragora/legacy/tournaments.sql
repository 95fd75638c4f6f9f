-- tournaments.db: tournaments and their matches (TournamentManager).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('tournaments', 1, '2026-03-08 00:00:00');

CREATE TABLE tournaments (
    tournament_id TEXT PRIMARY KEY,
    name TEXT,
    format TEXT,
    agents TEXT,
    tasks TEXT,
    standings TEXT,
    champion TEXT,
    started_at TEXT,
    completed_at TEXT
);

CREATE TABLE tournament_matches (
    match_id TEXT PRIMARY KEY,
    tournament_id TEXT,
    round_num INTEGER,
    participants TEXT,
    task_id TEXT,
    scores TEXT,
    winner TEXT,
    started_at TEXT,
    completed_at TEXT
);
