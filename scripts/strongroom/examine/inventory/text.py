"""An inventory as lines for a tired reader: one per file, what is awkward below it, overlaps at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from strongroom.examine.inventory.model import DatabaseFacts, Inventory, WalChange, WalFacts
from strongroom.examine.inventory.oddities import show_name

_INDENT = "      "
_WIDTH = 110


def describe_inventory(inventory: Inventory) -> list[str]:
    """Write an inventory as lines."""
    if not inventory.databases and not inventory.documents and not inventory.others:
        return [f"{inventory.directory}: no databases here"]
    return [
        _summary(inventory),
        "",
        *_databases(inventory),
        *_files(
            "JSON files",
            [(file.path, file.size, file.problem or file.shape) for file in inventory.documents],
            inventory,
        ),
        *_files("not databases", [(file.path, file.size, file.reason) for file in inventory.others], inventory),
        *_overlaps(inventory),
        *_ending(inventory),
    ]


def _summary(inventory: Inventory) -> str:
    tables = [table for database in inventory.databases for table in database.tables]
    size = sum(database.size for database in inventory.databases)
    odd = sum(len(table.oddities) for table in tables)
    return (
        f"{inventory.directory}: "
        f"{_count(len(inventory.databases), 'database')}, {_count(len(tables), 'table')}, "
        f"{_count(sum(table.rows for table in tables), 'row')}, {_bytes(size)}; "
        f"{_count(len(inventory.documents), 'JSON file')}; {_count(odd, 'oddity', 'oddities')}"
    )


def _databases(inventory: Inventory) -> Iterator[str]:
    if not inventory.databases:
        return
    width = max(len("file"), *(len(database.path) for database in inventory.databases))
    yield f"  {'file':<{width}}  {'size':>9}  {'tables':>6}  {'rows':>11}  {'journal':<8}  state"
    for database in inventory.databases:
        state = "; ".join(_state(database, inventory)) or "ok"
        state += f"; key: {database.key}" if database.key is not None else ""
        rows = sum(table.rows for table in database.tables)
        yield (
            f"  {database.path:<{width}}  {_bytes(database.size):>9}  {len(database.tables):>6}  {rows:>11,}"
            f"  {database.journal_mode:<8}  {state}"
        )
        yield from (_INDENT + line for line in _details(database))


def _state(database: DatabaseFacts, inventory: Inventory) -> Iterator[str]:
    if database.problem is not None:
        yield database.problem.fact
    if database.integrity:
        yield f"DAMAGED: {database.integrity[0]}"
    if database.wal is not None and database.wal.holds_content:
        yield f"-wal holds {_count(database.wal.frames, 'frame')}"
    if database.hot_journal and database.problem is None:
        yield f"-journal of {_bytes(database.hot_journal)}"
    if database.openers:
        yield "open in " + ", ".join(sorted({f"{opener.command} ({opener.pid})" for opener in database.openers}))
    if database.path in inventory.unplanned:
        yield "not in the plan"


def _details(database: DatabaseFacts) -> Iterator[str]:
    if database.problem is not None and database.problem.hint:
        yield f"hint: {database.problem.hint}"
    yield from database.integrity[1:]
    if database.encoding != "UTF-8":
        yield f"encoding {database.encoding}"
    if database.user_version or database.application_id:
        yield f"user_version {database.user_version}, application_id {database.application_id}"
    if database.wal is not None:
        yield from _log(database.wal)
    for table in database.tables:
        yield from table.oddities


def _log(wal: WalFacts) -> Iterator[str]:
    if wal.holds_content and wal.only_here is None:
        yield "-wal was not compared with the file: copy both together, or neither"
    for change in wal.only_here or ():
        yield f"{show_name(change.table)}: {_change(change)} only in the -wal"


def _change(change: WalChange) -> str:
    counts = ((change.added, "new"), (change.changed, "changed"), (change.removed, "removed"))
    parts = [f"{count:,} {what}" for count, what in counts if count]
    total = change.added + change.changed + change.removed
    return f"{', '.join(parts)} {'row' if total == 1 else 'rows'}"


def _files(title: str, files: Iterable[tuple[str, int, str]], inventory: Inventory) -> Iterator[str]:
    listed = list(files)
    if not listed:
        return
    yield from ("", f"{title}:")
    width = max(len(path) for path, _, _ in listed)
    for path, size, fact in listed:
        mark = "; not in the plan" if path in inventory.unplanned else ""
        yield f"  {path:<{width}}  {_bytes(size):>9}  {fact}{mark}"


def _overlaps(inventory: Inventory) -> Iterator[str]:
    if not inventory.overlaps:
        return
    yield from ("", "tables of one name in several files:")
    for overlap in inventory.overlaps:
        places = ", ".join(f"{path} ({rows:,})" for path, rows in zip(overlap.files, overlap.rows, strict=True))
        ending = "" if overlap.same_columns else " - columns differ"
        yield from wrap(
            f"{show_name(overlap.table)}: {places}{ending}",
            _WIDTH,
            initial_indent="  ",
            subsequent_indent=_INDENT + "  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (_INDENT + line for line in overlap.differences)


def _ending(inventory: Inventory) -> Iterator[str]:
    if inventory.absent:
        yield from ("", f"in the plan but not here: {', '.join(inventory.absent)}")
    if inventory.hidden_processes:
        unseen = _count(inventory.hidden_processes, "process", "processes")
        yield from ("", f"{unseen} may hold files open unseen: run as root to see")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _bytes(size: int) -> str:
    amount = float(size)
    for unit in ("B", "KB", "MB"):
        if amount < 1000:  # noqa: PLR2004  as df -H counts
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
