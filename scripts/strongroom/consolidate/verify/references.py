"""Which columns hold the ids of other tables' rows: declared in a source, in a target, in the plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strongroom.consolidate.verify.catalogue import ForeignKey, Table, read_table
from strongroom.consolidate.verify.house import SEED, FedTable, House, Input
from strongroom.consolidate.verify.plan_reading import Rule
from strongroom.consolidate.verify.values import decode_text
from strongroom.core.plan.models import ReferenceModel
from strongroom.core.quoting import fold
from strongroom.sqlite.connection import open_snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Columns of one target table that hold ids of rows of another, its parent."""

    places: tuple[int, ...]
    """Of the child's columns among its stored ones."""
    path: str | None
    """In JSON: where in the column."""
    parent: FedTable
    columns: tuple[int, ...]
    """The places of the parent's columns among its stored ones."""
    named: tuple[tuple[str, str], ...] | None = None
    """The source tables in which alone parents are looked for: source, folded name."""
    orphans: str | None = None
    """What the plan says of orphans: quarantine, null, keep."""

    @property
    def what(self) -> tuple[object, ...]:
        """Return what tells references apart."""
        return self.places, self.path, self.parent.into, self.columns

    def name(self, fed: FedTable) -> str:
        """Return ``target.table.column``, and the path."""
        columns = ", ".join(fed.stored[place].name for place in self.places)
        return f"{fed.into}.{columns}" + (f" {self.path}" if self.path else "")

    @property
    def parent_names(self) -> frozenset[str]:
        """Return the folded names by which a table of a file is known as the parent."""
        return frozenset((fold(self.parent.table.name), *(fold(entry.table.name) for entry in self.parent.inputs)))


def find_references(house: House, fed: FedTable) -> list[Reference]:
    """Return every reference of a target table's rows; whoever declares it, it holds for all of its inputs."""
    found: dict[tuple[object, ...], Reference] = {}
    for reference in (*_find_planned(house, fed), *_find_declared(house, fed), *_find_in_sources(house, fed)):
        found.setdefault(reference.what, reference)
    return list(found.values())


def _find_planned(house: House, fed: FedTable) -> Iterator[Reference]:
    """Yield those that the plan names, at the parent table."""
    for target in house.targets.values():
        for parent in target.tables:
            for model in parent.rule.references:
                name, _, rest = model.column.partition(".")
                table, _, column = rest.rpartition(".")
                if name == fed.target and fold(table) == fold(fed.table.name):
                    yield _read_planned(fed, parent, model, column)


def _read_planned(fed: FedTable, parent: FedTable, model: ReferenceModel, column: str) -> Reference:
    own = parent.identity
    if own is None:
        own = _place(parent.stored_names, parent.table.primary_key[0])
    named = [text.partition(".") for text in model.parent]
    return Reference(
        places=(_place(fed.stored_names, column),),
        path=model.json_,
        parent=parent,
        columns=(own,),
        named=tuple((source, fold(table)) for source, _, table in named) if named else None,
        orphans=model.orphans,
    )


def _place(names: Sequence[str], name: str) -> int:
    return names.index(fold(name))


def _find_declared(house: House, fed: FedTable) -> Iterator[Reference]:
    """Foreign keys of the target's own table."""
    for key in fed.table.foreign_keys:
        parent = house.find(fed.target, key.parent) or _find_unfed(house, fed.target, key.parent)
        if parent is not None:
            columns = parent.table.primary_key if key.parent_columns is None else key.parent_columns
            yield from _join(fed, key.columns, parent, columns)


def _join(fed: FedTable, ours: Sequence[str], parent: FedTable, theirs: Sequence[str]) -> Iterator[Reference]:
    """Yield the reference between columns of two target tables, if both have them all, stored."""
    mine, others = [fold(name) for name in ours], [fold(name) for name in theirs]
    is_whole = set(mine) <= set(fed.stored_names) and set(others) <= set(parent.stored_names)
    if is_whole and len(mine) == len(others) and mine:
        yield Reference(
            places=tuple(fed.stored_names.index(name) for name in mine),
            path=None,
            parent=parent,
            columns=tuple(parent.stored_names.index(name) for name in others),
        )


