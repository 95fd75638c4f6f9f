"""The binding itself: plan and snapshots in, jobs out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from strongroom.binding.columns import (
    check_columns,
    choose_defaults,
    choose_key,
    choose_normalize,
    choose_secret,
    map_columns,
    missing_columns,
)
from strongroom.binding.model import BoundInput, TableJob, TargetJob, Work
from strongroom.binding.names import Present, list_renames, name_carried
from strongroom.binding.parts import refuse_unplaced_parts
from strongroom.binding.references import bind_references
from strongroom.binding.rows import find_highest_id, find_rowid_range, list_seeded, seed_input
from strongroom.binding.template import Template, open_template
from strongroom.binding.wildcards import expand_wildcards, find_unnamed
from strongroom.core.engines import Engine
from strongroom.core.errors import GuardError, PlanError
from strongroom.core.plan import Drop, Input, Plan, TableRule
from strongroom.core.quoting import fold
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database, under_key
from strongroom.sqlite.schema import Schema, Table, read_schema
from strongroom.sqlite.snapshot import Snapshot

_LARGEST = 2**63 - 1
_CONTENTLESS = re.compile(r"""content\s*=\s*(''|"")""", re.IGNORECASE)


@dataclass(slots=True)
class _Ground:
    """What is there, and what of it has found its place."""

    plan: Plan
    snapshots: Mapping[str, Snapshot]
    databases: Mapping[str, Database]
    """The snapshots' handles."""
    schemas: dict[str, Schema] = field(default_factory=dict)
    placed: set[tuple[str, str]] = field(default_factory=set)
    absent: list[str] = field(default_factory=list)
    dropped: frozenset[tuple[str, str]] = frozenset()
    """Tables that the plan leaves out: source, folded name."""

    def find(self, entry: Input | Drop) -> Table | None:
        """Return the source table, and note when it is absent."""
        schema = self.schemas.get(entry.source)
        table = schema.find(entry.table) if schema else None
        if table is None:
            self.absent.append(f"{entry.source}.{entry.table}")
            return None
        self.placed.add((entry.source, table.name))
        return table


def bind(plan: Plan, snapshots: Mapping[str, Snapshot], folder: Path, engine: Engine) -> Work:
    """Give every table and column of the snapshots its place; templates are written into ``folder``.

    ``engine`` works on them, and on what is made of them, unless something of it is encrypted.

    Raises PlanError for what the plan does not name, or names and is not there.
    """
    ground = _Ground(plan, snapshots, {name: snapshot.copy for name, snapshot in snapshots.items()})
    for name, snapshot in snapshots.items():
        with open_snapshot(ground.databases[name]) as connection:
            ground.schemas[name] = read_schema(connection)
        _refuse_foreign_text(snapshot, ground.schemas[name])
    rules = expand_wildcards(plan, ground.schemas)
    drops = _bind_drops(ground)
    ground.dropped = frozenset((entry.source, fold(entry.table.name)) for entry, _ in drops)
    targets = tuple(
        _bind_target(ground, name, [rule for rule in rules if rule.target == name], folder, engine)
        for name in plan.targets
    )
    _refuse_unmapped(ground)
    return Work(targets=targets, drops=drops, absent=tuple(sorted(set(ground.absent))))


def _refuse_foreign_text(snapshot: Snapshot, schema: Schema) -> None:
    """Refuse what SQLite cannot attach to the others; raises GuardError."""
    if schema.encoding != "UTF-8":
        raise GuardError(
            snapshot.original, f"stores its text as {schema.encoding}", "convert it to UTF-8 first, then run again"
        )


def _bind_drops(ground: _Ground) -> tuple[tuple[BoundInput, str], ...]:
    named = {(entry.source, fold(entry.table)) for rule in ground.plan.tables for entry in rule.inputs}
    bound = []
    for drop in ground.plan.drops:
        tables = find_unnamed(ground.schemas, drop.source, named) if drop.table == "*" else [drop.table]
        for name in tables:
            table = ground.find(Drop(source=drop.source, table=name, reason=drop.reason, origin=drop.origin))
            if table is not None:
                entry = BoundInput(
                    number=1,
                    source=drop.source,
                    database=ground.databases[drop.source],
                    table=table,
                    columns={},
                    rowid_offset=0,
                )
                bound.append((entry, drop.reason))
    return tuple(bound)


def _bind_target(ground: _Ground, name: str, rules: list[TableRule], folder: Path, engine: Engine) -> TargetJob:
    target = ground.plan.targets[name]
    schema_file = ground.plan.path.parent / target.schema if target.schema else None
    fed = {entry.source for rule in rules for entry in rule.inputs if entry.source in ground.databases}
    is_secret = target.key is not None or any(ground.databases[source].key is not None for source in fed)
    place = under_key(folder / f"{name}.db", target.key, Engine.BUNDLED if is_secret else engine)
    with open_template(place, schema_file) as template:
        found = [(rule, _present(ground, rule)) for rule in name_carried(rules, template)]
        renames = list_renames(found, template)
        for rule, inputs in found:
            _prepare_table(ground, template, rule, inputs, renames)
        for rule, inputs in found:
            template.carry_indexes(rule.table, inputs)
        template.carry_objects({source: ground.schemas[source] for _, inputs in found for source, _, _ in inputs})
        schema = template.schema()
        jobs = [_bind_table(ground, rule, inputs, schema, template) for rule, inputs in found]
        jobs += list_seeded(name, schema, {job.table.name for job in jobs}, template)
        jobs = bind_references(jobs, [rule for rule, _ in found], template, ground.schemas, ground.dropped)
        return TargetJob(
            name=name,
            path=target.path,
            aliases=target.aliases,
            template=template.database,
            tables=tuple(replace(job, is_secret=is_secret) for job in jobs),
            carried=tuple(template.carried),
            reported=tuple(template.reported),
            is_secret=is_secret,
        )


