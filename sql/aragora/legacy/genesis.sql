-- genesis.db: genomes and their provenance (GenesisLedger, GenomeStore, PopulationManager).

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('genesis', 1, '2026-03-08 00:00:00');

CREATE TABLE genesis_events (
    event_id TEXT PRIMARY KEY,
    event_type TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    parent_event_id TEXT,
    content_hash TEXT NOT NULL,
    data TEXT,
    FOREIGN KEY (parent_event_id) REFERENCES genesis_events (event_id)
);

CREATE INDEX idx_events_type ON genesis_events (event_type);
CREATE INDEX idx_events_timestamp ON genesis_events (timestamp);

CREATE TABLE genomes (
    genome_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    traits TEXT,
    expertise TEXT,
    model_preference TEXT,
    parent_genomes TEXT,
    generation INTEGER DEFAULT 0,
    fitness_score REAL DEFAULT 0.5,
    birth_debate_id TEXT,
    created_at TEXT,
    updated_at TEXT,
    consensus_contributions INTEGER DEFAULT 0,
    critiques_accepted INTEGER DEFAULT 0,
    predictions_correct INTEGER DEFAULT 0,
    debates_participated INTEGER DEFAULT 0
);

CREATE INDEX idx_genomes_fitness ON genomes (fitness_score DESC);
CREATE INDEX idx_genomes_generation ON genomes (generation);

CREATE TABLE populations (
    population_id TEXT PRIMARY KEY,
    genome_ids TEXT,
    generation INTEGER DEFAULT 0,
    created_at TEXT,
    debate_history TEXT
);

CREATE TABLE active_population (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    population_id TEXT
);
