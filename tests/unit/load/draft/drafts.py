"""Drafts of databases that an SQL script makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from strongroom.core.plan.form import ColumnType, Defaults, Target
from strongroom.load.draft import Draft, draft_schema
from strongroom.sqlite.connection import Connection, open_memory


def make_target(types: Mapping[str, ColumnType] | None = None) -> Target:
    """Return a target; ``types`` as the plan has them: by ``table.column``."""
    parted = {tuple(name.rsplit(".", 1)): said for name, said in (types or {}).items()}
    return Target(name="core", path="core.db", schema=None, aliases=(), types=parted)  # type: ignore[arg-type]


def make_defaults(zone: str | None = "UTC") -> Defaults:
    return Defaults(
        unmapped_file="error",
        unmapped_table="error",
        unmapped_column="error",
        on_conflict="quarantine",
        quarantine_budget=0,
        time_zone=zone,
    )


@contextmanager
def open_script(script: str) -> Iterator[Connection]:
    """Open what a script makes."""
    with open_memory() as connection:
        connection.executescript(script)
        yield connection


def draft(script: str, types: Mapping[str, ColumnType] | None = None, zone: str | None = "UTC") -> Draft:
    with open_script(script) as connection:
        return draft_schema(connection, make_target(types), make_defaults(zone))


def find_type(script: str, types: Mapping[str, ColumnType] | None = None, zone: str | None = "UTC") -> str:
    """Return what follows the name of column ``c`` of table ``t``, the only one of both."""
    made = next(one.statement for one in draft(script, types, zone).statements if one.subject == "table t")
    return made.removeprefix('CREATE TABLE "t" ("c" ').removesuffix(")")


def hold(declared: str, *values: str) -> str:
    """Return a script for a column of a declared type and its values, written in SQL."""
    rows = "".join(f"INSERT INTO t VALUES ({value});" for value in values)
    return f"CREATE TABLE t (c {declared}); {rows}"
