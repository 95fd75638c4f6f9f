"""What is to become of a value: sealed and opened again in memory, or left with its reason. Nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from strongroom.core.column_entries import ColumnEntry
from strongroom.core.errors import (
    AlreadyEncryptedError,
    DifferencesError,
    NotEncryptedError,
    UsageError,
    WrongContextError,
)
from strongroom.keys.columns.cipher import ColumnCipher
from strongroom.keys.columns.context import Context
from strongroom.keys.columns.envelope import MARK, is_key_id
from strongroom.keys.columns.formats import Format, Kind, find_format
from strongroom.keys.columns.values import Value
from strongroom.keys.provided import SEPARATOR
from strongroom.rotate.columns.model import Change, Left, Part, Row, Stored, Work

_LONGEST_HEAD = len(MARK) + 257
PLAIN = "is plain: columns.encrypt takes it in"
DAMAGED = "begins as ours and is not whole"
_UNNAMED = "is of the format {}, which its reads: does not name"
_NO_TEXT = "is text that is no UTF-8"
_UNFIT = "holds {}, which its column cannot hold plain"
_FOREIGN = "is under {}, which is not the key of its column"
_TWICE = "holds what is encrypted already, inside of an earlier format"
_CLOSED = "opens under no key: it was made for another row, column or table, or changed"


class Judge:
    """Decides about the values of one column, for one work, under one version of its key."""

    def __init__(self, entry: ColumnEntry, cipher: ColumnCipher, work: Work) -> None:
        """Ask for the active version, which stays the same however long the work takes."""
        self.entry, self.work = entry, work
        self._cipher = cipher
        self._taken = {Kind(one.format) for one in entry.reads}
        self.version = cipher.active_id

    @property
    def head(self) -> str:
        """What the values begin with that are done."""
        return f"{MARK}{self.version}:" if self.work is Work.ROTATE else MARK

    def _weigh(self, row: Row, context: Context) -> Value | Left | None:
        """Return what a row holds that is to be changed; None where it is as it should be."""
        found = _glance(row.stored)
        if self._is_settled(found):
            return None
        why = self._find_obstacle(found, row.stored)
        if why is not None:
            return Left(key=row.key, why=why)
        if found.kind is Kind.PLAIN:
            return row.stored
        return self._open(row, context)

    def settle(self, row: Row, *, as_bytes: bool, holds_any: bool) -> Change | Left | None:
        """Return how a row is to be changed; ``holds_any`` says that the column takes every kind of value.

        Raises the errors of ``keys.errors`` where a version of the column's own key cannot be had.
        """
        try:
            context = Context(self.entry.table, self.entry.column, row.key)
            value = self._weigh(row, context)
            if value is None or isinstance(value, Left):
                return value
            if self.work is Work.CHECK:
                return None
            if self.work is Work.DECRYPT:
                return _write_plain(row, value, as_bytes=as_bytes, holds_any=holds_any)
            new = self._cipher.seal(context, value, as_bytes=as_bytes, under=self.version)
        except AlreadyEncryptedError:
            return Left(key=row.key, why=_TWICE)
        except UsageError as error:  # of a key that is NULL, say
            return Left(key=row.key, why=f"its {error.subject} {error.fact}")
        opened = self._cipher.open(context, new)
        if type(opened) is not type(value) or opened != value:
            raise DifferencesError(self.name, "does not open to what was encrypted", "nothing of it was written")
        return Change(row=row, new=new)

    def settle_all(self, rows: Sequence[Row], *, as_bytes: bool, holds_any: bool) -> Part:
        """Return how rows that were read in one go are to be changed, and which are left."""
        return _gather(rows, [self.settle(row, as_bytes=as_bytes, holds_any=holds_any) for row in rows])

    def find_fault(self, head: str) -> str | None:
        """Say what is wrong with values that begin as ours, by what stands in them as the key's id."""
        if not is_key_id(head):
            return DAMAGED
        return None if self._is_own(Format(Kind.OURS, head)) else _FOREIGN.format(head)

    @property
    def target(self) -> str:
        """What values are to be under; empty where they are to be plain."""
        return "" if self.work is Work.DECRYPT else self.version

    @property
    def name(self) -> str:
        """The column, for people."""
        return f"column {self.entry.table}.{self.entry.column}"

    def _is_settled(self, found: Format) -> bool:
        if self.work in (Work.DECRYPT, Work.CHECK):
            return found.kind is not Kind.OURS and found.kind is not Kind.DAMAGED
        if self.work is Work.ENCRYPT:
            return found.kind is Kind.OURS
        return found.key_id == self.version

    def _find_obstacle(self, found: Format, stored: Stored) -> str | None:
        if found.kind is Kind.DAMAGED:
            return DAMAGED
        if found.kind is Kind.PLAIN:
            return _NO_TEXT if _is_torn(stored) else None if self.work is Work.ENCRYPT else PLAIN
        if found.kind is Kind.OURS:
            return None if self._is_own(found) else _FOREIGN.format(found.key_id)
        return None if found.kind in self._taken else _UNNAMED.format(found.kind)

    def _is_own(self, found: Format) -> bool:
        return str(found.key_id).partition(SEPARATOR)[0] == self.entry.key

    def _open(self, row: Row, context: Context) -> Value | Left:
        if not isinstance(row.stored, str | bytes):
            return Left(key=row.key, why=_CLOSED)
        try:
            return self._cipher.open(context, row.stored)
        except (WrongContextError, NotEncryptedError):
            is_whole = find_format(row.stored).kind is not Kind.DAMAGED
            return Left(key=row.key, why=_CLOSED if is_whole else DAMAGED)


