"""A copy of a key for the day when its provider is gone: an age file that others' identities open, and ours does not.

Whoever makes the key needs public recipients only. The file holds what the provider holds, in the same encoding.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage  # type: ignore[import-untyped]

from strongroom.core.errors import UsageError
from strongroom.core.files import explain_os_error, sync_folder
from strongroom.keys.errors import KeyConflictError

_FLAG = "--escrow"
_BOTH = "say --escrow AGE_RECIPIENT (age1… or an SSH key; repeatable), or --without-escrow REASON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Escrow:
    """Who can open the copies, or why there is none."""

    recipients: tuple[Any, ...] = ()
    reason: str | None = None
    folder: Path = Path()


def read_escrow(recipients: Sequence[str], reason: str | None, folder: Path) -> Escrow:
    """Read what was typed. Raises UsageError unless it is recipients or a reason; what is no recipient is not shown."""
    if bool(recipients) == bool(reason and reason.strip()):
        fact = "and --without-escrow exclude each other" if recipients else "is missing: a lost key is lost data"
        raise UsageError(_FLAG, fact, _BOTH)
    if recipients and not folder.is_dir():
        raise UsageError("--output", f"there is no folder {folder}", "make it, or name another")
    return Escrow(recipients=tuple(map(_read_recipient, recipients)), reason=reason or None, folder=folder)


def write_escrow(escrow: Escrow, name: str, content: bytes) -> Path | None:
    """Write the copy, armoured (0600), durable when this returns; None where there is to be none.

    Raises KeyConflictError where a file of this name is, NoSpaceError, UnreachableError.
    """
    if not escrow.recipients:
        return None
    path = escrow.folder / f"{name}.age"
    text = pyrage.encrypt(content, list(escrow.recipients), armored=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, text)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except FileExistsError:
        raise KeyConflictError(path, "is there already", "move it where it is kept, or name another --output") from None
    except OSError as error:
        raise explain_os_error(path, error) from error
    sync_folder(path.parent)
    return path


def _read_recipient(text: str) -> Any:
    for kind in (pyrage.x25519, pyrage.ssh):
        try:
            return kind.Recipient.from_str(text.strip())
        except pyrage.RecipientError:
            continue
    if text.strip().upper().startswith("AGE-SECRET-KEY"):
        hint = "it was on a command line: make a new identity, and give its public half (age1…)"
        raise UsageError(_FLAG, "is an identity, which is a secret, and no recipient", hint)
    raise UsageError(_FLAG, "is no recipient of age", "it is age1… (age-keygen prints it), or a line of ssh-ed25519")
