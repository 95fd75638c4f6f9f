"""The groups of a run that nothing decided, row by row, as its ledgers keep them. Read-only, in constant memory."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from strongroom.consolidate.deciding.tables import Forms, TableForm, read_forms
from strongroom.consolidate.explain import find_target
from strongroom.consolidate.kept_plan import read_kept_plan
from strongroom.consolidate.live_rows import write_value
from strongroom.consolidate.masking import MASK
from strongroom.core.errors import UnreachableError, UsageError, VersionError
from strongroom.core.instants import Stored
from strongroom.core.quoting import dotted, fold
from strongroom.core.secret import Secret
from strongroom.runs.folder import RunFolder
from strongroom.runs.home import Home
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


class GroupRow(NamedTuple):
    """One version of a row."""

    number: int
    """Its place in the group, from 1, which is the shown row."""
    source: str
    """``source.table``."""
    rowid: int
    sha256: str
    waits: bool
    """Whether it waits itself, for the row to which it refers: then it cannot be taken."""
    stored: tuple[Stored, ...]
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
    number: int = 0
    """Its number among its table's, in the ledger."""
    is_decided: bool = False
    """Whether the run knew a decision about it."""
    is_secret: bool = False
    """Whether its target is encrypted: then nothing of it is kept in plain."""

    @property
    def table(self) -> str:
        """Return ``target.table``."""
        return self.form.into

    @cached_property
    def name(self) -> GroupKey:
        """Return by what a decision knows it."""
        return name_group(self.table, [row.sha256 for row in self.rows])

    @cached_property
    def key(self) -> Mapping[str, str]:
        """Return key column to value, as people read it."""
        places = _find_places(self.form.key, self.columns)
        return {self.columns[place]: self.write_at(self.rows[0], place) for place in places}

    @property
    def label(self) -> str:
        """Return what a person knows it by; where its target is encrypted without a cell, for it stands in errors."""
        if self.is_secret:
            return f"{self.table} ({self.rows[0].label})"
        return f"{self.table} {', '.join(self.key.values())}".strip()

    @cached_property
    def differs(self) -> tuple[int, ...]:
        """Return the places of the columns in which the rows differ, without an id that changes anyway."""
        skipped = None if self.form.is_compared or self.form.identity is None else fold(self.form.identity)
        found, shown = set[int](), self.rows[0].stored
        for row in self.rows[1:]:
            pairs = enumerate(zip(shown, row.stored, strict=True))
            found.update(place for place, (one, other) in pairs if one is not other and not is_same(one, other))
        return tuple(place for place in sorted(found) if fold(self.columns[place]) != skipped)

    @property
    def choosable(self) -> tuple[int, ...]:
        """Return the places of the differing columns that may be taken from one row or another."""
        return tuple(place for place in self.differs if not self.form.stays(self.columns[place]))

    def is_as_shown(self, row: GroupRow, place: int) -> bool:
        """Tell whether a row holds what the shown one does."""
        return is_same(row.stored[place], self.rows[0].stored[place])

    def write_at(self, row: GroupRow, place: int) -> str:
        """Write a value as SQL would, a secret one as a mark."""
        value = row.stored[place]
        return MASK if value is not None and self.form.hides(self.columns[place]) else write_value(value)


@lru_cache(maxsize=256)
def _find_places(names: tuple[str, ...], columns: tuple[str, ...]) -> tuple[int, ...]:
    """Return the places of some columns, in their table's order."""
    wanted = {fold(name) for name in names}
    return tuple(place for place, name in enumerate(columns) if fold(name) in wanted)


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


class _Kept(NamedTuple):
    """A copy of a row, and its entry: ``group`` and ``number`` put them in order."""

    group: int
    number: int
    rowid: int
    waits: int
    stored: tuple[Stored, ...]
    source: str
    disposition: str
    rule: str
    sha256: str


class _Look:
    """One table's copies in a ledger."""

    def __init__(self, connection: Connection, form: TableForm, kept: str, columns: tuple[str, ...]) -> None:
        self._connection, self._form, self._kept, self._columns = connection, form, kept, columns
        self.is_secret = False

    def read_groups(self) -> Iterator[Group]:
        """Yield the table's groups: undecided ones, and those that were decided."""
        inputs = self._connection.execute(
            "SELECT number, source, source_table, kept_table, columns FROM inputs WHERE into_table = ?",
            (self._form.into,),
        ).fetchall()
        rows = merge(*(self._read_input(number, *map(_decode, said)) for number, *said in inputs))
        for _, members in groupby(rows, key=itemgetter(0)):
            group = self._build(list(members))
            if group is not None:
                yield group

    def _read_input(self, number: int, source: str, table: str, kept: str, listed: str) -> Iterator[_Kept]:
        """Yield the rows of one input, in the order of their groups; their source's values as their hash only."""
        names, label = tuple(json.loads(listed)), f"{source}.{table}"
        copies, entries = dotted("main", self._kept), dotted("main", kept)
        values = "".join(f", c{place}" for place in range(len(self._columns)))
        held = "".join(f", e.c{place}" for place in range(len(names)))
        here, these = "e._rowid = k._rowid", "WHERE k._input = ? ORDER BY k._group, k._number"
        ours = self._connection.execute(
            f"SELECT _group, _number, _rowid, _waits{values} FROM {copies} k {these}", (number,)
        )
        theirs = self._connection.execute(
            f"SELECT e._disposition, e._rule{held} FROM {copies} k LEFT JOIN {entries} e ON {here} {these}",
            (number,),
        )
        for (group, place, rowid, waits, *stored), (disposition, rule, *raw) in zip(ours, theirs, strict=True):
            digest = hash_row(label, names, raw)
            yield _Kept(group, place, rowid, waits, tuple(stored), label, _decode(disposition), _decode(rule), digest)

    def _build(self, members: list[_Kept]) -> Group | None:
        """Return a group; None where it waits as a whole, and not for what was taken: no decision settles that."""
        shown, is_decided = members[0], any(row.rule == _BY_PERSON for row in members)
        if not is_decided and (shown.disposition != "inserted" or shown.rule not in UNDECIDING):
            return None
        return Group(
            form=self._form,
            columns=self._columns,
            rows=tuple(
                GroupRow(number, row.source, row.rowid, row.sha256, bool(row.waits), row.stored)
                for number, row in enumerate(members, start=1)
            ),
            number=shown.group,
            is_decided=is_decided,
            is_secret=self.is_secret,
        )


def _decode(text: Stored) -> str:
    return text.decode() if isinstance(text, bytes) else ""


def is_same(one: Stored, other: Stored) -> bool:
    """Tell whether two values are stored alike, byte for byte: 0.0 has a sign."""
    if type(one) is not type(other) or one != other:
        return False
    return type(one) is not float or repr(one) == repr(other)
