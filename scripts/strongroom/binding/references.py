"""Bind references: which columns hold which table's ids, and which table is filled first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from strongroom.binding.model import BoundInput, Rewrite, Stray, TableJob
from strongroom.binding.template import Template
from strongroom.core.errors import PlanError
from strongroom.core.plan import Reference, TableRule
from strongroom.core.quoting import fold
from strongroom.sqlite.schema import ForeignKey, Schema, Table


def bind_references(
    jobs: Sequence[TableJob],
    rules: Sequence[TableRule],
    template: Template,
    schemas: Mapping[str, Schema],
    dropped: frozenset[tuple[str, str]] = frozenset(),
) -> list[TableJob]:
    """Give each table the references it holds, and put referenced tables before those that hold their ids.

    The plan's references count, then the foreign keys that the target declares, then those of the sources; ``dropped``
    are the tables (source, folded name) that the plan leaves out. Raises PlanError for a reference to a column that
    is not there.
    """
    by_name = {fold(job.table.name): job for job in jobs}
    ground = _Ground(jobs=by_name, template=template, schemas=schemas, dropped=dropped)
    found: dict[str, dict[tuple[object, ...], Rewrite]] = {name: {} for name in ground.jobs}
    for child, rewrite in (*ground.of_plan(rules), *ground.of_target(), *ground.of_sources()):
        known = tuple(map(fold, rewrite.columns)), rewrite.json, rewrite.parent, rewrite.parent_columns
        found[fold(child.table.name)].setdefault(known, rewrite)
    told = {
        name: [ground.tell_left_out(by_name[name], by_name[fold(one.parent)], one) for one in rewrites.values()]
        for name, rewrites in found.items()
    }
    return _order([replace(job, rewrites=_number(told[fold(job.table.name)])) for job in jobs])


def _number(rewrites: Iterable[Rewrite]) -> tuple[Rewrite, ...]:
    return tuple(replace(rewrite, number=number) for number, rewrite in enumerate(rewrites))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """The tables of one target, and what the sources that feed it declare."""

    jobs: Mapping[str, TableJob]
    template: Template
    schemas: Mapping[str, Schema]
    dropped: frozenset[tuple[str, str]]

    def of_plan(self, rules: Sequence[TableRule]) -> Iterator[tuple[TableJob, Rewrite]]:
        """Return the references that the plan names."""
        for rule in rules:
            parent = self.jobs.get(fold(rule.table))
            for reference in rule.references if parent is not None else ():
                child = self.jobs.get(fold(reference.table))
                if child is None:
                    self._refuse_unknown(rule, reference)
                elif parent is not None:
                    yield child, self._bind_plan(rule, reference, parent, child)

    def of_target(self) -> Iterator[tuple[TableJob, Rewrite]]:
        """Return the foreign keys that the target declares."""
        for key in self.template.schema().foreign_keys:
            child, parent = self.jobs.get(fold(key.table)), self.jobs.get(fold(key.parent))
            if child is not None and parent is not None:
                yield from self._bind_key(key, child, parent, {}, {})

    def of_sources(self) -> Iterator[tuple[TableJob, Rewrite]]:
        """Return the foreign keys that sources declare, by the target's names."""
        fed = {
            (entry.source, fold(entry.table.name)): (job, entry)
            for job in self.jobs.values()
            for entry in job.inputs
            if not entry.is_seed
        }
        for source in dict.fromkeys(source for source, _ in fed):
            for key in self.schemas[source].foreign_keys:
                child, parent = fed.get((source, fold(key.table))), fed.get((source, fold(key.parent)))
                if child is not None and parent is not None:
                    yield from self._bind_key(key, child[0], parent[0], _into(child[1]), _into(parent[1]))
                elif child is not None and self._is_missing(source, key.parent):
                    for job, of_parent in self._find_elsewhere(key.parent):
                        yield from self._bind_key(key, child[0], job, _into(child[1]), of_parent)

    def _is_missing(self, source: str, name: str) -> bool:
        """Tell whether a file lacks a table, or the plan leaves it out."""
        return self.schemas[source].find(name) is None or (source, fold(name)) in self.dropped

    def _find_elsewhere(self, name: str) -> Iterator[tuple[TableJob, Mapping[str, str]]]:
        """Return the tables that a key means whose own file brings no such table, with the names of their columns."""
        for job in self.jobs.values():
            same = [entry for entry in job.inputs if fold(entry.table.name) == fold(name) and not entry.is_seed]
            if same or fold(job.table.name) == fold(name):
                yield job, _into(same[0]) if same else {}

    def _bind_key(
        self,
        key: ForeignKey,
        child: TableJob,
        parent: TableJob,
        of_child: Mapping[str, str],
        of_parent: Mapping[str, str],
    ) -> Iterator[tuple[TableJob, Rewrite]]:
        """Yield a declared key, unless a column of it has no place in the target."""
        held = key.parent_columns or parent.table.primary_key
        columns = [child.table.by_name.get(fold(of_child.get(fold(name), name))) for name in key.columns]
        theirs = [parent.table.by_name.get(fold(of_parent.get(fold(name), name))) for name in held]
        mine, named = ([column.name for column in found if column is not None] for found in (columns, theirs))
        if len(mine) == len(named) == len(key.columns):
            yield child, self._make(parent, tuple(mine), tuple(named))

    def _bind_plan(self, rule: TableRule, reference: Reference, parent: TableJob, child: TableJob) -> Rewrite:
        column = child.table.by_name.get(fold(reference.column))
        if column is None:
            names = ", ".join(column.name for column in child.columns)
            raise PlanError(rule.origin, f"{child.into} has no column {reference.column!r}", f"one of: {names}")
        fed = {f"{entry.source}.{fold(entry.table)}" for entry in rule.inputs}  # optional files may not be there
        wrong = ", ".join(name for name in sorted(reference.parent) if _fold_table(name) not in fed)
        if wrong:
            raise PlanError(rule.origin, f"parent names {wrong}, which does not feed {parent.into}", "correct the name")
        own = _find_id(rule, parent)
        made = self._make(parent, (column.name,), (own,))
        homes = frozenset(map(_fold_table, reference.parent))
        return replace(made, json=reference.json, homes=homes, orphans=reference.orphans)

    def _make(self, parent: TableJob, columns: tuple[str, ...], parent_columns: tuple[str, ...]) -> Rewrite:
        return Rewrite(
            columns=columns,
            json=None,
            parent=parent.table.name,
            parent_columns=parent_columns,
            collations=tuple(self.template.find_collation(parent.table.name, name) for name in parent_columns),
        )

    def tell_left_out(self, child: TableJob, parent: TableJob, rewrite: Rewrite) -> Rewrite:
        """Add what stands for the parent in the child's files, and does not feed it."""
        named = tuple(self._find_named(child, rewrite))
        feeding = {entry.source for entry in parent.inputs}
        strays = {*self._find_strays(child, parent, rewrite.parent_columns), *named}
        return replace(
            rewrite,
            bereft=self._find_bereft(child, parent) | ({stray.source for stray in named} - feeding),
            strays=frozenset(stray for stray in strays if stray.source in feeding and self._has_columns(stray)),
        )

    def _find_bereft(self, child: TableJob, parent: TableJob) -> frozenset[str]:
        """Return the sources of the child that hold the parent's table, by its name, and do not feed it."""
        names, feeding = _list_names(parent), {entry.source for entry in parent.inputs}
        sources = {entry.source for entry in child.inputs if not entry.is_seed} - feeding
        return frozenset(one for one in sources if any(self.schemas[one].find(name) for name in names))

    def _find_named(self, child: TableJob, rewrite: Rewrite) -> Iterator[Stray]:
        """Yield the tables that the plan drops and that foreign keys of these columns name in the child's files."""
        for entry in child.inputs if rewrite.json is None else ():
            for key, table in self._list_dropped(entry):
                held = key.parent_columns or table.primary_key
                mine = [_into(entry).get(fold(name)) for name in key.columns]
                if set(mine) == set(rewrite.columns) and len(held) == len(mine):
                    columns = tuple(held[mine.index(name)] for name in rewrite.columns)
                    yield Stray(source=entry.source, table=table.name, columns=columns)

    def _has_columns(self, stray: Stray) -> bool:
        """Tell whether a table has the columns that a foreign key names."""
        table = self.schemas[stray.source].find(stray.table)
        return table is not None and all(fold(name) in table.by_name for name in stray.columns)

    def _list_dropped(self, entry: BoundInput) -> Iterator[tuple[ForeignKey, Table]]:
        """Yield an input's foreign keys to tables that the plan drops, with these tables."""
        schema = self.schemas.get(entry.source)
        for key in schema.foreign_keys if schema is not None else ():
            table = schema.find(key.parent) if schema is not None else None
            is_its_own = fold(key.table) == fold(entry.table.name)
            if table is not None and is_its_own and (entry.source, fold(table.name)) in self.dropped:
                yield key, table

    def _find_strays(self, child: TableJob, parent: TableJob, columns: tuple[str, ...]) -> Iterator[Stray]:
        """Yield the tables of the parent's names that do not feed it, in sources of the child that do."""
        feeding = {(entry.source, fold(entry.table.name)) for entry in parent.inputs}
        for source in {entry.source for entry in child.inputs} & {source for source, _ in feeding}:
            for name in {fold(name) for name in _list_names(parent)}:
                table = self.schemas[source].find(name) if source in self.schemas else None
                if table is None or (source, name) in feeding:
                    continue
                same = next((one for one in parent.inputs if fold(one.table.name) == name), None)
                wanted = [column if same is None else same.columns.get(column) for column in columns]
                found = [None if column is None else table.by_name.get(fold(column)) for column in wanted]
                held = tuple(column.name for column in found if column is not None)
                if len(held) == len(columns):
                    yield Stray(source=source, table=table.name, columns=held)

    def _refuse_unknown(self, rule: TableRule, reference: Reference) -> None:
        if self.template.schema().find(reference.table) is None:
            fact = f"references name {rule.target}.{reference.table}, and there is no such table"
            raise PlanError(rule.origin, fact, "correct the name, or leave it out")


