"""What a legacy schema asks of its rows: kinds of columns, keys, references and checks."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from strongroom.core.quoting import literal, quote

Literal = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column that rows can be written to."""

    name: str
    affinity: str
    kind: str
    """What its values look like: instant, json, flag, count, measure, email, password, reference, name, …"""
    nullable: bool
    has_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A CHECK of the form ``column operator other column`` or ``column operator values``."""

    column: str
    operator: str
    other: str | None
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of one source. Names of columns in keys, references and checks are lower case."""

    source: str
    path: str
    name: str
    columns: tuple[Column, ...]
    rowid_alias: str | None
    has_rowid: bool
    autoincrement: bool
    keys: tuple[tuple[str, ...], ...]
    loose_key: str | None
    """The column of a TEXT PRIMARY KEY that allows NULL, where it is the only key."""
    references: Mapping[str, tuple[str, str]]
    checks: tuple[Check, ...]
    rows: int
    """Rows that the schema file itself brought."""

    @property
    def label(self) -> str:
        """Return ``file table`` for a sentence."""
        return f"{self.path} {self.name}"

    @property
    def columns_text(self) -> tuple[str, ...]:
        """Return the names and kinds of storage by which two tables are of one shape."""
        return tuple(f"{column.name.lower()} {column.affinity}" for column in self.columns)

    def is_in_key(self, name: str) -> bool:
        """Say whether a column is part of any key."""
        return any(name.lower() in key for key in self.keys)


def read_tables(connection: sqlite3.Connection, source: str, path: str) -> list[Table]:
    """Read the tables of one file that rows can be written to, in the order of their creation."""
    listed = connection.execute(
        "SELECT l.name, l.wr, m.sql FROM pragma_table_list AS l JOIN sqlite_master AS m ON m.name = l.name "
        "WHERE l.schema = 'main' AND l.type = 'table' AND m.type = 'table' "
        "AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.rowid"
    ).fetchall()
    return [_read_table(connection, (source, path), *row) for row in listed]


def _read_table(
    connection: sqlite3.Connection, origin: tuple[str, str], name: str, without_rowid: int, sql: str
) -> Table:
    info = [row for row in connection.execute(f"PRAGMA table_xinfo({quote(name)})") if row[6] == 0]
    primary = [row[1] for row in sorted((row for row in info if row[5]), key=lambda row: int(row[5]))]
    is_alias = (
        len(primary) == 1
        and not without_rowid
        and next(row[2] for row in info if row[1] == primary[0]).upper() == "INTEGER"
    )
    keys = [] if is_alias or not primary else [tuple(column.lower() for column in primary)]
    keys += [key for key in _unique_keys(connection, name) if key not in keys]
    loose = [
        row[1]
        for row in info
        if [row[1].lower()] == [*map(str.lower, primary)] and affinity_of(row[2]) == "TEXT" and not row[3]
    ]
    return Table(
        source=origin[0],
        path=origin[1],
        name=name,
        columns=tuple(_read_column(row) for row in info),
        rowid_alias=primary[0] if is_alias else None,
        has_rowid=not without_rowid,
        autoincrement="AUTOINCREMENT" in sql.upper(),
        keys=tuple(keys),
        loose_key=loose[0] if loose and len(keys) == 1 and not without_rowid else None,
        references=_references(connection, name),
        checks=tuple(_read_checks(sql, {row[1].lower() for row in info})),
        rows=connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone()[0],
    )


def _unique_keys(connection: sqlite3.Connection, table: str) -> Iterator[tuple[str, ...]]:
    for row in connection.execute(f"PRAGMA index_list({quote(table)})").fetchall():
        if not row[2] or row[3] == "pk":
            continue
        names = [part[2] for part in connection.execute(f"PRAGMA index_info({quote(row[1])})")]
        if None not in names:  # an index on an expression binds no plain column
            yield tuple(name.lower() for name in names)


def _references(connection: sqlite3.Connection, table: str) -> dict[str, tuple[str, str]]:
    found = {}
    for row in connection.execute(f"PRAGMA foreign_key_list({quote(table)})").fetchall():
        parent, column, parent_column = row[2], row[3], row[4]
        if parent_column is None:  # REFERENCES parent, without a column, means its primary key
            query = f"SELECT name FROM pragma_table_info({literal(parent)}) WHERE pk = 1"
            parent_column = next((name for (name,) in connection.execute(query)), None)
        if parent_column is not None:
            found[column.lower()] = (parent.lower(), parent_column.lower())
    return found


