"""Encrypted databases on screen: what was changed, what was found, what is gone."""

from __future__ import annotations

from strongroom.core.errors import ExitCode
from strongroom.report.screen import Screen, count
from strongroom.rotate import Changed, Check, Checked, Earlier, Removed, Work

RESULTS = {
    "sqlcipher.encrypt": Changed | Removed,
    "sqlcipher.rekey": Changed,
    "sqlcipher.verify": Checked,
    "sqlcipher.decrypt": Changed | Removed,
}
_MEGABYTE = 1_000_000
_VERBS = {
    Work.ENCRYPT: ("encrypt", "encrypted"),
    Work.REKEY: ("rekey", "rekeyed"),
    Work.DECRYPT: ("decrypt", "decrypted"),
}
_EARLIER = {
    Earlier.NONE: "",
    Earlier.FINISHED: "; this finished what an interrupted command began",
    Earlier.UNDONE: "; what an interrupted command had begun is gone",
}
_PLAIN_WORD = (
    "its plain pages may stay where they ever were: in old backups and snapshots, and in blocks that an SSD or a "
    "copy-on-write file system has not used again"
)
"""Of a plain file: removing it is not erasing it."""


def show_changed(changed: Changed, *, as_json: bool) -> None:
    """Print what became of a database in one sentence, and what is kept of it."""
    screen = Screen(as_json=as_json)
    screen.conclude(_say_changed(changed))
    if changed.kept is not None and changed.work is Work.ENCRYPT:
        screen.say(
            f"the plain file is kept: {changed.kept} (sqlcipher.encrypt --remove-plain removes it); {_PLAIN_WORD}"
        )
    elif changed.kept is not None:
        screen.say(f"the encrypted file is kept: {changed.kept} (sqlcipher.decrypt --remove-encrypted removes it)")
    screen.end(changed)


def _say_changed(changed: Changed) -> str:
    key = "plain" if changed.key_after is None else f"under key {changed.key_after}"
    if changed.nothing_done:
        return f"nothing to do: {changed.database} is {key} already"
    infinitive, participle = _VERBS[changed.work]
    verb = f"would {infinitive}" if changed.dry_run else participle
    size = f"{changed.size / _MEGABYTE:.1f} MB"
    rows = f", {count(changed.tables)} tables with {count(changed.rows)} rows the same" if changed.tables else ""
    return f"{verb} {changed.database} ({key}, {size}{rows}){_EARLIER[changed.earlier]}"


def show_soundness(checked: Checked, *, as_json: bool, color: bool) -> ExitCode:
    """Print what was looked at in an encrypted database; return 6 for damage, 7 for an interrupted change."""
    screen = Screen(as_json=as_json, color=color)
    screen.table(("check", "is", "what was found"), [_list_check(check) for check in checked.checks], numbers=False)
    if checked.interrupted is not None:
        screen.conclude(f"a change was interrupted: ./inv {checked.interrupted} finishes it")
    word = {ExitCode.DONE: "sound", ExitCode.REFUSED: "damaged"}.get(checked.exit, "unfinished")
    screen.conclude(f"{checked.database} is opened by key {checked.key}, {checked.size / _MEGABYTE:.1f} MB", word=word)
    screen.end(checked)
    return checked.exit


def _list_check(check: Check) -> tuple[str, str, str]:
    return check.name, {True: "ok", False: "wrong", None: "-"}[check.is_ok], check.detail


def show_removed(removed: Removed, *, as_json: bool) -> None:
    """Print which files are gone that databases were before."""
    screen = Screen(as_json=as_json)
    if removed.changes:
        screen.list("changed since, and accepted", removed.changes)
    verb = "would remove" if removed.dry_run else "removed"
    size = f"{removed.size / _MEGABYTE:.1f} MB"
    what = ", ".join(removed.removed) or f"nothing: nothing is kept of {removed.database}"
    said = f"{verb} {what}" + (f" ({size})" if removed.removed else "")
    screen.conclude(f"{said}; {_PLAIN_WORD}" if removed.removed and removed.work is Work.ENCRYPT else said)
    screen.end(removed)
