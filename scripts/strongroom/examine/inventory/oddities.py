"""Say in one line each what is awkward about a table, so that nobody meets it during a merge."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from strongroom.core.quoting import quote
from strongroom.examine.inventory.model import ColumnFacts, SequenceFacts
from strongroom.sqlite.connection import open_memory
from strongroom.sqlite.schema import Table

_LARGE = 1 << 20
_RARE = 20
"""One text in so many that is digits only was probably a number once."""
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NUMERIC = ("INTEGER", "REAL", "NUMERIC")


def describe_names(table: Table) -> Iterator[str]:
    """Name the table and the columns whose names must be quoted."""
    for kind, name in (("table", table.name), *(("column", column.name) for column in table.columns)):
        reason = _why_quoted(name)
        if reason:
            yield f"{show_name(table.name)}: {kind} {show_name(name)} {reason}"


def show_name(name: str) -> str:
    """Write a table's or column's name for a reader: quoted unless it is plain, on one line."""
    if _PLAIN_NAME.match(name):
        return name
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in quote(name))


def _why_quoted(name: str) -> str:
    if not _PLAIN_NAME.match(name):
        return "needs quoting"
    return "is a reserved word" if is_reserved(name) else ""


@cache
def is_reserved(word: str) -> bool:
    """Tell whether SQLite takes a plain word for something else than a column's name."""
    with open_memory() as connection:
        try:
            connection.execute(f"SELECT 1 AS {word}")
            connection.execute(f"SELECT {word} FROM (SELECT 1 AS {quote(word)})")
        except connection.Error:
            return True
    return False


def describe_cells(table: str, columns: Iterable[ColumnFacts], key: tuple[str, ...]) -> Iterator[str]:
    """Name what the census found in each column. ``key`` holds the columns of a key that is not the rowid."""
    for column in columns:
        facts = [*_classes(column), *_texts(column), *_numbers(column)]
        if column.name in key:
            facts += _keys(column)
        for fact in facts:
            yield f"{show_name(table)}.{show_name(column.name)}: {fact}"


def _classes(column: ColumnFacts) -> Iterator[str]:
    """Name the storage classes that a reader of the declaration would not expect."""
    declared = _with_article(column.declared.upper() or "untyped")
    if column.affinity in _NUMERIC:
        yield from _numeric_classes(column, declared)
    elif column.affinity == "TEXT":
        if column.blob:
            yield f"{column.blob:,} blob in {declared} column"
    else:
        yield from _mixture(column, declared)


def _numeric_classes(column: ColumnFacts, declared: str) -> Iterator[str]:
    numbers = column.integer + column.real
    if column.text and not _is_dated(column):
        yield f"{column.text:,} text in {declared} column"
    elif column.text and numbers:
        yield f"{column.text:,} text and {_count(numbers, 'number')} in {declared} column"
    if column.blob:
        yield f"{column.blob:,} blob in {declared} column"
    if column.real and column.affinity == "INTEGER":
        yield f"{column.real:,} real in {declared} column"


def _is_dated(column: ColumnFacts) -> bool:
    """Tell whether text belongs there: DATE, DATETIME and TIMESTAMP have NUMERIC affinity."""
    return column.affinity == "NUMERIC" and any(word in column.declared.upper() for word in ("DATE", "TIME"))


def _with_article(word: str) -> str:
    return f"{'an' if word[0] in 'AEIOUu' else 'a'} {word}"


def _mixture(column: ColumnFacts, declared: str) -> Iterator[str]:
    counts = {"integer": column.integer, "real": column.real, "text": column.text, "blob": column.blob}
    present = [f"{count:,} {name}" for name, count in counts.items() if count]
    if len(present) > 1:
        yield f"{', '.join(present)} in {declared} column"


def _texts(column: ColumnFacts) -> Iterator[str]:
    if column.with_nul:
        yield f"{column.with_nul:,} text with NUL"
    if column.invalid:
        yield f"{column.invalid:,} text that is not valid UTF"
    if column.digits and column.digits * _RARE <= column.text:
        yield f"{column.digits:,} text of digits only among {column.text:,}"
    if column.largest > _LARGE:
        yield f"largest cell is {column.largest:,} bytes"


def _numbers(column: ColumnFacts) -> Iterator[str]:
    if column.infinite:
        yield f"{column.infinite:,} infinite"
    if column.extreme:
        yield f"{column.extreme:,} at the end of 64 bits (2^63-1 or -2^63)"


def _keys(column: ColumnFacts) -> Iterator[str]:
    if column.null:
        yield f"{column.null:,} NULL in the primary key"
    if column.empty:
        yield f"{column.empty:,} empty text in the primary key"


def describe_sequence(table: str, sequence: SequenceFacts, *, ids: bool = True) -> Iterator[str]:
    """Name gaps in the ids, and a mark that is not the largest id; which ids these are only with ``ids``."""
    name = show_name(table)
    lowest, largest, mark = (
        f" {number:,}" if ids else "" for number in (sequence.lowest, sequence.largest, sequence.mark)
    )
    if sequence.missing and ids:
        yield f"{name}: {_count(sequence.missing, 'id')} missing between{lowest} and{largest}"
    elif sequence.missing:
        yield f"{name}: some ids missing"  # with their number and the rows' the largest could be told
    if sequence.mark != sequence.largest:
        way = "ahead of" if sequence.mark > sequence.largest else "behind"
        yield f"{name}: AUTOINCREMENT mark{mark} is {way} the largest id{largest}"


def describe_rows(table: str, *, duplicates: int, alike_keys: int, violations: int) -> Iterator[str]:
    """Name what only whole rows show."""
    if duplicates:
        yield f"{show_name(table)}: {_count(duplicates, 'exact duplicate row')}, and no key"
    if alike_keys:
        yield f"{show_name(table)}: {_count(alike_keys, 'key')} alike but for case or surrounding spaces"
    if violations:
        yield f"{show_name(table)}: {_count(violations, 'foreign key violation')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"
