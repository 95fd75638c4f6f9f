"""Encrypted columns on screen: how many values are under which key, which rows are left and why; never a value."""

from __future__ import annotations

from strongroom.core.errors import ExitCode
from strongroom.report.screen import Screen, count, number
from strongroom.rotate.columns.model import ColumnCount, ColumnDone, ColumnsDone, ColumnsStatus, Work

RESULTS = {
    "columns.encrypt": ColumnsDone,
    "columns.rotate": ColumnsDone,
    "columns.status": ColumnsStatus,
    "columns.decrypt": ColumnsDone,
}
_VERBS = {
    Work.ENCRYPT: ("would encrypt", "encrypted"),
    Work.ROTATE: ("would rotate", "rotated"),
    Work.DECRYPT: ("would decrypt", "decrypted"),
}


def show_columns_done(done: ColumnsDone, *, as_json: bool, color: bool) -> ExitCode:
    """Print what became of each column, and which rows are left; return 4 for these, 7 where some are due again."""
    screen = Screen(as_json=as_json, color=color)
    say_columns_done(screen, done)
    screen.end(done)
    return done.exit


def say_columns_done(screen: Screen, done: ColumnsDone) -> None:
    """Show what became of each column, and which rows are left."""
    heads = ("column", "in", "rows", "under", "left", "due")
    screen.table(heads, [_list_done(one, done) for one in done.columns], numbers=False)
    for one in done.columns:
        screen.list(f"left as they are in {one.column}", [f"{row.key}: {row.why}" for row in one.rows], of=one.left)
        for why, rows in one.reasons.items():
            screen.say(f"{one.column}: {count(rows)} rows: {why}")
        if one.went_on:
            screen.say(f"{one.column}: this went on where a command was interrupted")
    if any(one.due for one in done.columns) and not done.dry_run:
        screen.say("others wrote under another version meanwhile: run the same command again, five minutes from now")
    changed = sum(one.due if done.dry_run else one.changed for one in done.columns)
    left = sum(one.left for one in done.columns)
    said = f"{_VERBS[done.work][0 if done.dry_run else 1]} {count(changed)} values in {len(done.columns)} columns"
    screen.conclude(f"{said}; {count(left)} rows are left as they are")


def _list_done(one: ColumnDone, done: ColumnsDone) -> tuple[str, ...]:
    changed = one.due if done.dry_run else one.changed
    due = 0 if done.dry_run else one.due
    return one.column, one.place, number(changed), one.version or "nothing", number(one.left), number(due)


def show_columns(status: ColumnsStatus, *, as_json: bool, color: bool) -> ExitCode:
    """Print how many values of each column are under which key; return 7 unless all are under the active version."""
    screen = Screen(as_json=as_json, color=color)
    rows = [row for one in status.columns for row in _list_counts(one)]
    if rows:
        screen.table(("column", "in", "what", "values"), rows, numbers=False)
    for one in status.columns:
        if one.unfinished is not None:
            screen.say(f"{one.column}: {one.unfinished} was interrupted; the same command goes on")
        screen.list(f"do not open in {one.column}", [f"{row.key}: {row.why}" for row in one.rows], of=one.closed or 0)
    found = [f"{one.place}: {one.column} holds {count(one.count)} of the format {one.format}" for one in status.found]
    screen.list("ciphertext in columns that nobody registered", found, style="yellow")
    screen.list("may not be read, and was not looked through", status.unread, style="yellow")
    done = sum(one.is_done for one in status.columns)
    scanned = "; every other column was looked through" if status.scanned else ""
    if status.columns and all(one.closed is not None for one in status.columns):
        closed = sum(one.closed or 0 for one in status.columns)
        scanned = f"; {f'{count(closed)} values do not open' if closed else 'every value opens'}{scanned}"
    said = f"{done} of {len(status.columns)} columns are under the active version of their key{scanned}"
    screen.conclude(said if status.columns else f"no columns are registered: columns: in system.yaml does{scanned}")
    screen.end(status)
    return status.exit


def _list_counts(one: ColumnCount) -> list[tuple[str, str, str, str]]:
    keys = {f"{key} (active)" if key == one.active else key: rows for key, rows in one.keys.items()}
    parts = {**keys, **one.formats, "plain": one.plain, "NULL": one.nulls}
    shown = {what: rows for what, rows in parts.items() if rows} or {"no rows": 0}
    return [(one.column, one.place, what, number(rows)) for what, rows in shown.items()]
