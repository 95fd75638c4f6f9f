"""Follow ids that changed: what a table holds of them changes with them, or waits where that has no answer.

A row waits when its parent is in quarantine, when nothing tells which row is meant, or when it has no parent and
another row happens to hold its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from strongroom.binding import BoundInput, Rewrite, TableJob
from strongroom.consolidate.merge.follow import held_values, is_reference, refs_of
from strongroom.consolidate.merge.maps import (
    declare_olds,
    home_of,
    ids_for,
    map_for,
    news,
    olds,
)
from strongroom.consolidate.merge.raw import open_raw
from strongroom.consolidate.merge.torn import note_torn
from strongroom.core.quoting import dotted, fold, quote
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
            return [one for one in self._fed if f"{one.source}.{fold(one.table.name)}" in self.rewrite.homes]
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
        beside = [home for home in self.homes if home.source == self.entry.source]
        note_torn(self.connection, self.table, self.rewrite, self.entry, beside, where=self.parent.where)
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
        self._leave_nearest()
        same = " AND ".join(f"m.{name} = h.{name}" for name in listed)
        is_told = self.is_own or self.rewrite.homes
        only = "count(DISTINCT h.place) = 1" if is_told else "count(*) = 1"
        chosen = ", ".join(f"max(m.{name})" for name in made)
        grouped = ", ".join(f"h.{name}" for name in listed)
        self.connection.execute(
            f"INSERT OR IGNORE INTO {self.table} SELECT {grouped}, {chosen}, "
            f"max(coalesce(m.waits, 0)) OR NOT {only} FROM scratch.holders h "
            f"LEFT JOIN {map_for(self.rewrite)} m ON m.input = h.input AND m.rid = h.rid AND {same} GROUP BY {grouped} "
            f"HAVING count(m.input) OR NOT {only}"
        )
        self.connection.execute("DROP TABLE scratch.holders")

    @property
    def _near(self) -> list[BoundInput]:
        """Where the plan names the parents: those in the child's own file, which count alone where they have a value.

        Be it that the row which has it is left out.
        """
        return [home for home in self.homes if home.source == self.entry.source] if self.rewrite.homes else []

    def _leave_nearest(self) -> None:
        """Forget the rows of other files where the child's own file has the value."""
        near = self._near
        numbers = ", ".join(str(home.number) for home in near)
        for home in near:
            with open_raw(self.connection, home) as raw:
                found = self._find_row(home, raw.table, [f"+h.{name}" for name in olds(len(self.rewrite.columns))])
                self.connection.execute(
                    f"DELETE FROM scratch.holders AS h WHERE h.input NOT IN ({numbers}) AND EXISTS ({found})"
                )

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
                    f"FROM {raw.table} AS s WHERE {self._goes_in(home, raw.table, raw.rid)} AND EXISTS "
                    f"(SELECT 1 FROM {map_for(self.rewrite)} m WHERE m.input IN ({numbers}) AND {same})"
                )

    def _goes_in(self, home: BoundInput, table: str, rid: str) -> str:
        """Return the condition that the plan does not leave a row of a parent out, asked in a scope of its own."""
        if self.parent.where is None or home.is_seed:
            return "1"
        same = f"f.{rid.partition('.')[2]} = {rid}"
        return f"EXISTS (SELECT 1 FROM {table} f WHERE {same} AND ({self.parent.where.sql}) IS TRUE)"

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
        is_nearer = self._collect_near()
        for home in self.homes:
            if home not in beside:
                with open_raw(self.connection, home) as raw:
                    found = self._find_parent(home, raw.table, [f"+o.{name}" for name in listed])
                    far = is_nearer if home not in self._near else "1"
                    self.connection.execute(f"DELETE FROM scratch.orphans AS o WHERE EXISTS ({found}) AND {far}")
        self.connection.execute("DROP TABLE scratch.near")

    def _collect_near(self) -> str:
        """Fill ``near`` with the orphans that the child's own file has, left out; return that ``o`` is none of them."""
        listed = olds(len(self.rewrite.columns))
        declared = declare_olds(self.parent, self.rewrite)
        self.connection.execute(
            f"CREATE TABLE scratch.near ({declared}, PRIMARY KEY ({', '.join(listed)})) WITHOUT ROWID"
        )
        for home in self._near if self.parent.where is not None else ():
            with open_raw(self.connection, home) as raw:
                found = self._find_row(home, raw.table, [f"+o.{name}" for name in listed])
                self.connection.execute(
                    f"INSERT OR IGNORE INTO scratch.near SELECT {', '.join(listed)} FROM scratch.orphans o "
                    f"WHERE EXISTS ({found})"
                )
        same = " AND ".join(f"n.{name} = o.{name}" for name in listed)
        return f"NOT EXISTS (SELECT 1 FROM scratch.near n WHERE {same})"

    def _find_parent(self, home: BoundInput, table: str, held: list[str]) -> str:
        """Return the query for a parent's row that has these values, and goes in."""
        rid = "_strongroom_row" if home.table.rowid is None else home.table.rowid
        return f"{self._find_row(home, table, held)} AND {self._goes_in(home, table, f'p.{quote(rid)}')}"

    def _find_row(self, home: BoundInput, table: str, held: list[str]) -> str:
        """Return the query for a parent's row that has these values."""
        same = " AND ".join(f"p.{quote(name)} = {value}" for name, value in zip(self._columns(home), held, strict=True))
        return f"SELECT 1 FROM {table} p WHERE {same}"
