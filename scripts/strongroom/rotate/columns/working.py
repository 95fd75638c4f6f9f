"""Do a work on several columns in turn: what stands in the way of any is found before the first is changed."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.core.errors import ExitCode
from strongroom.keys import ProvidedKeys
from strongroom.keys.columns import ColumnCipher
from strongroom.keys.columns.envelope import is_key_id
from strongroom.keys.provided import SEPARATOR
from strongroom.rotate.columns.driving import Store, change_column, foresee_column
from strongroom.rotate.columns.judging import Judge
from strongroom.rotate.columns.model import ColumnDone, ColumnsDone, Work
from strongroom.rotate.request import Surroundings


def change_columns(
    stores: Sequence[Store],
    keys: ProvidedKeys,
    work: Work,
    around: Surroundings,
    *,
    shows_keys: bool = False,
    reason: str | None = None,
    dry_run: bool = False,
) -> ColumnsDone:
    """Do a work on columns; the exit code of the result is 4 where rows are left, 7 where some are due again.

    Raises what keys raise where a version in a row cannot be had, GuardError, LockedError, UnreachableError.
    """
    judges = [_prepare(store, keys, work) for store in stores]
    done: list[ColumnDone] = []
    for store, judge in zip(stores, judges, strict=True):
        with store.opened():
            if dry_run:
                done.append(foresee_column(store, judge, shows_keys=shows_keys))
                continue
            store.hold()
            done.append(change_column(store, judge, around, shows_keys=shows_keys))
    is_left, is_due = any(one.left for one in done), any(one.due for one in done) and not dry_run
    code = ExitCode.DECISION if is_left else ExitCode.PENDING if is_due else ExitCode.DONE
    return ColumnsDone(work=work, columns=tuple(done), reason=reason, dry_run=dry_run, exit=code)


def _prepare(store: Store, keys: ProvidedKeys, work: Work) -> Judge:
    """Look at a column, and fetch every key that a value of it names or may need. Read-only."""
    judge = Judge(store.entry, ColumnCipher(keys, store.entry), work)
    with store.opened():
        heads = store.count_heads()
    for name in filter(is_key_id, heads.keys):
        if name.partition(SEPARATOR)[0] == store.entry.key and name != judge.version and work is not Work.ENCRYPT:
            keys.fetch(name)
    if heads.others and work is not Work.DECRYPT:
        for one in store.entry.reads:
            keys.fetch(one.key)
    return judge
