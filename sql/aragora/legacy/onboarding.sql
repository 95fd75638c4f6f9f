-- onboarding.db: first steps of users, verticals (OnboardingRepository, VerticalsConfigRepository).

CREATE TABLE onboarding_flows (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    org_id TEXT,
    current_step TEXT NOT NULL,
    completed_steps TEXT NOT NULL,
    use_case TEXT,
    selected_template TEXT,
    first_debate_id TEXT,
    quick_start_profile TEXT,
    metadata TEXT,
    started_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    completed_at TEXT
);

CREATE INDEX idx_onboarding_user_org ON onboarding_flows (user_id, org_id);

CREATE TABLE vertical_configs (
    vertical_id TEXT NOT NULL PRIMARY KEY,
    config_json TEXT NOT NULL,
    updated_by TEXT DEFAULT '',
    updated_at TEXT NOT NULL
);
