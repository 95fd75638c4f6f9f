"""Keep a file that another one is about to replace, and give that one its owner and permissions."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from strongroom.core.errors import UnreachableError
from strongroom.core.files import sync_file, sync_folder
from strongroom.core.programs import require_success, run_program

_COPY_SECONDS = 3600.0


def keep_file(live: Path, kept: Path) -> None:
    """Keep the live file under a second name, so that at no moment there is none.

    Where there are no hard links another process copies it: if we opened and closed the file ourselves, POSIX
    would drop the lock that we hold on it.
    """
    try:
        os.link(live, kept)
    except OSError:
        part = kept.with_name(kept.name + ".part")
        copied = run_program([shutil.which("cp") or "/bin/cp", "-p", live, part], environment={}, timeout=_COPY_SECONDS)
        require_success(copied, UnreachableError, "see to the target's file system, then run the same command again")
        sync_file(part)
        part.replace(kept)
    sync_folder(kept.parent)


def dress_like(staged: Path, model: Path) -> None:
    """Give a staged file the owner and permissions of another one, as far as a database needs them."""
    like = model.stat()
    staged.chmod(stat.S_IMODE(like.st_mode) & 0o666 | 0o600)
    if os.geteuid() == 0:
        os.chown(staged, like.st_uid, like.st_gid)
