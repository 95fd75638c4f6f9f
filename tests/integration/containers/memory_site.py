"""The application's memory files, as its stores make them, and the server into which they go."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from strongroom.memory_migrator import main
from tests.integration.containers.schema_site import Site

CRITIQUE = """
    CREATE TABLE _schema_versions (module TEXT PRIMARY KEY, version INTEGER NOT NULL, updated_at TIMESTAMP);
    CREATE TABLE debates (id TEXT PRIMARY KEY, task TEXT NOT NULL, final_answer TEXT, consensus_reached INTEGER,
        confidence REAL, rounds_used INTEGER, duration_seconds REAL, grounded_verdict TEXT,
        created_at TEXT DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE critiques (id INTEGER PRIMARY KEY AUTOINCREMENT, debate_id TEXT REFERENCES debates (id),
        agent TEXT NOT NULL, target_agent TEXT, issues TEXT, suggestions TEXT, severity REAL, reasoning TEXT,
        led_to_improvement INTEGER DEFAULT 0, expected_usefulness REAL DEFAULT 0.5, actual_usefulness REAL,
        prediction_error REAL, created_at TEXT DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE patterns (id TEXT PRIMARY KEY, issue_type TEXT NOT NULL, issue_text TEXT NOT NULL,
        suggestion_text TEXT, success_count INTEGER DEFAULT 0, failure_count INTEGER DEFAULT 0,
        avg_severity REAL DEFAULT 0.5, surprise_score REAL DEFAULT 0.0, base_rate REAL DEFAULT 0.5,
        avg_prediction_error REAL DEFAULT 0.0, prediction_count INTEGER DEFAULT 0, example_task TEXT,
        created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE pattern_embeddings (pattern_id TEXT PRIMARY KEY REFERENCES patterns (id), embedding BLOB);
    CREATE TABLE agent_reputation (agent_name TEXT PRIMARY KEY, proposals_made INTEGER DEFAULT 0,
        proposals_accepted INTEGER DEFAULT 0, critiques_given INTEGER DEFAULT 0,
        critiques_valuable INTEGER DEFAULT 0, updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
        total_predictions INTEGER DEFAULT 0, total_prediction_error REAL DEFAULT 0.0,
        calibration_score REAL DEFAULT 0.5);
    CREATE TABLE patterns_archive (id TEXT, issue_type TEXT, issue_text TEXT, suggestion_text TEXT,
        success_count INTEGER, failure_count INTEGER, avg_severity REAL, surprise_score REAL, example_task TEXT,
        created_at TEXT, updated_at TEXT, archived_at TEXT DEFAULT CURRENT_TIMESTAMP);
    INSERT INTO _schema_versions VALUES ('critique_store', 1, '2026-01-01 00:00:00');
    INSERT INTO debates VALUES
        ('d1', 'design a limiter', 'token bucket', 1, 0.1, 3, 12.25, '{"grade": 1.50}', '2026-01-01 10:00:00'),
        ('d2', 'naïve 🧠', NULL, 0, NULL, NULL, 1e300, NULL, '2026-01-02T10:00:00.123456+02:00');
    INSERT INTO critiques (id, debate_id, agent, issues, suggestions, severity, led_to_improvement, created_at) VALUES
        (5, 'd1', 'claude', '["a", "b"]', '[]', 0.3, 1, '2026-01-01 10:00:01'),
        (9, 'd2', 'gpt4', NULL, '[{"n": 10000000000000000000000.5}]', -0.0, 0, '2026-01-01 10:00:02');
    INSERT INTO patterns (id, issue_type, issue_text, created_at, updated_at) VALUES
        ('p1', 'race', 'x', '2026-01-01', '2026-01-01');
    INSERT INTO pattern_embeddings VALUES ('p1', x'0001ff');
    INSERT INTO agent_reputation (agent_name, updated_at) VALUES ('claude', '2026-01-01 00:00:00');
    INSERT INTO patterns_archive (id, issue_type, archived_at) VALUES
        ('p0', 't', '2026-01-01 00:00:00'), ('p0', 't', '2026-01-01 00:00:00');
"""
CONSENSUS = """
    CREATE TABLE consensus (id TEXT PRIMARY KEY, topic TEXT NOT NULL, topic_hash TEXT NOT NULL,
        conclusion TEXT NOT NULL, strength TEXT NOT NULL, confidence REAL, domain TEXT, tags TEXT, timestamp TEXT,
        data TEXT NOT NULL);
    CREATE TABLE dissent (id TEXT PRIMARY KEY, debate_id TEXT NOT NULL REFERENCES consensus (id),
        agent_id TEXT NOT NULL, dissent_type TEXT NOT NULL, content TEXT NOT NULL, confidence REAL, timestamp TEXT,
        data TEXT NOT NULL);
    CREATE TABLE verified_proofs (id TEXT PRIMARY KEY, debate_id TEXT NOT NULL REFERENCES consensus (id),
        proof_status TEXT NOT NULL, language TEXT, formal_statement TEXT, is_verified INTEGER DEFAULT 0,
        proof_hash TEXT, translation_time_ms REAL, proof_search_time_ms REAL, prover_version TEXT,
        error_message TEXT, timestamp TEXT NOT NULL, data TEXT NOT NULL);
    INSERT INTO consensus VALUES
        ('c1', 'limits', 'h1', 'use it', 'strong', 0.85, 'general', '["a"]', '2026-01-01T10:00:00', '{"id": "c1"}'),
        ('c2', 'retries', 'h2', 'do not', 'weak', 0.2, NULL, NULL, NULL, '{}');
    INSERT INTO dissent VALUES ('x1', 'c1', 'gpt4', 'risk', 'no', 0.5, '2026-01-01T10:00:00', '{}');
    INSERT INTO verified_proofs (id, debate_id, proof_status, is_verified, timestamp, data) VALUES
        ('v1', 'c1', 'done', 1, '2026-01-01T10:00:00Z', '{}');
"""
ROWS = {
    "consensus": 2, "dissent": 1, "verified_proofs": 1, "debates": 2, "critiques": 2, "patterns": 1,
    "pattern_embeddings": 1, "agent_reputation": 1, "patterns_archive": 2,
}  # fmt: skip
ALL = sum(ROWS.values())


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a migration ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def end(self) -> tuple[int, int, int, int]:
        """Return the exit code, and how many rows were migrated, skipped and errors."""
        migrated, skipped, errors = read_figures(self.out)
        return self.code, migrated, skipped, errors


def read_figures(said: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", said.strip().splitlines()[-1])))


@dataclass(frozen=True, kw_only=True)
class Memory:
    """One file that holds both stores, and a database without a table."""

    site: Site
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / ".nomic" / "agora_memory.db"

    @property
    def dsn(self) -> str:
        return self.site.dsn

    def make(self, *scripts: str) -> None:
        self.file.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(self.file)) as connection:
            for script in scripts:
                connection.executescript(script)

    def run(self, line: Sequence[str], **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command line of the door in a process of its own, where the file is ``.nomic/agora_memory.db``."""
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PGPASSWORD": self.site.password,
            "STRONGROOM_JOBS": "1",
            **variables,
        }
        line = [sys.executable, *line]
        return subprocess.run(
            line, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=180
        )

    def migrate(self, *flags: str, **variables: str) -> Done:
        """Run the door in this process, on the server of ``DATABASE_URL``."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {"DATABASE_URL": self.dsn, "STRONGROOM_JOBS": "1", **variables}.items():
                patch.setenv(name, value)
            self.site.capsys.readouterr()
            code = main(["--sqlite-path", str(self.file), *flags])
            said = self.site.capsys.readouterr()
        return Done(code=code, out=said.out, err=said.err)

    def count(self, schema: str = "stores") -> dict[str, int]:
        return {table: self.site.read(f"SELECT count(*) FROM {schema}.{table}")[0][0] for table in ROWS}

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        return self.site.read(sql)
