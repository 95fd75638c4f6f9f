"""The proof's jobs: a target's soundness, the content of some of its tables, what the plan drops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from strongroom.consolidate.verify.catalogue import Table, find_table, read_tables
from strongroom.consolidate.verify.chains import Chains, find_circle
from strongroom.consolidate.verify.desk import Desk, open_desk
from strongroom.consolidate.verify.evidence import identify
from strongroom.consolidate.verify.fingerprint import digest_table, write_digest
from strongroom.consolidate.verify.follower import Follower
from strongroom.consolidate.verify.house import FedTable, House
from strongroom.consolidate.verify.references import find_references
from strongroom.consolidate.verify.relations import same_anywhere
from strongroom.consolidate.verify.retracing import open_parents
from strongroom.consolidate.verify.structure import (
    compare_structure,
    count_orphans,
    find_damage,
    find_damage_of_new,
    find_wrong_indexes,
)
from strongroom.consolidate.verify.tables import prove_table
from strongroom.consolidate.verify.values import decode_text
from strongroom.core.quoting import dotted, fold, quote
from strongroom.core.results import ReferenceTally, TableTally, TargetTally, Verification
from strongroom.sqlite.connection import attached, open_snapshot
from strongroom.sqlite.database import Database, choose_engine

ARCHIVE = "archive"
"""What stands for the dropped tables among the targets of a verification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A target table as a piece of work."""

    target: str
    table: str
    rows: int
    """Roughly."""
    needs: frozenset[str]
    """The targets that must be built: its own, and those that its rows refer to."""


def list_parts(house: House) -> list[Part]:
    """Return every target table with roughly how many rows go into it."""
    found = []
    for target in house.targets.values():
        for fed in target.tables:
            rows = sum(_count_roughly(fed, number) for number, _ in enumerate(fed.inputs))
            needs = frozenset({target.name, *(one.parent.target for one in find_references(house, fed))})
            found.append(Part(target=target.name, table=fed.table.name, rows=rows, needs=needs))
    return found


def _count_roughly(fed: FedTable, number: int) -> int:
    entry = fed.inputs[number]
    if entry.table.rowid is None or entry.table.module is not None:
        return 0
    with open_snapshot(entry.database) as connection:
        highest = connection.execute(
            f"SELECT max({quote(entry.table.rowid)}) FROM {dotted('main', entry.table.name)}"
        ).fetchone()[0]
    return highest if isinstance(highest, int) and highest > 0 else 0


def verify_content(house: House, target: str, tables: Sequence[str]) -> Verification:
    """Prove where every row that feeds these tables ended, and what every row of them is. Read-only."""
    found: dict[str, TableTally] = {}
    targets: dict[str, TargetTally] = {}
    differences: list[str] = []
    references: dict[str, ReferenceTally] = {}
    identity = identify(house.evidence.targets[target].path)
    with open_desk(house, house.targets[target]) as desk, closing(open_parents(desk)) as parents:
        for name in tables:
            fed = house.find(target, name)
            if fed is None:
                continue
            try:
                follower = Follower(desk, fed, parents)
                tallies, tally, wrong = prove_table(desk, fed, follower if follower.references else None)
                references |= follower.tallies()
            except desk.connection.Error as error:
                differences.append(f"{fed.into}: cannot be compared ({desk.say(error)})")
                continue
            found |= tallies
            targets[fed.into] = tally
            differences += wrong
    return Verification(
        target=target,
        tables=found,
        targets=targets,
        references=references,
        differences=tuple(differences),
        identity=identity,
    )


def verify_chains(house: House, target: str) -> Verification:
    """Prove that no rows wait for each other alone, where tables refer to themselves or in a circle. Read-only."""
    differences: list[str] = []
    circle = find_circle(house, target)
    if circle:
        with open_desk(house, house.targets[target]) as desk, closing(open_parents(desk)) as parents:
            chains = Chains(desk)
            for fed in circle:
                try:
                    prove_table(desk, fed, Follower(desk, fed, parents), chains)
                except desk.connection.Error:
                    break  # said of the table's own content
            differences = chains.find_groundless()
    return Verification(target=target, tables={}, targets={}, differences=tuple(differences))


def verify_soundness(house: House, target: str) -> Verification:
    """Check a target's pages, indexes, structure and marks, and count its orphans. Read-only."""
    return _verify_soundness(house, target, find_damage)


