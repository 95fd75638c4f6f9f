"""What differs, in words: values by their hashes, unless they may be shown."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.load.verify.pairing import Cell
from strongroom.load.verify.values import Same, Value, class_of, encode_raw, encode_same, shorten

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Describing:
    """Names rows and values."""

    show_values: bool

    def tell_source(self, value: Value, same: Same = None) -> str:
        """Return a source's value with its storage class, by the form in which it is compared where it has one."""
        if value is None:
            return "NULL"
        return f"{class_of(value)} {self._tell(encode_raw(value) if same is None else encode_same(same))}"

    def tell_server(self, cell: Cell, same: Same) -> str:
        """Return a server's value with its type."""
        return f"{cell.kind.shown} NULL" if same is None else f"{cell.kind.shown} {self._tell(encode_same(same))}"

    def tell_cell(self, address: int, cell: Cell, source: str, server: str) -> str:
        """Say that a cell is not what it must be."""
        name = cell.source if cell.source == cell.into else f"{cell.source} ({cell.into})"
        return f"row {address}: {name} is {source} in the source and {server} in PostgreSQL"

    def tell_key(self, cells: list[Cell], key: tuple[Same, ...]) -> str:
        """Name a row of the server by its key."""
        named = (
            f"{cell.into} = {same if isinstance(same, int) else self._tell(encode_same(same))}"
            for cell, same in zip(cells, key, strict=True)
        )
        return "the row with " + ", ".join(named)

    def _tell(self, encoded: bytes) -> str:
        if not self.show_values:
            return shorten(encoded)
        text = encoded.decode("utf-8", "backslashreplace")
        return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
