"""Remember what became of the ids of a filled table, for the tables that hold them.

For each table and each set of its columns that others hold, ``scratch."map <table> (<columns>)"`` (input, rid, old and
new values, target, waits) has a row for each source row whose values did not stay what they were, or that is in
quarantine (``waits``). Where references go in a circle, ``earlier map …`` is that of the round before, and
``earlier ids …`` what the target held then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from strongroom.binding import BoundInput, Rewrite, TableJob
from strongroom.consolidate.merge.raw import open_raw
from strongroom.consolidate.merge.rows import settled_name
from strongroom.core.quoting import dotted, fold, quote, quote_all
from strongroom.sqlite.connection import Connection

_MAP, _EARLIER, _IDS = "map ", "earlier map ", "earlier ids "
_KEPT = (_MAP, _EARLIER, _IDS)
Held = tuple[str, tuple[str, ...]]
"""A table, and the columns of it that others hold."""


def is_map(name: str) -> bool:
    """Tell whether a working table outlives the table for which it was made."""
    return name.startswith(_KEPT)


def held_by(rewrite: Rewrite) -> Held:
    """Return what a reference holds."""
    return rewrite.parent, rewrite.parent_columns


def map_of(held: Held) -> str:
    """Return the name of the map of a table that was filled."""
    return _name(_MAP, held)


def map_for(rewrite: Rewrite) -> str:
    """Return the name of the map by which a reference is rewritten."""
    return _name(_EARLIER if rewrite.is_late else _MAP, held_by(rewrite))


def ids_for(rewrite: Rewrite) -> str:
    """Return the table, with the columns that are held, of the rows that the target has."""
    return _name(_IDS, held_by(rewrite)) if rewrite.is_late else dotted("main", rewrite.parent)


def _name(kind: str, held: Held) -> str:
    return dotted("scratch", f"{kind}{held[0]} ({', '.join(held[1])})")


def olds(count: int, alias: str = "") -> list[str]:
    """Return the names of the old values of so many columns."""
    return [f"{alias}o{number}" for number in range(count)]


def news(count: int, alias: str = "") -> list[str]:
    """Return the names of the new ones."""
    return [f"{alias}n{number}" for number in range(count)]


def declare_olds(parent: TableJob, rewrite: Rewrite) -> str:
    """Return the columns of old values, which compare as the parent's own do."""
    columns = [parent.table.by_name[fold(name)] for name in rewrite.parent_columns]
    return ", ".join(
        f"{name} {column.affinity} COLLATE {quote(collation)}"
        for name, column, collation in zip(olds(len(columns)), columns, rewrite.collations, strict=True)
    )


def list_held(jobs: Iterable[TableJob], parent: str) -> dict[Held, Rewrite]:
    """Return what the jobs hold of a table, each with a reference that does."""
    found = (rewrite for job in jobs for rewrite in job.rewrites if rewrite.parent == parent)
    return {held_by(rewrite): rewrite for rewrite in found}


def map_ids(connection: Connection, jobs: Sequence[TableJob], filled: TableJob) -> None:
    """Remember what became of the ids of a table that was just filled, when another one refers to it."""
    for held, rewrite in list_held(jobs, filled.table.name).items():
        name, count = map_of(held), len(rewrite.parent_columns)
        connection.execute(f"DROP TABLE IF EXISTS {name}")
        _create_map(connection, name, filled, rewrite)
        listed = ", ".join(olds(count))
        connection.execute(
            f"CREATE INDEX {dotted('scratch', 'by ' + _plain(held))} ON {quote(_MAP + _plain(held))} ({listed})"
        )
        for entry in filled.inputs:
            if all(column in entry.columns for column in rewrite.parent_columns):
                _map_entries(connection, filled, entry, rewrite)
                if any(column in filled.transform for column in rewrite.parent_columns) and not entry.is_seed:
                    _map_plain(connection, filled, entry, rewrite)


def _plain(held: Held) -> str:
    return f"{held[0]} ({', '.join(held[1])})"