def verify_soundness_of_new(house: House, target: str) -> Verification:
    """Check the same of a target that was just built (``find_damage_of_new``). Read-only."""
    return _verify_soundness(house, target, find_damage_of_new)


def _verify_soundness(house: House, target: str, look: Callable[[Desk], list[str]]) -> Verification:
    damage: list[str] = []
    notes: list[str] = []
    identity = identify(house.evidence.targets[target].path)
    with open_desk(house, house.targets[target]) as desk:
        try:
            damage = look(desk)
            differences = damage + compare_structure(desk) + find_wrong_indexes(desk)
            notes = count_orphans(desk)
        except desk.connection.Error as error:
            differences = [*damage, f"{target}: cannot be examined ({desk.say(error)})"]
    return Verification(
        target=target,
        tables={},
        targets={},
        differences=tuple(differences),
        notes=tuple(notes),
        damaged=bool(damage),
        identity=identity,
    )


def fingerprint_target(house: House, target: str) -> dict[str, str]:
    """Return the fingerprint of every table of a target. Read-only."""
    with open_snapshot(house.evidence.targets[target]) as connection:
        connection.text_factory = decode_text
        tables = read_tables(connection)
        held = {fed.into: find_table(tables, fed.table.name) for fed in house.targets[target].tables}
        return {
            into: write_digest(digest_table(connection, table)) for into, table in held.items() if table is not None
        }


def verify_drops(house: House) -> Verification:
    """Compare the tables that the plan drops, row by row in any order, with what the archive keeps. Read-only."""
    tables, differences = {}, []
    archive = house.evidence.archive
    kept: dict[str, Table] = {}
    if archive is not None and archive.path.is_file():
        with open_snapshot(archive) as connection:
            connection.text_factory = decode_text
            kept = read_tables(connection)
    for source, name in house.reading.drops:
        given = house.sources[source]
        held = kept.pop(fold(f"{source}.{name}"), None)
        is_kept, rows = _is_kept(given.database, given.tables[fold(name)], archive, held)
        tables[f"{source}.{name}"] = TableTally(
            into="archive.db", read=rows, filtered=rows if is_kept else 0, unexplained=0 if is_kept else rows
        )
        if not is_kept:
            differences.append(f"{source}.{name}: the archive does not hold what was dropped")
    differences += [f"archive: {table.name} is no table that the plan drops" for table in kept.values()]
    return Verification(target=ARCHIVE, tables=tables, targets={}, differences=tuple(differences))


def _is_kept(database: Database, table: Table, archive: Database | None, held: Table | None) -> tuple[bool, int]:
    """Tell whether an archive holds a source's table, and how many rows that has: side by side, else in any order."""
    with open_snapshot(replace(database, engine=choose_engine([database, archive or database]))) as connection:
        connection.text_factory = decode_text
        rows = int(connection.execute(f"SELECT count(*) FROM {dotted('main', table.name)}").fetchone()[0])
        if archive is None or held is None or len(held.columns) != len(table.columns):
            return False, rows
        with attached(connection, archive, "archive"):
            kept = int(connection.execute(f"SELECT count(*) FROM {dotted('archive', held.name)}").fetchone()[0])
            if kept != rows:
                return False, rows
            if table.rowid is not None and held.rowid is not None:
                same = " AND ".join(
                    f"({same_anywhere(f't.{quote(mine.name)}', f's.{quote(theirs.name)}')})"
                    for mine, theirs in zip(held.columns, table.columns, strict=True)
                )
                beside = connection.execute(
                    f"SELECT count(*) FROM {dotted('main', table.name)} AS s CROSS JOIN {dotted('archive', held.name)} "
                    f"AS t ON t.{quote(held.rowid)} = s.{quote(table.rowid)} WHERE {same}"
                ).fetchone()
                if beside[0] == rows:
                    return True, rows
            return digest_table(connection, table) == digest_table(connection, held, "archive"), rows
