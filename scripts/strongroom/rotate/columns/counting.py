"""Count what stands in a column: by key version, by format, plain, NULL. Read-only; no key is asked for but its id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from strongroom.core.errors import ExitCode
from strongroom.keys import ProvidedKeys
from strongroom.keys.columns import Kind, find_format
from strongroom.keys.columns.envelope import is_key_id
from strongroom.rotate.columns.driving import Store
from strongroom.rotate.columns.model import ColumnCount, ColumnsStatus, Found


def count_columns(
    stores: Sequence[Store], keys: ProvidedKeys, found: Sequence[Found], unread: Sequence[str], *, scanned: bool
) -> ColumnsStatus:
    """Count columns, and put what was ``found`` elsewhere beside them; the exit code is 7 unless all is done."""
    counted = tuple(count_column(store, keys.fetch(store.entry.key).id) for store in stores)
    is_done = all(one.is_done for one in counted) and not found and not unread
    return ColumnsStatus(
        columns=counted,
        found=tuple(found),
        unread=tuple(unread),
        scanned=scanned,
        exit=ExitCode.DONE if is_done else ExitCode.PENDING,
    )


def count_column(store: Store, active: str) -> ColumnCount:
    """Count one column."""
    with store.opened():
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
    )
