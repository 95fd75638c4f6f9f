"""Awkward facts that real trees have, planted where a column of the right kind is found.

They go into rows which a file has for itself, so that they are carried and do not become conflicts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from strongroom.core.plan import Plan
from strongroom.core.quoting import quote
from strongroom.demo.content import Content, insert_rows
from strongroom.demo.facts import Duplicates, Gaps, OddKeys, Operator, Place, count_rows
from strongroom.demo.tables import Column, Table
from strongroom.demo.values import draw, number_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """One value to put into one row."""

    name: str
    kinds: tuple[str, ...]
    sql: str
    words: str


_PLAIN = ("prose", "word", "json")
_CELLS = (
    _Cell(
        name="invalid UTF-8",
        kinds=_PLAIN,
        sql="CAST(x'C3286869A0FF' AS TEXT)",
        words="is a TEXT that is no UTF-8",
    ),
    _Cell(name="NUL", kinds=_PLAIN, sql="'before' || char(0) || 'after'", words="holds a NUL inside a TEXT"),
    _Cell(
        name="huge cell",
        kinds=("prose", "json"),
        sql="replace(hex(zeroblob(524288)), '0000', 'é, and o')",
        words="is a text of more than 2 MB",
    ),
    _Cell(name="text in REAL", kinds=("measure",), sql="'n/a'", words="holds the text 'n/a' in a REAL column"),
    _Cell(name="infinity", kinds=("measure",), sql="9e999", words="is +Infinity"),
    _Cell(name="BLOB in REAL", kinds=("measure",), sql="x'00FF10'", words="holds a BLOB in a REAL column"),
    _Cell(name="largest integer", kinds=("count",), sql=str(2**63 - 1), words="is 2^63-1"),
)


class Planter:
    """Chooses, by the seed, where each awkward fact goes, and puts it there."""

    def __init__(self, plan: Plan, tables: Iterable[Table], content: Content, *, seed: int) -> None:
        """Choose the places among the tables that the plan keeps and that no schema fills."""
        dropped = {(drop.source, drop.table.lower()) for drop in plan.drops}
        self._tables = [
            table
            for table in tables
            if not table.rows and not dropped & {(table.source, table.name.lower()), (table.source, "*")}
        ]
        self._content = content
        self._seed = seed
        self._used: set[tuple[str, str]] = set()
        self._heavy: set[str] = set()
        self._places: list[tuple[Table, Place]] = []
        self.facts: dict[str, str] = {}
        self._busy = _columns_of_rules(plan)
        self._single = {
            (rule.inputs[0].source, rule.inputs[0].table.lower()) for rule in plan.tables if len(rule.inputs) == 1
        }
        for number, cell in enumerate(_CELLS):
            self._place_cell(number, cell)
        self._place_rows()
        self._place_operator()

    def choose_journaled(self) -> str | None:
        """Choose the source whose last rows stay in its ``-wal``: one that is otherwise plain."""
        tables = [table for table in self._tables if table.has_rowid]
        chosen = self._choose_grown([t for t in tables if t.source not in self._heavy] or tables)
        return chosen.source if chosen else None

    def plant(self, connection: sqlite3.Connection, source: str) -> None:
        """Plant what was chosen for a source; what a constraint refuses is not planted."""
        for table, place in self._places:
            if table.source == source and count_rows(connection, table):
                try:
                    name, words = place(connection)
                except sqlite3.IntegrityError:
                    continue
                self.facts[name] = words
        self._count_orphans(connection, source)

    def plant_in_journal(self, connection: sqlite3.Connection, source: str, numbers: range) -> None:
        """Insert rows and change one value, for a ``-wal`` that no one checkpoints."""
        tables = [table for table in self._tables if table.source == source and table.has_rowid]
        grown = self._choose_grown(tables) or tables[0]
        insert_rows(connection, grown, self._content, numbers)
        words = [f"{grown.label}: {len(numbers)} rows are in the -wal only"]
        for table in sorted(tables, key=lambda table: table is grown):
            column = self._find_free(table, ("count", "prose"))
            if column is not None:
                value = "777" if column.kind == "count" else "'changed in the -wal only'"
                self._update(connection, table, column, value, 0)
                words.append(f"{table.label}.{column.name}: {value} is in the -wal only")
                break
        self.facts["-wal"] = "; ".join(words)

    def _choose_grown(self, tables: list[Table]) -> Table | None:
        unused = [table for table in tables if (table.source, table.name) not in self._used]
        numbered = [table for table in unused if table.autoincrement]
        return self._choose("-wal", numbered or unused or tables)

    def _choose(
        self, fact: str, tables: Iterable[Table], wants: Callable[[Table], object] = lambda _: True
    ) -> Table | None:
        """Choose a table, rather one without another fact."""

        def rank(table: Table) -> tuple[bool, int]:
            place = (number_of(table.source), number_of(table.name))
            return (table.source, table.name) in self._used, draw(self._seed, number_of(fact), *place)

        return min((table for table in tables if wants(table)), key=rank, default=None)

    def _add(self, table: Table, place: Place) -> None:
        self._used.add((table.source, table.name))
        self._places.append((table, place))

    def _find_free(self, table: Table, kinds: tuple[str, ...]) -> Column | None:
        return next((c for c in table.columns if c.kind in kinds and self._is_free(table, c)), None)

    def _is_free(self, table: Table, column: Column) -> bool:
        name = column.name.lower()
        return not (
            table.is_in_key(name)
            or name in table.references
            or column.name == table.rowid_alias
            or any(name in (check.column, check.other) for check in table.checks)
            or (table.source, name) in self._busy
        )

    def _place_cell(self, number: int, cell: _Cell) -> None:
        candidates = (table for table in self._tables if table.has_rowid)
        table = self._choose(cell.name, candidates, lambda table: self._find_free(table, cell.kinds))
        column = self._find_free(table, cell.kinds) if table else None
        if table is None or column is None:
            return

        def place(connection: sqlite3.Connection) -> tuple[str, str]:
            self._update(connection, table, column, cell.sql, number)
            return cell.name, f"{table.label}.{column.name} {cell.words}"

        self._heavy.add(table.source)
        self._add(table, place)

    def _update(self, connection: sqlite3.Connection, table: Table, column: Column, sql: str, number: int) -> None:
        """Change one row of those that are the file's own (see Content)."""
        offset = min(6 + number % 4 + number // 4 * 10, count_rows(connection, table) - 1)
        connection.execute(
            f"UPDATE {quote(table.name)} SET {quote(column.name)} = {sql} WHERE rowid = "
            f"(SELECT rowid FROM {quote(table.name)} ORDER BY rowid LIMIT 1 OFFSET {offset})"
        )

    def _place_rows(self) -> None:
        """Place what is a row of its own: odd keys, duplicates, gaps."""
        tables = [table for table in self._tables if table.has_rowid]
        loose = [table for table in tables if table.loose_key]
        if table := self._choose("odd keys", loose):
            self._add(table, OddKeys(table, "empty keys", ("NULL", "''"), "has a NULL key and a key ''"))
        if table := self._choose("similar keys", loose, lambda t: t.loose_key not in t.references):
            key = quote(table.loose_key or "")
            self._add(
                table,
                OddKeys(
                    table,
                    "similar keys",
                    (f"upper({key})", f"{key} || ' '"),
                    "has keys that differ in case and in a trailing space only",
                ),
            )
        if table := self._choose("duplicates", tables, lambda t: not t.keys and t.rowid_alias is None):
            self._add(table, Duplicates(table))
        if table := self._choose("gaps", tables, lambda t: t.autoincrement):
            self._add(table, Gaps(table))

    def _place_operator(self) -> None:
        """Place what an operator added to the schema of a table that one source alone feeds."""
        tables = [table for table in self._tables if table.has_rowid]
        single = [table for table in tables if (table.source, table.name.lower()) in self._single]
        table = self._choose(
            "operator", single or tables, lambda t: any(column.affinity == "TEXT" for column in t.columns)
        )
        if table is not None:
            self._heavy.add(table.source)
            self._add(table, Operator(table))

    def _count_orphans(self, connection: sqlite3.Connection, source: str) -> None:
        try:
            orphans = connection.execute(
                'SELECT "table", count(*) FROM pragma_foreign_key_check GROUP BY 1 ORDER BY 1'
            ).fetchall()
        except sqlite3.OperationalError:  # a reference to what is no key cannot be checked
            return
        path = next((table.path for table in self._tables if table.source == source), source)
        words = [f"{path} {table}: {count} rows whose parent is missing" for table, count in orphans]
        before = [self.facts["orphans"]] if "orphans" in self.facts else []
        if words:
            self.facts["orphans"] = "; ".join(before + words)


def _columns_of_rules(plan: Plan) -> set[tuple[str, str]]:
    """Collect the columns that decide something, as (source, column): no odd value belongs there."""
    busy = set()
    for rule in plan.tables:
        named = [*(rule.key or ()), *rule.transform, *rule.conflict.by]
        named += [column_rule.by or "" for column_rule in rule.conflict.columns.values()]
        busy |= {(entry.source, entry.columns.get(name, name).lower()) for name in named for entry in rule.inputs}
    return busy
