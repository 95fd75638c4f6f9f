"""The seed's way to back up, and the door that took its name: who still has a copy on the day after a bad night."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.engine import install_packages
from tests.quick_inv import open_inv
from tests.unit.backup.scene import Clock, Scene, make_database, run

DOOR = Path(__file__).resolve().parents[2] / "scripts" / "backup_dbs.sh"
RECIPE = """#!/bin/bash
BACKUP_DIR="${ARAGORA_DATA_DIR:-.nomic}/backups"
DATE=$(date +%Y%m%d_%H%M%S)
mkdir -p "$BACKUP_DIR"

for db in agent_elo.db continuum.db consensus_memory.db agent_calibration.db \\
         aragora_insights.db agent_personas.db grounded_positions.db genesis.db \\
         token_blacklist.db users.db agora_memory.db; do
    src="${ARAGORA_DATA_DIR:-.nomic}/${db}"
    if [ -f "$src" ]; then
        sqlite3 "$src" ".backup '$BACKUP_DIR/${db%.db}_${DATE}.db'"
        echo "Backed up: $db"
    fi
done

# Cleanup old backups (keep last 7 days)
find "$BACKUP_DIR" -name "*.db" -mtime +7 -delete
"""
"""``scripts/backup_dbs.sh`` as the application's own paper has it."""
LONG_AGO = timedelta(days=9)


@pytest.fixture(scope="module", autouse=True)
def _shell() -> None:
    if shutil.which("sqlite3") is None:
        install_packages(["sqlite3"], os.environ)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(root=tmp_path, system="aragora", clock=Clock(datetime.now(UTC) - LONG_AGO))
    make_database(scene.data / "users.db", users=50)
    make_database(scene.data / "deep" / "continuum.db", users=7, wal=True)
    return scene


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The door in a clone of its own, whose ./inv is this Python."""
    clone = tmp_path_factory.mktemp("clone")
    (clone / "scripts").mkdir(parents=True)
    shutil.copy(DOOR, clone / "scripts")
    with open_inv(clone / "inv"):
        yield clone / "scripts" / DOOR.name


def knock(door: Path, *flags: str, directory: Path, **variables: object) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    return subprocess.run(
        [door, *flags], cwd=directory, env=given, capture_output=True, text=True, check=False, timeout=120
    )


def count_users(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM users").fetchone()[0])


def list_names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.db"))


def damage(path: Path) -> None:
    """Overwrite the beginning of a database, as a disk does that dies."""
    content = path.read_bytes()
    path.write_bytes(b"\xff" * 4096 + content[4096:])


def test_the_recipe_removes_the_last_good_copy_on_the_night_it_makes_none(scene: Scene, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.sh"
    recipe.write_text(RECIPE)
    recipe.chmod(0o755)
    ended = knock(recipe, directory=tmp_path, ARAGORA_DATA_DIR=scene.data)
    assert (ended.returncode, ended.stdout) == (0, "Backed up: users.db\n")
    (good,) = (scene.data / "backups").iterdir()
    assert count_users(good) == 50
    then = time.time() - LONG_AGO.total_seconds()
    os.utime(good, (then, then))
    damage(scene.data / "users.db")
    ended = knock(recipe, directory=tmp_path, ARAGORA_DATA_DIR=scene.data)
    assert (ended.returncode, ended.stdout) == (0, "Backed up: users.db\n")  # it says
    assert not good.exists()
    for left in (scene.data / "backups").iterdir():
        with pytest.raises(sqlite3.DatabaseError):
            count_users(left)


def test_the_door_keeps_it_and_says_so(scene: Scene, tmp_path: Path, door: Path) -> None:
    scene.init()
    good = scene.create().set
    places = {"ARAGORA_DATA_DIR": scene.data, "ARAGORA_BACKUP_STORE": tmp_path / "store"}
    damage(scene.data / "users.db")
    ended = knock(door, directory=tmp_path, **places)
    assert ended.returncode == 4
    assert "PARTIAL" in ended.stdout
    assert "missing:\n  users.db" in ended.stdout
    assert "removed" not in ended.stdout
    name = scene.data / "backups" / f"users_{good}.db"
    assert count_users(name) == 50
    (scene.data / "users.db").unlink()
    make_database(scene.data / "users.db", users=60)
    scene.clock.at = datetime.now(UTC) - timedelta(hours=1)
    kept = [scene.create().set for _ in range(2)]  # with the next, the newest three that count
    ended = knock(door, directory=tmp_path, **places)
    assert ended.returncode == 0, ended.stderr
    assert f"removed:\n  {good}\n" in ended.stdout
    assert not name.is_symlink()
    left = {path.stem.partition("_")[2] for path in name.parent.glob("users_*.db") if path.is_symlink()}
    assert left == {one.id for one in scene.catalog().sets if one.is_verified} > set(kept)


def test_copies_have_the_names_that_they_always_had(scene: Scene, tmp_path: Path, door: Path) -> None:
    writer = sqlite3.connect(scene.data / "deep" / "continuum.db")
    with closing(writer):
        writer.execute("INSERT INTO users (name) VALUES ('in the log')")
        writer.commit()
        (scene.data / "backups").mkdir()
        old = scene.data / "backups" / "users_20260101_000000.db"
        shutil.copy(scene.data / "users.db", old)
        scene.data.rename(tmp_path / ".nomic")
        ended = knock(door, directory=tmp_path)
    assert ended.returncode == 0, ended.stderr
    said = [line for line in ended.stdout.splitlines() if line.startswith("Backed up: ")]
    assert said == ["Backed up: deep/continuum.db", "Backed up: users.db"]
    names = tmp_path / ".nomic" / "backups"
    (listed,) = (tmp_path / ".nomic-backups" / "catalog").iterdir()
    made = [f"deep/continuum_{listed.stem}.db", f"users_{listed.stem}.db"]
    assert list_names(names) == sorted([*made, "users_20260101_000000.db"])
    assert [count_users(names / name) for name in made] == [8, 50]
    restored = tmp_path / "users.db"
    shutil.copy(names / made[1], restored)  # as the paper restores: what comes is a file of its own
    run(restored, "DELETE FROM users")
    assert count_users(names / made[1]) == 50


def test_a_dry_run_writes_nothing(scene: Scene, tmp_path: Path, door: Path) -> None:
    before = sorted(path for path in tmp_path.rglob("*"))
    ended = knock(door, "--dry-run", directory=tmp_path, ARAGORA_NOMIC_DIR=scene.data)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"would make a folder store for aragora: {scene.data}-backups\n"
    assert sorted(path for path in tmp_path.rglob("*")) == before
