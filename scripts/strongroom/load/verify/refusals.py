"""Whether the server's rules refuse a row whose values all fit: the ledger's word for it is tried, not believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from strongroom.core.quoting import fold, quote
from strongroom.load.verify.key_parts import write_server
from strongroom.load.verify.pairing import Cell, Pair
from strongroom.load.verify.reading import Reading
from strongroom.load.verify.server import ServerColumn, ServerTable
from strongroom.load.verify.values import Value, encode_raw
from strongroom.postgres.connection import Connection

_INDEXED = 2000
"""Bytes of a row up to which an index takes it for sure."""
_JSON = ("json", "jsonb")


@dataclass(frozen=True, slots=True)
class Refusals:
    """The rules of one table: CHECKs, domains, what is worked out of other columns, and its indexes."""

    connection: Connection
    pair: Pair
    table: ServerTable
    reading: Reading

    def may_refuse(self, own: dict[str, Value]) -> bool:
        """Tell whether the server refuses a row of the source, or may for what cannot be tried without writing it."""
        if self.table.is_ruled or any(not index.plain for index in self.table.indexes) or self._is_long(own):
            return True
        has_rules = any(column.is_generated or column.kind.is_domain for column in self.table.columns)
        return bool(self.table.checks or has_rules) and self._is_refused(own)

    def _is_long(self, own: dict[str, Value]) -> bool:
        """Tell whether an index may have no room for the row."""
        sizes = {cell.into: len(encode_raw(own[fold(cell.source)])) for cell in self.pair.cells}
        return any(sum(sizes.get(str(name), 0) for name in index.columns) > _INDEXED for index in self.table.indexes)

    def _is_refused(self, own: dict[str, Value]) -> bool:
        """Work the row out as the server would, and ask its CHECKs; what ends in an error is refused."""
        given, worked_out, values = list[str](), list[str](), list[Any]()
        for column in self.table.columns:
            text = self._write(column, own, values)
            if text is None:
                return True
            (worked_out if column.is_generated else given).append(f"{text} AS {_name(column.name)}")
        checks = " AND ".join(f"coalesce(({_keep_percent(check)}), true)" for check in self.table.checks) or "true"
        names = ", ".join(["s.*", *worked_out])
        name = _name(self.table.name)
        inner = f"SELECT {names} FROM (SELECT {', '.join(given)}) AS s"
        statement = f"SELECT {checks}, row({name}.*) FROM ({inner}) AS {name}"
        self.connection.execute("SAVEPOINT tried")
        try:
            row = self.connection.execute(statement.encode(), values).fetchone()
        except self.connection.DatabaseError:
            return True
        else:
            return row is None or not row[0]
        finally:
            self.connection.execute("ROLLBACK TO SAVEPOINT tried")

    def _write(self, column: ServerColumn, own: dict[str, Value], values: list[Any]) -> str | None:
        """Return a column's expression, and add its parameter; None for what cannot be written so."""
        type_ = _keep_percent(column.kind.shown)
        if column.is_generated:
            return f"({_keep_percent(str(column.default))})::{type_}"
        place = next((place for place, cell in enumerate(self.pair.cells) if cell.into == column.name), None)
        if place is None:
            is_unknown = column.sequence is not None or (column.is_not_null and column.default is None)
            return None if is_unknown else f"({_keep_percent(column.default or 'NULL')})::{type_}"
        cell = self.pair.cells[place]
        value = own[fold(cell.source)]
        if value is None:
            return f"NULL::{type_}"
        text = self._write_value(place, cell, value)
        if text is None:
            return None
        values.append(text)
        return f"%s::text::{type_}"

    def _write_value(self, place: int, cell: Cell, value: Value) -> str | None:
        if cell.kind.name == "array":
            return None
        if cell.kind.name in _JSON:
            return value if isinstance(value, str) else repr(value)
        return write_server(cell.kind, self.reading.read_source(place, value))


def _name(name: str) -> str:
    return _keep_percent(quote(name))


def _keep_percent(text: str) -> str:
    """Return what the server wrote, within a statement that has parameters."""
    return text.replace("%", "%%")
