"""Groups as a ledger would give them, made by hand."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.consolidate.deciding.groups import Group, GroupRow
from strongroom.consolidate.deciding.tables import TableForm
from strongroom.core.instants import Stored
from strongroom.sqlite.connection import RawText

FORM = TableForm(into="new.notes", key=("id",))


def text(value: str) -> RawText:
    """Return a text as it is stored."""
    return RawText(value.encode())


def make_group(
    rows: Sequence[Sequence[Stored]],
    *,
    columns: Sequence[str] = ("id", "at", "text"),
    form: TableForm = FORM,
    waits: Sequence[int] = (),
    sources: Sequence[str] = ("live", "old", "third"),
) -> Group:
    """Make a group of one row from each source."""
    return Group(
        form=form,
        columns=tuple(columns),
        rows=tuple(
            GroupRow(
                number=number,
                source=f"{sources[(number - 1) % len(sources)]}.notes",
                rowid=number * 10,
                sha256=f"{hash((number, *map(repr, row))) & (2**256 - 1):064x}",
                waits=number in waits,
                stored=tuple(row),
            )
            for number, row in enumerate(rows, start=1)
        ),
    )
