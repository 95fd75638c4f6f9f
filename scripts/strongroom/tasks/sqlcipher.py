"""``sqlcipher.*``: encrypt, rekey and decrypt one database where it stands, and look whether it is sound."""

from __future__ import annotations

from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report, rotate
from strongroom.tasks._around import find_keys, read_clock
from strongroom.tasks._task import is_dry, is_json, task, wants_color

DATABASE = "The database file."
DRY_RUN = "Show what would happen; write nothing."


def surroundings(c: Context) -> rotate.Surroundings:
    """Pass in the clock, the keys and the progress."""
    return rotate.Surroundings(now=read_clock, keys=find_keys(), progress=report.open_progress(color=wants_color(c)))


@task(help={"database": DATABASE, "key": "The name of the key that it gets.", "dry_run": DRY_RUN})
def encrypt(c: Context, database: Path, key: str, dry_run: bool = False) -> None:
    """Encrypt a plain database; the plain file is kept."""
    asked = rotate.Request(database=database, key=key, dry_run=is_dry(c, dry_run))
    report.show_changed(rotate.encrypt(asked, surroundings(c)), as_json=is_json(c))


@task(
    help={
        "database": DATABASE,
        "key": "The name of the key that it has.",
        "new_key": "The name of the key that it gets.",
        "dry_run": DRY_RUN,
    }
)
def rekey(c: Context, database: Path, key: str, new_key: str, dry_run: bool = False) -> None:
    """Put an encrypted database under another key."""
    asked = rotate.Request(database=database, key=key, new_key=new_key, dry_run=is_dry(c, dry_run))
    report.show_changed(rotate.rekey(asked, surroundings(c)), as_json=is_json(c))


@task(
    help={
        "database": DATABASE,
        "key": "The name of the key that it has.",
        "reason": "Why it is to be plain; recorded beside it.",
        "dry_run": DRY_RUN,
    }
)
def decrypt(c: Context, database: Path, key: str, reason: str, dry_run: bool = False) -> None:
    """Put an encrypted database in plain, for a reason."""
    asked = rotate.Request(database=database, key=key, reason=reason, dry_run=is_dry(c, dry_run))
    report.show_changed(rotate.decrypt(asked, surroundings(c)), as_json=is_json(c))


namespace = Collection("sqlcipher", encrypt, rekey, decrypt)
