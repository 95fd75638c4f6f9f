"""The groups of a run that nothing decided, row by row, as its ledgers keep them. Read-only, in constant memory."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

from strongroom.consolidate.deciding.tables import Forms, TableForm, read_forms
from strongroom.consolidate.explain import find_target
from strongroom.consolidate.kept_plan import read_kept_plan
from strongroom.consolidate.live_rows import write_value
from strongroom.consolidate.masking import MASK
from strongroom.core.errors import UnreachableError, UsageError, VersionError
from strongroom.core.instants import Stored
from strongroom.core.quoting import dotted, fold
from strongroom.core.secret import Secret
from strongroom.runs.folder import Home, RunFolder
from strongroom.runs.records import PlanDocument
from strongroom.sqlite.connection import Connection, RawText, open_snapshot
from strongroom.sqlite.database import Database, under_key
from strongroom.sqlite.keyring import hold_needed
from strongroom.sqlite.row_hash import hash_row
from strongroom.sqlite.schema import Schema, read_schema

UNDECIDING = ("identical", "newest", "oldest", "quarantine")
"""The rules that may leave a group to a person."""
_BY_PERSON = "decision"
GroupKey = tuple[str, tuple[str, ...]]
"""By what a group is known: its table, folded, and the hashes of its rows in order of the alphabet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One version of a row."""

    number: int
    """Its place in the group, from 1, which is the shown row."""
    source: str
    """``source.table``."""
    rowid: int
    sha256: str
    waits: bool
    """Whether it waits itself, for the row to which it refers: then it cannot be taken."""
    stored: tuple[Stored, ...] = field(repr=False)
    """Its values, as the target would store them."""

    @property
    def label(self) -> str:
        """Return where it comes from."""
        return f"{self.source} row {self.rowid}"


@dataclass(frozen=True, kw_only=True)
class Group:
    """Different rows with one key, of which the first is shown."""

    form: TableForm
    columns: tuple[str, ...]
    """The target's."""
    rows: tuple[GroupRow, ...]
    is_decided: bool = False
    """Whether the run knew a decision about it."""
    is_secret: bool = False
    """Whether its target is encrypted: then nothing of it is kept in plain."""

    @property
    def table(self) -> str:
        """Return ``target.table``."""
        return self.form.into

    @property
    def name(self) -> GroupKey:
        """Return by what a decision knows it."""
        return name_group(self.table, [row.sha256 for row in self.rows])

    @cached_property
    def key(self) -> Mapping[str, str]:
        """Return key column to value, as people read it."""
        wanted = {fold(name) for name in self.form.key}
        return {name: value for name, value in self.write(self.rows[0]).items() if fold(name) in wanted}

    @property
    def label(self) -> str:
        """Return what a person knows it by."""
        return f"{self.table} {', '.join(self.key.values())}".strip()

    @cached_property
    def differs(self) -> tuple[int, ...]:
        """Return the places of the columns in which the rows differ, without an id that changes anyway."""
        skipped = None if self.form.is_compared or self.form.identity is None else fold(self.form.identity)
        return tuple(
            place
            for place, name in enumerate(self.columns)
            if len({_exactly(row.stored[place]) for row in self.rows}) > 1 and fold(name) != skipped
        )

    @property
    def choosable(self) -> tuple[int, ...]:
        """Return the places of the differing columns that may be taken from one row or another."""
        return tuple(place for place in self.differs if not self.form.stays(self.columns[place]))

    def is_as_shown(self, row: GroupRow, place: int) -> bool:
        """Tell whether a row holds what the shown one does."""
        return _exactly(row.stored[place]) == _exactly(self.rows[0].stored[place])

    def write(self, row: GroupRow) -> dict[str, str]:
        """Write a row's values as SQL would, secret ones as a mark."""
        return {name: self.write_at(row, place) for place, name in enumerate(self.columns)}

    def write_at(self, row: GroupRow, place: int) -> str:
        """Write one value."""
        value = row.stored[place]
        return MASK if value is not None and self.form.hides(self.columns[place]) else write_value(value)


def name_group(table: str, hashes: Sequence[str]) -> GroupKey:
    """Return by what a group is known."""
    return fold(table), tuple(sorted(hashes))


def read_groups(
    home: Home, folder: RunFolder, keys: Mapping[str, Secret], table: str | None = None, *, with_decided: bool = False
) -> Generator[Group, None, None]:
    """Yield the groups that the run left undecided, by table, in the order of their shown rows.

    ``with_decided`` yields those that it knew a decision about too. Raises UnreachableError for a run without ledgers,
    UsageError for a table that is none of its, VersionError for ledgers of before, KeyMissingError, GuardError.
    """
    if not folder.ledger.is_dir():
        raise UnreachableError(folder.root, "has no ledger any more", "name another --run")
    if table is not None:
        find_table(folder, table)
    forms, names = read_forms(read_kept_plan(folder)), folder.read_target_keys()
    with hold_needed(keys, names.values()):
        for file in sorted(folder.ledger.glob("*.db")):
            ledger = under_key(file, names.get(file.stem), home.engine)
            yield from _read_ledger(home, folder, ledger, forms, table, with_decided=with_decided)