def _create_map(connection: Connection, name: str, parent: TableJob, rewrite: Rewrite) -> None:
    made = ", ".join(news(len(rewrite.parent_columns)))
    connection.execute(
        f"CREATE TABLE {name} (input INTEGER, rid INTEGER, {declare_olds(parent, rewrite)}, {made}, target INTEGER, "
        "waits INTEGER, PRIMARY KEY (input, rid)) WITHOUT ROWID"
    )


def _map_entries(connection: Connection, parent: TableJob, entry: BoundInput, rewrite: Rewrite) -> None:
    """Map the rows of which the ledger speaks; those for which no row of the target stands wait."""
    names = [column.name for column in entry.table.columns]
    old = [f"l.c{names.index(entry.columns[column])}" for column in rewrite.parent_columns]
    present = " AND ".join(f"{value} IS NOT NULL" for value in old)
    if parent.table.rowid is None:
        new, target, join = _find_version(connection, parent, entry, rewrite, old)
        waits = "(l._disposition = 'quarantined' AND l._winner_input IS NULL)"
        new, target = [f"iif({waits}, NULL, {one})" for one in new], f"iif({waits}, NULL, {target})"
    else:
        target = f"t.{quote(parent.table.rowid)}"
        join = f"LEFT JOIN {dotted('main', parent.table.name)} t ON {target} = l._target_rowid"
        new, waits = [f"t.{quote(column)}" for column in rewrite.parent_columns], f"{target} IS NULL"
    differs = " OR ".join(
        f"{one} IS NOT {two} COLLATE BINARY OR typeof({one}) <> typeof({two})"
        for one, two in zip(new, old, strict=True)
    )
    connection.execute(
        f"INSERT INTO {map_of(held_by(rewrite))} SELECT {entry.number}, l._rowid, {', '.join(old)}, {', '.join(new)}, "
        f"{target}, {waits} FROM {dotted('ledger', entry.name)} l {join} "
        f"WHERE {present} AND l._disposition <> 'filtered' AND ({waits} OR {differs})"
    )


def _find_version(
    connection: Connection, parent: TableJob, entry: BoundInput, rewrite: Rewrite, old: list[str]
) -> tuple[list[str], str, str]:
    """Return new values, what tells target rows apart, and the join, where the target's rows have no rowid.

    The row that stands for another is one of those from which its group was decided; a row of no group is itself.
    """
    stored, join = _find_stored(connection, entry, rewrite, old)
    if not _is_there(connection, "outcomes"):
        return stored, "NULL", join
    is_merged = parent.conflict.rule == "merge"
    held = "merged v ON v.g = w.g" if is_merged else "versions v ON v.g = w.g AND v.n = w.n"
    named = [column.name for column in parent.columns]
    made = [f"v.c{named.index(column)}" for column in rewrite.parent_columns]
    new = [f"CASE WHEN v.g IS NULL THEN {one} ELSE {two} END" for one, two in zip(stored, made, strict=True)]
    number, row = f"coalesce(l._winner_input, {entry.number})", "coalesce(l._winner_rowid, l._rowid)"
    join += f" LEFT JOIN scratch.contenders w ON w.input = {number} AND w.rid = {row} LEFT JOIN scratch.{held}"
    return new, f"{number} || ' ' || {row}", join


def _find_stored(connection: Connection, entry: BoundInput, rewrite: Rewrite, old: list[str]) -> tuple[list[str], str]:
    """Return a row's own values as its target stores them, and the join: what it had, where nothing changes them."""
    if not _is_there(connection, settled_name(entry)):
        return old, ""
    join = f"LEFT JOIN {dotted('scratch', settled_name(entry))} t ON t._strongroom_row = l._rowid"
    return [f"t.{quote(column)}" for column in rewrite.parent_columns], join


