"""A database to change by a command line, and what must hold of it whenever that was killed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.vault import KEYS, can_open
from tests.faults.child import Driver
from tests.faults.scene import Ended
from tests.unit.rotate.vaults import companions, make, read

MORE = """
CREATE TABLE more (id INTEGER PRIMARY KEY, text TEXT);
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
INSERT INTO more SELECT i, hex(randomblob(80)) FROM n;
CREATE INDEX ix_more_text ON more (text);
"""


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """One command on one database: how it is called, and which key opens it before and after."""

    folder: Path
    work: str
    before: str | None
    after: str | None

    @property
    def database(self) -> Path:
        return self.folder / "data" / "app.db"

    @property
    def argv(self) -> list[str]:
        flags = {
            "encrypt": ["--key", str(self.after)],
            "decrypt": ["--key", str(self.before), "--reason", "for a test"],
            "rekey": ["--key", str(self.before), "--new-key", str(self.after)],
        }
        return ["inv", f"sqlcipher.{self.work}", "--database", str(self.database), *flags[self.work], "--json"]

    def set_stage(self) -> None:
        """Set the stage again, at the same place."""
        shutil.rmtree(self.database.parent, ignore_errors=True)
        shutil.copytree(self.folder / "first", self.database.parent)

    def find_openers(self) -> list[str | None]:
        """Return the keys that open the database as it lies; asked of a copy, which an application may change."""
        copy = self.folder / "asked"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.database.parent, copy)
        return [name for name in (None, *KEYS) if can_open(copy / "app.db", None if name is None else KEYS[name])]

    def read_again(self, key: str | None) -> list[Any]:
        """Return what an application reads that opens the database as it lies, in a copy."""
        return read(self.folder / "asked" / "app.db", key)


def build(folder: Path, work: str, *, wal: bool, rows: int = 0) -> Rotation:
    """Build a database for a command."""
    before, after = {"encrypt": (None, "vault"), "decrypt": ("vault", None), "rekey": ("vault", "second")}[work]
    sql = MORE.format(rows=rows) if rows else ""
    make(folder / "first" / "app.db", before, wal=wal, more=sql)
    return Rotation(folder=folder, work=work, before=before, after=after)


def run(rotation: Rotation, driver: Driver, **where: Any) -> Ended:
    return driver.run(rotation.argv, keys=KEYS, **where)


def check_whole(rotation: Rotation, content: list[Any]) -> None:
    """Check that one key opens what a killed command left, and that nothing is lost, before anybody goes on."""
    openers = rotation.find_openers()
    assert openers in ([rotation.before], [rotation.after])
    said = rotation.read_again(openers[0])
    assert without_mode(said) == without_mode(content)


def check_finished(rotation: Rotation, content: list[Any], driver: Driver) -> None:
    """Check that the same command ends as if nothing had happened, and leaves nothing behind."""
    ended = run(rotation, driver)
    assert ended.code == 0, ended.err
    assert rotation.find_openers() == [rotation.after]
    assert read(rotation.database, rotation.after) == content
    assert companions(rotation.database) == []
    assert find_left(rotation) == []


def find_left(rotation: Rotation) -> list[str]:
    """Say what lies beside the database that should not: half a file, a copy under the old key, a second folder."""
    home = rotation.database.parent / ".strongroom"
    kept = {"original.db", "rotation.json"} if rotation.work != "rekey" else {"rotation.json"}
    wrong = [path.name for path in rotation.database.parent.iterdir() if path.name not in ("app.db", ".strongroom")]
    wrong += [path.name for path in home.iterdir() if path.name not in ("current.json", "lock", "rotations")]
    folders = list((home / "rotations").iterdir())
    wrong += [f"{len(folders)} folders"] if len(folders) != 1 else []
    for folder in folders:
        found = {path.name for path in folder.iterdir()}
        wrong += sorted(f"{folder.name}/{name}" for name in found ^ kept)
    return wrong


def without_mode(content: list[Any]) -> list[Any]:
    """Leave the journal mode out: of what is not finished it may be another one."""
    return [rows for rows in content if rows not in ([("wal",)], [("delete",)])]
