"""Encrypted columns for applications: a value is encrypted for its row, and opens there alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias, overload

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.config import read_settings
from strongroom.core.errors import AlreadyEncryptedError, NotEncryptedError, UsageError, WrongContextError
from strongroom.core.system import find_system, read_system
from strongroom.keys import AuditLog, ProvidedKeys, find_log, provide
from strongroom.keys.columns import ColumnCipher, Context, KeyOfRow, Value
from strongroom.keys.errors import KeyNotFoundError

__all__ = ["AlreadyEncryptedError", "Columns", "KeyNotFoundError", "NotEncryptedError", "WrongContextError"]

Key: TypeAlias = KeyOfRow | tuple[KeyOfRow, ...]


class Columns:
    """The encrypted columns of a system. Threads may share one."""

    def __init__(self, entries: Sequence[ColumnEntry], keys: ProvidedKeys) -> None:
        """Hold what ``columns:`` of ``system.yaml`` says, and the system's keys; none is fetched yet."""
        self._keys = keys
        self._found: dict[tuple[str, str], list[ColumnEntry]] = {}
        for entry in entries:
            self._found.setdefault((entry.table, entry.column), []).append(entry)
        self._ciphers: dict[tuple[str, str], tuple[ColumnEntry, ColumnCipher]] = {}

    @classmethod
    def of_system(
        cls, system: str | os.PathLike[str], *, place: str | None = None, environment: Mapping[str, str] | None = None
    ) -> Columns:
        """Read ``system.yaml`` of a system: its name under ``sql/``, or the path of its folder.

        ``place``, a schema or file as ``columns:`` names it, says which is meant where a table stands in several;
        without ``environment`` the process's own is read, once.
        Raises UsageError, ConfigurationError.
        """
        settings = read_settings() if environment is None else read_settings(environment)
        described = read_system(find_system(os.fspath(system), settings.root))
        entries = [entry for entry in described.columns if place in (None, entry.place)]
        if not entries:
            raise UsageError(described.name, f"has no columns:{'' if place is None else f' in {place}'}", _NAME_THEM)
        log = find_log(described.audit_log, described.name, settings)
        audit = AuditLog(file=log, system=described.name, task="application", now=_read_clock)
        return cls(entries, provide(described.keys, settings, _read_clock, audit=audit))

    @overload
    def encrypt(self, table: str, column: str, key: Key, value: None, *, as_bytes: bool = False) -> None: ...

    @overload
    def encrypt(self, table: str, column: str, key: Key, value: Value, *, as_bytes: bool = False) -> str | bytes: ...

    def encrypt(
        self, table: str, column: str, key: Key, value: Value | None, *, as_bytes: bool = False
    ) -> str | bytes | None:
        """Return what is to be stored: text, or bytes for ``bytea`` and BLOB columns; None stays None.

        ``key`` is the row's primary key: a value, or a tuple of several in the order of ``primary_key:``. Raises
        AlreadyEncryptedError, UsageError for a column, row or value that there cannot be, and the errors of
        ``keys.errors`` where the active version cannot be had.
        """
        entry, cipher = self._find(table, column)
        return None if value is None else cipher.seal(_place(entry, key), value, as_bytes=as_bytes)

    @overload
    def decrypt(self, table: str, column: str, key: Key, stored: None) -> None: ...

    @overload
    def decrypt(self, table: str, column: str, key: Key, stored: str | bytes) -> Value: ...

    def decrypt(self, table: str, column: str, key: Key, stored: str | bytes | None) -> Value | None:
        """Return the value that was encrypted, of the same type; None stays None.

        Raises KeyNotFoundError where its version cannot be had, WrongContextError where it was made for another row or
        was changed, NotEncryptedError for what the column is not said to hold, UsageError, and other errors of
        ``keys.errors``.
        """
        entry, cipher = self._find(table, column)
        return None if stored is None else cipher.open(_place(entry, key), stored)

    def _find(self, table: str, column: str) -> tuple[ColumnEntry, ColumnCipher]:
        known = self._ciphers.get((table, column))
        if known is None:
            entry = self._choose(table, column)
            known = self._ciphers[table, column] = entry, ColumnCipher(self._keys, entry)
        return known

    def _choose(self, table: str, column: str) -> ColumnEntry:
        entries = self._found.get((table, column), [])
        if not entries:
            names = ", ".join(sorted(f"{table}.{column}" for table, column in self._found))
            raise UsageError(f"column {table}.{column}", f"is none of columns: (known: {names})", _NAME_THEM)
        if len({(entry.primary_key, entry.key, entry.reads, entry.was) for entry in entries}) > 1:
            places = ", ".join(entry.place for entry in entries)
            hint = f"say which: Columns.of_system(…, place={entries[0].place!r})"
            raise UsageError(f"column {table}.{column}", f"stands in {places}, and not under the same key", hint)
        return entries[0]


_NAME_THEM = "columns: in system.yaml names each encrypted column"


def _place(entry: ColumnEntry, key: Key) -> Context:
    values = key if isinstance(key, tuple) else (key,)
    if len(values) != len(entry.primary_key):
        fact = f"has a primary key of {len(entry.primary_key)} ({', '.join(entry.primary_key)}), and got {len(values)}"
        raise UsageError(f"column {entry.name}", fact, "give the values as a tuple, in this order")
    return Context(entry.table, entry.column, values)


def _read_clock() -> datetime:
    return datetime.now(UTC)
