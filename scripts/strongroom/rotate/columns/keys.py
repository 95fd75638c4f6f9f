"""What ``keys.rotate`` and ``keys.retire`` do about the columns of a key."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from strongroom.core.errors import ExitCode, GuardError
from strongroom.keys import ProvidedKeys
from strongroom.keys.columns import Kind
from strongroom.rotate.columns.counting import count_column
from strongroom.rotate.columns.driving import Store
from strongroom.rotate.columns.judging import PLAIN
from strongroom.rotate.columns.model import ColumnDone, ColumnsDone, Work
from strongroom.rotate.columns.working import change_columns
from strongroom.rotate.request import Surroundings


def mark_columns(stores: Sequence[Store], key: str, version: str) -> None:
    """Say in each column of a key that it is to be under a version, before that is the active one.

    So the same command goes on with that version, wherever it is killed. Raises LockedError, GuardError.
    """
    for store in _under(stores, key):
        with store.opened():
            store.hold()
            store.begin(Work.ROTATE, version)


def find_marked(stores: Sequence[Store], versions: Collection[str]) -> str | None:
    """Return the version to which columns were being brought when a command was interrupted. Read-only."""
    for store in stores:
        with store.opened():
            found = store.read_unfinished()
        if found is not None and found.work == Work.ROTATE and found.version in versions:
            return found.version
    return None


def bring_columns(stores: Sequence[Store], keys: ProvidedKeys, around: Surroundings) -> ColumnsDone | None:
    """Bring columns under the active versions of their keys; None where there are none. Raises what that raises."""
    return change_columns(stores, keys, Work.ROTATE, around) if stores else None


def foresee_columns(stores: Sequence[Store], version: str) -> ColumnsDone | None:
    """Say how many values of columns would be brought under a version, which need not be there yet. Read-only."""
    done = tuple(_foresee(store, version) for store in stores)
    code = ExitCode.DECISION if any(one.left for one in done) else ExitCode.DONE
    return ColumnsDone(work=Work.ROTATE, columns=done, reason=None, dry_run=True, exit=code) if stores else None


def _foresee(store: Store, version: str) -> ColumnDone:
    counted = count_column(store, version)
    return ColumnDone(
        place=counted.place,
        column=counted.column,
        version=version,
        changed=0,
        left=counted.plain,
        reasons={PLAIN: counted.plain} if counted.plain else {},
        rows=(),
        due=sum(count for key, count in counted.keys.items() if key != version),
        went_on=False,
    )


def refuse_needed(stores: Sequence[Store], key: str, version: str) -> None:
    """Make sure that no value of a column needs a version of a key (``NAME@VERSION``). Read-only. Raises GuardError.

    Values of an earlier format do not say under which version they are: each is needed as long as there are such.
    """
    for store in stores:
        counted = count_column(store, version)
        if counted.unfinished is not None:  # its batches are durable once it came to its end
            fact = f"may still be needed by column {counted.column}: {counted.unfinished} was interrupted"
            raise GuardError(f"key {version}", fact, "the same command goes on; then retire it")
        read = {Kind(one.format) for one in store.entry.reads if one.key == key}
        earlier = sum(count for kind, count in counted.formats.items() if kind in read)
        count = counted.keys.get(version, 0) if store.entry.key == key else 0
        if count or earlier:
            what = f"{count} values" if count else f"maybe some of {earlier} values of an earlier format"
            fact = f"still opens {what} of column {counted.column} ({counted.place})"
            raise GuardError(f"key {version}", fact, "columns.rotate brings them under the active version")


def _under(stores: Sequence[Store], key: str) -> list[Store]:
    return [store for store in stores if store.entry.key == key]
