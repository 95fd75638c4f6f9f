"""``backup.restore`` and ``.undo``: a set comes back, beside what is live or in its place; and that is taken back."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from invoke.context import Context

from strongroom import report
from strongroom.backup.restoring import choose_set
from strongroom.backup.undoing import undo as take_back
from strongroom.tasks._backup import EVERYWHERE, find_backups
from strongroom.tasks._restoring import is_dsn, read_choice, read_wish
from strongroom.tasks._restoring import restore as bring_back
from strongroom.tasks._servers import build_swap
from strongroom.tasks._task import is_dry, is_json, task


@task(
    help={
        "set": "A set's id, or latest: the newest that counts.",
        "at": "An instant, instead: the newest set that was there by then.",
        "into": "Where to: an empty or new folder, or postgresql://…/NEW_DATABASE.",
        "file": "Only this member, as backup.show names it.",
        "table": "Only one table: MEMBER:TABLE.",
        "in_place": "Replace what is live; it is kept for seven days (backup.undo).",
        "disconnect": "In place: end who is connected to a server's database.",
        **EVERYWHERE,
        "dry_run": "Say what would be restored; restore nothing.",
    }
)
def restore(
    c: Context,
    set: str | None = None,  # noqa: A002  # the flag's name
    at: str | None = None,
    into: str | None = None,
    file: list[str] | None = None,
    table: str | None = None,
    in_place: bool = False,
    disconnect: bool = False,
    system: str | None = None,
    store: str | None = None,
    to: Path | None = None,
    dry_run: bool = False,
) -> None:
    """Bring a set back, beside what is live or in its place."""
    backups = find_backups(c, system, store, to)
    is_trial = is_dry(c, dry_run)
    wish = read_wish(backups, into, file, table, in_place=in_place, dry_run=is_trial)
    opened, (_, catalog) = backups.open(), backups.read()
    chosen = choose_set(catalog, read_choice(set, at), backups.around)
    dsn = into if is_dsn(into) else None
    opened = opened if is_trial else opened.restoring()
    restored = bring_back(backups, opened, chosen, wish, backups.around, dsn=dsn, disconnect=disconnect)
    report.show_restored(restored, as_json=is_json(c))


@task(
    help={
        "restore": "The restore's id (default: the newest).",
        "discard_changes": "Give up what was written since; it is kept for seven days.",
        "disconnect": "End who is connected to a server's database.",
        **EVERYWHERE,
        "dry_run": "Say what would be lost; change nothing.",
    }
)
def undo(
    c: Context,
    restore: str | None = None,
    discard_changes: bool = False,
    disconnect: bool = False,
    system: str | None = None,
    store: str | None = None,
    to: Path | None = None,
    dry_run: bool = False,
) -> None:
    """Take back a restore in place."""
    backups = find_backups(c, system, store, to)
    undone = take_back(
        backups.site.data_dir,
        restore,
        backups.around,
        partial(build_swap, backups, disconnect=disconnect),
        discard_changes=discard_changes,
        dry_run=is_dry(c, dry_run),
    )
    report.show_undone(undone, as_json=is_json(c))
