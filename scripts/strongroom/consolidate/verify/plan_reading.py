"""The plan's text, read once more: which source table feeds which target table, in which order, by which rule.

Of the plan's reader only the form (pydantic's models) is shared; what the words mean is derived here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from strongroom.consolidate.verify.catalogue import Table
from strongroom.core.errors import PlanError
from strongroom.core.plan.models import (
    ColumnRuleModel,
    PlanModel,
    ReferenceModel,
    SourceModel,
    TableModel,
    TargetModel,
    TransformModel,
)
from strongroom.core.quoting import fold
from strongroom.core.yaml_text import read_model

Catalogues = Mapping[str, Mapping[str, Table]]
"""Source to its tables by folded name, in the catalogue's order; sources that are not there are not in it."""
EVERY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A source table that feeds a rule, with the columns that are named otherwise (target: source)."""

    source: str
    table: str
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What the plan says of one target table, in full."""

    target: str
    table: str
    feeds: tuple[Feed, ...]
    """In the order of ``from``."""
    key: tuple[str, ...] | None = None
    normalize: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    identity: str | None = None
    strategy: str = "keep"
    conflict: str
    by: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    chosen: Mapping[str, ColumnRuleModel] = field(default_factory=dict)
    """Of ``merge``: how a column's value is chosen."""
    defaults: Mapping[str, str | int | float | None] = field(default_factory=dict)
    transform: Mapping[str, TransformModel | str] = field(default_factory=dict)
    where: str | None = None
    references: tuple[ReferenceModel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The whole plan, as it applies to what is there."""

    sources: Mapping[str, SourceModel]
    targets: Mapping[str, TargetModel]
    rules: tuple[Rule, ...]
    """In the order in which structure is made: ``tables``, ``copy``, wildcards, carried."""
    drops: tuple[tuple[str, str], ...]
    """Source and table."""
    without_place: tuple[tuple[str, str], ...]
    carries_columns: bool


def read_plan_model(plan: Path) -> PlanModel:
    """Read the plan's text. Raises PlanError."""
    return read_model(plan, PlanModel, PlanError)[0]


def name_carried(model: PlanModel, paths: list[str]) -> dict[str, str]:
    """Return the names of files that the plan does not name, with their paths."""
    taken = {fold(name) for name in (*model.sources, *model.targets)}
    named = {}
    for path in sorted(paths):
        base = "carried_" + re.sub(r"\W", "_", path)
        number, name = 1, base
        while fold(name) in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(fold(name))
        named[name] = path
    return named


def read_rules(
    model: PlanModel, catalogues: Catalogues, carried: Mapping[str, str], taken: Mapping[str, set[str]]
) -> Reading:
    """Apply the plan to what is there: ``carried`` are files that it does not name, ``taken`` the tables of schemas."""
    builder = _Builder(model, catalogues)
    for table in model.tables:
        builder.add_table(table)
    for target, names in model.copy_.items():
        for name in names:
            builder.add_copy(target, name)
    builder.drop_named()
    for target, names in model.copy_.items():
        for name in names:
            builder.add_wildcard(target, name)
    builder.drop_wildcards()
    for name in carried:
        builder.add_wildcard(name, f"{name}.{EVERY}")
    if model.defaults.unmapped_table == "carry":
        builder.carry_tables(taken)
    sources = dict(model.sources) | {name: SourceModel(path=path) for name, path in carried.items()}
    targets = dict(model.targets) | {name: TargetModel(path=path) for name, path in carried.items()}
    return Reading(
        sources=sources,
        targets=targets,
        rules=tuple(rule for rule in builder.rules.values() if rule.feeds),
        drops=tuple(builder.drops),
        without_place=tuple(builder.find_unplaced()),
        carries_columns=model.defaults.unmapped_column == "carry",
    )


def rank_feeds(rule: Rule, sources: Mapping[str, SourceModel]) -> list[Feed]:
    """Return what feeds a rule, the one that counts first in front: ``order``, then trust, then the place."""
    places = {name: place for place, name in enumerate(rule.order)}
    return sorted(
        rule.feeds, key=lambda feed: (places.get(feed.source, len(places)), -sources[feed.source].trust)
    )  # sorted keeps the order of what is equal: the place in ``from``


class _Builder:
    """Gathers rules; each (source, table) has one place."""

    def __init__(self, model: PlanModel, catalogues: Catalogues) -> None:
        self.model = model
        self.catalogues = catalogues
        self.rules: dict[tuple[str, str], Rule] = {}
        self.drops: list[tuple[str, str]] = []
        self.placed: set[tuple[str, str]] = set()

    def find(self, source: str, table: str) -> Table | None:
        """Return a source's table, where both are there."""
        return self.catalogues.get(source, {}).get(fold(table))

    def add_table(self, model: TableModel) -> None:
        """Take a rule of ``tables``."""
        target, _, table = model.into.partition(".")
        feeds = []
        for entry in model.from_:
            text = entry if isinstance(entry, str) else entry.table
            source, _, name = text.partition(".")
            self.placed.add((source, fold(name)))
            if self.find(source, name) is not None:
                feeds.append(Feed(source=source, table=name, columns={} if isinstance(entry, str) else entry.columns))
        conflict = model.on_conflict
        identity = model.identity
        rule = self.model.defaults.on_conflict if conflict is None else conflict.rule
        by = () if conflict is None else (conflict.by,) if isinstance(conflict.by, str) else tuple(conflict.by)
        strategy = "keep" if identity is None else identity.strategy
        if rule == "keep_both" and strategy == "keep":
            strategy = "renumber"
        self.rules[target, fold(table)] = Rule(
            target=target,
            table=table,
            feeds=tuple(feeds),
            key=None if model.key is None else tuple(model.key),
            normalize={name: tuple(steps) for name, steps in model.normalize.items()},
            identity=None if identity is None else identity.column,
            strategy=strategy,
            conflict=rule,
            by=by,
            order=() if conflict is None else tuple(conflict.order),
            chosen={} if conflict is None else dict(conflict.columns),
            defaults=dict(model.defaults),
            transform=dict(model.transform),
            where=None if model.where is None else model.where.sql,
            references=tuple(
                ReferenceModel(column=entry) if isinstance(entry, str) else entry for entry in model.references
            ),
        )

    def add_copy(self, target: str, text: str) -> None:
        """Take a table of ``copy``; wildcards come later."""
        source, _, name = text.partition(".")
        if name == EVERY:
            return
        self.placed.add((source, fold(name)))
        if self.find(source, name) is not None:
            self.feed(target, name, Feed(source=source, table=name))

    def add_wildcard(self, target: str, text: str) -> None:
        """Take every table of a source that nothing names."""
        source, _, name = text.partition(".")
        if name != EVERY:
            return
        for folded, table in self.catalogues.get(source, {}).items():
            if (source, folded) not in self.placed:
                self.placed.add((source, folded))
                self.feed(target, table.name, Feed(source=source, table=table.name))

    def feed(self, target: str, table: str, feed: Feed) -> None:
        """Let a source table feed a target table, as its last input."""
        place = target, fold(table)
        rule = self.rules.get(place) or Rule(
            target=target, table=table, feeds=(), conflict=self.model.defaults.on_conflict
        )
        self.rules[place] = replace(rule, feeds=(*rule.feeds, feed))

    def drop_named(self) -> None:
        """Take what the plan drops by name."""
        for entry in self.model.drop:
            source, _, name = entry.table.partition(".")
            if name != EVERY:
                self.placed.add((source, fold(name)))
                table = self.find(source, name)
                if table is not None:
                    self.drops.append((source, table.name))

    def drop_wildcards(self) -> None:
        """Take what the plan drops of what nothing names."""
        for entry in self.model.drop:
            source, _, name = entry.table.partition(".")
            for folded, table in self.catalogues.get(source, {}).items() if name == EVERY else ():
                if (source, folded) not in self.placed:
                    self.placed.add((source, folded))
                    self.drops.append((source, table.name))

    def carry_tables(self, taken: Mapping[str, set[str]]) -> None:
        """Give tables without a place a rule of their own, in the target that most of their source goes to."""
        for source, table in list(self.find_unplaced()):
            counts = Counter(
                rule.target for rule in self.rules.values() for feed in rule.feeds if feed.source == source
            )
            only = next(iter(self.model.targets)) if len(self.model.targets) == 1 else None
            target = counts.most_common(1)[0][0] if counts else only
            if target is None:
                continue
            names = {place[1] for place in self.rules if place[0] == target} | taken.get(target, set())
            name = f"{source}_{table}" if fold(table) in names else table
            self.placed.add((source, fold(table)))
            self.feed(target, name, Feed(source=source, table=table))

    def find_unplaced(self) -> Iterator[tuple[str, str]]:
        """Yield the tables that have no place."""
        for source, tables in self.catalogues.items():
            for folded, table in tables.items():
                if (source, folded) not in self.placed:
                    yield source, table.name
