"""Follow ids that changed: what a table holds of them changes with them, or waits where that has no answer.

A row waits when its parent is in quarantine, when nothing tells which row is meant, or when it has no parent and
another row happens to hold its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from strongroom.binding import Rewrite, TableJob
from strongroom.consolidate.merge.follow import held_values, is_reference, refs_of
from strongroom.consolidate.merge.holders import note_held, note_unheld
from strongroom.consolidate.merge.maps import ids_for, map_for, news, olds
from strongroom.consolidate.merge.parents import (
    Parents,
    compares_alike,
    finds_what_is_written,
    list_fed,
    tells_apart,
)
from strongroom.consolidate.merge.raw import open_raw
from strongroom.consolidate.merge.torn import note_torn
from strongroom.core.quoting import dotted, quote
from strongroom.sqlite.connection import Connection


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
            spelled = frozenset(one.entry.number for one in references if one.needs_holders())
            prepared.append(replace(rewrite, changes=changes, spelled=spelled))
    return replace(job, rewrites=tuple(prepared))


def may_leave_orphans(connection: Connection, jobs: Mapping[str, TableJob], job: TableJob) -> bool:
    """Tell whether a table of a circle holds ids that no row of their own file has: others may get them."""
    late = [rewrite for rewrite in job.rewrites if rewrite.is_late]
    return any(one.has_orphans() for rewrite in late for one in _list_references(connection, jobs, job, rewrite))


def _list_references(
    connection: Connection, jobs: Mapping[str, TableJob], job: TableJob, rewrite: Rewrite
) -> list[_Reference]:
    parent = jobs[rewrite.parent]
    is_alike = (
        finds_what_is_written(job, parent, rewrite)
        and tells_apart(parent.table, rewrite.parent_columns, rewrite.collations)
        and all(compares_alike(connection, parent, rewrite, home) for home in list_fed(parent, rewrite))
    )
    return [
        _Reference(connection=connection, child=job, parent=parent, rewrite=rewrite, entry=entry, is_odd=not is_alike)
        for entry in job.inputs
        if rewrite in job.references_of(entry)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference(Parents):
    """One reference of one input of a table, while it is prepared."""

    @property
    def table(self) -> str:
        return refs_of(self.rewrite, self.entry)

    def prepare(self) -> bool:
        """Fill the reference's table; tell whether a row of the input is concerned."""
        is_collected = self.needs_holders()
        self._create_table(is_collected=is_collected)
        if is_collected:
            note_held(self)
        else:
            self._note_moves()
            beside = [home for home in self.homes if home.source == self.entry.source]
            note_torn(self.connection, self.table, self.rewrite, self.entry, beside, where=self.parent.where)
        if self._is_shared():  # which of the parents it means, nothing says
            self.connection.execute(f"UPDATE {self.table} SET waits = 1")
        if is_collected:
            note_unheld(self)
        else:
            self._note_orphans()
        if not self.connection.execute(f"SELECT 1 FROM {self.table} LIMIT 1").fetchone():
            return False
        with open_raw(self.connection, self.entry) as raw:
            hit = f"SELECT 1 FROM {raw.table} AS s CROSS JOIN {self.table} m ON {self._at('m.o')} LIMIT 1"
            return self.connection.execute(hit).fetchone() is not None

    def _create_table(self, *, is_collected: bool) -> None:
        """Create the reference's table; where holders are collected, values of two types may be equal."""
        count = len(self.rewrite.columns)
        listed, made = ", ".join(olds(count)), ", ".join(news(count))
        if is_collected:
            self.connection.execute(f"CREATE TABLE {self.table} ({listed}, {made}, waits INTEGER)")
            index = dotted("scratch", f"by value {self.rewrite.number} {self.entry.number}")
            self.connection.execute(f"CREATE INDEX {index} ON {self.table.partition('.')[2]} ({listed})")
            return
        self.connection.execute(
            f"CREATE TABLE {self.table} ({self.declared}, {made}, waits INTEGER, PRIMARY KEY ({listed})) WITHOUT ROWID"
        )

    def needs_holders(self) -> bool:
        """Tell whether the rows that have a value must be looked at one beside another."""
        if self.is_odd:
            return True
        if (self.has_one_home and self.is_typed) or not self.homes:
            return False
        may_be_split = self.parent.where is not None and not self.is_own and not self.has_one_home
        moved = f"SELECT 1 FROM {self._moved} LIMIT 1"
        return may_be_split or self.connection.execute(moved).fetchone() is not None

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
        if self.has_one_home:
            listed, made = olds(len(self.rewrite.columns)), news(len(self.rewrite.columns))
            self.connection.execute(
                f"INSERT OR IGNORE INTO {self.table} SELECT {', '.join(listed + made)}, waits FROM {self._moved}"
            )

    @property
    def _moved(self) -> str:
        """What stands in FROM for the rows of the parents that hold others now, or wait."""
        numbers = ", ".join(str(home.number) for home in self.homes)
        return f"{map_for(self.rewrite)} m WHERE m.input IN ({numbers})"

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
        every = {one.number for one in self.parent.inputs}
        if {home.number for home in self.homes} != every or self.parent.where:
            return True
        moved = f"SELECT 1 FROM {map_for(self.rewrite)} WHERE NOT waits LIMIT 1"
        return self.connection.execute(moved).fetchone() is not None

    def has_orphans(self) -> bool:
        """Tell whether the input may hold ids that no row has in which its parents are looked for."""
        if self.is_odd:
            return True
        if self.rewrite.orphans == "keep":
            return False
        self._collect_orphans(is_adopted=False)
        found = self.connection.execute("SELECT 1 FROM scratch.orphans LIMIT 1").fetchone()
        self.connection.execute("DROP TABLE scratch.orphans")
        return found is not None

    def _collect_orphans(self, *, is_adopted: bool) -> None:
        """Fill ``orphans`` with the values for which the parents have no row; if ``is_adopted``, the target has one."""
        listed = olds(len(self.rewrite.columns))
        self.connection.execute(
            f"CREATE TABLE scratch.orphans ({self.declared}, PRIMARY KEY ({', '.join(listed)})) WITHOUT ROWID"
        )
        held = held_values(self.rewrite, self.entry)
        wanted = [f"{value} IS NOT NULL" for value in held]
        if is_adopted:
            theirs = zip(self.rewrite.parent_columns, held, strict=True)
            same = " AND ".join(f"t.{quote(name)} = {value}" for name, value in theirs)
            wanted.append(f"EXISTS (SELECT 1 FROM {ids_for(self.rewrite)} t WHERE {same})")
        beside = [home for home in self.homes if home.source == self.entry.source and home.table.rowid is not None]
        with open_raw(self.connection, self.entry) as raw:
            parents = (self.find_parent(home, dotted("src", home.table.name), held) for home in beside)
            wanted += [f"NOT EXISTS ({parent})" for parent in parents]
            self.connection.execute(
                f"INSERT OR IGNORE INTO scratch.orphans SELECT {', '.join(held)} FROM {raw.table} AS s "
                f"WHERE {' AND '.join(wanted)}"
            )
        for home in self.homes:
            if home not in beside:
                with open_raw(self.connection, home) as raw:
                    found = self.find_parent(home, raw.table, [f"+o.{name}" for name in listed])
                    self.connection.execute(f"DELETE FROM scratch.orphans AS o WHERE EXISTS ({found})")
