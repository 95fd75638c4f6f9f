"""RDB files: brought from a server as a follower gets its first copy, and checked by Redis' own program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.core.errors import (
    ConfigurationError,
    DifferencesError,
    GuardError,
    KeyMissingError,
    NoSpaceError,
    StrongroomError,
    UnreachableError,
    VersionError,
)
from strongroom.core.files import explain_os_error, sync_file, sync_folder
from strongroom.core.programs import ProgramResult, run_program
from strongroom.redis.address import Address

SECONDS = 24 * 3600.0
"""What bringing or checking a file may take."""
_VERSION = re.compile(r"AUX FIELD redis-ver = '([^']*)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a file says of itself."""

    version: str
    """Of the server that wrote it."""
    keys: int


def fetch_rdb(address: Address, socket: Path, into: Path, environment: Mapping[str, str]) -> None:
    """Let ``redis-cli`` bring all data of a server into a file, on disk when this returns; nothing is left half.

    ``socket`` leads to the server. The password goes through a pipe. Raises ConfigurationError where there is no
    ``redis-cli``, KeyMissingError, GuardError for a user who may not, UnreachableError, NoSpaceError.
    """
    words: list[str | Path] = ["redis-cli", "-s", socket]
    words += ["--user", address.user] if address.user else []
    words += ["--askpass"] if address.password is not None else []
    given = b"" if address.password is None else address.password.reveal().encode() + b"\n"
    try:
        into.touch(mode=0o600)
        said = _run([*words, "--rdb", into], environment, given)
        if not said.is_success or b"Transfer finished with success" not in said.stdout + said.stderr:
            raise _explain(f"Redis at {address.place}", said)
        sync_file(into)
        sync_folder(into.parent)
    except OSError as error:
        into.unlink(missing_ok=True)
        raise explain_os_error(into, error) from error
    except StrongroomError:
        into.unlink(missing_ok=True)
        raise


def check_rdb(path: Path, environment: Mapping[str, str]) -> Checked:
    """Read a file from end to end. Raises DifferencesError for a damaged one, VersionError for a newer server's."""
    said = _run(["redis-check-rdb", path], environment, b"")
    text = said.stdout.decode(errors="replace")
    if "Can't handle RDB format version" in text:
        raise VersionError(path, "was written by a newer Redis than is here", "use the image strongroom/drill")
    version, keys = _VERSION.search(text), re.search(r"(?m)^\[info\] (\d+) keys read", text)
    if not said.is_success or "RDB looks OK!" not in text or keys is None:
        raise DifferencesError(path, "is damaged: redis-check-rdb refuses it", "take another set")
    return Checked(version=version[1] if version is not None else "?", keys=int(keys[1]))


def _run(words: list[str | Path], environment: Mapping[str, str], given: bytes) -> ProgramResult:
    path = {name: environment[name] for name in ("PATH",) if name in environment}
    try:
        return run_program(words, environment=path, timeout=SECONDS, standard_input=given)
    except ConfigurationError as error:
        raise ConfigurationError(error.subject, error.fact, "install redis-tools, or use strongroom/ops") from error


def _explain(subject: str, said: ProgramResult) -> StrongroomError:
    text = (said.stderr + said.stdout).decode(errors="replace")
    if re.search("NOAUTH|WRONGPASS|AUTH failed", text):
        return KeyMissingError(subject, "user or password is wrong, or missing", "set the right ones")
    if "NOPERM" in text:
        return GuardError(subject, "its user may not copy data", "let it +sync +psync +replconf +ping")
    if "No space left" in text or "Error writing" in text:
        return NoSpaceError(subject, "the disk is full", "free some space, then run the same command again")
    return UnreachableError(subject, "did not hand its data over", "see that it runs, then the same command again")
