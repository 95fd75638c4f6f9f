"""What must be there, as one value: every target table, what feeds it, and how each of its columns is filled.

It is derived from the plan's text, the schema files and the copies of the sources, before anything that was built is
looked at, and may go into jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from strongroom.consolidate.verify.catalogue import Column, Table, read_tables
from strongroom.consolidate.verify.decisions import Decision, read_kept_decisions, sort_by_table
from strongroom.consolidate.verify.evidence import Evidence
from strongroom.consolidate.verify.plan_reading import (
    Feed,
    Reading,
    Rule,
    name_carried,
    rank_feeds,
    read_plan_model,
    read_rules,
)
from strongroom.consolidate.verify.sources import Source, read_sources
from strongroom.consolidate.verify.structure_wanted import complete_structure, run_schema
from strongroom.consolidate.verify.values import Value, decode_text, read_literal, store
from strongroom.core.errors import PlanError
from strongroom.core.quoting import fold, quote
from strongroom.sqlite.connection import open_snapshot
from strongroom.sqlite.database import Database

SEED = "schema"
"""The name of the input that is the rows of the schema file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One source table that feeds a target table."""

    number: int
    """Its rank, from 1."""
    source: str
    table: Table
    database: Database
    places: tuple[int | None, ...]
    """For each stored column of the target, which of the source's columns fills it."""
    fills: tuple[Value, ...]
    """What stands where none does, as the column stores it."""
    is_seed: bool = False
    mark: int = 0
    """The highest id that AUTOINCREMENT ever gave there."""
    shift: int = 0
    """By how much its ids move up (``offset``)."""

    @property
    def name(self) -> str:
        """Return ``source.table``, by which people and the ledger know it."""
        return f"{self.source}.{self.table.name}"

    def source_column(self, target_place: int) -> Column | None:
        """Return the source's column that fills a stored column of the target."""
        place = self.places[target_place]
        return None if place is None else self.table.columns[place]


