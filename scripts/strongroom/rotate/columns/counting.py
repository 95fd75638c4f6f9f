"""Count what stands in a column: by key version, by format, plain, NULL; and on request open every value. Read-only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from strongroom.core.errors import ExitCode
from strongroom.keys import ProvidedKeys
from strongroom.keys.columns import ColumnCipher, Kind, find_format
from strongroom.keys.columns.envelope import is_key_id
from strongroom.rotate.columns.driving import Store, find_closed
from strongroom.rotate.columns.judging import Judge
from strongroom.rotate.columns.model import ColumnCount, ColumnsStatus, Found, Leftovers, Work


def count_columns(
    stores: Sequence[Store],
    keys: ProvidedKeys,
    found: Sequence[Found],
    unread: Sequence[str],
    *,
    scanned: bool,
    opens: bool = False,
    shows_keys: bool = False,
) -> ColumnsStatus:
    """Count columns, and put what was ``found`` elsewhere beside them; with ``opens`` every value is opened as well.

    The exit code is 4 where one does not open, else 7 unless all is done. Raises what keys raise where a version in a
    row cannot be had.
    """
    counted = tuple(
        count_column(store, keys.fetch(store.entry.key).id, keys if opens else None, shows_keys=shows_keys)
        for store in stores
    )
    is_done = all(one.is_done for one in counted) and not found and not unread
    return ColumnsStatus(
        columns=counted,
        found=tuple(found),
        unread=tuple(unread),
        scanned=scanned,
        exit=ExitCode.DECISION if any(one.closed for one in counted) else _choose_exit(is_done=is_done),
    )


def _choose_exit(*, is_done: bool) -> ExitCode:
    return ExitCode.DONE if is_done else ExitCode.PENDING


def count_column(
    store: Store, active: str, opened_by: ProvidedKeys | None = None, *, shows_keys: bool = False
) -> ColumnCount:
    """Count one column; open its values where keys are given for that."""
    closed: Leftovers | None = None
    with store.opened():
        if opened_by is not None:
            judge = Judge(store.entry, ColumnCipher(opened_by, store.entry), Work.CHECK)
            closed = find_closed(store, judge, shows_keys=shows_keys)
        heads, unfinished = store.count_heads(), store.read_unfinished()
        formats = Counter(find_format(value).kind for value in store.read_candidates()) if heads.others else Counter()
    formats.pop(Kind.PLAIN, None)
    plain = heads.others - formats.total()
    formats[Kind.DAMAGED] += sum(count for key, count in heads.keys.items() if not is_key_id(key))
    return ColumnCount(
        place=store.place,
        column=f"{store.entry.table}.{store.entry.column}",
        active=active,
        nulls=heads.nulls,
        plain=plain,
        keys={key: count for key, count in sorted(heads.keys.items()) if is_key_id(key)},
        formats={str(kind): count for kind, count in sorted(formats.items()) if count},
        unfinished=None if unfinished is None else str(unfinished),
        closed=None if closed is None else closed.count,
        rows=() if closed is None else tuple(closed.rows),
    )