def _glance(stored: Stored) -> Format:
    """Return what a value is; of ours only its head is looked at, as the rest is once it is opened."""
    if isinstance(stored, str) and stored.startswith(MARK):
        return _read_head(stored[len(MARK) : stored.find(":", len(MARK), _LONGEST_HEAD)])
    if isinstance(stored, bytes) and stored.startswith(MARK.encode()):
        return _read_head(stored[len(MARK) : stored.find(b":", len(MARK), _LONGEST_HEAD)].decode("latin-1"))
    return find_format(stored)


@lru_cache(maxsize=256)
def _read_head(key_id: str) -> Format:
    return Format(Kind.OURS, key_id) if is_key_id(key_id) else Format(Kind.DAMAGED)


def _gather(rows: Sequence[Row], found: Sequence[Change | Left | None]) -> Part:
    return Part(
        end=rows[-1].position if rows else None,
        changes=tuple(one for one in found if isinstance(one, Change)),
        left=tuple(one for one in found if isinstance(one, Left)),
    )


def _is_torn(stored: Stored) -> bool:
    """Tell whether a text was read from bytes that are no UTF-8."""
    if not isinstance(stored, str) or stored.isascii():
        return False
    try:
        stored.encode()
    except UnicodeEncodeError:
        return True
    return False


def _write_plain(row: Row, value: Value, *, as_bytes: bool, holds_any: bool) -> Change | Left:
    """Return how a value goes back into its column."""
    if holds_any:
        return Left(key=row.key, why=_NO_TEXT) if _is_torn(value) else Change(row=row, new=value)
    if as_bytes and isinstance(value, str):
        value = value.encode(errors="surrogateescape")
    if isinstance(value, bytes) != as_bytes or not isinstance(value, str | bytes):
        return Left(key=row.key, why=_UNFIT.format(_WORDS[type(value)]))
    if isinstance(value, str) and ("\0" in value or _is_torn(value)):
        return Left(key=row.key, why=_UNFIT.format("text with a NUL, or that is no UTF-8"))
    return Change(row=row, new=value)


_WORDS = {str: "text", bytes: "bytes", int: "an integer", float: "a real number"}
