"""The full form of a plan: frozen values, no shorthand, no defaults left to guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

Scalar = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What happens where the plan says nothing."""

    unmapped_file: str
    unmapped_table: str
    unmapped_column: str
    on_conflict: str
    quarantine_budget: int
    time_zone: str | None = None
    """Of times that are written without one, where they become ``timestamptz``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One legacy file."""

    name: str
    path: str
    trust: int
    optional: bool
    format: str
    rows: Mapping[str, str]
    """JSON only: table name to the JSON path of its rows."""
    key: str | None = None
    """The name of its key, where it is encrypted."""
    alias_of: str | None = None
    """The target to which its path leads after publish, where its tables go to several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """What a column becomes in PostgreSQL, as far as the plan says."""

    type: str | None = None
    epoch: str | None = None
    """The unit of its numbers: s, ms, us or julian."""
    time_zone: str | None = None
    values: tuple[str, ...] = ()
    """The labels of an enum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One database that we build."""

    name: str
    path: str
    schema: str | None
    aliases: tuple[str, ...]
    """Other paths that lead to it, relative to the target directory, those of its sources among them."""
    key: str | None = None
    """The name of the key under which it is kept; None for a plain one."""
    postgres: str | None = None
    """The schema that the plan names for it; ``live_schema`` is the one that it becomes."""
    dsn: str | None = None
    """The variable that names the server."""
    types: Mapping[tuple[str, str], ColumnType] = field(default_factory=dict)
    """Table and column, as the plan spells them, to what they become."""

    @property
    def live_schema(self) -> str:
        """Return the schema that it becomes in PostgreSQL."""
        return self.postgres or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One source table that feeds a target table. ``table`` may be ``*``."""

    source: str
    table: str
    columns: Mapping[str, str]
    """Target column to source column, where the names differ."""

    @property
    def name(self) -> str:
        """Return ``source.table``."""
        return f"{self.source}.{self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A surrogate id column and what happens when an id is taken."""

    column: str
    strategy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A column of the same target that holds a table's ids."""

    table: str
    column: str
    json: str | None
    """The path to the id, where the column holds JSON."""
    parent: tuple[str, ...] = ()
    """The source tables in which the rows are that it means (``source.table``); empty: those of its own file."""
    orphans: str | None = None
    """What becomes of a row without a parent: quarantine, null, keep; None: it stays unless a row has its value."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRule:
    """How ``merge`` chooses one column's value."""

    rule: str
    by: str | None
    pattern: str | None = None
    """first_valid: what a valid value looks like, as a whole (``re.fullmatch``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What decides between different rows with one key."""

    rule: str
    by: tuple[str, ...] = ()
    """newest, oldest: columns that hold instants; a later one decides where the earlier ones tie."""
    order: tuple[str, ...] = ()
    columns: Mapping[str, ColumnRule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """One declared change of a column's values, by a name from the registry."""

    name: str
    option: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Rows for which ``sql`` is not true are left out, counted and kept in the ledger."""

    sql: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRule:
    """How one target table comes about."""

    target: str
    table: str
    inputs: tuple[Input, ...]
    key: tuple[str, ...] | None
    identity: Identity | None
    conflict: Conflict
    defaults: Mapping[str, Scalar]
    transform: Mapping[str, Transform]
    where: Filter | None
    origin: str
    """Where the plan says so: ``plan.yaml:12``."""
    normalize: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Key column to the transforms through which keys are matched; the values are kept."""
    references: tuple[Reference, ...] = ()
    """Where other tables hold this table's ids."""
    is_carried: bool = False
    """Whether the plan does not name the table, and says ``unmapped_table: carry``."""
    secret: tuple[str, ...] = ()
    """Columns whose values are shown nowhere."""

    @property
    def into(self) -> str:
        """Return ``target.table``."""
        return f"{self.target}.{self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """A source table left behind on purpose; archived all the same. ``table`` may be ``*``."""

    source: str
    table: str
    reason: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A question to the finished targets, and the answer that is expected."""

    sql: str
    expect: Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole plan in full form."""

    path: Path
    sha256: str
    """Of the plan and of the schema files that it names."""
    defaults: Defaults
    sources: Mapping[str, Source]
    targets: Mapping[str, Target]
    tables: tuple[TableRule, ...]
    drops: tuple[Drop, ...]
    checks: tuple[Check, ...]

    def targets_of(self, source: str) -> tuple[Target, ...]:
        """Return the targets into which a source goes, in the plan's order."""
        fed = {rule.target for rule in self.tables if any(entry.source == source for entry in rule.inputs)}
        if not fed and self.defaults.unmapped_table == "carry" and len(self.targets) == 1:
            return tuple(self.targets.values())
        return tuple(target for name, target in self.targets.items() if name in fed)

    def choose_snapshot_key(self, source: str) -> str | None:
        """Return the name of the key under which a source's snapshot is kept; None for a plain one.

        It is that of the first encrypted target that the source feeds, else its own.
        """
        found = (target.key for target in self.targets_of(source) if target.key is not None)
        return next(found, self.sources[source].key)

    @property
    def is_encrypted(self) -> bool:
        """Tell whether a source or a target is encrypted."""
        names = [*(source.key for source in self.sources.values()), *(target.key for target in self.targets.values())]
        return any(name is not None for name in names)
