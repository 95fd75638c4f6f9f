"""Read a plan and expand its shorthand once, so that nothing behind it needs to know it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from strongroom.core.errors import PlanError
from strongroom.core.plan.aliases import find_aliases
from strongroom.core.plan.choices import refuse_choices
from strongroom.core.plan.form import (
    Check,
    ColumnRule,
    ColumnType,
    Conflict,
    Defaults,
    Drop,
    Filter,
    Identity,
    Input,
    Plan,
    Reference,
    Source,
    TableRule,
    Target,
    Transform,
)
from strongroom.core.plan.models import (
    ColumnTypeModel,
    ConflictModel,
    InputModel,
    PlanModel,
    ReferenceModel,
    TableModel,
    TargetModel,
)
from strongroom.core.quoting import fold
from strongroom.core.yaml_text import Positions, load_yaml, validate_model

RESERVED = ("temp", "schema", "ledger", "scratch", "src")


def read_plan(path: Path) -> Plan:
    """Read, validate and expand ``plan.yaml``.

    Raises PlanError naming file, line, key and what would be accepted; for marks that a draft left, all their lines.
    """
    data, positions = load_yaml(path, PlanError)
    refuse_choices(path, data, positions)
    model = validate_model(data, positions, path, PlanModel, PlanError)
    reader = _Reader(path, model, positions)
    plan = Plan(
        path=path,
        sha256=reader.digest(),
        defaults=Defaults(**model.defaults.model_dump()),
        sources={name: Source(name=name, **source.model_dump()) for name, source in model.sources.items()},
        targets={name: _expand_target(name, target) for name, target in model.targets.items()},
        tables=(*reader.expand_tables(), *reader.expand_copies()),
        drops=reader.expand_drops(),
        checks=tuple(Check(sql=check.sql, expect=check.expect) for check in model.checks),
    )
    reader.refuse_doubles(plan)
    reader.refuse_decrypting(plan)
    return reader.add_aliases(plan)


def _expand_target(name: str, target: TargetModel) -> Target:
    types: dict[tuple[str, str], ColumnType] = {}
    for place, said in target.types.items():
        table, _, column = place.rpartition(".")
        model = ColumnTypeModel(type=said) if isinstance(said, str) else said
        options = model.model_dump(exclude={"values"})
        types[table, column] = ColumnType(**options, values=tuple(model.values or ()))
    return Target(
        name=name,
        path=target.path,
        schema=target.schema_,
        aliases=tuple(target.aliases),
        key=target.encrypt or None,
        postgres=target.postgres,
        dsn=target.dsn,
        types=types,
    )


class _Reader:
    """Expands one validated plan; knows where each entry stands in the file."""

    def __init__(self, path: Path, model: PlanModel, positions: Positions) -> None:
        self._path = path
        self._model = model
        self._positions = positions
        for kind, names in (("sources", model.sources), ("targets", model.targets)):
            for name in names:
                if fold(name) in RESERVED or "." in name:
                    hint = f"avoid dots and {', '.join(RESERVED)}"
                    raise PlanError(self._at(kind, name), f"{name} is no usable name", hint)
        self._refuse_equal_names()

    def digest(self) -> str:
        """Return the SHA-256 of the plan and of the schema files that it names."""
        digest = hashlib.sha256(self._path.read_bytes())
        for name in sorted(self._model.targets):
            schema = self._model.targets[name].schema_
            if schema is None:
                continue
            file = self._path.parent / schema
            if not file.is_file():
                raise PlanError(self._at("targets", name, "schema"), f"there is no file {schema}")
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def _refuse_equal_names(self) -> None:
        """Refuse two sources, or two targets and aliases, with one name or one file."""
        # A document's snapshot is a database beside it.
        sources = [
            (name, [source.path, *([f"{source.path}.db"] if source.format == "json" else [])])
            for name, source in self._model.sources.items()
        ]
        targets = [(name, [target.path, *target.aliases]) for name, target in self._model.targets.items()]
        for kind, entries in (("sources", sources), ("targets", targets)):
            names: dict[str, str] = {}
            files: dict[PurePosixPath, str] = {}
            for name, paths in entries:
                if names.setdefault(fold(name), name) != name:
                    raise PlanError(self._at(kind, name), f"{name} and {names[fold(name)]} differ in case only")
                for path in map(PurePosixPath, paths):
                    if path in files:
                        raise PlanError(self._at(kind, name), f"{name} has the path of {files[path]} ({path})")
                    files[path] = name

    def _at(self, *keys: str | int) -> str:
        for end in range(len(keys), 0, -1):
            found = self._positions.get(keys[:end])
            if found is not None:
                return f"{self._path}:{found[0]}"
        return str(self._path)

    def expand_tables(self) -> list[TableRule]:
        """Expand the entries under ``tables``."""
        return [self._expand_table(number, table) for number, table in enumerate(self._model.tables)]

    def _expand_table(self, number: int, table: TableModel) -> TableRule:
        origin = self._at("tables", number)
        target, name = self._split(table.into, origin, self._model.targets, "target")
        if name == "*":
            raise PlanError(origin, f"{table.into} names no table", "write target.table; wildcards go under copy")
        inputs = tuple(self._expand_input(entry, origin) for entry in table.from_)
        conflict = self._expand_conflict(table.on_conflict, inputs, origin)
        identity = Identity(**table.identity.model_dump()) if table.identity else None
        return TableRule(
            target=target,
            table=name,
            inputs=inputs,
            key=tuple(table.key) if table.key is not None else None,
            identity=identity,
            conflict=conflict,
            defaults=table.defaults,
            transform={
                column: Transform(name=entry, option="")
                if isinstance(entry, str)
                else Transform(name="epoch", option=entry.epoch)
                for column, entry in table.transform.items()
            },
            where=Filter(**table.where.model_dump()) if table.where else None,
            origin=origin,
            normalize={column: tuple(names) for column, names in table.normalize.items()},
            references=tuple(self._expand_reference(entry, target, origin) for entry in table.references),
            secret=tuple(table.secret),
        )

    def _expand_reference(self, entry: str | ReferenceModel, target: str, origin: str) -> Reference:
        model = ReferenceModel(column=entry) if isinstance(entry, str) else entry
        text = model.column
        owner, _, rest = text.partition(".")
        table, _, column = rest.rpartition(".")
        if owner != target or not table or not column:
            fact = f"{text!r} is no column of target {target}"
            raise PlanError(origin, fact, f"write {target}.table.column; references stay inside one target")
        homes = (self._split(name, origin, self._model.sources, "source") for name in model.parent)
        return Reference(
            table=table,
            column=column,
            json=model.json_,
            parent=tuple(f"{source}.{name}" for source, name in homes),
            orphans=model.orphans,
            reason=model.reason,
        )

    def _expand_input(self, entry: str | InputModel, origin: str) -> Input:
        text, columns = (entry, {}) if isinstance(entry, str) else (entry.table, entry.columns)
        source, table = self._split(text, origin, self._model.sources, "source")
        if table == "*":
            raise PlanError(origin, f"{text} stands for many tables", "use it under copy, or name each table")
        return Input(source=source, table=table, columns=columns)

    def _expand_conflict(self, model: ConflictModel | None, inputs: Iterable[Input], origin: str) -> Conflict:
        if model is None:
            return Conflict(rule=self._model.defaults.on_conflict)
        sources = {entry.source for entry in inputs}
        for name in model.order:
            if name not in sources:
                raise PlanError(
                    origin,
                    f"order names {name}, which does not feed this table",
                    f"one of: {', '.join(sorted(sources))}",
                )
        columns = {name: ColumnRule(**rule.model_dump()) for name, rule in model.columns.items()}
        by = (model.by,) if isinstance(model.by, str) else tuple(model.by)
        return Conflict(rule=model.rule, by=by, order=tuple(model.order), columns=columns)

    def expand_copies(self) -> list[TableRule]:
        """Expand ``copy``: the inputs of one name become one table, ``source.*`` stays for the binding."""
        rules = []
        for target, entries in self._model.copy_.items():
            origin = self._at("copy", target)
            if target not in self._model.targets:
                raise PlanError(origin, f"unknown target {target}", f"one of: {', '.join(self._model.targets)}")
            grouped: dict[str, list[Input]] = {}
            origins: dict[str, str] = {}
            for number, text in enumerate(entries):
                at = self._at("copy", target, number)
                source, table = self._split(text, at, self._model.sources, "source")
                group = text if table == "*" else fold(table)
                origins.setdefault(group, at)
                grouped.setdefault(group, []).append(Input(source=source, table=table, columns={}))
            rules += [self._copy_rule(target, inputs, origins[group]) for group, inputs in grouped.items()]
        return rules

    def _copy_rule(self, target: str, inputs: list[Input], origin: str) -> TableRule:
        return TableRule(
            target=target,
            table=inputs[0].table,
            inputs=tuple(inputs),
            key=None,
            identity=None,
            conflict=Conflict(rule=self._model.defaults.on_conflict),
            defaults={},
            transform={},
            where=None,
            origin=origin,
        )

    def expand_drops(self) -> tuple[Drop, ...]:
        """Expand the entries under ``drop``."""
        drops = []
        for number, entry in enumerate(self._model.drop):
            origin = self._at("drop", number)
            source, table = self._split(entry.table, origin, self._model.sources, "source")
            drops.append(Drop(source=source, table=table, reason=entry.reason, origin=origin))
        return tuple(drops)

    def _split(self, text: str, origin: str, known: Mapping[str, object], kind: str) -> tuple[str, str]:
        owner, dot, table = text.partition(".")
        if not dot or not table:
            raise PlanError(origin, f"{text!r} names no table", f"write {kind}.table")
        if owner not in known:
            raise PlanError(origin, f"unknown {kind} {owner!r} in {text!r}", f"one of: {', '.join(sorted(known))}")
        return owner, table

    def refuse_doubles(self, plan: Plan) -> None:
        """Refuse a source table with two places and a target table with two rules."""
        places: dict[tuple[str, str], str] = {}
        for rule in plan.tables:
            for entry in rule.inputs:
                self._claim(places, (entry.source, fold(entry.table)), rule.origin, entry.name)
        for drop in plan.drops:
            self._claim(places, (drop.source, fold(drop.table)), drop.origin, f"{drop.source}.{drop.table}")
        rules: dict[tuple[str, str], str] = {}
        for rule in plan.tables:
            if rule.table != "*":
                self._claim(rules, (rule.target, fold(rule.table)), rule.origin, rule.into)

    def refuse_decrypting(self, plan: Plan) -> None:
        """Refuse a plain target into which an encrypted source goes, unless the plan says so."""
        for source in plan.sources.values():
            for target in plan.targets_of(source.name) if source.key is not None else ():
                if self._model.targets[target.name].encrypt is None:
                    fact = f"{target.name} would hold rows of the encrypted source {source.name}, and is plain"
                    way = "say encrypt: and the name of its key, or encrypt: false to keep it plain on purpose"
                    raise PlanError(self._at("targets", target.name), fact, way)

    def add_aliases(self, plan: Plan) -> Plan:
        """Let every old name lead to its target. Raises PlanError where that is not decided."""
        aliases = find_aliases(plan, self._at)
        targets = {name: replace(target, aliases=aliases[name]) for name, target in plan.targets.items()}
        return replace(plan, targets=targets)

    @staticmethod
    def _claim(places: dict[tuple[str, str], str], place: tuple[str, str], origin: str, name: str) -> None:
        if place in places:
            raise PlanError(origin, f"{name} is named twice (also at {places[place]})")
        places[place] = origin
