"""Rows that did not arrive plainly: what they held, and what stands in their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby

from rich.console import Console

from strongroom.consolidate.explain import KeptRow
from strongroom.report.screen import open_console, print_json

LOSING = ("superseded", "merged_changed", "merged_identical", "inserted", "filtered", "quarantined")


def show_kept(rows: Iterator[KeptRow], *, limit: int, as_json: bool, color: bool) -> None:
    """Print kept rows by source table, at most ``limit`` of each (0: all)."""
    if as_json:
        print_json({"rows": [asdict(row) for row in rows]})
        return
    console = open_console(color=color)
    total = 0
    for (source, into), group in groupby(rows, key=lambda row: (row.source, row.into)):
        total += _show_group(console, source, into, group, limit)
    console.print("no such rows" if not total else f"{total} rows")


def _show_group(console: Console, source: str, into: str, rows: Iterable[KeptRow], limit: int) -> int:
    console.print(f"{source} → {into}", style="bold", soft_wrap=True)
    count = 0
    for count, row in enumerate(rows, start=1):
        if not limit or count <= limit:
            _show_row(console, row)
    if limit and count > limit:
        console.print(f"  and {count - limit} more (--limit 0 shows all)")
    return count


def _show_row(console: Console, row: KeptRow) -> None:
    console.print(f"  row {row.rowid} {row.disposition}: {row.reason}", soft_wrap=True)
    if row.followed_by:
        followed = ", ".join(f"{count} {table}" for table, count in row.followed_by.items())
        console.print(f"    and with it, rewritten: {followed}", soft_wrap=True)
    target = row.target or {}
    for name, value in row.values.items():
        if row.target is not None and name in row.differs:
            where = "shown" if row.shown is not None else "in the target"
            console.print(f"    {name} = {value}   ({where}: {target.get(name, 'no such column')})", soft_wrap=True)
        elif row.target is None or _waits(row):
            console.print(f"    {name} = {value}", soft_wrap=True)


def _waits(row: KeptRow) -> bool:
    """Tell whether a row waits beside the one that is shown: then all of it is told, whatever is equal in both."""
    return row.shown is not None and row.disposition == "quarantined"
