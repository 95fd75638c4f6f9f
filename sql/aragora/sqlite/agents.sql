-- agents.db: who the agents are, what they hold and how they evolve.
--
-- Columns come in the order in which the stores create and read them. Columns that only the
-- official schema has stand after them and may be NULL, since no store fills them.

CREATE TABLE _schema_versions (
    module TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO _schema_versions (module, version, updated_at)
VALUES ('agents', 1, '2026-03-08 00:00:00');

-- Personas: PersonaManager (agent_personas.db, and the older personas.json, also whole).

CREATE TABLE personas (
    agent_name TEXT PRIMARY KEY,
    description TEXT,
    traits TEXT,
    expertise TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE performance_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    debate_id TEXT,
    domain TEXT,
    action TEXT,
    success INTEGER,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_performance_agent ON performance_history (agent_name);
CREATE INDEX idx_performance_domain ON performance_history (domain);
CREATE INDEX idx_performance_action ON performance_history (action);

CREATE TABLE persona_documents (
    name TEXT PRIMARY KEY,
    content TEXT NOT NULL
);

-- Empty: PositionLedger and FlipDetector look here when nobody tells them a path, while the server
-- opens core.db, and the rows are there.

CREATE TABLE positions (
    id TEXT PRIMARY KEY,
    agent_name TEXT NOT NULL,
    claim TEXT NOT NULL,
    confidence REAL NOT NULL,
    debate_id TEXT NOT NULL,
    round_num INTEGER NOT NULL,
    outcome TEXT DEFAULT 'pending',
    reversed INTEGER DEFAULT 0,
    reversal_debate_id TEXT,
    domain TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    resolved_at TEXT
);

CREATE INDEX idx_positions_agent ON positions (agent_name);
CREATE INDEX idx_positions_debate ON positions (debate_id);
CREATE INDEX idx_positions_outcome ON positions (outcome);

CREATE TABLE detected_flips (
    id TEXT PRIMARY KEY,
    agent_name TEXT NOT NULL,
    original_claim TEXT NOT NULL,
    new_claim TEXT NOT NULL,
    original_confidence REAL,
    new_confidence REAL,
    original_debate_id TEXT,
    new_debate_id TEXT,
    original_position_id TEXT,
    new_position_id TEXT,
    similarity_score REAL,
    flip_type TEXT,
    domain TEXT,
    detected_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_flips_agent ON detected_flips (agent_name);
CREATE INDEX idx_flips_type ON detected_flips (flip_type);

-- Positions in debates: PositionTracker (aragora_positions.db, agent_personas.db, persona_lab.db).

CREATE TABLE position_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    debate_id TEXT NOT NULL,
    agent_name TEXT NOT NULL,
    position_type TEXT NOT NULL,
    position_text TEXT NOT NULL,
    round_num INTEGER DEFAULT 0,
    confidence REAL DEFAULT 0.5,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    was_winning_position INTEGER DEFAULT NULL,
    verified_correct INTEGER DEFAULT NULL,
    UNIQUE (debate_id, agent_name, position_type, round_num)
);

CREATE INDEX idx_position_agent ON position_history (agent_name);
CREATE INDEX idx_position_debate ON position_history (debate_id);

CREATE TABLE debate_outcomes (
    debate_id TEXT PRIMARY KEY,
    winning_agent TEXT,
    winning_position TEXT,
    consensus_confidence REAL,
    verified_at TEXT DEFAULT NULL,
    verification_result INTEGER DEFAULT NULL,
    verification_source TEXT DEFAULT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

-- The laboratory: PersonaLaboratory (persona_lab.db).

CREATE TABLE experiments (
    experiment_id TEXT PRIMARY KEY,
    agent_name TEXT NOT NULL,
    control_persona TEXT NOT NULL,
    variant_persona TEXT NOT NULL,
    hypothesis TEXT,
    status TEXT DEFAULT 'running',
    control_successes INTEGER DEFAULT 0,
    control_trials INTEGER DEFAULT 0,
    variant_successes INTEGER DEFAULT 0,
    variant_trials INTEGER DEFAULT 0,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    completed_at TEXT
);

CREATE INDEX idx_experiments_agent ON experiments (agent_name);
CREATE INDEX idx_experiments_status ON experiments (status);

CREATE TABLE emergent_traits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trait_name TEXT NOT NULL,
    source_agents TEXT NOT NULL,
    supporting_evidence TEXT,
    confidence REAL DEFAULT 0.5,
    first_detected TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE trait_transfers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    from_agent TEXT NOT NULL,
    to_agent TEXT NOT NULL,
    trait TEXT NOT NULL,
    expertise_domain TEXT,
    success_rate_before REAL,
    success_rate_after REAL,
    transferred_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_trait_transfers_from ON trait_transfers (from_agent);
CREATE INDEX idx_trait_transfers_to ON trait_transfers (to_agent);

CREATE TABLE evolution_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    mutation_type TEXT NOT NULL,
    before_state TEXT NOT NULL,
    after_state TEXT NOT NULL,
    reason TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

-- Official schema only.
CREATE TABLE agent_evolution_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    mutation_type TEXT NOT NULL,
    before_state TEXT NOT NULL,
    after_state TEXT NOT NULL,
    reason TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_evolution_agent ON agent_evolution_history (agent_name);

-- Genesis: GenesisLedger, GenomeStore, PopulationManager (genesis.db).

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

CREATE INDEX idx_populations_generation ON populations (generation);

CREATE TABLE active_population (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    population_id TEXT
);

-- Empty: the official schema and the path setting RELATIONSHIPS look for relationships here, while
-- their stores open analytics.db unless told otherwise, and the rows are there.

CREATE TABLE agent_relationships (
    agent_a TEXT NOT NULL,
    agent_b TEXT NOT NULL,
    debate_count INTEGER DEFAULT 0,
    agreement_count INTEGER DEFAULT 0,
    critique_count_a_to_b INTEGER DEFAULT 0,
    critique_count_b_to_a INTEGER DEFAULT 0,
    critique_accepted_a_to_b INTEGER DEFAULT 0,
    critique_accepted_b_to_a INTEGER DEFAULT 0,
    position_changes_a_after_b INTEGER DEFAULT 0,
    position_changes_b_after_a INTEGER DEFAULT 0,
    a_wins_over_b INTEGER DEFAULT 0,
    b_wins_over_a INTEGER DEFAULT 0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (agent_a, agent_b),
    CHECK (agent_a < agent_b)
);

CREATE INDEX idx_relationships_a ON agent_relationships (agent_a);
CREATE INDEX idx_relationships_b ON agent_relationships (agent_b);

CREATE TABLE ratings (
    agent_name TEXT PRIMARY KEY,
    elo REAL DEFAULT 1500,
    domain_elos TEXT,
    wins INTEGER DEFAULT 0,
    losses INTEGER DEFAULT 0,
    draws INTEGER DEFAULT 0,
    debates_count INTEGER DEFAULT 0,
    critiques_accepted INTEGER DEFAULT 0,
    critiques_total INTEGER DEFAULT 0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    calibration_correct INTEGER DEFAULT 0,
    calibration_total INTEGER DEFAULT 0,
    calibration_brier_sum REAL DEFAULT 0.0
);

CREATE INDEX idx_ratings_agent ON ratings (agent_name);

CREATE TABLE matches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    debate_id TEXT UNIQUE,
    winner TEXT,
    participants TEXT,
    domain TEXT,
    scores TEXT,
    elo_changes TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_matches_winner ON matches (winner);
CREATE INDEX idx_matches_created ON matches (created_at);
CREATE INDEX idx_matches_domain ON matches (domain);

CREATE TABLE elo_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_name TEXT NOT NULL,
    elo REAL NOT NULL,
    debate_id TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_elo_history_agent ON elo_history (agent_name);
CREATE INDEX idx_elo_history_created ON elo_history (created_at);
CREATE INDEX idx_elo_history_debate ON elo_history (debate_id);

-- From agent on: official schema only.
CREATE TABLE calibration_predictions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tournament_id TEXT NOT NULL,
    predictor_agent TEXT NOT NULL,
    predicted_winner TEXT NOT NULL,
    confidence REAL NOT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    agent TEXT,
    correct INTEGER,
    domain TEXT DEFAULT 'general',
    debate_id TEXT,
    position_id TEXT,
    UNIQUE (tournament_id, predictor_agent)
);

CREATE INDEX idx_calibration_pred_tournament ON calibration_predictions (tournament_id);
CREATE INDEX idx_cal_pred_agent ON calibration_predictions (agent);
CREATE INDEX idx_cal_pred_domain ON calibration_predictions (domain);
CREATE INDEX idx_cal_pred_confidence ON calibration_predictions (confidence);

CREATE TABLE domain_calibration (
    agent_name TEXT NOT NULL,
    domain TEXT NOT NULL,
    total_predictions INTEGER DEFAULT 0,
    total_correct INTEGER DEFAULT 0,
    brier_sum REAL DEFAULT 0.0,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (agent_name, domain)
);

CREATE INDEX idx_domain_cal_agent ON domain_calibration (agent_name);
CREATE INDEX idx_domain_cal_agent_domain ON domain_calibration (agent_name, domain);

CREATE TABLE calibration_buckets (
    agent_name TEXT NOT NULL,
    domain TEXT NOT NULL,
    bucket_key TEXT NOT NULL,
    predictions INTEGER DEFAULT 0,
    correct INTEGER DEFAULT 0,
    brier_sum REAL DEFAULT 0.0,
    PRIMARY KEY (agent_name, domain, bucket_key)
);
