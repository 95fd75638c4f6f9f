"""What the oracle of references knows of plans and files: which table feeds which, what keys are declared.

It imports nothing of ours; all names are in lower case.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Values = tuple[Any, ...]
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Input:
    """A source table, the target table that it feeds, and {target column: its own column}."""

    source: str
    table: str
    into: str
    columns: Mapping[str, str] = field(hash=False)

    @property
    def name(self) -> str:
        return f"{self.source}.{self.table}"

    def find(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the target's columns that hold columns of this table; nothing where one has no place."""
        found = {mine: theirs for theirs, mine in self.columns.items()}
        return tuple(found[one] for one in columns) if found.keys() >= set(columns) else ()


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Columns of a target table (or a path in one) that hold keys of another, as one input's rows mean them."""

    child: Input
    columns: tuple[str, ...]
    path: str | None = None
    parent: str
    keys: tuple[str, ...]
    homes: tuple[Input, ...] = ()
    """Where parents are looked for."""
    beside: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Tables of the child's file that hold parents and are dropped or feed another table, and their columns' names."""
    is_strange: bool = False
    """The child's file does not hold the parent: the homes are all tables that do."""
    is_named: bool = False
    """The plan names the homes."""
    orphans: str | None = "wait"

    @property
    def place(self) -> tuple[Any, ...]:
        return self.columns, self.path, self.parent, self.keys


def open_unchanged(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def ask(file: sqlite3.Connection, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    found = file.execute(sql, values)
    names = [str(column[0]).lower() for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found]


def list_tables(file: sqlite3.Connection) -> set[str]:
    return {row["name"].lower() for row in ask(file, "SELECT name FROM sqlite_master WHERE type = 'table'")}


def list_columns(file: sqlite3.Connection, table: str) -> list[str]:
    return [row["name"].lower() for row in ask(file, f'PRAGMA table_info("{table}")')]


def list_key(file: sqlite3.Connection, table: str) -> tuple[str, ...]:
    found = sorted((row["pk"], row["name"].lower()) for row in ask(file, f'PRAGMA table_info("{table}")') if row["pk"])
    return tuple(name for _, name in found)


def list_foreign_keys(file: sqlite3.Connection, table: str) -> Iterator[tuple[str, list[str], Sequence[str]]]:
    """Yield parent, child's columns and parent's columns of every declared key."""
    rows = ask(file, f'PRAGMA foreign_key_list("{table}")')
    for number in dict.fromkeys(row["id"] for row in rows):
        parts = sorted((row for row in rows if row["id"] == number), key=lambda row: int(row["seq"]))
        parent = parts[0]["table"].lower()
        said = [part["to"].lower() for part in parts if part["to"]]
        yield parent, [part["from"].lower() for part in parts], said or list_key(file, parent)


def list_inputs(plan: Mapping[str, Any], files: Mapping[str, sqlite3.Connection]) -> Iterator[Input]:
    """Yield the source tables that the plan feeds into targets, wildcards of ``copy`` last."""
    items = [(rule["into"], item) for rule in plan.get("tables", ()) for item in rule["from"]]
    named = [(into, *((one["table"], one["columns"]) if isinstance(one, dict) else (one, {}))) for into, one in items]
    copied = [(target, *name.split(".")) for target, names in plan.get("copy", {}).items() for name in names]
    named += [(f"{target}.{table}", f"{source}.{table}", {}) for target, source, table in copied if table != "*"]
    taken = {name for _, name, _ in named} | {one["table"] for one in plan.get("drop", ())}
    for target, source in [(target, source) for target, source, table in copied if table == "*"]:
        left = sorted(table for table in list_tables(files[f"source {source}"]) if f"{source}.{table}" not in taken)
        named += [(f"{target}.{table}", f"{source}.{table}", {}) for table in left]
    for into, name, renamed in named:
        (source, table), (target, its_table) = name.split("."), into.split(".")
        if f"source {source}" not in files:
            continue  # an optional one
        mine = set(list_columns(files[f"source {source}"], table)) - set(renamed.values())
        same = {column: column for column in list_columns(files[f"target {target}"], its_table) if column in mine}
        yield Input(source=source, table=table, into=into, columns={**same, **renamed})
