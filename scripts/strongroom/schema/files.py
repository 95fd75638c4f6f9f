"""Schema files: one folder per database, its files in the order of their names, each parted into statements."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlparse

from strongroom.core.errors import ConfigurationError, GuardError, UsageError

_FORBIDDEN = {
    re.compile(r"(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION)\b", re.IGNORECASE): (
        "begins or ends a transaction",
        "leave it out: all files of a database are one",
    ),
    re.compile(
        r"(SET\s+((SESSION|LOCAL)\s+)?(ROLE|SESSION\s+AUTHORIZATION)|RESET\s+(ROLE|ALL|SESSION\s+AUTHORIZATION)"
        r"|DISCARD\s+ALL)\b",
        re.IGNORECASE,
    ): ("acts as another role", "leave it out: all files run as the system's owner"),
}
"""What no file may do, and why."""
_EXTENSION = re.compile(r"CREATE\s+EXTENSION\b", re.IGNORECASE)
_REMARKS = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement, and where it begins."""

    text: str
    file: Path
    offset: int
    """Characters of the file before its first word."""

    @property
    def is_extension(self) -> bool:
        """Whether it makes an extension, which takes another role than the system's owner."""
        return _EXTENSION.match(self.text) is not None

    def place(self, position: int = 0) -> str:
        """Return ``file:line:column`` of a character of the statement."""
        before = self.file.read_text(encoding="utf-8-sig")[: self.offset + position]
        return f"{self.file}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFile:
    """One file, and what it holds now."""

    name: str
    """Within the file set."""
    path: Path
    sha256: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSet:
    """The files of one database, which become one schema of its name."""

    database: str
    files: tuple[SchemaFile, ...]


def read_file_sets(system: Path, database: str | None = None) -> tuple[FileSet, ...]:
    """Read the schema files of a system's folder, or of one database.

    Raises UsageError for a database that has none, ConfigurationError for a file that is no UTF-8, or that begins
    or ends a transaction, or acts as another role: each set is one transaction of the system's owner.
    """
    folder = system / "postgres"
    known = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not known:
        raise UsageError(system.name, "has no schemas for PostgreSQL", f"put them under {folder}/DATABASE/")
    if database is not None and database not in known:
        raise UsageError(database, "is no database of this system", f"one of: {', '.join(known)}")
    return tuple(
        FileSet(database=name, files=tuple(_read_file(path) for path in sorted((folder / name).glob("*.sql"))))
        for name in known
        if database in (None, name)
    )


def find_file_sets(system: Path) -> dict[str, FileSet]:
    """Return the schema files of a system's folder by database; none where it has none. Raises ConfigurationError."""
    if not (system / "postgres").is_dir():
        return {}
    return {files.database: files for files in read_file_sets(system)}


def hash_files(sets: Mapping[str, FileSet]) -> str:
    """Return one SHA-256, in hex, of all files of all databases, with their names and order."""
    held = "".join(f"{name}\n{file.name}\n{file.sha256}\n" for name, one in sets.items() for file in one.files)
    return hashlib.sha256(held.encode()).hexdigest()


def _read_file(path: Path) -> SchemaFile:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")  # some editors begin a file with a mark
    except UnicodeDecodeError as error:
        raise ConfigurationError(path, "is not UTF-8", "save it as UTF-8") from error
    statements = tuple(_part(path, text))
    for statement in statements:
        for form, (fact, hint) in _FORBIDDEN.items():
            if form.match(statement.text):
                raise ConfigurationError(statement.place(), fact, hint)
    return SchemaFile(name=path.name, path=path, sha256=hashlib.sha256(content).hexdigest(), statements=statements)


def _part(path: Path, text: str) -> Iterator[Statement]:
    offset = 0
    for part in sqlparse.split(text):
        begins = text.index(part, offset)
        offset = begins + len(part)
        remarks = _REMARKS.match(part)
        skipped = remarks.end() if remarks else 0
        if part[skipped:].rstrip(" \t\r\n;"):
            yield Statement(text=part[skipped:], file=path, offset=begins + skipped)


def find_pending(files: FileSet, recorded: Mapping[str, str]) -> list[SchemaFile]:
    """Return the files that are not applied yet.

    Raises GuardError for one that was edited or removed since it was, or that would come before an applied one.
    """
    known = {file.name: file for file in files.files}
    for name, digest in recorded.items():
        if name not in known:
            raise GuardError(f"{files.database}/{name}", "was applied and is gone", "put it back")
        if known[name].sha256 != digest:
            hint = "put it back as it was; write the change as a new file"
            raise GuardError(known[name].path, "was edited since it was applied", hint)
    pending = [file for file in files.files if file.name not in recorded]
    early = [file for file in pending if recorded and file.name < max(recorded)]
    if early:
        raise GuardError(early[0].path, f"comes before {max(recorded)}, which is applied", "give it a later name")
    return pending
