"""An encrypted database is loaded under its key, and what it holds lies in plain nowhere on our side."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from strongroom.core.secret import Secret
from strongroom.tasks import _loading
from strongroom.tasks import load as tasks
from tests.e2e.vault import KEYS, OTHER, can_open, find_planted, open_vault, planted, use_temporary
from tests.integration.containers.load_site import LoadSite, open_load_site
from tests.integration.containers.schema_site import Site

KEY = KEYS["vault"]
FITS, WAITS, DOUBLE, CHILD, LEFT = map(planted, ("kept", "quarantined", "superseded", "merged", "text"))
SOURCE = f"""
CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, v TEXT UNIQUE, j JSON);
INSERT INTO t VALUES (1, 1, '{FITS}', '{{"name": "{FITS}"}}'), (2, '{WAITS}', '{WAITS}', 'null'), (3, 1, NULL, NULL);
CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t, v TEXT); INSERT INTO c VALUES (1, 2, '{CHILD}');
CREATE TABLE u (id INTEGER PRIMARY KEY, k UUID UNIQUE, v TEXT);
INSERT INTO u VALUES (1, '{"ab" * 16}', 'a'), (2, '{"AB" * 16}', '{DOUBLE}');
CREATE TABLE raw (v TEXT); INSERT INTO raw VALUES (CAST('{LEFT}' || x'ff' AS TEXT)), ('{LEFT}' || char(0));
"""
TYPES = "u.k: uuid"


@pytest.fixture
def shop(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadSite:
    opened = open_load_site(site, tmp_path)
    with closing(open_vault(opened.database, KEY)) as connection:
        connection.executescript(SOURCE)
    opened.plan(defaults="time_zone: UTC, quarantine_budget: 9", types=TYPES, more=", encrypt: vault")
    give(monkeypatch, KEY)
    return opened


def give(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    for module in (tasks, _loading):
        monkeypatch.setattr(module, "find_keys", lambda *_: {"vault": Secret(key)}, raising=False)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_is_encrypted_is_loaded_and_lies_in_plain_nowhere(
    shop: LoadSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    temporary = use_temporary(monkeypatch, tmp_path / "temporary")
    monkeypatch.setenv("STRONGROOM_JOBS", jobs)
    ended = shop.load()
    assert ended.code == 0, ended.error
    again = shop.verify("--json")
    assert again.code == 0, again.error
    assert (again.json["verdict"], again.json["quarantined"]) == ("PROVEN_WITH_QUARANTINE", 5)
    values = (FITS, WAITS, DOUBLE, CHILD, LEFT, KEY)
    assert find_planted(shop.target, temporary, values=values) == []
    assert [value for value in values if value in ended.out + ended.error + again.out + again.error] == []
    assert shop.read("t", "id, n, v") == [(1, 1, FITS), (3, 1, None)]


def test_snapshots_and_ledger_have_the_databases_key(shop: LoadSite) -> None:
    assert shop.load().code == 0
    kept = sorted((shop.target / ".strongroom").rglob("core.db"))
    assert [path.parent.name for path in kept] == ["ledger", "snapshots"]
    for path in kept:
        assert can_open(path, KEY)
        assert not can_open(path, None)
        assert not can_open(path, OTHER)


def test_a_key_that_is_wrong_or_missing_is_said_and_nothing_is_loaded(
    shop: LoadSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, OTHER)
    shop.load().refuse(12, "core.db")
    for module in (tasks, _loading):
        monkeypatch.setattr(module, "find_keys", lambda *_: {}, raising=False)
    shop.load().refuse(12, "vault")
    assert shop.site.read("SELECT to_regnamespace('core_staged') IS NULL") == [(True,)]
