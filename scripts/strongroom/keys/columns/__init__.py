"""Values of single columns, encrypted for one place: a row of a column of a table. Other formats are read only."""

from strongroom.core.errors import AlreadyEncryptedError, NotEncryptedError, WrongContextError
from strongroom.keys.columns.cipher import ColumnCipher
from strongroom.keys.columns.context import Context, KeyOfRow
from strongroom.keys.columns.formats import BINARY_STARTS, TEXT_STARTS, Format, Kind, find_format
from strongroom.keys.columns.values import Value

__all__ = [
    "BINARY_STARTS",
    "TEXT_STARTS",
    "AlreadyEncryptedError",
    "ColumnCipher",
    "Context",
    "Format",
    "KeyOfRow",
    "Kind",
    "NotEncryptedError",
    "Value",
    "WrongContextError",
    "find_format",
]