def _present(ground: _Ground, rule: TableRule) -> Present:
    found = []
    for entry in rule.inputs:
        table = ground.find(entry)
        if table is not None:
            found.append((entry.source, table, entry))
    return found


def _prepare_table(
    ground: _Ground, template: Template, rule: TableRule, inputs: Present, renames: Mapping[str, Mapping[str, str]]
) -> None:
    """Make sure that the target has the table, and every column that an input brings."""
    if template.schema().find(rule.table) is None:
        if not inputs and ground.plan.targets[rule.target].schema is None:
            return
        if ground.plan.targets[rule.target].schema is not None and _is_named(ground.plan, rule):
            raise PlanError(
                rule.origin,
                f"{rule.into}: the target's schema has no such table",
                f"add it to {ground.plan.targets[rule.target].schema}",
            )
        source, table, _ = inputs[0]
        template.adopt(table, rule.table, ground.schemas[source].tables, renames.get(source, {}))
        if rule.is_carried:
            template.note_table(rule.table, f"{source}.{table.name}")
    for source, table, entry in inputs:
        if table.kind == "virtual" and _CONTENTLESS.search(table.sql):
            fact = f"{source}.{table.name} is a full-text table that keeps no content to carry"
            raise GuardError(rule.origin, fact, "drop it with a reason; the application can fill it again")
        for column in missing_columns(template.find(rule.table), table, entry):
            if ground.plan.defaults.unmapped_column != "carry":
                raise PlanError(
                    rule.origin,
                    f"{source}.{table.name} has a column that {rule.into} lacks: {column.name}",
                    "add it to the schema, or say unmapped_column: carry",
                )
            template.carry_column(rule.table, column, f"{source}.{table.name}")


def _is_named(plan: Plan, rule: TableRule) -> bool:
    """Tell whether the plan names a target's table; those of ``source.*`` and carried ones it does not."""
    return any((one.target, fold(one.table)) == (rule.target, fold(rule.table)) for one in plan.tables)


def _bind_table(ground: _Ground, rule: TableRule, inputs: Present, schema: Schema, template: Template) -> TableJob:
    table = schema.find(rule.table)
    if table is None:
        raise PlanError(rule.origin, f"{rule.into}: no input is there and the target has no schema")
    key, identity, strategy = choose_key(rule, table)
    ordered = sorted(inputs, key=lambda found: _rank(ground.plan, rule, found[0]))
    is_numbered = table.integer_key is None and not table.without_rowid
    bound: list[BoundInput] = []
    offset = id_offset = 0
    for number, (source, source_table, entry) in enumerate(ordered, start=1):
        columns = map_columns(rule, table, source_table, entry)
        check_columns(rule, key, table, source_table, columns)
        database = ground.databases[source]
        lowest, highest = find_rowid_range(database, source_table)
        if bound and is_numbered:
            offset += max(1 - lowest, 0)
        bound.append(
            BoundInput(
                number=number,
                source=source,
                database=database,
                table=source_table,
                columns=columns,
                rowid_offset=offset,
                id_offset=id_offset,
                highest_rowid=highest,
            )
        )
        if strategy == "offset":
            id_offset += find_highest_id(database, source_table, columns.get(str(identity)))
        if is_numbered:
            offset += highest
        _refuse_beyond(rule, offset)
    bound += seed_input(table, template, len(bound) + 1, offset)
    return TableJob(
        target=rule.target,
        table=table,
        inputs=tuple(bound),
        key=key,
        identity=identity,
        strategy=strategy,
        conflict=rule.conflict,
        defaults=choose_defaults(rule, table, template.database.engine),
        transform=rule.transform,
        where=rule.where,
        normalize=choose_normalize(rule, table, key),
        secret=choose_secret(rule, table),
    )


def _refuse_beyond(rule: TableRule, offset: int) -> None:
    if offset > _LARGEST:
        fact = f"{rule.into}: row numbers of its inputs go beyond 2^63"
        raise GuardError(rule.origin, fact, "rebuild the source with VACUUM, which numbers its rows anew")


def _rank(plan: Plan, rule: TableRule, source: str) -> tuple[int, int]:
    """Return what puts inputs in order; those that are equal stay in the plan's."""
    order = rule.conflict.order
    place = order.index(source) if source in order else len(order)
    return place, -plan.sources[source].trust


def _refuse_unmapped(ground: _Ground) -> None:
    for source, schema in ground.schemas.items():
        if ground.plan.sources[source].format == "json":
            placed = {table for owner, table in ground.placed if owner == source}
            refuse_unplaced_parts(ground.plan.sources[source], ground.databases[source], placed)
        for table in schema.tables:
            if (source, table) not in ground.placed and ground.plan.sources[source].format == "sqlite":
                raise PlanError(
                    f"{ground.plan.sources[source].path}: {table}",
                    "the plan does not name this table",
                    f"give {source}.{table} a place under copy: or tables:, or drop it with a reason",
                )
