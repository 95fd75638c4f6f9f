"""Follow ids that changed: what a table holds of them changes with them, or waits where that has no answer.

For each reference of an input, ``scratch."refs <reference> <input>"`` (old and new values, waits) says which values
that it holds become others, and with which its rows wait: their parent is in quarantine, nothing tells which row is
meant, or it has none and another row happens to hold its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from strongroom.binding import BoundInput, Rewrite, TableJob
from strongroom.consolidate.merge.maps import (
    declare_olds,
    home_of,
    ids_for,
    map_for,
    news,
    olds,
)
from strongroom.consolidate.merge.raw import Raw, open_raw
from strongroom.core.quoting import dotted, literal, quote
from strongroom.sqlite.connection import Connection

_REFS = "refs "


def is_reference(name: str) -> bool:
    """Tell whether a working table says what a reference becomes."""
    return name.startswith(_REFS)


def prepare_rewrites(connection: Connection, jobs: Mapping[str, TableJob], job: TableJob) -> TableJob:
    """Find out what becomes of the ids that a table holds; return the job with the references that change."""
    left = connection.execute("SELECT name FROM scratch.sqlite_master WHERE type = 'table'").fetchall()
    for name in (name for (name,) in left if is_reference(name)):
        connection.execute(f"DROP TABLE {dotted('scratch', name)}")
    prepared = []
    for rewrite in job.rewrites:
        references = _list_references(connection, jobs, job, rewrite)
        changes = frozenset(one.entry.number for one in references if one.prepare())
        if changes:
            prepared.append(replace(rewrite, changes=changes))
    return replace(job, rewrites=tuple(prepared))


def may_leave_orphans(connection: Connection, jobs: Mapping[str, TableJob], job: TableJob) -> bool:
    """Tell whether a table of a circle holds ids that no row of their own file has: others may get them."""
    late = [rewrite for rewrite in job.rewrites if rewrite.is_late]
    return any(one.has_orphans() for rewrite in late for one in _list_references(connection, jobs, job, rewrite))


def _list_references(
    connection: Connection, jobs: Mapping[str, TableJob], job: TableJob, rewrite: Rewrite
) -> list[_Reference]:
    return [
        _Reference(connection=connection, child=job, parent=jobs[rewrite.parent], rewrite=rewrite, entry=entry)
        for entry in job.inputs
        if rewrite in job.references_of(entry)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    """One reference of one input of a table, while it is prepared."""

    connection: Connection
    child: TableJob
    parent: TableJob
    rewrite: Rewrite
    entry: BoundInput

    @property
    def table(self) -> str:
        return refs_of(self.rewrite, self.entry)

    @property
    def own(self) -> list[BoundInput]:
        """The parent's inputs in the child's own file."""
        return [home for home in self._fed if home.source == self.entry.source]

    @property
    def is_own(self) -> bool:
        """Whether parents are looked for in the child's own file only."""
        return not self.rewrite.homes and (bool(self.own) or self.entry.source in self.rewrite.bereft)

    @property
    def homes(self) -> list[BoundInput]:
        """The parent's inputs in which the rows are looked for."""
        if self.rewrite.homes:
            return [home for home in self._fed if home.name in self.rewrite.homes]
        return self.own if self.is_own else self._fed

    @property
    def _fed(self) -> list[BoundInput]:
        return [one for one in self.parent.inputs if all(name in one.columns for name in self.rewrite.parent_columns)]

    def prepare(self) -> bool:
        """Fill the reference's table; tell whether a row of the input is concerned."""
        count = len(self.rewrite.columns)
        listed, made = olds(count), ", ".join(news(count))
        self.connection.execute(
            f"CREATE TABLE {self.table} ({declare_olds(self.parent, self.rewrite)}, {made}, waits INTEGER, "
            f"PRIMARY KEY ({', '.join(listed)})) WITHOUT ROWID"
        )
        self._note_moves()
        if self._is_shared():  # which of the parents it means, nothing says
            self.connection.execute(f"UPDATE {self.table} SET waits = 1")
        self._note_orphans()
        if not self.connection.execute(f"SELECT 1 FROM {self.table} LIMIT 1").fetchone():
            return False
        with open_raw(self.connection, self.entry) as raw:
            hit = f"SELECT 1 FROM {raw.table} AS s CROSS JOIN {self.table} m ON {self._at('m.o')} LIMIT 1"
            return self.connection.execute(hit).fetchone() is not None

    def _is_shared(self) -> bool:
        """Tell whether the same columns refer to another table as well."""
        mine = self.rewrite
        return any(
            one.columns == mine.columns and one.json == mine.json and one.parent != mine.parent
            for one in self.child.references_of(self.entry)
        )

    def _at(self, prefix: str) -> str:
        """Return the condition that row ``s`` of the input holds certain values; the left side's way of comparing."""
        held = held_values(self.rewrite, self.entry)
        return " AND ".join(f"{prefix}{number} = {value}" for number, value in enumerate(held))

    def _note_moves(self) -> None:
        """Note the values whose rows hold others now, or wait."""
        homes, listed = self.homes, olds(len(self.rewrite.columns))
        if not homes:
            return
        numbers = ", ".join(str(home.number) for home in homes)
        moved = f"{map_for(self.rewrite)} m WHERE m.input IN ({numbers})"
        if not self.connection.execute(f"SELECT 1 FROM {moved} LIMIT 1").fetchone():
            return
        made = news(len(listed))
        if len(homes) == 1 and homes[0].table.is_unique(self._columns(homes[0])):
            self.connection.execute(
                f"INSERT OR IGNORE INTO {self.table} SELECT {', '.join(listed + made)}, waits FROM {moved}"
            )
            return
        self._collect_holders(homes, numbers)
        same = " AND ".join(f"m.{name} = h.{name}" for name in listed)
        only = "count(DISTINCT h.place) = 1" if self.is_own else "count(*) = 1"
        chosen = ", ".join(f"max(m.{name})" for name in made)
        grouped = ", ".join(f"h.{name}" for name in listed)
        self.connection.execute(
            f"INSERT OR IGNORE INTO {self.table} SELECT {grouped}, {chosen}, "
            f"max(coalesce(m.waits, 0)) OR NOT {only} FROM scratch.holders h "
            f"LEFT JOIN {map_for(self.rewrite)} m ON m.input = h.input AND m.rid = h.rid AND {same} GROUP BY {grouped}"
        )
        self.connection.execute("DROP TABLE scratch.holders")

    def _columns(self, home: BoundInput) -> tuple[str, ...]:
        """Return the columns of a parent's input that are held."""
        return tuple(home.columns[name] for name in self.rewrite.parent_columns)

    def _collect_holders(self, homes: list[BoundInput], numbers: str) -> None:
        """Collect all rows that have a value of which one moved: which is meant is seen from all of them."""
        listed = olds(len(self.rewrite.columns))
        self.connection.execute(
            f"CREATE TABLE scratch.holders ({declare_olds(self.parent, self.rewrite)}, "
            "input INTEGER, rid INTEGER, place)"
        )
        for home in homes:
            with open_raw(self.connection, home) as raw:
                held = [f"s.{quote(name)}" for name in self._columns(home)]
                same = " AND ".join(f"m.{name} = +{value}" for name, value in zip(listed, held, strict=True))
                moved = f"{map_for(self.rewrite)} m WHERE m.input = {home.number} AND m.rid = {raw.rid}"
                self.connection.execute(
                    f"INSERT INTO scratch.holders SELECT {', '.join(held)}, {home.number}, {raw.rid}, "
                    f"coalesce((SELECT m.target FROM {moved}), {home_of(self.parent, home, raw.rid)}) "
                    f"FROM {raw.table} AS s WHERE {self._goes_in(home, raw)} AND EXISTS "
                    f"(SELECT 1 FROM {map_for(self.rewrite)} m WHERE m.input IN ({numbers}) AND {same})"
                )

    def _goes_in(self, home: BoundInput, raw: Raw) -> str:
        """Return the condition that the plan does not leave row ``s`` of a parent out."""
        if self.parent.where is None or home.is_seed:
            return "1"
        kept = dotted("ledger", home.name)
        return f"NOT EXISTS (SELECT 1 FROM {kept} l WHERE l._rowid = {raw.rid} AND l._disposition = 'filtered')"

    def _note_orphans(self) -> None:
        """Note the values that no row has, and that another one has now; or all of them, where the plan says so."""
        policy = self.rewrite.orphans
        if policy == "keep" or (policy is None and not self._may_be_adopted()):
            return
        count = len(self.rewrite.columns)
        self._collect_orphans(is_adopted=policy is None)
        values = ", ".join([*olds(count), *["NULL"] * count, "0" if policy == "null" else "1"])
        self.connection.execute(f"INSERT OR IGNORE INTO {self.table} SELECT {values} FROM scratch.orphans")
        self.connection.execute("DROP TABLE scratch.orphans")

    def _may_be_adopted(self) -> bool:
        """Tell whether the target may hold ids that no row has in which this reference's parents are looked for."""
        if {home.number for home in self.homes} != {one.number for one in self.parent.inputs} or self.parent.where:
            return True
        moved = f"SELECT 1 FROM {map_for(self.rewrite)} WHERE NOT waits LIMIT 1"
        return self.connection.execute(moved).fetchone() is not None

    def has_orphans(self) -> bool:
        """Tell whether the input holds ids that no row has in which its parents are looked for."""
        if self.rewrite.orphans == "keep":
            return False
        self._collect_orphans(is_adopted=False)
        found = self.connection.execute("SELECT 1 FROM scratch.orphans LIMIT 1").fetchone()
        self.connection.execute("DROP TABLE scratch.orphans")
        return found is not None

    def _collect_orphans(self, *, is_adopted: bool) -> None:
        """Fill ``orphans`` with the values for which the parents have no row; if ``is_adopted``, the target has one."""
        listed = olds(len(self.rewrite.columns))
        declared = declare_olds(self.parent, self.rewrite)
        self.connection.execute(
            f"CREATE TABLE scratch.orphans ({declared}, PRIMARY KEY ({', '.join(listed)})) WITHOUT ROWID"
        )
        held = held_values(self.rewrite, self.entry)
        wanted = [f"{value} IS NOT NULL" for value in held]
        if is_adopted:
            theirs = zip(self.rewrite.parent_columns, held, strict=True)
            same = " AND ".join(f"t.{quote(name)} = {value}" for name, value in theirs)
            wanted.append(f"EXISTS (SELECT 1 FROM {ids_for(self.rewrite)} t WHERE {same})")
        beside = [home for home in self.homes if home.source == self.entry.source and home.table.rowid is not None]
        with open_raw(self.connection, self.entry) as raw:
            parents = (self._find_parent(home, dotted("src", home.table.name), held) for home in beside)
            wanted += [f"NOT EXISTS ({parent})" for parent in parents]
            self.connection.execute(
                f"INSERT OR IGNORE INTO scratch.orphans SELECT {', '.join(held)} FROM {raw.table} AS s "
                f"WHERE {' AND '.join(wanted)}"
            )
        for home in self.homes:
            if home not in beside:
                with open_raw(self.connection, home) as raw:
                    found = self._find_parent(home, raw.table, [f"+o.{name}" for name in listed])
                    self.connection.execute(f"DELETE FROM scratch.orphans AS o WHERE EXISTS ({found})")

    def _find_parent(self, home: BoundInput, table: str, held: list[str]) -> str:
        """Return the query for a parent's row that has these values, and goes in."""
        same = " AND ".join(f"p.{quote(name)} = {value}" for name, value in zip(self._columns(home), held, strict=True))
        rid = "_strongroom_row" if home.table.rowid is None else home.table.rowid
        return (
            f"SELECT 1 FROM {table} p WHERE {same} AND {self._goes_in(home, Raw(table=table, rid=f'p.{quote(rid)}'))}"
        )


