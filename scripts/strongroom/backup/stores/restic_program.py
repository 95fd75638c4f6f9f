"""restic as a program: found, given what it needs and no more, and what it says in our words.

It gets its password and the credentials of a bucket from memory that it inherits, and nothing of our environment but
what says where programs, temporary files and proxies are.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strongroom.backup.stores.objects import Objects
from strongroom.backup.stores.passwords import Credentials, Handing, handing
from strongroom.core.backup_entry import Bucket
from strongroom.core.errors import (
    ConfigurationError,
    DifferencesError,
    KeyMissingError,
    LockedError,
    NoSpaceError,
    NotInitialisedError,
    StrongroomError,
    UnreachableError,
    VersionError,
)
from strongroom.core.programs import ProgramResult, run_program
from strongroom.core.secret import Secret

FOLDER = "restic"
"""In a store, beside its documents."""
KEYS, LOCKS, SNAPSHOTS = f"{FOLDER}/keys/", f"{FOLDER}/locks/", f"{FOLDER}/snapshots/"
SHORT, LONG = 600.0, 24 * 3600.0
"""The most seconds for what looks at little, and for what may read or write everything."""
_NEEDED = (0, 17)
_VERSION = re.compile(r"restic (\d+)\.(\d+)")
_PASSED_ON = ("PATH", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_WITH_US = ("setpriv", "--pdeathsig", "TERM")
"""Of util-linux: what we started ends when we are killed, and takes its lock away."""
_KEY_DAMAGED = "(<key/"
_INSTALL = "install restic 0.17 or newer (Debian trixie: apt-get install restic), or use the ops image"
_MOST_LETTERS = 300
_BY_CODE: Mapping[int, tuple[type[StrongroomError], str, str]] = {
    3: (
        DifferencesError,
        "restic could not read or remove all that it was to",
        "see to the stage's and the store's disk",
    ),
    10: (
        NotInitialisedError,
        "holds no repository",
        "is it mounted? put a lost config back from a copy of the store; backup.init makes a new one in an empty place",
    ),
    11: (LockedError, "is being changed by another restic", "wait until it has ended, then the same command"),
    12: (
        KeyMissingError,
        "does not open with this password",
        "bring the password: that system.yaml names; is it that one, put keys/ back from a copy of the store",
    ),
}
_NO_SPACE = r"no space left on device|disk quota exceeded|XMinioStorageFull|QuotaExceeded"
_DENIED = r"Access ?Denied|InvalidAccessKeyId|SignatureDoesNotMatch|403 Forbidden"
_AWAY = (
    r"connection re|no such host|timeout|deadline exceeded|SlowDown|InternalError|Internal Server Error|status code 5"
    r"|x509|tls: |permission denied|read-only file system|input/output error"
)
_CLOSED = r"config or key \w+ is damaged|LoadRaw\(<(key|config)/"
_DAMAGED = (
    r"ciphertext verification failed|invalid data returned|not found in repository|is damaged|contains errors"
    r"|missing in repo|seems to be missing|no such file or directory|does not exist|not found in snapshot"
    r"|failed to find snapshot|There were \d+ errors|unexpected EOF|is too short|pack size does not match"
)
_OLDER = r"unsupported repository version|unknown version|newer version of restic"
_BY_TEXT: tuple[tuple[str, type[StrongroomError], str], ...] = (
    (_NO_SPACE, NoSpaceError, "free some space where the store is, then the same command"),
    (_DENIED, KeyMissingError, "correct the bucket's credentials, or what they are allowed"),
    (_AWAY, UnreachableError, "see that the store is there and can be written to; then the same command"),
    (
        _CLOSED,
        DifferencesError,
        "put config and keys/ back from a copy of the store; backup.drill --escrow tries the other password",
    ),
    (_DAMAGED, DifferencesError, "backup.verify says what is damaged; backup.create makes a new set"),
    (_OLDER, VersionError, _INSTALL),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where a repository lies, and what opens it."""

    place: str
    """For people; without secrets."""
    address: str
    objects: Objects
    """Of the store that it belongs to."""
    password: Secret = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    bucket: Bucket | None = None
    credentials: Credentials | None = None


def require_restic(environment: Mapping[str, str]) -> None:
    """Make sure that there is a restic which we know. Raises ConfigurationError, VersionError."""
    path = environment.get("PATH")
    if shutil.which("restic", path=path) is None:
        raise ConfigurationError("restic", "is not there", _INSTALL)
    said = run_program(["restic", "version"], environment={"PATH": str(path)}, timeout=SHORT).stdout
    found = _VERSION.match(said.decode(errors="replace"))
    if found is None or (int(found[1]), int(found[2])) < _NEEDED:
        what = found[0] if found else "of an unknown version"
        raise VersionError("restic", f"is {what}, and must be 0.17 or newer", _INSTALL)


