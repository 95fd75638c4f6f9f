"""Explain rows that did not arrive plainly: what they held, what stands in their place, what followed. Read-only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from strongroom.consolidate.request import NO_KEYS
from strongroom.core.errors import UnreachableError, UsageError
from strongroom.core.instants import Stored
from strongroom.core.quoting import dotted, quote
from strongroom.core.secret import Secret
from strongroom.runs.folder import Home, RunFolder
from strongroom.sqlite.connection import Connection, RawText, attached, open_snapshot
from strongroom.sqlite.database import Database, under_key
from strongroom.sqlite.keyring import hold_needed

_CUT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRow:
    """One row that did not arrive plainly, with its values and those of the row that stands for it."""

    into: str
    source: str
    rowid: int
    disposition: str
    reason: str
    values: dict[str, str]
    """Column to value, written as SQL would: text in quotes, NULL, x'…'."""
    target: dict[str, str] | None
    followed_by: dict[str, int] = field(default_factory=dict)
    """Tables of the same source to how many of their rows were rewritten with this row's id; with a key only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """One input's table in a ledger."""

    into: str
    source: str
    table: str
    kept: str
    columns: Sequence[str]


def explain(
    home: Home,
    *,
    run: str | None,
    table: str | None,
    dispositions: tuple[str, ...],
    key: str | None = None,
    keys: Mapping[str, Secret] = NO_KEYS,
) -> Iterator[KeptRow]:
    """Yield kept rows: of one target or source table, of some dispositions, holding one value; all by default.

    A row holds a value when it stood in the source's row or stands in the target's. Raises UnreachableError,
    UsageError for a table that is none of the run's, KeyMissingError.
    """
    folder, _ = home.find_run(run)
    if not folder.ledger.is_dir():
        raise UnreachableError(folder.root, "has no ledger any more", "name another --run")
    with hold_needed(keys, folder.read_target_keys().values()):
        yield from _explain(home, folder, table, dispositions, key)


def _explain(
    home: Home, folder: RunFolder, table: str | None, dispositions: tuple[str, ...], key: str | None
) -> Iterator[KeptRow]:
    matched, names = False, folder.read_target_keys()
    for ledger in sorted(folder.ledger.glob("*.db")):
        kept = under_key(ledger, names.get(ledger.stem), home.engine)
        live = _find_target(home, folder, replace(kept, path=folder.stage / ledger.name))
        with open_snapshot(kept) as connection:
            connection.text_factory = RawText
            every = _read_inputs(connection)
            for entry in every:
                if table is None or table in (entry.into, f"{entry.source}.{entry.table}"):
                    matched = True
                    yield from _read_kept(connection, live, (entry, every), dispositions, key)
    if table is not None and not matched:
        raise UsageError("--table", f"{table} is no table of this run", "write target.table or source.table")


def _read_inputs(connection: Connection) -> list[_Kept]:
    rows = connection.execute("SELECT into_table, source, source_table, kept_table, columns FROM inputs").fetchall()
    texts = [tuple(bytes(value).decode() for value in row) for row in rows]
    return [
        _Kept(into=into, source=source, table=table, kept=kept, columns=json.loads(columns))
        for into, source, table, kept, columns in texts
    ]


def _find_target(home: Home, folder: RunFolder, staged: Database) -> Database | None:
    if staged.path.is_file():
        return staged
    place = folder.place(home.target)
    journal = place.read_journal()
    for swap in journal.swaps if journal is not None else ():
        if Path(swap.staged).stem == staged.path.stem and place.live(swap).is_file():
            return place.database(swap)
    return None


def _read_kept(
    connection: Connection,
    live: Database | None,
    place: tuple[_Kept, Sequence[_Kept]],
    dispositions: tuple[str, ...],
    key: str | None,
) -> Iterator[KeptRow]:
    entry, every = place
    holes = ", ".join("?" * len(dispositions))
    where = f"_disposition IN ({holes})"
    parameters: list[str] = list(dispositions)
    if key is not None:
        held = [f"CAST(c{number} AS TEXT) = ?" for number in range(len(entry.columns))]
        places = ", ".join(map(str, _find_places(connection, live, entry.into, key)))
        where += f" AND ({' OR '.join([*held, f'_target_rowid IN ({places})'])})"
        parameters += [key] * len(held)
    rows = connection.execute(f"SELECT * FROM {dotted('main', entry.kept)} WHERE {where} ORDER BY _rowid", parameters)
    for row in rows.fetchall() if key is not None else rows:
        rowid, disposition, reason, _, target_rowid = row[:5]
        values = {name: write_value(value) for name, value in zip(entry.columns, row[7:], strict=True)}
        target = _read_target(live, entry.into, target_rowid)
        yield KeptRow(
            into=entry.into,
            source=entry.kept,
            rowid=rowid,
            disposition=disposition.decode(),
            reason=bytes(reason or b"").decode(),
            values=values,
            target=target,
            followed_by=_count_followers(connection, entry, values, target or {}, every) if key is not None else {},
        )


def _find_places(connection: Connection, live: Database | None, into: str, key: str) -> list[int]:
    """Return the rowids of the target's rows that hold a value."""
    if live is None:
        return []
    table = dotted("live", into.partition(".")[2])
    with attached(connection, live, "live"):
        names = [
            row[1].decode() for row in connection.execute(f"PRAGMA live.table_info({quote(into.partition('.')[2])})")
        ]
        held = " OR ".join(f"CAST({quote(name)} AS TEXT) = ?" for name in names)
        try:
            return [row[0] for row in connection.execute(f"SELECT rowid FROM {table} WHERE {held}", [key] * len(names))]
        except connection.Error:  # a table without rowids
            return []


def _count_followers(
    connection: Connection, entry: _Kept, values: dict[str, str], target: dict[str, str], every: Sequence[_Kept]
) -> dict[str, int]:
    """Count the rows of the same source whose reference to this one was rewritten."""
    changes = [f"{value} is now {target[name]}" for name, value in values.items() if target.get(name, value) != value]
    found = {}
    for other in every if changes else ():
        if other.source != entry.source or other.kept == entry.kept:
            continue
        said = " OR ".join(["instr(_reason, ?) > 0"] * len(changes))
        count = connection.execute(
            f"SELECT count(*) FROM {dotted('main', other.kept)} WHERE {said}", changes
        ).fetchone()
        if count[0]:
            found[other.table] = int(count[0])
    return found


def _read_target(live: Database | None, into: str, rowid: int | None) -> dict[str, str] | None:
    if live is None or rowid is None:
        return None
    table = into.partition(".")[2]
    with open_snapshot(live) as connection:
        connection.text_factory = RawText
        cursor = connection.execute(f"SELECT * FROM main.{quote(table)} WHERE rowid = ?", (rowid,))
        row = cursor.fetchone()
        names = [column[0] for column in cursor.description]
    return {name: write_value(value) for name, value in zip(names, row, strict=True)} if row else None


def write_value(value: Stored) -> str:
    """Write a stored value as SQL would, cut where it is long; bytes that are no UTF-8 stay visible."""
    if value is None:
        return "NULL"
    if isinstance(value, RawText):
        text = bytes(value).decode(errors="backslashreplace").replace("\x00", "\\x00")
        return "'" + (text if len(text) <= _CUT else f"{text[:_CUT]}… ({len(value)} bytes)") + "'"
    if isinstance(value, bytes):
        return f"x'{value[:32].hex()}{'…' if len(value) > 32 else ''}'"  # noqa: PLR2004  enough to recognise it
    return repr(value)
