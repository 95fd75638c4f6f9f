"""Groups that nobody decided, as they are told: which version is shown, and which wait beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.scene import Scene, run, write_database, write_system

PLAN = """\
version: 1
sources: {live: {path: live.db}, old: {path: old.db}}
targets: {new: {path: new.db}}
tables:
  - {into: new.notes, from: [live.notes, old.notes], on_conflict: {rule: newest, by: at}}
"""
NOTES = "CREATE TABLE notes (id TEXT PRIMARY KEY, at TEXT, text TEXT)WAY;"


@pytest.fixture(params=["", " WITHOUT ROWID"], ids=["rowid", "without"])
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    scene = Scene(system=write_system(tmp_path / "s", PLAN), source=tmp_path / "source", target=tmp_path / "target")
    for name in ("live", "old"):
        rows = f"INSERT INTO notes VALUES ('a', '2024-01-01', '{name}'), ('b', '2024-01-01', 'same')"
        write_database(scene.source / f"{name}.db", NOTES.replace("WAY", request.param) + rows)
    run(scene.argv("run", "--quarantine-budget", "9"))
    return scene


def test_a_row_that_waits_names_the_one_that_is_shown(scene: Scene) -> None:
    (row,) = run(scene.argv("quarantine", "--json")).json["rows"]
    assert (row["source"], row["rowid"], row["disposition"]) == ("old.notes", 1, "quarantined")
    assert row["shown"] == {"source": "live.notes", "rowid": 1}
    said = run(scene.argv("quarantine")).out
    assert "at ties, so newest cannot decide; live.notes row 1 is shown until somebody decides" in said
    assert "id = 'a'" in said
    assert "text = 'old'" in said


def test_explain_by_key_tells_of_both(scene: Scene) -> None:
    rows = run(scene.argv("explain", "--key", "a", "--json")).json["rows"]
    shown = {"source": "live.notes", "rowid": 1}
    assert [(row["source"], row["disposition"], row["shown"]) for row in rows] == [
        ("live.notes", "inserted", shown),
        ("old.notes", "quarantined", shown),
    ]
    assert "undecided: at ties" in run(scene.argv("explain", "--key", "a")).out
