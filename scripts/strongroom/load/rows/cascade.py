"""Rows that refer to a row that waits, by a foreign key of the schema, wait with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from strongroom.core.quoting import quote
from strongroom.load.documents import Reference
from strongroom.load.rows.jobs import ColumnJob, TableJob
from strongroom.load.rows.ledger import REFERENCE, Entry, note_rows, read_addresses
from strongroom.sqlite.connection import attached, open_snapshot
from strongroom.sqlite.database import choose_engine


def let_children_wait(jobs: Sequence[TableJob], references: Iterable[Reference]) -> None:
    """Note in the ledger the children of waiting rows, generation by generation; where they stand they stay."""
    by_name = {job.into: job for job in jobs}
    known = [one for one in references if one.table in by_name and one.parent in by_name]
    due = known
    while due:
        grown = {one.table for one in due if _note_children(by_name[one.table], by_name[one.parent], one)}
        due = [one for one in known if one.parent in grown]


def _note_children(child: TableJob, parent: TableJob, reference: Reference) -> bool:
    """Note the children of a parent's waiting rows; tell whether there were any that did not wait yet."""
    waiting = read_addresses(parent)
    columns, held = _find(child, reference.columns), _find(parent, reference.parent_columns)
    if not waiting or columns is None or held is None:
        return False
    already = read_addresses(child)
    entries = [
        Entry(address=address, reason=_say(reference, parent), rule=REFERENCE)
        for address in _read_children(child, parent, columns, held)
        if address not in already
    ]
    note_rows(child, entries)
    return bool(entries)


def _say(reference: Reference, parent: TableJob) -> str:
    return f"{', '.join(reference.columns)} refers to a row of {parent.name} that waits"


def _find(job: TableJob, names: Sequence[str]) -> list[ColumnJob] | None:
    known: Mapping[str, ColumnJob] = {column.into: column for column in job.columns}
    return [known[name] for name in names] if all(name in known for name in names) else None


def _read_children(
    child: TableJob, parent: TableJob, columns: Sequence[ColumnJob], held: Sequence[ColumnJob]
) -> list[int]:
    """Return the rows whose key only waiting rows of the parent have, values compared as the parent's columns do."""
    pairs = list(zip(columns, held, strict=True))
    same = " AND ".join(f"p.{quote(two.source)} = +c.{quote(one.source)}" for one, two in pairs)
    kept = f"ledger.{quote(parent.name)}"
    waits = f"p._address IN (SELECT _rowid FROM {kept} WHERE _disposition = 'quarantined')"
    parents, children = parent.select_addressed(held), child.select_addressed(columns)
    asked = (
        f"SELECT c._address FROM ({children}) AS c WHERE "
        f"EXISTS (SELECT 1 FROM ({parents}) AS p WHERE {same} AND {waits}) AND "
        f"NOT EXISTS (SELECT 1 FROM ({parents}) AS p WHERE {same} AND NOT {waits})"
    )
    engine = choose_engine((child.snapshot, parent.ledger))
    with (
        open_snapshot(replace(child.snapshot, engine=engine)) as connection,
        attached(connection, parent.ledger, "ledger"),
    ):
        return [address for (address,) in connection.execute(asked)]
