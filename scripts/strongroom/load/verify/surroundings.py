"""What holds of whole tables in the server: rows, no orphans but the source's, sequences that go on, defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from strongroom.core.quoting import dotted, fold, quote
from strongroom.core.results import ReferenceTally
from strongroom.load.verify.pairing import Pair
from strongroom.load.verify.parts import Both
from strongroom.load.verify.rows import ADDRESS, AWAY, select_numbered
from strongroom.load.verify.server import ServerColumn, ServerKey
from strongroom.load.verify.source import SourceTable
from strongroom.postgres.connection import Connection, compose, identifier
from strongroom.sqlite.connection import Connection as Source

_BLOCKS = 1 << 15
_KNOWS_RANGES = 14_00_00
_CONSTANT = re.compile(r"'(?:[^']|'')*'|::[a-z ]+\([0-9, ]+\)")
"""A text within a default, and a type with its length: what they hold is no function."""
_EACH = re.compile(r"random|uuid|clock_timestamp|timeofday")
"""In a default that is another value for each row."""
_WORKED_OUT = re.compile(r"\((?!-?[0-9.]+\))|\b(?:CURRENT|LOCALTIME|SESSION_USER|USER)")
"""In a default that may have meant something else when the rows came."""


@dataclass(slots=True)
class Surroundings:
    """Asks both sides about whole tables."""

    connection: Source
    server: Connection
    both: Both

    def count(self, schema: str, table: str, condition: str = "true", **names: Any) -> int:
        """Count rows of a table (``t``) for which a condition of ours is true, so many blocks at a time."""
        rows = identifier(schema, table)
        size = self._ask("SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int8",
                         (rows.as_string(self.server),))  # fmt: skip
        step = _BLOCKS if self.server.info.server_version >= _KNOWS_RANGES else size + 1
        found = 0
        for first in range(0, size + 1, step):
            whole = size < step
            within = "" if whole else f" AND t.ctid >= '({first},0)'"
            within += "" if whole or first + step > size else f" AND t.ctid < '({first + step},0)'"
            text = f"SELECT count(*) FROM {{rows}} AS t WHERE {condition}{within}"
            found += self._ask(compose(text, rows=rows, **names), ())
        return found

    def _ask(self, statement: Any, values: tuple[Any, ...]) -> int:
        row = self.server.execute(statement, values or None).fetchone()
        return int(row[0]) if row is not None and row[0] is not None else 0

    def follow_references(self, pair: Pair, waiting: int) -> Iterator[tuple[str, ReferenceTally, list[str]]]:
        """Yield each foreign key of a table in the server, what became of it, and what is wrong with it."""
        for key in self.both.tables_of(pair)[1].foreign_keys:
            parent = next((other for other in self.both.pairs if other.table == key.parent), None)
            after = self._count_orphans(pair, key)
            columns = [_source_of(pair, name) for name in key.columns]
            theirs = [None if parent is None else _source_of(parent, name) for name in key.parent_columns]
            before = standing = after
            if parent is not None and None not in (*columns, *theirs):
                pairs = [(str(mine), str(other)) for mine, other in zip(columns, theirs, strict=True)]
                before, standing = self._count_source_orphans(pair, parent, pairs)
            name = f"{pair.into}.{','.join(column or '?' for column in columns)}"
            wrong = []
            if after > standing:
                wrong.append(
                    f"{name}: {after} rows have no parent in PostgreSQL, and {standing} of the source have none"
                )
            if key.is_validated and after:
                wrong.append(f"{name}: foreign key {key.name} is called valid, and {after} rows have no parent")
            if not key.is_validated and not after:
                wrong.append(f"{name}: foreign key {key.name} is NOT VALID, and no row is without its parent")
            tally = ReferenceTally(
                parent=f"{pair.target}.{key.parent}", orphans_before=before, orphans_after=after, waiting=waiting
            )
            yield name, tally, wrong

    def _count_orphans(self, pair: Pair, key: ServerKey) -> int:
        places = range(len(key.columns))
        has = " AND ".join(f"{{c{place}}} IS NOT NULL" for place in places)
        how = [f" COLLATE {collation}" if collation else "" for collation in key.collations]
        same = " AND ".join(f"{{p{place}}} = {{c{place}}}{how[place].replace('{', '{{').replace('}', '}}')}"
                            for place in places)  # fmt: skip
        names = {f"c{place}": identifier("t", name) for place, name in enumerate(key.columns)}
        names |= {f"p{place}": identifier("p", name) for place, name in enumerate(key.parent_columns)}
        condition = f"{has} AND NOT EXISTS (SELECT FROM {{parents}} AS p WHERE {same})"
        return self.count(pair.schema, pair.table, condition, parents=identifier(pair.schema, key.parent), **names)

    def _count_source_orphans(self, pair: Pair, parent: Pair, columns: list[tuple[str, str]]) -> tuple[int, int]:
        """Count the rows of the source that have no parent there: all of them, and those that do not wait."""
        has = " AND ".join(f"c.{quote(mine)} IS NOT NULL" for mine, _ in columns)
        same = " AND ".join(f"p.{quote(other)} = c.{quote(mine)} COLLATE BINARY" for mine, other in columns)
        away = "0"
        if pair.kept is not None:
            away = (
                f"EXISTS (SELECT 1 FROM {dotted('ledger', pair.kept)} AS l "
                f"WHERE l._rowid = c.{ADDRESS} AND l._disposition IN {AWAY})"
            )
        whole = select_numbered(pair, ", ".join(quote(mine) for mine, _ in columns))
        every, waiting = self.connection.execute(
            f"SELECT count(*), coalesce(sum({away}), 0) FROM ({whole}) AS c "
            f"WHERE {has} AND NOT EXISTS (SELECT 1 FROM {dotted('main', parent.source)} AS p WHERE {same})"
        ).fetchone()
        return every, every - waiting

    def find_strange_heirs(self, pair: Pair) -> Iterator[str]:
        """Yield the tables whose rows are shown as those of a table that they are not in."""
        for heir in self.both.tables_of(pair)[1].heirs:
            if self._ask(f"SELECT 1 FROM {heir} LIMIT 1".encode(), ()):
                yield f"{pair.into}: shows rows that stand in {heir}, which inherits from it"

    def find_late_sequences(self, pair: Pair) -> tuple[list[str], list[str]]:
        """Return the sequences that would give a number again, and notes on those that cannot be read."""
        source, table = self.both.tables_of(pair)
        wrong, notes = list[str](), []
        for column in table.columns:
            if column.sequence is None:
                continue
            if not self._ask("SELECT has_sequence_privilege(%s, 'SELECT')::int", (column.sequence,)):
                notes.append(f"{pair.into}: sequence {column.sequence} cannot be read")
                continue
            wrong += self._try_sequence(pair, column, source)
        return wrong, notes

    def _try_sequence(self, pair: Pair, column: ServerColumn, source: SourceTable) -> Iterator[str]:
        """Yield what is wrong with the next number: it is taken, or there is none."""
        following, step, last = self._read_next(column)
        name, rows = identifier("t", column.name), identifier(pair.schema, pair.table)
        farthest = "max" if step > 0 else "min"
        used = self._ask(compose(f"SELECT {farthest}({{column}}) FROM {{rows}} AS t", column=name, rows=rows), ())
        own = fold(_source_of(pair, column.name) or "")
        if step > 0 and source.alias is not None and own == fold(source.alias):
            used = max(used, source.mark)
        is_beyond = following > last if step > 0 else following < last
        if is_beyond and not self._has_taken_last(pair, column, used, last, step):
            yield f"{pair.into}: sequence {column.sequence} of {column.name} is at its end, and gives no more numbers"
        elif not is_beyond and ((following <= used) if step > 0 else (following >= used)):
            told = "one that" if own in pair.secret else f"{following}, and {used}"
            yield f"{pair.into}: the next {column.name} would be {told} is taken already"

    def _has_taken_last(self, pair: Pair, column: ServerColumn, used: int, last: int, step: int) -> bool:
        """Tell whether a sequence has no more numbers because the rows, or those of the source, took the last."""
        name = _source_of(pair, column.name)
        if name is not None:
            asked = f"SELECT {'max' if step > 0 else 'min'}({quote(name)}) FROM {dotted('main', pair.source)} "
            found = self.connection.execute(f"{asked}WHERE typeof({quote(name)}) = 'integer'").fetchone()[0]
            used = used if found is None else max(used, found) if step > 0 else min(used, found)
        return used + step > last if step > 0 else used + step < last

    def _read_next(self, column: ServerColumn) -> tuple[int, int, int]:
        """Return the number that a sequence gives next, its step, and the last number that it ever gives."""
        row = self.server.execute(
            "SELECT last_value::numeric + CASE WHEN is_called THEN seqincrement ELSE 0 END, seqincrement, "
            "CASE WHEN seqincrement > 0 THEN seqmax ELSE seqmin END "
            f"FROM {str(column.sequence).replace('%', '%%')}, pg_sequence WHERE seqrelid = %s::regclass",
            (column.sequence,),
        ).fetchone() or (0, 1, 0)
        return int(row[0]), int(row[1]), int(row[2])

    def find_strange_defaults(self, pair: Pair) -> Iterator[str]:
        """Yield the columns that the source lacks, and that hold something else than their default."""
        known = {cell.into for cell in pair.cells}
        for column in self.both.tables_of(pair)[1].columns:
            if column.name in known or column.is_generated or column.name == ADDRESS:
                continue
            name = identifier("t", column.name)
            if column.default is None and column.sequence is None:
                count = self.count(pair.schema, pair.table, "{column} IS NOT NULL", column=name)
                if count:
                    yield f"{pair.into}: column {column.name} is not the source's, and {count} rows hold something"
            elif not self._is_one_default(pair, column):
                yield f"{pair.into}: column {column.name} is not the source's, and holds not its default alone"

    def _is_one_default(self, pair: Pair, column: ServerColumn) -> bool:
        """Tell whether a column holds one value, and its default where that is a constant; or another for each row."""
        held = '{column}::text COLLATE "C"'
        text = f"SELECT count(*), count({{column}}), count(DISTINCT {held}), min({held}) FROM {{rows}} AS t"
        names = {"column": identifier("t", column.name), "rows": identifier(pair.schema, pair.table)}
        row = self.server.execute(compose(text, **names)).fetchone() or (0, 0, 0, None)
        count, filled, different, value = row
        bare = _CONSTANT.sub("", column.default or "")
        if column.sequence is not None or _EACH.search(bare):
            return bool(count == filled == different)
        is_one = bool(different <= 1 and filled in (0, count))
        if not is_one or not count or _WORKED_OUT.search(bare):
            return is_one
        wanted = self.server.execute(
            f"SELECT ({column.default})::text".encode()  # as the server's catalogue wrote it
        ).fetchone()
        return wanted is not None and wanted[0] == value


def _source_of(pair: Pair, name: str) -> str | None:
    return next((cell.source for cell in pair.cells if cell.into == name), None)
