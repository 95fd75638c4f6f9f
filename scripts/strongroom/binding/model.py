"""What one target is made of, down to the column: the values that merge and verify work from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from strongroom.core.plan import Conflict, Filter, Transform
from strongroom.core.plan.decisions import Decision
from strongroom.core.quoting import fold
from strongroom.sqlite.database import Database
from strongroom.sqlite.schema import Column, Table

SEED = "schema"
"""The name of the pseudo source whose rows the schema file itself inserts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundInput:
    """One source table that is really there."""

    number: int
    """Rank among the table's inputs: 1 is decided for when nothing else decides."""
    source: str
    database: Database
    """The snapshot that holds it."""
    table: Table
    columns: Mapping[str, str]
    """Target column to source column; what is missing here takes a default."""
    rowid_offset: int
    """Added to the source's rowid it gives the target's; 0 where the target's rows are not numbered like that."""
    id_offset: int = 0
    """Added to the source's ids where the strategy is offset."""
    highest_rowid: int = 0
    """How many rows there are at most, or so: gaps and freely chosen ids make it a guess."""

    @property
    def name(self) -> str:
        """Return ``source.table``."""
        return f"{self.source}.{self.table.name}"

    @property
    def is_seed(self) -> bool:
        """Tell whether the schema file, not an application, wrote these rows."""
        return self.source == SEED


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A table of a parent's name that does not feed the parent: the plan drops it, or it goes elsewhere."""

    source: str
    table: str
    columns: tuple[str, ...]
    """Its columns, for those of the parent that are held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """Columns that hold the ids of another table's rows, which may be other ones in the target."""

    columns: tuple[str, ...]
    json: str | None
    """The path to the id, where the one column holds JSON."""
    parent: str
    """The referenced table of the same target, and the columns that are held."""
    parent_columns: tuple[str, ...]
    collations: tuple[str, ...] = ()
    """Of these columns."""
    homes: frozenset[str] = frozenset()
    """The inputs of the parent (``source.table``) in which the plan says that parents are; empty: it says nothing."""
    bereft: frozenset[str] = frozenset()
    """Sources that hold the parent's table, but do not feed it: what they refer to is not in the target."""
    strays: frozenset[Stray] = frozenset()
    """In sources that do feed it: other tables by its name, whose rows are meant as well."""
    orphans: str | None = None
    """What becomes of rows without a parent: ``quarantine``, ``null``, ``keep``; None: only adopted ones wait."""
    number: int = 0
    """Its place among the references of its table."""
    is_late: bool = False
    """Whether the referenced table is not complete when this one is filled: references go in a circle."""
    changes: frozenset[int] = frozenset()
    """The inputs of which rows change or wait by it; known once the parent is filled."""
    spelled: frozenset[int] = frozenset()
    """Those whose new ids are noted as they are to be written, be it as text or as numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableJob:
    """One target table with everything that feeds it."""

    target: str
    table: Table
    inputs: tuple[BoundInput, ...]
    key: tuple[str, ...]
    """Columns on which rows match; empty: every row stands alone."""
    identity: str | None
    """The surrogate id for which a later row gets a fresh value when it is taken."""
    strategy: str
    """How it gets it: keep, renumber, offset, uuid5."""
    conflict: Conflict
    defaults: Mapping[str, str]
    """Target column to an SQL literal, where an input lacks the column."""
    transform: Mapping[str, Transform]
    where: Filter | None
    rewrites: tuple[Rewrite, ...] = ()
    normalize: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Key column to the transforms through which it is matched."""
    secret: frozenset[str] = frozenset()
    """Columns whose values no report shows."""
    decisions: tuple[Decision, ...] = ()
    """What people decided about its groups that no rule decides."""
    is_secret: bool = False
    """Whether its target, or what feeds it, is encrypted: then nothing of it may lie anywhere in plain."""

    @property
    def into(self) -> str:
        """Return ``target.table``."""
        return f"{self.target}.{self.table.name}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the columns that are written."""
        return self.table.stored

    @property
    def fixed(self) -> frozenset[str]:
        """Return the columns that stay the shown row's when a person takes another row: which row it is, and where."""
        return frozenset({*self.key, *self.table.primary_key, *filter(None, (self.identity, self.table.integer_key))})

    @property
    def working(self) -> str:
        """Return the name of the database in which verification keeps its working tables."""
        return "working" if self.is_secret else "temp"

    def references_of(self, entry: BoundInput) -> tuple[Rewrite, ...]:
        """Return the references that an input holds."""
        if entry.is_seed:
            return ()
        return tuple(one for one in self.rewrites if all(name in entry.columns for name in one.columns))

    def rewrites_of(self, entry: BoundInput) -> tuple[Rewrite, ...]:
        """Return those by which something of an input changes or waits, once the parents are filled."""
        return tuple(one for one in self.references_of(entry) if entry.number in one.changes)

    def changed_columns(self, entry: BoundInput) -> frozenset[str]:
        """Return the columns that a transform or a followed reference may change in an input's rows."""
        followed = {name for rewrite in self.rewrites_of(entry) for name in rewrite.columns}
        return frozenset(followed if entry.is_seed else followed | self.transform.keys())

    def needs_settling(self, entry: BoundInput) -> bool:
        """Tell whether the target may store an input's values in another form than its source holds them."""
        if (self.transform or self.rewrites_of(entry)) and not entry.is_seed:
            return True
        for column in self.columns:
            source = entry.table.by_name.get(fold(entry.columns.get(column.name, "")))
            if source is None:
                continue
            is_foreign_key = column.name == self.table.integer_key and source.name != entry.table.integer_key
            if source.affinity != column.affinity or is_foreign_key:
                return True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetJob:
    """One database to build."""

    name: str
    path: str
    aliases: tuple[str, ...]
    template: Database
    """A database with the target's whole structure, and the rows that the schema file inserts."""
    tables: tuple[TableJob, ...]
    carried: tuple[str, ...]
    reported: tuple[str, ...]
    is_secret: bool = False
    """Whether it, or a source of it, is encrypted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A plan bound to reality."""

    targets: tuple[TargetJob, ...]
    drops: tuple[tuple[BoundInput, str], ...]
    """Tables left behind, each with its reason."""
    absent: tuple[str, ...]
    """Optional sources and tables that the plan names and that are not there."""

    @property
    def archive_key(self) -> str | None:
        """Return the name of the key of the archive: the first target's that has one, else a dropped source's.

        None when no table comes from an encrypted snapshot.
        """
        dropped = [entry.database.key for entry, _ in self.drops if entry.database.key is not None]
        targets = [target.template.key for target in self.targets if target.template.key is not None]
        return (targets or dropped)[0] if dropped else None

    @property
    def is_secret(self) -> bool:
        """Tell whether anything of it is encrypted."""
        return self.archive_key is not None or any(target.is_secret for target in self.targets)