def _list_names(parent: TableJob) -> set[str]:
    """Return the names by which files may hold a parent's table."""
    return {parent.table.name, *(entry.table.name for entry in parent.inputs)}


def _fold_table(name: str) -> str:
    """Write ``source.table`` as SQLite compares tables."""
    source, _, table = name.partition(".")
    return f"{source}.{fold(table)}"


def _into(entry: BoundInput) -> dict[str, str]:
    """Return source column to target column."""
    return {fold(source): target for target, source in entry.columns.items()}


def _find_id(rule: TableRule, parent: TableJob) -> str:
    """Return the column whose values other tables hold."""
    named = None if rule.identity is None else parent.table.by_name.get(fold(rule.identity.column))
    own = named.name if named is not None else parent.identity
    if own is not None:
        return own
    if len(parent.table.primary_key) != 1:
        fact = f"{parent.into} has no identity and no primary key of one column that references could hold"
        raise PlanError(rule.origin, fact, "say identity: {column: …}")
    return parent.table.primary_key[0]


def _order(jobs: list[TableJob]) -> list[TableJob]:
    """Put parents first; what goes in a circle is rewritten late, by the ids of the round before."""
    waiting = {fold(job.table.name): job for job in jobs}
    ordered: list[TableJob] = []
    while waiting:
        free = [name for name, job in waiting.items() if not _open_parents(name, job, waiting)]
        # A circle: begin with the table that waits for the fewest others.
        chosen = free or [min(waiting, key=lambda name: len(_open_parents(name, waiting[name], waiting)))]
        for name in chosen:
            job = waiting[name]
            late = _open_parents(name, job, waiting) | {name}
            job = replace(
                job,
                rewrites=tuple(replace(rewrite, is_late=fold(rewrite.parent) in late) for rewrite in job.rewrites),
            )
            ordered.append(job)
        for name in chosen:
            del waiting[name]
    return ordered


def _open_parents(name: str, job: TableJob, waiting: Mapping[str, TableJob]) -> set[str]:
    return {fold(rewrite.parent) for rewrite in job.rewrites if fold(rewrite.parent) in waiting} - {name}