def _map_plain(connection: Connection, parent: TableJob, entry: BoundInput, rewrite: Rewrite) -> None:
    """Map the rows that went in plainly, but whose values a transform changed."""
    with open_raw(connection, entry) as raw:
        home = home_of(parent, entry, raw.rid)
        if parent.table.rowid is None:
            stored, found = dotted("scratch", settled_name(entry)), f"t._strongroom_row = {raw.rid}"
        else:
            stored, found = dotted("main", parent.table.name), f"t.{quote(parent.table.rowid)} = {home}"
        old = [f"s.{quote(entry.columns[column])}" for column in rewrite.parent_columns]
        new = [f"t.{quote(column)}" for column in rewrite.parent_columns]
        differs = " OR ".join(f"{one} IS NOT {two} COLLATE BINARY" for one, two in zip(new, old, strict=True))
        present = " AND ".join(f"{value} IS NOT NULL" for value in old)
        connection.execute(
            f"INSERT OR IGNORE INTO {map_of(held_by(rewrite))} SELECT {entry.number}, {raw.rid}, {', '.join(old)}, "
            f"{', '.join(new)}, {home}, 0 FROM {raw.table} AS s CROSS JOIN {stored} t ON {found} "
            f"WHERE {present} AND ({differs}) AND NOT EXISTS "
            f"(SELECT 1 FROM {dotted('ledger', entry.name)} l WHERE l._rowid = {raw.rid})"
        )


def home_of(job: TableJob, entry: BoundInput, rid: str) -> str:
    """Return the rowid that a row ``s`` of an input has in the target when nothing stood in its way.

    Where the target's rows have none: what tells it from all others.
    """
    if job.table.rowid is None:
        return f"'{entry.number} ' || {rid}"
    key = job.table.integer_key
    if key is not None and key in entry.columns:
        return f"s.{quote(entry.columns[key])}"
    return f"{rid} + {entry.rowid_offset}"


def remember_maps(connection: Connection, jobs: Sequence[TableJob], late: Sequence[TableJob]) -> None:
    """Let the maps of these tables be those of the round before; the first round has none before it."""
    for parent in late:
        for held, rewrite in list_held(jobs, parent.table.name).items():
            name, earlier = map_of(held), _name(_EARLIER, held)
            connection.execute(f"DROP TABLE IF EXISTS {earlier}")
            _create_map(connection, earlier, parent, rewrite)
            if _is_there(connection, _MAP + _plain(held)):
                connection.execute(f"INSERT INTO {earlier} SELECT * FROM {name}")
            ids = _name(_IDS, held)
            if not _is_there(connection, _IDS + _plain(held)):
                connection.execute(f"CREATE TABLE {ids} ({quote_all(held[1])})")


def remember_ids(connection: Connection, jobs: Sequence[TableJob], late: Sequence[TableJob]) -> None:
    """Keep the ids that these tables hold now, before they are filled again."""
    for parent in late:
        for held, rewrite in list_held(jobs, parent.table.name).items():
            ids, columns = _name(_IDS, held), parent.table.by_name
            declared = ", ".join(
                f"{quote(name)} {columns[fold(name)].affinity} COLLATE {quote(collation)}"
                for name, collation in zip(held[1], rewrite.collations, strict=True)
            )
            connection.execute(f"DROP TABLE {ids}")
            connection.execute(f"CREATE TABLE {ids} ({declared})")
            index = dotted("scratch", "by id of " + _plain(held))
            connection.execute(f"CREATE INDEX {index} ON {quote(_IDS + _plain(held))} ({quote_all(held[1])})")
            connection.execute(
                f"INSERT INTO {ids} SELECT {quote_all(held[1])} FROM {dotted('main', parent.table.name)}"
            )


def are_maps_settled(connection: Connection, jobs: Sequence[TableJob], late: Sequence[TableJob]) -> bool:
    """Tell whether the ids of these tables are those of the round before."""
    for parent in late:
        for held in list_held(jobs, parent.table.name):
            one, two = (f"SELECT * FROM {_name(kind, held)}" for kind in (_MAP, _EARLIER))
            differ = f"SELECT 1 FROM ({one} EXCEPT {two}) UNION ALL SELECT 1 FROM ({two} EXCEPT {one}) LIMIT 1"
            if connection.execute(differ).fetchone():
                return False
    return True


def _is_there(connection: Connection, table: str) -> bool:
    found = connection.execute("SELECT 1 FROM scratch.sqlite_master WHERE name = ?", (table,))
    return found.fetchone() is not None
