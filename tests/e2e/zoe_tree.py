"""Zoe's files, small and awkward: ids collide, names are spelled differently, owners and passwords are missing.

Who owns which row, and which password is whose, is known here by name and not by id.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SYSTEM = Path(__file__).resolve().parents[2] / "sql" / "zoe"
NAMES = ("ann", "bob", "cid", "dot", "eva", "fay", "gus")
FILES = {
    "zoe.db": ("users", "user_id", "events"),
    "auth.db": ("users", "user_id", "sessions"),
    "zoe-auth-service.auth.db": ("users", "user_id", "sessions"),
    "developer_tasks.db": ("users", "id", "dynamic_tasks"),
}
PLACEHOLDERS = ("", "!", "x", "placeholder", "managed by the auth service", "$2b$12$too-short", "0" * 63)
HASH = re.compile(r"\$2b\$12\$[./A-Za-z0-9]{53}")
"""What a password's hash looks like here; the plan allows other forms too."""


@dataclass
class Tree:
    """A data directory, and who owns which row by name (None: nobody, its user is missing)."""

    directory: Path
    events: dict[str, str | None] = field(default_factory=dict)
    sessions: dict[str, str | None] = field(default_factory=dict)
    tasks: dict[str, str | None] = field(default_factory=dict)
    in_json: dict[str, str | None] = field(default_factory=dict)
    people: dict[str, str | None] = field(default_factory=dict)
    collections: dict[str, str | None] = field(default_factory=dict)
    """What zoe.db has under ids that their owners have in other files."""
    signed_in: dict[str, str | None] = field(default_factory=dict)
    """The sessions of zoe.db and of the task tracker."""
    passwords: dict[str, str] = field(default_factory=dict)
    """Name to the first hash that is one, in the order of the files."""

    def of(self, table: str) -> dict[str, str | None]:
        return {"events": self.events, "sessions": self.sessions, "dynamic_tasks": self.tasks}[table]


def make_hash(text: str) -> str:
    return f"$2b$12${hashlib.sha512(text.encode()).hexdigest()[:53]}"


def make_tree(directory: Path, seed: int) -> Tree:
    """Make four files of Zoe's."""
    chance, tree = random.Random(seed), Tree(directory)
    directory.mkdir()
    held = {file: chance.sample(NAMES, 4 if place else 5) for place, file in enumerate(FILES)}
    for place, file in enumerate(FILES):
        with closing(sqlite3.connect(directory / file)) as connection, connection:
            connection.executescript((SYSTEM / "legacy" / f"{file[:-3]}.sql").read_text(encoding="utf-8"))
            ids = chance.sample([f"u{number}" for number in range(1, 12)], len(held[file]))
            belong = dict(zip(ids, held[file], strict=True))
            for identity, name in belong.items():
                add_user(connection, tree, file, (identity, name), chance, held)
            for number in range(12):
                identity = chance.choice([*ids, *ids, "nobody"])
                add_row(connection, tree, FILES[file][2], f"{place}-{number}", identity, belong.get(identity))
            add_sessions(connection, tree, file, belong)
    add_strangers(tree)
    return tree


def add_strangers(tree: Tree) -> None:
    """Add rows to zoe.db under ids that one other file has, or several for one person."""
    owners: dict[str, set[str]] = {}
    for file, (users, key, _) in FILES.items():
        with closing(sqlite3.connect(tree.directory / file)) as connection:
            for identity, name in connection.execute(f"SELECT {key}, lower(trim(username)) FROM {users}"):
                owners.setdefault(identity, set()).add("zoe" if file == "zoe.db" else name)
    with closing(sqlite3.connect(tree.directory / "zoe.db")) as connection, connection:
        for identity, names in owners.items():
            if len(names) == 1 and "zoe" not in names:
                insert(connection, "collections", {"user_id": identity, "name": identity})
                insert(connection, "people", {"user_id": identity, "name": f"stranger {identity}"})
                tree.collections[identity] = tree.people[f"stranger {identity}"] = next(iter(names))


def add_user(
    connection: sqlite3.Connection,
    tree: Tree,
    file: str,
    who: tuple[str, str],
    chance: random.Random,
    held: dict[str, list[str]],
) -> None:
    """Add an account; zoe.db has a placeholder for everybody whose password an auth service knows."""
    users, key, _ = FILES[file]
    identity, name = who
    spelled = chance.choice([name, name.upper(), f" {name} "])
    row = {key: identity, "username": spelled, "email": f"{name}@example.org"}
    if key != "id":
        is_elsewhere = name in held["auth.db"] + held["zoe-auth-service.auth.db"]
        is_placeholder = file == "zoe.db" and is_elsewhere
        row["password_hash"] = chance.choice(PLACEHOLDERS) if is_placeholder else make_hash(f"{name} in {file}")
        if not is_placeholder:
            tree.passwords.setdefault(name, row["password_hash"])
    insert(connection, users, row)


def add_row(
    connection: sqlite3.Connection, tree: Tree, table: str, label: str, identity: str, owner: str | None
) -> None:
    insert(connection, table, row_of(table, label, identity))
    tree.of(table)[label] = owner
    if table == "dynamic_tasks":
        tree.in_json[label] = owner
    if table == "events":
        insert(connection, "people", {"user_id": identity, "name": label})
        tree.people[label] = owner


def add_sessions(connection: sqlite3.Connection, tree: Tree, file: str, belong: dict[str, str]) -> None:
    """Let everybody sign in where that leaves a row in user_sessions."""
    for identity, name in belong.items():
        label = f"{file} {name}"
        if file == "zoe.db":
            row = {"session_id": label, "user_id": identity, "token": f"token of {name}", "expires_at": "2026-01-01"}
        elif file == "developer_tasks.db":
            row = {"id": label, "user_id": identity, "expires_at": "2026-01-01"}
        else:
            continue
        insert(connection, "user_sessions", row)
        tree.signed_in[label] = name


def row_of(table: str, label: str, identity: str) -> dict[str, Any]:
    if table == "sessions":
        return {"session_id": label, "user_id": identity, "expires_at": "2026-01-01"}
    if table == "events":
        return {"title": label, "user_id": identity, "start_date": "2025-10-04"}
    context = json.dumps({"user_id": identity, "note": label})
    return {
        "id": label, "title": label, "objective": "x", "requirements": "x", "constraints": "x",
        "acceptance_criteria": "x", "user_id": identity, "context_snapshot": context,
    }  # fmt: skip


def insert(connection: sqlite3.Connection, table: str, values: dict[str, Any]) -> None:
    names, holes = ", ".join(values), ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({holes})", list(values.values()))