def refs_of(rewrite: Rewrite, entry: BoundInput) -> str:
    """Return the name of the table that says what the ids of an input become."""
    return dotted("scratch", f"{_REFS}{rewrite.number} {entry.number}")


def held_values(rewrite: Rewrite, entry: BoundInput) -> list[str]:
    """Return the expressions for the ids that row ``s`` of an input holds; they compare as the other side does."""
    plain = [f"s.{quote(entry.columns[name])}" for name in rewrite.columns]
    if rewrite.json is None:
        return [f"+{value}" for value in plain]
    value, path = plain[0], literal(rewrite.json)
    found = f"CASE WHEN json_type({value}, {path}) IN ('integer', 'text') THEN json_extract({value}, {path}) END"
    return [f"CASE WHEN typeof({value}) = 'text' AND json_valid({value}) THEN {found} END"]


def _match(rewrite: Rewrite, entry: BoundInput) -> str:
    """Return FROM and WHERE that find what the ids of row ``s`` become."""
    held = held_values(rewrite, entry)
    same = " AND ".join(f"m.o{number} = {value}" for number, value in enumerate(held))
    return f"FROM {refs_of(rewrite, entry)} m WHERE {same}"


def follow(rewrites: tuple[Rewrite, ...], entry: BoundInput, column: str, value: str) -> str:
    """Return what a column becomes by the references that it is part of; ``value`` is what it holds."""
    for rewrite in rewrites:
        if column in rewrite.columns:
            found = _match(rewrite, entry)
            made = _put(rewrite, value, f"m.n{rewrite.columns.index(column)}", f"s.{quote(entry.columns[column])}")
            known = f"EXISTS (SELECT 1 {found} AND NOT m.waits)"
            value = f"CASE WHEN {known} THEN (SELECT {made} {found}) ELSE {value} END"
    return value


def _put(rewrite: Rewrite, value: str, new: str, plain: str) -> str:
    """Return a value with a new id in the old one's place; an id that is text stays text."""
    if rewrite.json is None:
        return f"CASE typeof({plain}) WHEN 'text' THEN CAST({new} AS TEXT) ELSE {new} END"
    path = literal(rewrite.json)
    made = f"CASE json_type({plain}, {path}) WHEN 'text' THEN CAST({new} AS TEXT) ELSE {new} END"
    return f"json_set({value}, {path}, {made})"


def list_changes(rewrite: Rewrite, entry: BoundInput) -> list[str]:
    """Return, for each column of a reference, the text that says what it was and is, or NULL where it stays."""
    said = []
    for name in rewrite.columns:
        value = f"s.{quote(entry.columns[name])}"
        new = follow((rewrite,), entry, name, value)
        text = f"{literal(name + ' ')} || quote({value}) || ' is now ' || quote({new})"
        said.append(f"CASE WHEN {new} IS NOT {value} THEN {text} END")
    return said


def is_waiting(rewrite: Rewrite, entry: BoundInput) -> str:
    """Return the condition that row ``s`` waits for what it refers to."""
    return f"EXISTS (SELECT 1 {_match(rewrite, entry)} AND m.waits)"
