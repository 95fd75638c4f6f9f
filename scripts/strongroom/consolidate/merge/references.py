"""Follow ids that changed: what a table holds of them changes with them, or waits where that has no answer.

A row waits when its parent is in quarantine, when nothing tells which row is meant, or when it has no parent and
another row happens to hold its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from strongroom.binding import BoundInput, Rewrite, TableJob
from strongroom.consolidate.merge.follow import held_values, is_reference, refs_of
from strongroom.consolidate.merge.maps import home_of, ids_for, map_for, news, olds
from strongroom.consolidate.merge.parents import Parents, compares_alike, list_fed
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
            prepared.append(replace(rewrite, changes=changes))
    return replace(job, rewrites=tuple(prepared))


def may_leave_orphans(connection: Connection, jobs: Mapping[str, TableJob], job: TableJob) -> bool:
    """Tell whether a table of a circle holds ids that no row of their own file has: others may get them."""
    late = [rewrite for rewrite in job.rewrites if rewrite.is_late]
    return any(one.has_orphans() for rewrite in late for one in _list_references(connection, jobs, job, rewrite))


def _list_references(
    connection: Connection, jobs: Mapping[str, TableJob], job: TableJob, rewrite: Rewrite
) -> list[_Reference]:
    parent = jobs[rewrite.parent]
    is_unlike = any(not compares_alike(connection, rewrite, home) for home in list_fed(parent, rewrite))
    return [
        _Reference(connection=connection, child=job, parent=parent, rewrite=rewrite, entry=entry, is_unlike=is_unlike)
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
        count = len(self.rewrite.columns)
        listed, made = olds(count), ", ".join(news(count))
        self.connection.execute(
            f"CREATE TABLE {self.table} ({self.declared}, {made}, waits INTEGER, "
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
        if not self.is_unlike and not self.connection.execute(f"SELECT 1 FROM {moved} LIMIT 1").fetchone():
            return
        made = news(len(listed))
        if self.has_one_home:
            self.connection.execute(
                f"INSERT OR IGNORE INTO {self.table} SELECT {', '.join(listed + made)}, waits FROM {moved}"
            )
            return
        self._collect_holders(homes)
        self._leave_nearest()
        is_told = self.is_own or self.rewrite.homes
        only = "count(DISTINCT h.place) = 1" if is_told else "count(*) = 1"
        concerned = "max(h.moved) OR max(h.lost)" + ("" if is_told else f" AND {only}")
        chosen = ", ".join(f"max(h.{name})" for name in made)
        grouped = ", ".join(f"h.{name}" for name in listed)
        self.connection.execute(
            f"INSERT OR IGNORE INTO {self.table} SELECT {grouped}, {chosen}, max(h.waits) OR NOT {only} "
            f"FROM scratch.holders h GROUP BY {grouped} HAVING {concerned}"
        )
        self.connection.execute("DROP TABLE scratch.holders")

    def _leave_nearest(self) -> None:
        """Forget the rows of other files where the child's own file has the value."""
        near = self.near
        numbers = ", ".join(str(home.number) for home in near)
        for home in near:
            with open_raw(self.connection, home) as raw:
                found = self.find_row(home, raw.table, [f"+h.{name}" for name in olds(len(self.rewrite.columns))])
                self.connection.execute(
                    f"DELETE FROM scratch.holders AS h WHERE h.input NOT IN ({numbers}) AND EXISTS ({found})"
                )

    def _collect_holders(self, homes: list[BoundInput]) -> None:
        """Collect for each value that the child holds all rows that have it, as their own file compares them."""
        count = len(self.rewrite.columns)
        listed, made = olds(count), news(count)
        self._ask()
        self.connection.execute(
            f"CREATE TABLE scratch.holders ({', '.join(listed + made)}, input INTEGER, place, moved INTEGER, "
            "lost INTEGER, waits INTEGER)"
        )
        asked = [f"+a.{name}" for name in listed]
        for home in homes:
            with open_raw(self.connection, home) as raw:
                held = [f"s.{quote(name)}" for name in self.columns_of(home)]
                same = " AND ".join(f"{value} = {name}" for value, name in zip(held, asked, strict=True))
                new = [f"coalesce(m.{name}, {value})" for name, value in zip(made, held, strict=True)]
                self.connection.execute(
                    f"INSERT INTO scratch.holders SELECT {', '.join(asked + new)}, {home.number}, "
                    f"{self._place(home, raw.rid, new)}, m.rid IS NOT NULL, NOT ({self.is_found(held, asked)}), "
                    "coalesce(m.waits, 0) "
                    f"FROM scratch.asked a CROSS JOIN {raw.table} AS s ON {same} "
                    f"LEFT JOIN {map_for(self.rewrite)} m ON m.input = {home.number} AND m.rid = {raw.rid} "
                    f"WHERE {self.goes_in(home, raw.table, raw.rid)}"
                )
        self.connection.execute("DROP TABLE scratch.asked")

    def _place(self, home: BoundInput, rid: str, new: list[str]) -> str:
        """Return what tells the row of the target that a parent became from all others."""
        if self.parent.table.is_unique(self.rewrite.parent_columns):
            return " || ',' || ".join(f"quote({value})" for value in new)
        return f"coalesce(m.target, {home_of(self.parent, home, rid)})"

    def _ask(self) -> None:
        """Fill ``asked`` with the values that the input holds, each by itself."""
        listed, held = ", ".join(olds(len(self.rewrite.columns))), held_values(self.rewrite, self.entry)
        self.connection.execute(f"CREATE TABLE scratch.asked ({listed}, PRIMARY KEY ({listed})) WITHOUT ROWID")
        with open_raw(self.connection, self.entry) as raw:
            present = " AND ".join(f"{value} IS NOT NULL" for value in held)
            self.connection.execute(
                f"INSERT OR IGNORE INTO scratch.asked SELECT {', '.join(held)} FROM {raw.table} AS s WHERE {present}"
            )

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
        if {home.number for home in self.homes} != every or self.parent.where or self.is_unlike:
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
        is_nearer = self._collect_near()
        for home in self.homes:
            if home not in beside:
                with open_raw(self.connection, home) as raw:
                    found = self.find_parent(home, raw.table, [f"+o.{name}" for name in listed])
                    far = is_nearer if home not in self.near else "1"
                    self.connection.execute(f"DELETE FROM scratch.orphans AS o WHERE EXISTS ({found}) AND {far}")
        self.connection.execute("DROP TABLE scratch.near")

    def _collect_near(self) -> str:
        """Fill ``near`` with the orphans that the child's own file has, left out; return that ``o`` is none of them."""
        listed = olds(len(self.rewrite.columns))
        self.connection.execute(
            f"CREATE TABLE scratch.near ({self.declared}, PRIMARY KEY ({', '.join(listed)})) WITHOUT ROWID"
        )
        for home in self.near if self.parent.where is not None else ():
            with open_raw(self.connection, home) as raw:
                found = self.find_row(home, raw.table, [f"+o.{name}" for name in listed])
                self.connection.execute(
                    f"INSERT OR IGNORE INTO scratch.near SELECT {', '.join(listed)} FROM scratch.orphans o "
                    f"WHERE EXISTS ({found})"
                )
        same = " AND ".join(f"n.{name} = o.{name}" for name in listed)
        return f"NOT EXISTS (SELECT 1 FROM scratch.near n WHERE {same})"
