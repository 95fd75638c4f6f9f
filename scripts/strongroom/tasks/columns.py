"""``columns.*``: single columns under a key of the application, brought there and kept there while it goes on."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report
from strongroom.core.errors import UsageError
from strongroom.rotate.columns.counting import count_columns
from strongroom.rotate.columns.model import Work
from strongroom.rotate.columns.working import change_columns
from strongroom.tasks._columns import BATCH_SIZE, SystemColumns, find_columns
from strongroom.tasks._task import is_dry, is_json, task, wants_color

FLAGS = {
    "system": "Folder under sql/, or a path to one (default: STRONGROOM_SYSTEM).",
    "column": "TABLE.COLUMN, as system.yaml registers it (default: all).",
}
CHANGING = {
    **FLAGS,
    "batch_size": "Rows of one transaction.",
    "show_keys": "Show the primary keys of rows that are left, not their hashes.",
    "dry_run": "Count what would be changed and left; write nothing.",
}


@task(help=CHANGING)
def encrypt(
    c: Context,
    system: str | None = None,
    column: list[str] | None = None,
    batch_size: int = BATCH_SIZE,
    show_keys: bool = False,
    dry_run: bool = False,
) -> int:
    """Encrypt what is not ours yet: plain, Fernet, pgcrypto."""
    return _change(c, Work.ENCRYPT, find_columns(c, system, column), batch_size, show_keys, dry_run)


@task(help=CHANGING)
def rotate(
    c: Context,
    system: str | None = None,
    column: list[str] | None = None,
    batch_size: int = BATCH_SIZE,
    show_keys: bool = False,
    dry_run: bool = False,
) -> int:
    """Bring every value under its key's active version."""
    return _change(c, Work.ROTATE, find_columns(c, system, column), batch_size, show_keys, dry_run)


@task(
    help={
        **FLAGS,
        "open": "Open every value, too, and name the rows of those that do not (4).",
        "scan": "Look through all other columns of their databases for ciphertext, too.",
        "show_keys": "Show the primary keys of these rows, not their hashes.",
    }
)
def status(
    c: Context,
    system: str | None = None,
    column: list[str] | None = None,
    open: bool = False,  # noqa: A002  # the flag's name
    scan: bool = False,
    show_keys: bool = False,
) -> int:
    """Count values by key and format; exit 7 unless all is done."""
    found = find_columns(c, system, column)
    elsewhere, unread = found.scan() if scan else ((), ())
    stores = found.open_stores()
    counted = count_columns(
        stores, found.provided.keys, elsewhere, unread, scanned=scan, opens=open, shows_keys=show_keys
    )
    return report.show_columns(counted, as_json=is_json(c), color=wants_color(c))


@task(help={**CHANGING, "reason": "Why they are to be plain."})
def decrypt(
    c: Context,
    reason: str,
    system: str | None = None,
    column: list[str] | None = None,
    batch_size: int = BATCH_SIZE,
    show_keys: bool = False,
    dry_run: bool = False,
) -> int:
    """Make values of ours plain again, for a reason."""
    if not reason.strip():
        raise UsageError("--reason", "is empty", "say why they are to be plain")
    found = find_columns(c, system, column)
    for key in () if is_dry(c, dry_run) else dict.fromkeys(one.key for one in found.entries):
        found.provided.keys.note_decrypting(key, reason)
    return _change(c, Work.DECRYPT, found, batch_size, show_keys, dry_run, reason)


def _change(
    c: Context,
    work: Work,
    found: SystemColumns,
    batch_size: int,
    show_keys: bool,
    dry_run: bool,
    reason: str | None = None,
) -> int:
    """Do a work on columns, and show what came of it."""
    stores, keys, dry = found.open_stores(batch_size), found.provided.keys, is_dry(c, dry_run)
    done = change_columns(stores, keys, work, found.around, shows_keys=show_keys, reason=reason, dry_run=dry)
    return report.show_columns_done(done, as_json=is_json(c), color=wants_color(c))


namespace = Collection("columns", encrypt, rotate, status, decrypt)
