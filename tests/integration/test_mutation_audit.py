"""The mutation audit: every planted class of change must be seen by the verifier.

Beside each class the table at the end says whether a comparison of row counts would have seen it.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.consolidate.proving import gather_evidence, open_proving
from strongroom.core.errors import DamagedSourceError
from strongroom.core.workers import Workers
from strongroom.sqlite.database import Database
from strongroom.sqlite.snapshot import Snapshot
from tests.integration.audit_system import Staged, stage_system
from tests.integration.planted_changes import BASIC, Change, Ground
from tests.integration.planted_decisions import CHANGES as DECISIONS

CHANGES = [*BASIC, *DECISIONS]
LEAST = 200
COUNTERS = ((24, 28), (92, 100))  # of SQLite's file header: they change with every write

Findings = dict[str, tuple[bool, bool]]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    return stage_system(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="module")
def findings() -> Iterator[Findings]:
    """Class to (found by us, found by counting)."""
    return {}


def copy_ground(staged: Staged, folder: Path) -> Ground:
    """Copy the files that a change may touch."""
    for part in ("stage", "ledger"):
        shutil.copytree(staged.folder.root / part, folder / part)
    shutil.copyfile(staged.folder.archive, folder / "archive.db")
    return Ground(
        stage=folder / "stage" / "house.db",
        ledger=folder / "ledger" / "house.db",
        snapshots=dict(staged.snapshots),
        folder=folder,
    )


def plant(change: Change, ground: Ground) -> None:
    """Make the change, and make sure that it really is one."""
    before = read_content(ground)
    for file, sql in ((ground.stage, change.stage), (ground.ledger, change.ledger)):
        if sql:
            connection = sqlite3.connect(file, isolation_level=None)
            connection.executescript(sql)
            connection.close()
    if change.damage is not None:
        change.damage(ground)
    assert read_content(ground) != before, f"{change.name}: nothing was changed"


def read_content(ground: Ground) -> list[bytes]:
    files = [ground.stage, ground.ledger, ground.folder / "archive.db"]
    files += [file for one in ground.snapshots.values() for file in (one.copy.path, one.raw) if file.is_file()]
    contents = [bytearray(file.read_bytes() if file.is_file() else b"") for file in files]
    for content in contents:
        for start, end in COUNTERS:
            content[start:end] = bytes(end - start)
    return [bytes(content) for content in contents]


def verify(staged: Staged, folder: Path, snapshots: dict[str, Snapshot]) -> list[str]:
    """Verify as a run does; return what is wrong, in words."""
    evidence = gather_evidence(
        staged.folder,
        snapshots,
        {"house": Database(folder / "stage" / "house.db")},
        {"house": Database(folder / "ledger" / "house.db")},
        Database(folder / "archive.db"),
    )
    try:
        with open_proving(evidence, Workers(None, lambda: None)) as proving:
            proving.start("house")
            found = proving.finish(snapshots, staged.source, is_source=True)
    except DamagedSourceError as error:
        return [str(error)]
    wrong = [difference for part in found for difference in part.differences]
    return wrong + [name for part in found for name, tally in part.tables.items() if tally.unexplained]


def count_rows(file: Path) -> dict[str, int]:
    """Count the rows of every table, as tools do that verify by counting."""
    connection = sqlite3.connect(file)
    try:
        tables = connection.execute(
            "SELECT name FROM pragma_table_list "
            "WHERE type IN ('table', 'virtual') AND name NOT LIKE 'sqlite^_%' ESCAPE '^'"
        ).fetchall()
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables}
    except sqlite3.DatabaseError:
        return {}
    finally:
        connection.close()


def test_an_untouched_stage_is_clean(staged: Staged, tmp_path: Path) -> None:
    ground = copy_ground(staged, tmp_path)
    assert verify(staged, tmp_path, ground.snapshots) == []


@pytest.mark.sample(2)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_planted_change_is_found(change: Change, staged: Staged, findings: Findings, tmp_path: Path) -> None:
    ground = copy_ground(staged, tmp_path)
    plant(change, ground)
    wrong = verify(staged, tmp_path, ground.snapshots)
    counted = count_rows(ground.stage) != count_rows(staged.folder.stage / "house.db")
    findings[change.name] = (bool(wrong), counted)
    assert wrong, f"{change.name}: not found"


def test_the_audit_prints_its_table(findings: Findings, capsys: pytest.CaptureFixture[str]) -> None:
    if not findings:
        pytest.skip("no class was audited in this run")
    ours, counting = (sum(found[place] for found in findings.values()) for place in (0, 1))
    width = max(map(len, findings))
    with capsys.disabled():
        print(f"\n\n{'planted change':{width}}  verify  count")
        for name, (found, counted) in findings.items():
            print(f"{name:{width}}  {'found ' if found else 'MISSED'}  {'found' if counted else '-'}")
        print(f"{ours} of {len(findings)} found; counting rows finds {counting}\n")
    assert ours == len(findings)


def test_the_audit_plants_enough_and_each_once() -> None:
    names = [change.name for change in CHANGES]
    assert len(set(names)) == len(names) >= LEAST