def _find_unfed(house: House, target: str, name: str) -> FedTable | None:
    """Return a table that nothing but the schema file fills, as a parent."""
    structure = house.targets[target].structure
    with open_snapshot(structure) as connection:
        connection.text_factory = decode_text
        table = read_table(connection, name)
    if table is None:
        return None
    stored = [fold(column.name) for column in table.stored]
    integer_key = None if table.integer_key is None else stored.index(fold(table.integer_key))
    seed = Input(
        number=1,
        source=SEED,
        table=table,
        database=structure,
        places=tuple(table.place_of(column.name) for column in table.stored),
        fills=(None,) * len(stored),
        is_seed=True,
    )
    rule = Rule(target=target, table=table.name, feeds=(), conflict="quarantine")
    return FedTable(
        target=target,
        table=table,
        rule=rule,
        inputs=(seed,),
        key=tuple(stored.index(fold(column)) for column in table.primary_key),
        identity=None,
        integer_key=integer_key,
    )


def _find_in_sources(house: House, fed: FedTable) -> Iterator[Reference]:
    """Foreign keys of the tables that feed it, said by the target's names."""
    for entry in fed.inputs:
        for key in entry.table.foreign_keys if not entry.is_seed else ():
            ours = _translate(fed, entry, key.columns)
            for parent, theirs in _find_parents(house, fed, entry, key) if ours else ():
                yield from _join(fed, ours, parent, theirs)


def _find_parents(
    house: House, fed: FedTable, entry: Input, key: ForeignKey
) -> Iterator[tuple[FedTable, Sequence[str]]]:
    """Yield what a source's foreign key means, and the names of the columns there."""
    fed_by, its = _find_fed_by(house, entry.source, key.parent)
    if fed_by is not None and its is not None:
        yield fed_by, _translate(fed_by, its, _parent_columns(key, its.table))
        return
    for parent in _find_namesakes(house, fed.target, key.parent):
        of_this_name = (one for one in parent.inputs if not one.is_seed and fold(one.table.name) == fold(key.parent))
        given = next(of_this_name, None)
        if given is None:
            yield parent, _parent_columns(key, parent.table)
        else:
            yield parent, _translate(parent, given, _parent_columns(key, given.table))


def _find_namesakes(house: House, target: str, name: str) -> list[FedTable]:
    """Return what a name means that its own file lacks, or of which it feeds nothing: here, else in all others."""
    own = _find_in_target(house, target, name)
    return own or [fed for other in house.targets if other != target for fed in _find_in_target(house, other, name)]


def _find_in_target(house: House, target: str, name: str) -> list[FedTable]:
    """Return the tables of a target that have a name, or are fed by a table of this name."""
    wanted = fold(name)
    found = [
        fed
        for fed in house.targets[target].tables
        if wanted in (fold(fed.table.name), *(fold(entry.table.name) for entry in fed.inputs))
    ]
    is_fed = house.find(target, name) is not None
    unfed = None if is_fed else _find_unfed(house, target, name)
    return found if unfed is None else [*found, unfed]


def _parent_columns(key: ForeignKey, table: Table) -> tuple[str, ...]:
    return table.primary_key if key.parent_columns is None else key.parent_columns


def _find_fed_by(house: House, source: str, table: str) -> tuple[FedTable | None, Input | None]:
    """Return the target table that a source's table feeds."""
    for target in house.targets.values():
        for fed in target.tables:
            for entry in fed.inputs:
                if entry.source == source and not entry.is_seed and fold(entry.table.name) == fold(table):
                    return fed, entry
    return None, None


def _translate(fed: FedTable, entry: Input, names: Sequence[str]) -> list[str]:
    """Return the target's names of an input's columns; nothing where one goes nowhere."""
    places = [place_in(entry, name) for name in names]
    found = [fed.stored[place].name for place in places if place is not None]
    return found if len(found) == len(names) else []


def place_in(entry: Input, name: str) -> int | None:
    """Return the place among the target's stored columns of the one that an input's column fills, if it fills one."""
    place = entry.table.place_of(name)
    return None if place is None or place not in entry.places else entry.places.index(place)