def ask_restic(
    repository: Repository, words: Sequence[str | Path | Secret], *, timeout: float, directory: Path | None = None
) -> ProgramResult:
    """Run restic and return how it ended; a secret among the words becomes the path of a file that holds it.

    Where one of the repository's keys is damaged, the others are tried: restic itself gives up at the first. A bucket
    is asked first: where it is away we say so, while restic would try for a quarter of an hour.
    """
    if repository.bucket is not None:
        repository.objects.list(KEYS)
    ended = _run(repository, words, timeout, directory)
    if ended.is_success or _KEY_DAMAGED not in _read_said(ended):
        return ended
    for name in repository.objects.list(KEYS):
        again = _run(repository, ["--key-hint", name.removeprefix(KEYS), *words], timeout, directory)
        if _KEY_DAMAGED not in _read_said(again):
            return again
    return ended


def require_done(repository: Repository, ended: ProgramResult) -> ProgramResult:
    """Return how restic ended where that was well; else raise what it says."""
    if ended.is_success:
        return ended
    raise explain(repository, ended)


def explain(repository: Repository, ended: ProgramResult) -> StrongroomError:
    """Say in our words what restic ended with."""
    if ended.exit_code in _BY_CODE:
        kind, fact, hint = _BY_CODE[ended.exit_code]
        return kind(repository.place, fact, hint)
    said = _read_said(ended).splitlines()
    for pattern, kind, hint in _BY_TEXT:
        line = next((line for line in reversed(said) if re.search(pattern, line, re.IGNORECASE)), None)
        if line is not None:
            return kind(repository.place, shorten(line), hint)
    how = f"exit code {ended.exit_code}" if ended.exit_code > 0 else f"signal {-ended.exit_code}"
    line = next((line for line in said if line.startswith("Fatal: ")), said[0] if said else "")
    fact = f"restic ended with {how}: {shorten(line)}" if line else f"restic ended with {how}"
    return UnreachableError(repository.place, fact, "see that the store is there, and can be written to")


def read_messages(output: bytes) -> list[dict[str, Any]]:
    """Return what restic says as JSON, a document in each line; other lines are left out."""
    found = []
    for line in output.splitlines():
        if line.startswith(b"{"):
            try:
                found.append(json.loads(line))
            except ValueError:  # cut off as it was killed
                continue
    return found


def shorten(text: str) -> str:
    """Return a text of restic's as one line."""
    line = " ".join(text.removeprefix("Fatal: ").split())
    return line if len(line) <= _MOST_LETTERS else f"{line[:_MOST_LETTERS]}…"


def _run(
    repository: Repository, words: Sequence[str | Path | Secret], timeout: float, directory: Path | None
) -> ProgramResult:
    known = {name: value for name in _PASSED_ON if (value := repository.environment.get(name)) is not None}
    known["RESTIC_PROGRESS_FPS"] = "0.1"
    with handing() as handed:
        line: list[str | Path] = [*_find_program(known), "--repo", repository.address, "--no-cache"]
        line += ["--password-file", handed.offer(repository.password.reveal()), "--retry-lock", "2m"]
        if repository.bucket is not None and repository.credentials is not None:
            line += _describe_bucket(repository.bucket)
            known["AWS_SHARED_CREDENTIALS_FILE"] = _offer_credentials(handed, repository.credentials)
        line += [handed.offer(word.reveal()) if isinstance(word, Secret) else word for word in words]
        return run_program(
            line, environment=known, timeout=timeout, directory=directory, descriptors=handed.descriptors
        )


def _find_program(environment: Mapping[str, str]) -> list[str]:
    path = environment.get("PATH")
    if shutil.which("restic", path=path) is None:
        raise ConfigurationError("restic", "is not there", _INSTALL)
    return [*(_WITH_US if shutil.which(_WITH_US[0], path=path) else ()), "restic"]


def _describe_bucket(bucket: Bucket) -> list[str]:
    words = ["-o", "s3.bucket-lookup=path", "-o", f"s3.region={bucket.region}"]
    return words if bucket.ca_file is None else [*words, "--cacert", bucket.ca_file]


def _offer_credentials(handed: Handing, credentials: Credentials) -> str:
    """Return the path of a file of AWS's kind; between triple quotes every letter means itself."""
    pairs = {"aws_access_key_id": credentials.access_key, "aws_secret_access_key": credentials.secret_key}
    lines = [f'{name} = """{secret.reveal()}"""' for name, secret in pairs.items()]
    return handed.offer("\n".join(["[default]", *lines, ""]))


def _read_said(ended: ProgramResult) -> str:
    """Return what restic said on its way out, the last line last, whether as JSON or as it is."""
    lines = []
    for line in ended.stderr.decode(errors="replace").splitlines():
        messages = read_messages(line.encode())
        said = messages[0].get("message") or messages[0].get("error", {}).get("message", "") if messages else line
        lines += [part for part in str(said).splitlines() if part.strip()]
    return "\n".join(lines)
