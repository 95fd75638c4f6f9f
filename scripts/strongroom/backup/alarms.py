"""What looks wrong with a set beside the one before it: a member or a table gone, rows or bytes down by half."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.backup.documents import EntryDocument, Summary


def find_alarms(before: EntryDocument | None, after: EntryDocument) -> tuple[str, ...]:
    """Return a sentence for each; none where there is no set before. What failed to be taken is told elsewhere."""
    return () if before is None else tuple(_compare(before, after))


def _compare(before: EntryDocument, after: EntryDocument) -> Iterator[str]:
    now = {member.name: member for member in after.members}
    failed = {one.name for one in after.missing}
    for member in before.members:
        if member.name in now:
            yield from _compare_member(member, now[member.name])
        elif member.name not in failed:
            yield f"{member.name} is gone (in {before.set} it had {sum(member.tables.values())} rows)"


def _compare_member(before: Summary, after: Summary) -> Iterator[str]:
    for table, rows in before.tables.items():
        left = after.tables.get(table)
        if left is None:
            yield f"{before.name}: table {table} is gone ({rows} rows before)"
        elif _is_half(left, rows):
            yield f"{before.name}: table {table} has {left} rows, {rows} before"
    if _is_half(after.size, before.size):
        yield f"{before.name} has {after.size} bytes, {before.size} before"


def _is_half(left: int, before: int) -> bool:
    """Tell whether something is down by half; of two, one is no sign of anything."""
    return left * 2 < before or (left * 2 == before and left > 1)