def find_table(folder: RunFolder, table: str) -> str:
    """Return the name of a table of a run, however it is written. Raises UsageError where there is none."""
    known = folder.read(PlanDocument)
    tables = () if known is None else tuple(known.tables)
    for name in tables:
        if fold(name) == fold(table):
            return name
    near = [name for name in tables if fold(name).endswith("." + fold(table))]
    hint = f"did you mean {near[0]}?" if near else "write target.table"
    raise UsageError("--table", f"{table} is no table of run {folder.name}", hint)


def _read_ledger(
    home: Home, folder: RunFolder, ledger: Database, forms: Forms, table: str | None, *, with_decided: bool
) -> Iterator[Group]:
    with _open_raw(ledger) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'undecided'").fetchone():
            fact = "was written before a run could be decided about"
            raise VersionError(ledger.path, fact, "run consolidate.run again, then decide")
        listed = connection.execute("SELECT into_table, kept_table, columns FROM undecided ORDER BY 1, 2").fetchall()
        copies = [tuple(_decode(value) for value in row) for row in listed]
        wanted = [copy for copy in copies if table is None or fold(copy[0]) == fold(table)]
        schema = _read_target(home, folder, ledger) if wanted else None
        for into, kept, columns in wanted:
            look = _Look(connection, forms.of(into, schema), kept, tuple(json.loads(columns)))
            look.is_secret = ledger.key is not None
            yield from (group for group in look.read_groups() if with_decided or not group.is_decided)


@contextmanager
def _open_raw(database: Database) -> Iterator[Connection]:
    with open_snapshot(database) as connection:
        connection.text_factory = RawText
        yield connection


def _read_target(home: Home, folder: RunFolder, ledger: Database) -> Schema | None:
    """Return what the target declares, staged or live; None where it is not there any more."""
    found = find_target(home, folder, replace(ledger, path=folder.stage / ledger.path.name))
    if found is None:
        return None
    with open_snapshot(found) as connection:
        return read_schema(connection)


@dataclass(frozen=True, kw_only=True)
class _Input:
    """One input's entries: where they are read, and whose they are."""

    source: str
    columns: tuple[str, ...]
    query: str


class _Look:
    """One table's copies in a ledger."""

    def __init__(self, connection: Connection, form: TableForm, kept: str, columns: tuple[str, ...]) -> None:
        self._connection, self._form, self._kept, self._columns = connection, form, kept, columns
        self._inputs = self._list_inputs()
        self.is_secret = False

    def read_groups(self) -> Iterator[Group]:
        """Yield the table's groups: undecided ones, and those that were decided."""
        table, values = dotted("main", self._kept), "".join(f", c{number}" for number in range(len(self._columns)))
        listed = self._connection.execute(f"SELECT _group FROM {table} WHERE _number = 1 ORDER BY _input, _rowid")
        query = f"SELECT _input, _rowid, _waits{values} FROM {table} WHERE _group = ? ORDER BY _number"
        for (number,) in listed:
            group = self._build(self._connection.execute(query, (number,)))
            if group is not None:
                yield group

    def _list_inputs(self) -> dict[int, _Input]:
        rows = self._connection.execute(
            "SELECT number, source, source_table, kept_table, columns FROM inputs WHERE into_table = ?",
            (self._form.into,),
        ).fetchall()
        found = {}
        for number, *said in rows:
            source, table, kept, columns = map(_decode, said)
            names = tuple(json.loads(columns))
            held = "".join(f", c{place}" for place in range(len(names)))
            query = f"SELECT _disposition, _rule{held} FROM {dotted('main', kept)} WHERE _rowid = ?"
            found[number] = _Input(source=f"{source}.{table}", columns=names, query=query)
        return found

    def _build(self, copies: Iterable[Sequence[Stored]]) -> Group | None:
        """Return a group; None where it waits as a whole, which no decision settles."""
        rows = list[GroupRow]()
        rule = b""
        for number, rowid, waits, *stored in copies:
            entry = self._inputs[cast("int", number)]
            kept = self._connection.execute(entry.query, (rowid,)).fetchone()
            disposition, said = (kept[0], kept[1]) if kept is not None else (b"", b"")
            if not rows:
                rule = said
                if disposition != b"inserted" or _decode(rule) not in (*UNDECIDING, _BY_PERSON):
                    return None
            elif disposition == b"merged_identical" and _decode(said) in UNDECIDING:
                continue  # it equals the shown row: nobody has to choose between them
            row = GroupRow(
                number=len(rows) + 1,
                source=entry.source,
                rowid=cast("int", rowid),
                sha256=hash_row(entry.source, entry.columns, kept[2:]),
                waits=bool(waits),
                stored=tuple(stored),
            )
            rows.append(row)
        return Group(
            form=self._form,
            columns=self._columns,
            rows=tuple(rows),
            is_decided=_decode(rule) == _BY_PERSON,
            is_secret=self.is_secret,
        )


def _decode(text: Stored) -> str:
    return text.decode() if isinstance(text, bytes) else ""


def _exactly(value: Stored) -> tuple[type, object]:
    """Return what two values have in common only where they are stored alike, byte for byte."""
    return type(value), repr(value) if isinstance(value, float) else value
