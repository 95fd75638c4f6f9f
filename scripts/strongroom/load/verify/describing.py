"""What differs, in words: values by their hashes, unless they may be shown; those that the plan calls secret never."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.core.quoting import fold
from strongroom.load.verify.pairing import Cell, Pair
from strongroom.load.verify.values import Same, Value, class_of, encode_raw, encode_same, shorten

MASK = "•••"
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Describing:
    """Names rows and values of one table."""

    pair: Pair
    show_values: bool

    def tell_source(self, name: str, value: Value, same: Same = None) -> str:
        """Return a source's value with its storage class, by the form in which it is compared where it has one."""
        if value is None:
            return "NULL"
        return f"{class_of(value)} {self._tell(name, encode_raw(value) if same is None else encode_same(same))}"

    def tell_server(self, cell: Cell, same: Same) -> str:
        """Return a server's value with its type."""
        told = "NULL" if same is None else self._tell(cell.source, encode_same(same))
        return f"{cell.kind.shown} {told}"

    def tell_cell(self, address: int, cell: Cell, source: str, server: str) -> str:
        """Say that a cell is not what it must be."""
        name = cell.source if cell.source == cell.into else f"{cell.source} ({cell.into})"
        return f"row {address}: {name} is {source} in the source and {server} in PostgreSQL"

    def tell_key(self, key: tuple[Same, ...]) -> str:
        """Name a row of the server by its key."""
        cells = [self.pair.cells[place] for place in self.pair.key]
        named = (
            f"{cell.into} = {self.tell_number(cell.source, same) or self._tell(cell.source, encode_same(same))}"
            for cell, same in zip(cells, key, strict=True)
        )
        return "the row with " + ", ".join(named)

    def tell_row(self, digest: bytes) -> str:
        """Name a row of the server that has no key."""
        return f"a row (hash {MASK if self.pair.secret else digest.hex()})"

    def tell_number(self, name: str, value: object) -> str | None:
        """Return a whole number as it is, as keys are shown; None for what is none, or is secret."""
        return str(value) if isinstance(value, int) and fold(name) not in self.pair.secret else None

    def _tell(self, name: str, encoded: bytes) -> str:
        if fold(name) in self.pair.secret:
            return MASK
        if not self.show_values:
            return shorten(encoded)
        text = encoded.decode("utf-8", "backslashreplace")
        return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
