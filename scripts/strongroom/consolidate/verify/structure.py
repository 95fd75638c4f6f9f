"""A target's structure, marks and header, held against what they must be; and whether SQLite finds it sound."""

from __future__ import annotations

import re

from strongroom.consolidate.verify.catalogue import Index, Table, read_mark, read_tables
from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.fingerprint import digest_table
from strongroom.consolidate.verify.house import SEED
from strongroom.core.quoting import dotted, fold, literal, quote
from strongroom.sqlite.connection import Connection, attached, check_integrity, copy_database, open_stage

_PART = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^']|'')*')|(?P<name>"(?:[^"]|"")*"|\[[^\]]*\]|`(?:[^`]|``)*`)"""
    r"""|(?P<word>\w+)|(?P<sign>.)""",
    re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z_]\w*\Z")


def find_damage(desk: Desk) -> list[str]:
    """Return what SQLite's integrity check finds."""
    return [f"{desk.target.name}: {line}" for line in check_integrity(desk.connection)]


def find_damage_of_new(desk: Desk) -> list[str]:
    """Return the same of a plain target that was just built: SQLite made most of its indexes, of the target's rows.

    Their entries are counted. Looked up, at ten times the cost, are those that came with records of a source: indexes
    that refuse rows are there before them.
    """
    connection = desk.connection
    if desk.house.evidence.targets[desk.target.name].key is not None:
        return find_damage(desk)
    found = list(check_integrity(connection, quick=True))
    for table in read_tables(connection).values() if not found else ():
        if any(index.is_unique for index in table.indexes) or not all(
            _holds_every_row(connection, table, index) for index in table.indexes
        ):
            found += check_integrity(connection, table=table.name)
    return [f"{desk.target.name}: {line}" for line in found]


def _holds_every_row(connection: Connection, table: Table, index: Index) -> bool:
    """Tell whether an index has as many entries as its table has rows; not for a partial one, which has fewer."""
    if index.is_partial:
        return False
    held = f"SELECT count(*) FROM {dotted('main', table.name)}"
    rows, entries = (
        connection.execute(f"{held} {way}").fetchone()[0] for way in ("NOT INDEXED", f"INDEXED BY {quote(index.name)}")
    )
    return bool(rows == entries)


def compare_structure(desk: Desk) -> list[str]:
    """Return the differences in tables, indexes, views, triggers, marks and header, in words."""
    name = desk.target.name
    with attached(desk.connection, desk.target.structure, "wanted"):
        wanted, held = _objects(desk, "wanted"), _objects(desk, "main")
        differences = [f"{name}: {kind} {wanted[kind, folded][0]} is missing" for kind, folded in wanted.keys() - held]
        differences += [
            f"{name}: {kind} {held[kind, folded][0]} should not be there" for kind, folded in held.keys() - wanted
        ]
        differences += [
            f"{name}: {kind} {wanted[kind, folded][0]} is not what it should be"
            for kind, folded in wanted.keys() & held
            if not _say_the_same(wanted[kind, folded][1], held[kind, folded][1])
        ]
        for pragma in ("user_version", "application_id"):
            right, actual = (desk.count(f"PRAGMA {schema}.{pragma}") for schema in ("wanted", "main"))
            if right != actual:
                differences.append(f"{name}: {pragma} is {actual} and should be {right}")
        differences += _compare_unfed(desk)
    differences += _find_strange_entries(desk)
    return sorted(differences) + _compare_marks(desk)


def _objects(desk: Desk, schema: str) -> dict[tuple[str, str], tuple[str, str]]:
    rows = desk.connection.execute(f"SELECT type, name, coalesce(sql, '') FROM {schema}.sqlite_master").fetchall()
    return {(kind, fold(name)): (name, sql) for kind, name, sql in rows if not fold(name).startswith("sqlite_")}


def _say_the_same(wanted: str, held: str) -> bool:
    """Tell whether two definitions are the same but for spaces, comments, and quotes around names that need none."""
    return wanted == held or _parts(wanted) == _parts(held)


def _parts(sql: str) -> list[str]:
    parts = []
    for match in _PART.finditer(sql):
        text = match.group()
        if match.lastgroup == "name" and _BARE.match(text[1:-1]):
            text = text[1:-1]
        if match.lastgroup != "space":
            parts.append(text)
    return parts


def _compare_unfed(desk: Desk) -> list[str]:
    """See that tables which nothing feeds hold the schema file's rows and no others."""
    fed = {fold(table.table.name) for table in desk.target.tables}
    wrong = []
    for folded, table in read_tables(desk.connection).items():
        if folded in fed:
            continue
        rows = desk.count(f"SELECT count(*) FROM {dotted('main', table.name)}")
        given = _count_given(desk, table)
        if rows != given:
            wrong.append(
                f"{desk.target.name}.{table.name}: holds {rows} rows, nothing feeds it, the schema gives {given}"
            )
        elif rows and not _hold_the_same(desk, table):
            wrong.append(f"{desk.target.name}.{table.name}: nothing feeds it, and its rows are not the schema's")
    return wrong


