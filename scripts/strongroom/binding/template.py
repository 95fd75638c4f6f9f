"""The whole structure of a target as a small database: its schema file, and what the sources bring along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from strongroom.binding.columns import literal_default
from strongroom.core.engines import Engine
from strongroom.core.errors import ConfigurationError
from strongroom.core.plan import Input
from strongroom.core.quoting import quote
from strongroom.sqlite.connection import Connection, open_memory, open_stage
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import Column, Schema, Table, count_rows, read_schema


class Template:
    """A target's structure in the making. ``carried`` and ``reported`` say what the sources added or could not."""

    def __init__(self, connection: Connection, database: Database) -> None:
        """Work on an open, throw-away database."""
        self._connection = connection
        self._schema: Schema | None = None
        self.database = database
        self.carried: list[str] = []
        self.reported: list[str] = []

    def schema(self) -> Schema:
        """Return the structure as it is now."""
        if self._schema is None:
            self._schema = read_schema(self._connection)
        return self._schema

    def find(self, table: str) -> Table:
        """Return a table that is known to be there."""
        found = self.schema().find(table)
        if found is None:
            raise ConfigurationError(self.database.path.stem, f"has no table {table}")
        return found

    def find_collation(self, table: str, column: str) -> str:
        """Return the collation that a column declares."""
        name = quote("collation of a column")
        self._connection.execute(f"CREATE INDEX {name} ON {quote(table)} ({quote(column)})")
        rows = self._connection.execute(f"PRAGMA index_xinfo({name})").fetchall()
        self._connection.execute(f"DROP INDEX {name}")
        return str(rows[0][4])

    def count(self, table: str) -> int:
        """Count the rows that the schema file inserted into a table."""
        return count_rows(self._connection, table)

    def _execute(self, sql: str) -> None:
        self._connection.execute(sql)
        self._schema = None

    def adopt(self, table: Table, name: str, siblings: Mapping[str, Table], renames: Mapping[str, str]) -> None:
        """Take a source's own definition; ``renames`` are the new names of that source's tables, where they differ."""
        definition, *indexes = [table.sql, *(index.sql for index in table.indexes if index.sql)]
        if renames:
            definition, *indexes = _rename(self.database.engine, table, name, siblings, renames)
        self._execute(definition)
        for sql in indexes:
            with suppress(self._connection.Error):  # another index has its name: carry_indexes says so
                self._execute(sql)

    def note_table(self, name: str, origin: str) -> None:
        """Say that a table came along which the plan does not name."""
        self.carried.append(f"table {name} from {origin}")

    def carry_column(self, table: str, column: Column, origin: str) -> None:
        """Add a source's column at the end of the table under its declared type, with its DEFAULT if that is a literal.

        Any other could not be added to a table with rows, or would mean another value for each.
        """
        default = literal_default(column)
        said = [column.declared] if column.declared else []
        said += [f"DEFAULT {default}"] if default is not None else []
        self._execute(" ".join([f"ALTER TABLE {quote(table)} ADD COLUMN", quote(column.name), *said]))
        described = " ".join(said if column.declared else ["(no type)", *said])
        self.carried.append(f"column {table}.{column.name} {described} from {origin}")

    def carry_indexes(self, table: str, inputs: list[tuple[str, Table, Input]]) -> None:
        """Take the sources' indexes along that the target lacks."""
        for source, source_table, _ in inputs:
            for index in source_table.indexes:
                if index.sql is None:
                    continue
                known = {(twin.parts, twin.unique, _condition(twin.sql)) for twin in self.find(table).indexes}
                if (index.parts, index.unique, _condition(index.sql)) in known and index.columns:
                    continue
                if self._has_object(index.name, index.sql):
                    continue
                alone = len(inputs) == 1 or not index.unique
                self._carry("index", index.name, index.sql, source, allowed=alone and source_table.name == table)

    def carry_objects(self, schemas: Mapping[str, Schema]) -> None:
        """Take views and triggers along, and the header's numbers where the sources agree."""
        for source, schema in schemas.items():
            for view, sql in schema.views.items():
                if not self._has_object(view, sql):
                    self._carry("view", view, sql, source, probe=f"SELECT * FROM {quote(view)} LIMIT 0")
            for trigger, (_, sql) in schema.triggers.items():
                if not self._has_object(trigger, sql):
                    self._carry("trigger", trigger, sql, source)
        self._carry_number("user_version", {schema.user_version for schema in schemas.values()})
        self._carry_number("application_id", {schema.application_id for schema in schemas.values()})

    def _has_object(self, name: str, sql: str) -> bool:
        row = self._connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = ? COLLATE NOCASE", (name,)
        ).fetchone()
        return row is not None and _normal(row[0]) == _normal(sql)

    def _carry(self, kind: str, name: str, sql: str, source: str, *, allowed: bool = True, probe: str = "") -> None:
        label = f"{kind} {name} from {source}"
        if not allowed:
            self.reported.append(f"{label} is left out: the table is merged under other terms")
            return
        try:
            self._execute(sql)
            if probe:
                self._connection.execute(probe)
        except self._connection.Error as error:
            if probe:
                self._connection.execute(f"DROP VIEW IF EXISTS {quote(name)}")
                self._schema = None
            self.reported.append(f"{label} is left out: {error}")
            return
        self.carried.append(label)

    def _carry_number(self, pragma: str, values: set[int]) -> None:
        if self._connection.execute(f"PRAGMA {pragma}").fetchone()[0]:
            return
        values.discard(0)
        if len(values) == 1:
            number = values.pop()
            self._execute(f"PRAGMA {pragma} = {number}")
            self.carried.append(f"{pragma} {number}")
        elif values:
            self.reported.append(f"{pragma} is left at 0: the sources disagree ({', '.join(map(str, sorted(values)))})")


def _rename(
    engine: Engine, table: Table, name: str, siblings: Mapping[str, Table], renames: Mapping[str, str]
) -> list[str]:
    """Let SQLite write a table and its indexes under new names, foreign keys to its siblings included."""
    with open_memory(engine) as connection:
        for sibling in siblings.values():
            if sibling.kind == "table" or sibling is table:
                connection.execute(sibling.sql)
        for index in table.indexes:
            if index.sql:
                connection.execute(index.sql)
        for old, new in renames.items():
            if siblings[old].kind == "table" or siblings[old] is table:
                connection.execute(f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}")
        rows = connection.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY rowid", (name,)
        )
        return [sql for (sql,) in rows]


def _normal(sql: str | None) -> str:
    return " ".join((sql or "").split()).lower()


def _condition(sql: str | None) -> str:
    head, where, condition = _normal(sql).partition(" where ")
    return condition if where and head else ""


@contextmanager
def open_template(database: Database, schema_file: Path | None) -> Iterator[Template]:
    """Run a target's schema file into a new database.

    Raises ConfigurationError naming the file and SQLite's complaint.
    """
    database.path.parent.mkdir(parents=True, exist_ok=True)
    database.path.unlink(missing_ok=True)
    with open_stage(database) as connection:
        database.path.chmod(0o600)
        if schema_file is not None:
            try:
                connection.executescript(schema_file.read_text(encoding="utf-8"))
            except connection.Error as error:
                raise ConfigurationError(schema_file, str(error), "correct the schema file") from error
        yield Template(connection, database)
