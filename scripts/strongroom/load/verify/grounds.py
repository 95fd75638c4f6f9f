"""Which rows wait for a parent that waits itself: each such chain leads to a row that waits for a reason of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from strongroom.core.quoting import dotted, fold, quote
from strongroom.load.verify.pairing import Pair
from strongroom.load.verify.parts import Both
from strongroom.load.verify.rows import ADDRESS, select_numbered
from strongroom.load.verify.source import SourceKey
from strongroom.sqlite.connection import Connection

_Node = tuple[str, int]
"""A table's folded name, and a row's address."""


def find_grounded(connection: Connection, both: Both) -> Mapping[str, frozenset[int]]:
    """Return the rows that wait for a reason of their own, or for parents all of which do so, by folded table.

    A row that says it waits for a parent, and is not among them, waits for nothing: rows that refer to one another, or
    to themselves, are no reason.
    """
    found = {fold(pair.source): set(_list_own(connection, pair)) for pair in both.pairs if pair.kept is not None}
    missing: dict[tuple[int, _Node], int] = {}
    heirs: dict[_Node, list[tuple[int, _Node]]] = {}
    for number, (pair, key) in enumerate(_list_keys(both)):
        for child, parent in _list_links(connection, both, pair, key):
            claim = number, (fold(pair.source), child)
            missing[claim] = missing.get(claim, 0) + 1
            heirs.setdefault((fold(key.parent), parent), []).append(claim)
    reached = [(table, address) for table, addresses in found.items() for address in addresses]
    while reached:
        for claim in heirs.pop(reached.pop(), ()):
            missing[claim] -= 1
            table, address = claim[1]
            if not missing[claim] and address not in found[table]:
                found[table].add(address)
                reached.append((table, address))
    return {table: frozenset(addresses) for table, addresses in found.items()}


def _list_own(connection: Connection, pair: Pair) -> Iterator[int]:
    asked = (
        f"SELECT _rowid FROM {dotted('ledger', str(pair.kept))} "
        "WHERE _disposition = 'quarantined' AND _rule IS NOT 'reference'"
    )
    for (address,) in connection.execute(asked):
        yield address


def _list_keys(both: Both) -> Iterator[tuple[Pair, SourceKey]]:
    """Yield the foreign keys of tables with rows that wait, of both sides, by the names of the source."""
    for pair in both.pairs:
        if pair.kept is not None:
            for key in list_references(both, pair):
                yield pair, key


def list_references(both: Both, pair: Pair) -> Iterator[SourceKey]:
    """Yield the foreign keys of a table, of both sides, by the names of the source."""
    source, table = both.tables_of(pair)
    yield from source.foreign_keys
    for key in table.foreign_keys:
        parent = next((other for other in both.pairs if other.table == key.parent), None)
        if parent is not None:
            mine = [_source_of(pair, name) for name in key.columns]
            theirs = [_source_of(parent, name) for name in key.parent_columns]
            if None not in (*mine, *theirs):
                yield SourceKey(columns=tuple(filter(None, mine)), parent=parent.source,
                                parent_columns=tuple(filter(None, theirs)))  # fmt: skip


def _list_links(connection: Connection, both: Both, pair: Pair, key: SourceKey) -> Iterator[tuple[int, int]]:
    """Yield rows that say they wait for a parent, each with every parent that a foreign key gives them."""
    parent = both.find_pair(key.parent)
    if parent is None or parent.kept is None or not _has_all(both, key, pair, parent):
        return
    same = " AND ".join(
        f"p.{quote(held)} = c.{quote(name)}" for name, held in zip(key.columns, key.parent_columns, strict=True)
    )
    children = select_numbered(pair, ", ".join(map(quote, key.columns)))
    parents = select_numbered(parent, ", ".join(map(quote, key.parent_columns)))
    yield from connection.execute(
        f"SELECT c.{ADDRESS}, p.{ADDRESS} FROM {dotted('ledger', str(pair.kept))} AS l "
        f"JOIN ({children}) AS c ON c.{ADDRESS} = l._rowid JOIN ({parents}) AS p ON {same} "
        "WHERE l._rule = 'reference'"
    ).fetchall()


def _has_all(both: Both, key: SourceKey, pair: Pair, parent: Pair) -> bool:
    """Tell whether both sides of a key have its columns: SQLite lets any be named."""
    sides = ((pair, key.columns), (parent, key.parent_columns))
    known = [{fold(column.name) for column in both.tables_of(one)[0].columns} for one, _ in sides]
    return len(key.columns) == len(key.parent_columns) and all(
        fold(name) in names for names, (_, columns) in zip(known, sides, strict=True) for name in columns
    )


def _source_of(pair: Pair, name: str) -> str | None:
    return next((cell.source for cell in pair.cells if cell.into == name), None)