@dataclass(frozen=True, slots=True, kw_only=True)
class FedTable:
    """One target table and what feeds it."""

    target: str
    table: Table
    """As it must be."""
    rule: Rule
    inputs: tuple[Input, ...]
    key: tuple[int, ...]
    """The places of the key's columns among the stored ones; none where every row stands alone."""
    identity: int | None
    """The place of the column that equal rows may differ in."""
    integer_key: int | None
    """The place of the column that is the rowid."""

    @property
    def into(self) -> str:
        """Return ``target.table``."""
        return f"{self.target}.{self.table.name}"

    @property
    def stored(self) -> tuple[Column, ...]:
        """Return the columns that are filled."""
        return self.table.stored

    @property
    def stored_names(self) -> list[str]:
        """Return their folded names."""
        return [fold(column.name) for column in self.table.stored]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One database that must be there."""

    name: str
    path: str
    structure: Database
    """What it must look like, with the rows of its schema file."""
    tables: tuple[FedTable, ...]
    sources: tuple[str, ...]
    """Those that feed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything that must be there."""

    evidence: Evidence
    reading: Reading
    sources: Mapping[str, Source]
    targets: Mapping[str, Target]
    decisions: Mapping[str, tuple[Decision, ...]]
    """What people decided, by the folded name of the target table."""

    def find(self, target: str, table: str) -> FedTable | None:
        """Return what feeds a target table, where something does."""
        wanted = fold(table)
        held = self.targets.get(target)
        return next((fed for fed in held.tables if fold(fed.table.name) == wanted), None) if held else None


def read_house(evidence: Evidence, scratch: Path) -> House:
    """Derive what must be there; documents and structures are made in the folder ``scratch``, which must stay.

    Raises PlanError, DamagedSourceError, GuardError.
    """
    model = read_plan_model(evidence.plan)
    named = {source.path for source in model.sources.values()}
    carried = name_carried(model, [path for path in evidence.snapshots if path not in named])
    sources = read_sources(evidence, model, carried, scratch)
    names = [*model.targets, *carried]
    structures = {name: evidence.scratch(scratch / f"structure-{number}.db") for number, name in enumerate(names)}
    schemas = {name: target.schema_ for name, target in model.targets.items()}
    taken = {}
    for name, structure in structures.items():
        schema = schemas.get(name)
        taken[name] = run_schema(structure, evidence.plan.parent / schema if schema else None)
    catalogues = {name: source.tables for name, source in sources.items()}
    reading = read_rules(model, catalogues, carried, taken)
    targets = {}
    for name, structure in structures.items():
        complete_structure(structure, name, reading, sources)
        targets[name] = _read_target(name, structure, reading, sources)
    decisions = sort_by_table(read_kept_decisions(evidence.plan))
    return House(evidence=evidence, reading=reading, sources=sources, targets=targets, decisions=decisions)


def _read_target(name: str, structure: Database, reading: Reading, sources: Mapping[str, Source]) -> Target:
    rules = [rule for rule in reading.rules if rule.target == name]
    with open_snapshot(structure) as connection:
        connection.text_factory = decode_text
        tables = read_tables(connection)
        seeded = {
            folded
            for folded, table in tables.items()
            if connection.execute(f"SELECT 1 FROM main.{quote(table.name)} LIMIT 1").fetchone()
        }
    fed = []
    for rule in rules:
        table = tables.get(fold(rule.table))
        if table is None:
            raise PlanError(f"{name}.{rule.table}", "is a table that cannot be made")
        seeds = structure if fold(rule.table) in seeded else None
        fed.append(_feed(rule, table, reading, sources, seeds))
    return Target(
        name=name,
        path=reading.targets[name].path,
        structure=structure,
        tables=tuple(fed),
        sources=tuple(source for source in sources if any(feed.source == source for r in rules for feed in r.feeds)),
    )


def _feed(
    rule: Rule, table: Table, reading: Reading, sources: Mapping[str, Source], seeds: Database | None
) -> FedTable:
    ranked = rank_feeds(rule, reading.sources)
    inputs = [_read_input(number, rule, feed, table, sources) for number, feed in enumerate(ranked, start=1)]
    stored = [fold(column.name) for column in table.stored]
    if seeds is not None:
        everywhere = tuple(table.place_of(column.name) for column in table.stored)
        inputs.append(
            Input(
                number=len(inputs) + 1,
                source=SEED,
                table=table,
                database=seeds,
                places=everywhere,
                fills=(None,) * len(stored),
                is_seed=True,
            )
        )
    key = table.primary_key if rule.key is None else rule.key
    integer_key = None if table.integer_key is None else stored.index(fold(table.integer_key))
    if rule.strategy == "offset" and integer_key is not None:
        inputs = _shift(inputs, integer_key)
    identity = None if rule.identity is None else stored.index(fold(rule.identity))
    if rule.conflict == "keep_both" and identity is None:
        identity = integer_key
    return FedTable(
        target=rule.target,
        table=table,
        rule=rule,
        inputs=tuple(inputs),
        key=tuple(stored.index(fold(name)) for name in key),
        identity=identity,
        integer_key=integer_key,
    )


def _read_input(number: int, rule: Rule, feed: Feed, table: Table, sources: Mapping[str, Source]) -> Input:
    source = sources[feed.source]
    given = source.tables[fold(feed.table)]
    mapped = {fold(ours): theirs for ours, theirs in feed.columns.items()}
    defaults = {fold(name): value for name, value in rule.defaults.items()}
    places, fills = [], []
    for column in table.stored:
        folded = fold(column.name)
        place = given.place_of(mapped.get(folded, column.name))
        fill = defaults[folded] if folded in defaults else read_literal(column.default)
        places.append(place)
        fills.append(None if place is not None else store(column.affinity, fill))
    return Input(
        number=number,
        source=feed.source,
        table=given,
        database=source.database,
        places=tuple(places),
        fills=tuple(fills),
        mark=source.marks.get(fold(given.name), 0),
    )


def _shift(inputs: list[Input], integer_key: int) -> list[Input]:
    """Move each input's ids beyond the highest ones of those before it; the schema's rows stay."""
    shifted, reached = [], 0
    for entry in inputs:
        shifted.append(entry if entry.is_seed else replace(entry, shift=reached))
        column = entry.source_column(integer_key)
        if column is None:
            continue
        with open_snapshot(entry.database) as connection:
            cell = quote(column.name)
            highest = connection.execute(
                f"SELECT max({cell}) FROM main.{quote(entry.table.name)} WHERE typeof({cell}) = 'integer'"
            ).fetchone()[0]
        reached += max(0, highest or 0)
    return shifted


def with_evidence(house: House, evidence: Evidence) -> House:
    """Return the same house, held against other targets."""
    return replace(house, evidence=evidence)
