"""A small system in a folder, consolidated in this process and judged by the oracle of references."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strongroom.consolidate.request import Request, Surroundings
from strongroom.consolidate.run import run
from strongroom.core.errors import ExitCode, StrongroomError
from strongroom.core.progress import Silent
from tests.e2e.reference_oracle import judge

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, mark TEXT, name TEXT);\n"
LOOSE = "CREATE TABLE notes (id INTEGER PRIMARY KEY, mark TEXT, user_id INTEGER);\n"
NOTES = LOOSE.replace("user_id INTEGER", "user_id INTEGER REFERENCES users (id)")
RENUMBER = {"column": "id", "strategy": "renumber"}
PREFER = {"rule": "prefer"}
EVERY_NOTE = {"into": "house.notes", "from": ["a.notes", "b.notes"], "on_conflict": {"rule": "keep_both"}}
BY_NAME = {
    "into": "house.users",
    "from": ["a.users", "b.users"],
    "key": ["name"],
    "identity": RENUMBER,
    "on_conflict": PREFER,
}
TILES = "CREATE TABLE tiles (x INTEGER, y INTEGER, mark TEXT, name TEXT, PRIMARY KEY (x, y));\n"
PINS = """CREATE TABLE pins (id INTEGER PRIMARY KEY, mark TEXT, x INTEGER, y INTEGER,
    FOREIGN KEY (x, y) REFERENCES tiles (x, y));\n"""
EVERY_PIN = {"into": "house.pins", "from": ["a.pins", "b.pins"], "on_conflict": {"rule": "keep_both"}}
TWO = {
    "a": "INSERT INTO users VALUES (1, 'au1', 'ann'), (2, 'au2', 'cid'); INSERT INTO notes VALUES (1, 'an1', 1);",
    "b": "INSERT INTO users VALUES (1, 'bu1', 'bob'), (3, 'bu2', 'cid'); INSERT INTO notes VALUES (1, 'bn1', 1);"
    "INSERT INTO notes VALUES (2, 'bn2', 3);",
}
"""Both files have a user 1, and know the user cid by different ids."""
REFUSED = (ExitCode.USAGE, ExitCode.DIFFERENCES, ExitCode.DECISION)
ENOUGH = 1000


@dataclass(frozen=True, kw_only=True)
class System:
    """What a run is given: SQL of the files by source, SQL of the schemas by target, and the rest of the plan."""

    files: Mapping[str, str]
    schemas: Mapping[str, str]
    rest: Mapping[str, Any]

    @property
    def plan(self) -> dict[str, Any]:
        return {
            "version": 1,
            "sources": {name: {"path": f"{name}.db", **self.say_alias(name)} for name in self.files},
            "targets": {name: {"path": f"{name}.db", "schema": f"{name}.sql"} for name in self.schemas},
            **self.rest,
        }

    def say_alias(self, source: str) -> dict[str, str]:
        """Say where a file's old name leads, where its tables go to several targets."""
        inputs = [(rule["into"], rule["from"]) for rule in self.rest.get("tables", ())]
        inputs += [(f"{target}.", names) for target, names in self.rest.get("copy", {}).items()]
        fed = [
            into.partition(".")[0]
            for into, names in inputs
            for name in names
            if (name if isinstance(name, str) else name["table"]).partition(".")[0] == source
        ]
        return {"alias_of": fed[0]} if len(set(fed)) > 1 else {}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a run ended; ``problems`` are the oracle's, of a published one."""

    code: int
    said: str
    problems: tuple[str, ...]
    quarantined: int
    target: Path

    @property
    def is_published(self) -> bool:
        return self.code == ExitCode.DONE

    def read(self, sql: str, target: str = "house") -> list[tuple[Any, ...]]:
        """Ask a published target."""
        with closing(sqlite3.connect(self.target / f"{target}.db")) as connection:
            return connection.execute(sql).fetchall()


def consolidate(system: System, folder: Path) -> Ended:
    """Write a system down and run it; rows may wait."""
    place, source, target = folder / "system", folder / "source", folder / "target"
    place.mkdir()
    source.mkdir()
    (place / "system.yaml").write_text("version: 1\nname: system\ntitle: A small system\n")
    (place / "plan.yaml").write_text(json.dumps(system.plan, indent=1))
    for name, sql in system.schemas.items():
        (place / f"{name}.sql").write_text(sql)
    for name, sql in system.files.items():
        with closing(sqlite3.connect(source / f"{name}.db")) as connection:
            connection.executescript(f"BEGIN; {sql} COMMIT;")
    request = Request(
        system=place, plan=place / "plan.yaml", source=source, target=target, quarantine_budget=ENOUGH, backup=False
    )
    try:
        outcome = run(request, Surroundings(now=lambda: datetime.now(UTC), progress=Silent()))
    except StrongroomError as error:
        return Ended(code=error.exit_code, said=str(error), problems=(), quarantined=0, target=target)
    found = judge(system.plan, source, target) if outcome.exit == ExitCode.DONE else ()
    return Ended(
        code=outcome.exit,
        said="\n".join(outcome.differences),
        problems=tuple(found),
        quarantined=outcome.quarantined,
        target=target,
    )


def end(
    folder: Path, files: Mapping[str, str], schemas: str | Mapping[str, str], *tables: Mapping[str, Any], **rest: Any
) -> Ended:
    """Consolidate small files into one target, ``house``, or several."""
    named = {"house": schemas} if isinstance(schemas, str) else schemas
    return consolidate(System(files=files, schemas=named, rest={"tables": tables, **rest}), folder)


def see_right(ended: Ended) -> None:
    """See that a run was published, and is right."""
    assert (ended.code, ended.problems) == (ExitCode.DONE, ()), "\n".join([ended.said, *ended.problems])


def refuse_wrong(ended: Ended) -> None:
    """See that a run was refused, or that what it published is right."""
    if not ended.is_published:
        assert ended.code in REFUSED, ended.said
    assert not ended.problems, "\n".join(ended.problems)
