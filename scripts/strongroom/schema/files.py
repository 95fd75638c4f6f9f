"""Schema files: one folder per database, its files in the order of their names, each parted into statements."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlparse

from strongroom.core.errors import ConfigurationError, UsageError

_TRANSACTION = re.compile(r"(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT)\b", re.IGNORECASE)
_REMARKS = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement, and where it begins."""

    text: str
    file: Path
    offset: int
    """Characters of the file before its first word."""

    def place(self, position: int = 0) -> str:
        """Return ``file:line:column`` of a character of the statement."""
        before = self.file.read_text(encoding="utf-8")[: self.offset + position]
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
    or ends a transaction: each set is one already.
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


def _read_file(path: Path) -> SchemaFile:
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(path, "is not UTF-8", "save it as UTF-8") from error
    statements = tuple(_part(path, text))
    for statement in statements:
        if _TRANSACTION.match(statement.text):
            raise ConfigurationError(
                statement.place(), "begins or ends a transaction", "leave it out: all files of a database are one"
            )
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
