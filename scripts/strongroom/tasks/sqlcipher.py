"""``sqlcipher.*``: encrypt, rekey and decrypt one database where it stands; look whether it is sound, and into it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from strongroom import report, rotate
from strongroom.core.config import read_settings
from strongroom.core.system import choose_system
from strongroom.tasks._around import read_clock
from strongroom.tasks._keys import find_keys
from strongroom.tasks._task import is_dry, is_json, task, wants_color
from strongroom.tasks.wiring import find_image_here

DATABASE = "The database file."
HAS = "The name of the key that it has."
GETS = "The name of the key that it gets."
SYSTEM = "Folder under sql/ that names the keys, or a path to one (default: STRONGROOM_SYSTEM)."
ACCEPT = "What was written to it since is its application's work."
DRY_RUN = "Show what would happen; write nothing."


def surroundings(c: Context, system: str | None) -> rotate.Surroundings:
    """Pass in the clock, the system's keys and the progress."""
    folder = None if system is None else choose_system(system, read_settings())
    progress = report.open_progress(color=wants_color(c))
    return rotate.Surroundings(now=read_clock, keys=find_keys(folder), progress=progress)


@task(
    help={
        "database": DATABASE,
        "key": GETS,
        "system": SYSTEM,
        "remove_plain": "Remove the plain file that is kept, once the encrypted one is shown to hold it.",
        "accept_changes": ACCEPT,
        "dry_run": DRY_RUN,
    }
)
def encrypt(
    c: Context,
    database: Path,
    key: str,
    system: str | None = None,
    remove_plain: bool = False,
    accept_changes: bool = False,
    dry_run: bool = False,
) -> None:
    """Encrypt a plain database; the plain file is kept."""
    asked, around = rotate.Request(database=database, key=key, dry_run=is_dry(c, dry_run)), surroundings(c, system)
    if remove_plain:
        removed = rotate.remove_original(asked, around, rotate.Work.ENCRYPT, accept_changes=accept_changes)
        report.show_removed(removed, as_json=is_json(c))
    else:
        report.show_changed(rotate.encrypt(asked, around), as_json=is_json(c))


@task(help={"database": DATABASE, "key": HAS, "new_key": GETS, "system": SYSTEM, "dry_run": DRY_RUN})
def rekey(c: Context, database: Path, key: str, new_key: str, system: str | None = None, dry_run: bool = False) -> None:
    """Put an encrypted database under another key."""
    asked = rotate.Request(database=database, key=key, new_key=new_key, dry_run=is_dry(c, dry_run))
    report.show_changed(rotate.rekey(asked, surroundings(c, system)), as_json=is_json(c))


@task(
    help={
        "database": DATABASE,
        "key": f"{HAS} Without it every key at hand is tried.",
        "system": SYSTEM,
        "dry_run": "Only read it, whatever stands in its log.",
    }
)
def verify(c: Context, database: Path, key: str = "", system: str | None = None, dry_run: bool = False) -> int:
    """Look whether an encrypted database is sound; exit 6, 7."""
    asked = rotate.Request(database=database, key=key, dry_run=is_dry(c, dry_run))
    return report.show_soundness(
        rotate.verify(asked, surroundings(c, system)), as_json=is_json(c), color=wants_color(c)
    )


@task(
    help={
        "database": DATABASE,
        "key": HAS,
        "reason": "Why it is to be plain; recorded beside it.",
        "system": SYSTEM,
        "remove_encrypted": "Remove the encrypted file that is kept, once the plain one is shown to hold it.",
        "accept_changes": ACCEPT,
        "dry_run": DRY_RUN,
    }
)
def decrypt(
    c: Context,
    database: Path,
    key: str,
    reason: str,
    system: str | None = None,
    remove_encrypted: bool = False,
    accept_changes: bool = False,
    dry_run: bool = False,
) -> None:
    """Put an encrypted database in plain, for a reason."""
    asked = rotate.Request(database=database, key=key, reason=reason, dry_run=is_dry(c, dry_run))
    around = surroundings(c, system)
    if remove_encrypted:
        removed = rotate.remove_original(asked, around, rotate.Work.DECRYPT, accept_changes=accept_changes)
        report.show_removed(removed, as_json=is_json(c))
    else:
        report.show_changed(rotate.decrypt(asked, around), as_json=is_json(c))


@task(help={"database": DATABASE, "key": HAS, "system": SYSTEM, "write": "Let it write: it only reads without."})
def shell(c: Context, database: Path, key: str, system: str | None = None, write: bool = False) -> None:
    """Open SQLCipher's shell on a database; its key is fetched."""
    settings = read_settings()
    image = find_image_here(settings, "sqlcipher")
    program = shutil.which("sqlcipher", path=settings.variable("PATH"))
    where = rotate.Where(environment=settings.environment, image=image, program=program)
    asked = rotate.Asked(database=database, key=key, write=write, is_terminal=sys.stdin.isatty())
    rotate.open_shell(asked, surroundings(c, system), where)


namespace = Collection("sqlcipher", encrypt, rekey, verify, decrypt, shell)
