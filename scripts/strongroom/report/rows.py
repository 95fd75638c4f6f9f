"""Rows that did not arrive plainly: what they held, and what stands in their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from strongroom.consolidate.explain import KeptRow
from strongroom.report.screen import Screen

LOSING = ("superseded", "merged_changed", "merged_identical", "inserted", "filtered", "quarantined")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Rows that did not arrive plainly."""

    rows: tuple[KeptRow, ...]


RESULTS = {"consolidate.explain": Kept, "consolidate.quarantine": Kept, "postgres.quarantine": Kept}


def show_kept(rows: Iterator[KeptRow], *, limit: int, as_json: bool, color: bool) -> None:
    """Print kept rows by source table, at most ``limit`` of each (0: all)."""
    screen, kept, total = Screen(as_json=as_json, color=color), list[KeptRow](), 0
    for (source, into), group in groupby(rows, key=lambda row: (row.source, row.into)):
        screen.lines([f"{source} → {into}"], style="bold")
        total += _show_group(screen, group, limit, kept if as_json else None)
    screen.conclude("no such rows" if not total else f"{total} rows")
    screen.end(Kept(rows=tuple(kept)))


def _show_group(screen: Screen, rows: Iterable[KeptRow], limit: int, kept: list[KeptRow] | None) -> int:
    count = 0
    for count, row in enumerate(rows, start=1):
        if kept is not None:
            kept.append(row)
        if screen.is_heard and (not limit or count <= limit):
            screen.lines(list(_describe_row(row)))
    if limit and count > limit:
        screen.lines([f"  and {count - limit} more (--limit 0 shows all)"])
    return count


def _describe_row(row: KeptRow) -> Iterator[str]:
    yield f"  row {row.rowid} {row.disposition}: {row.reason}"
    if row.followed_by:
        followed = ", ".join(f"{count} {table}" for table, count in row.followed_by.items())
        yield f"    and with it, rewritten: {followed}"
    target = row.target or {}
    for name, value in row.values.items():
        if row.target is not None and name in row.differs:
            where = "shown" if row.shown is not None else "in the target"
            yield f"    {name} = {value}   ({where}: {target.get(name, 'no such column')})"
        elif row.target is None or _waits(row):
            yield f"    {name} = {value}"


def _waits(row: KeptRow) -> bool:
    """Tell whether a row waits beside the one that is shown: then all of it is told, whatever is equal in both."""
    return row.shown is not None and row.disposition == "quarantined"
