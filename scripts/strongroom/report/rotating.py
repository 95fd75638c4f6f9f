"""Encrypted databases on screen: what was changed, what was found, what is gone."""

from __future__ import annotations

from strongroom.report.screen import Screen, count
from strongroom.rotate import Changed
from strongroom.rotate.records import Work
from strongroom.rotate.results import Earlier

RESULTS = {"sqlcipher.encrypt": Changed, "sqlcipher.rekey": Changed, "sqlcipher.decrypt": Changed}
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


def show_changed(changed: Changed, *, as_json: bool) -> None:
    """Print what became of a database in one sentence, and what is kept of it."""
    screen = Screen(as_json=as_json)
    screen.conclude(_say_changed(changed))
    if changed.kept is not None and changed.work is Work.ENCRYPT:
        screen.say(
            f"the plain file is kept: {changed.kept}. Once the application works with the encrypted one: "
            "sqlcipher.encrypt --remove-plain. Plain pages stay where they ever were: in old backups, and in blocks "
            "that an SSD or a copy-on-write file system has not used again."
        )
    elif changed.kept is not None:
        screen.say(f"the encrypted file is kept: {changed.kept}")
    screen.end(changed)


def _say_changed(changed: Changed) -> str:
    key = "in plain" if changed.key_after is None else f"under key {changed.key_after}"
    if changed.nothing_done:
        return f"nothing to do: {changed.database} is {key} already"
    infinitive, participle = _VERBS[changed.work]
    verb = f"would {infinitive}" if changed.dry_run else participle
    size = f"{changed.size / _MEGABYTE:.1f} MB"
    rows = f", {count(changed.tables)} tables, {count(changed.rows)} rows the same" if changed.tables else ""
    return f"{verb} {changed.database}: {key} now, {size}{rows}{_EARLIER[changed.earlier]}"