def _read_column(row: tuple[int, str, str, int, str | None, int, int]) -> Column:
    _, name, declared, required, default, primary, _ = row
    affinity = affinity_of(declared)
    return Column(
        name=name,
        affinity=affinity,
        kind=_kind_of(name.lower(), declared.upper(), affinity, default or ""),
        nullable=not required and not primary,
        has_default=default is not None,
    )


def affinity_of(declared: str) -> str:
    """Return the affinity of a declared type (https://www.sqlite.org/datatype3.html, 3.1)."""
    upper = declared.upper()
    if "INT" in upper:
        return "INTEGER"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in upper or not upper:
        return "BLOB"
    return "REAL" if any(word in upper for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


_INSTANT = re.compile(r"(_at|_on|_date|_until|_since|_start|timestamp|detected)$|^last_|^(date|created|updated)$")
_FLAG = re.compile(r"^(is|has|was|can|allow)_|_(enabled|verified|reached|completed)$|^(success|correct)$")
_TEXTS = (
    ("instant", _INSTANT),
    ("password", re.compile(r"passw(or)?d_?hash$")),
    ("email", re.compile(r"email")),
    ("reference", re.compile(r"_id$")),
    ("json", re.compile(r"(_json|data|settings|config|metrics|_state|details|traits)$|[^aisu]s$")),
    ("name", re.compile(r"(^|_)(name|agent|user|author|owner|winner|champion|by|person|[ab])(_|$)")),
    ("prose", re.compile(r"text|content|reason|description|prompt|task|claim|answer|message|note|title")),
)


def _kind_of(name: str, declared: str, affinity: str, default: str) -> str:
    """Guess from names as people choose them; the first that fits."""
    if "CURRENT" in default.upper() or any(word in declared for word in ("TIMESTAMP", "DATE")):
        return "instant"
    if affinity == "TEXT":
        is_json = default.strip("'") in ("{}", "[]")
        return "json" if is_json else next((kind for kind, look in _TEXTS if look.search(name)), "word")
    if affinity == "BLOB":
        return "blob"
    if "BOOL" in declared or (affinity == "INTEGER" and _FLAG.search(name)):
        return "flag"
    number = "count" if affinity == "INTEGER" else "measure"
    return "instant" if _INSTANT.search(name) else number


_NAME = r"""["`\[]?([A-Za-z_]\w*)["`\]]?"""
_COMPARISON = re.compile(rf"^{_NAME}\s*(<=|>=|==|<>|!=|<|>|=)\s*(?:{_NAME}|(.+))$")
_AMONG = re.compile(rf"^{_NAME}\s+IN\s*\((.+)\)$", re.IGNORECASE | re.DOTALL)
_BETWEEN = re.compile(rf"^{_NAME}\s+BETWEEN\s+(\S+)\s+AND\s+(\S+)$", re.IGNORECASE)


def _read_checks(sql: str, columns: set[str]) -> Iterator[Check]:
    """Find the checks of simple forms; rows that break another one are left out when they are written."""
    for found in re.finditer(r"\bCHECK\s*\(", sql, re.IGNORECASE):
        text = _inside(sql, found.end()).strip()
        between = _BETWEEN.match(text)
        if between:
            text = f"{between[1]} >= {between[2]} AND {between[1]} <= {between[3]}"
        for part in re.split(r"\s+AND\s+(?![^()]*\))", text, flags=re.IGNORECASE):
            check = _read_check(part.strip(), columns)
            if check is not None and check.column in columns:
                yield check


def _read_check(text: str, columns: set[str]) -> Check | None:
    among, comparison = _AMONG.match(text), _COMPARISON.match(text)
    if among:
        return Check(column=among[1].lower(), operator="IN", other=None, values=tuple(_literals(among[2])))
    if comparison is None:
        return None
    other = (comparison[3] or "").lower()
    return Check(
        column=comparison[1].lower(),
        operator=comparison[2],
        other=other if other in columns else None,
        values=tuple(_literals(comparison[4] or "")),
    )


def _inside(sql: str, start: int) -> str:
    depth = 1
    for end in range(start, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[end], 0)
        if depth == 0:
            return sql[start:end]
    return ""


def _literals(text: str) -> Iterator[Literal]:
    for found in re.finditer(r"'((?:[^']|'')*)'|(-?\d+\.\d+)|(-?\d+)", text):
        if found[1] is not None:
            yield found[1].replace("''", "'")
        else:
            yield float(found[2]) if found[2] else int(found[3])