def _find_strange_entries(desk: Desk) -> list[str]:
    """See that the ledger speaks of nothing that feeds no table; a schema's rows alone are plainly there."""
    fed = {fold(table.into) for table in desk.target.tables}
    strange = []
    spoken = desk.connection.execute("SELECT into_table, source, kept_table FROM ledger.inputs").fetchall()
    for into, source, kept in spoken:
        if fold(into) in fed:
            continue
        there = desk.count("SELECT count(*) FROM ledger.sqlite_master WHERE name = ?", (kept,))
        if source != SEED or (there and desk.count(f"SELECT count(*) FROM {dotted('ledger', kept)}")):
            strange.append(f"{desk.target.name}: the ledger speaks of {into}, which nothing feeds")
    return strange + [
        f"{desk.target.name}: the ledger's table {table} speaks of {into}, which nothing feeds"
        for table in ("undecided", "decided")
        if desk.count("SELECT count(*) FROM ledger.sqlite_master WHERE name = ?", (table,))
        for (into,) in desk.connection.execute(f"SELECT DISTINCT into_table FROM ledger.{table}").fetchall()
        if fold(into) not in fed
    ]


def _count_given(desk: Desk, table: Table) -> int:
    there = desk.count("SELECT count(*) FROM wanted.sqlite_master WHERE name = ?", (table.name,))
    return desk.count(f"SELECT count(*) FROM {dotted('wanted', table.name)}") if there else 0


def _hold_the_same(desk: Desk, table: Table) -> bool:
    return digest_table(desk.connection, table, "wanted") == digest_table(desk.connection, table)


def _compare_marks(desk: Desk) -> list[str]:
    """See that AUTOINCREMENT goes on behind every id that was ever used, here or in a source."""
    differences = []
    for fed in desk.target.tables:
        if not fed.table.is_autoincrement:
            continue
        own = f"SELECT max({quote(str(fed.table.integer_key))}) FROM {dotted('main', fed.table.name)}"
        with attached(desk.connection, desk.target.structure, "wanted"):
            given = read_mark(desk.connection, fed.table.name, "wanted")
        wanted = max(0, desk.count(own), given, *(entry.mark for entry in fed.inputs))
        held = read_mark(desk.connection, fed.table.name)
        if held != wanted:
            differences.append(f"{fed.into}: AUTOINCREMENT stands at {held} and should stand at {wanted}")
    return differences


def count_orphans(desk: Desk) -> list[str]:
    """Return, in words, how many rows of each table have no parent, beside how many had none in the sources.

    Nothing is said where a key means no unique columns, for SQLite checks none of these.
    """
    notes = []
    for fed in desk.target.tables:
        count = _count_parentless(desk, "main", fed.table)
        if not count:
            continue
        before: list[int | None] = []
        for entry in fed.inputs:
            with desk.source(entry):
                before.append(_count_parentless(desk, "src", entry.table))
        known = sum(number for number in before if number is not None)
        least = "at least " if None in before else ""
        rows = desk.count(f"SELECT count(*) FROM {dotted('main', fed.table.name)}")
        notes.append(f"{fed.into}: {count} of {rows} rows have no parent ({least}{known} had none in the sources)")
    return notes


def _count_parentless(desk: Desk, schema: str, table: Table) -> int | None:
    """Count the rows whose declared parent is not there; None where SQLite cannot check a key."""
    check = f"PRAGMA {schema}.foreign_key_check({quote(table.name)})"
    try:
        return sum(1 for _ in desk.connection.execute(check))
    except desk.connection.OperationalError as error:
        if "foreign key mismatch" not in str(error):
            raise
    return None


def find_wrong_indexes(desk: Desk) -> list[str]:
    """Ask full-text and R-tree tables whether their index says what their content says; SQLite's check does not.

    Full-text tables answer only to a statement that may write, so they are asked in a copy.
    """
    virtual = [table for table in read_tables(desk.connection).values() if table.module is not None]
    differences = []
    for table in virtual:
        if str(table.module).startswith("rtree"):
            answer = desk.connection.execute(f"SELECT rtreecheck('main', {literal(table.name)})").fetchone()[0]
            if answer != "ok":
                differences.append(f"{desk.target.name}.{table.name}: its R-tree is wrong ({answer})")
    text = [table for table in virtual if str(table.module).startswith("fts")]
    return differences + (_ask_in_copy(desk, text) if text else [])


def _ask_in_copy(desk: Desk, tables: list[Table]) -> list[str]:
    differences = []
    copy = desk.copy_place()
    copy_database(desk.connection, copy)
    with open_stage(copy) as asked:
        for table in tables:
            name = quote(table.name)
            try:
                asked.execute(f"INSERT INTO {name}({name}) VALUES ('integrity-check')")
            except asked.Error as error:
                said = desk.say(error)
                differences.append(f"{desk.target.name}.{table.name}: its full-text index is wrong ({said})")
    copy.path.unlink()
    return differences
