"""What all pieces of the proof say together, and what holds of whole tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from strongroom.core.quoting import dotted, fold
from strongroom.core.results import ReferenceTally, TableTally, TargetTally, Verification
from strongroom.load.verify.asking import Asking, open_server
from strongroom.load.verify.claim import Claim, Finding, Part
from strongroom.load.verify.describing import Describing
from strongroom.load.verify.extras import find_extras
from strongroom.load.verify.faults import Faults
from strongroom.load.verify.keys_named import name_keys
from strongroom.load.verify.pairing import Pair
from strongroom.load.verify.parts import Both, open_evidence, read_both
from strongroom.load.verify.source import count_rows
from strongroom.load.verify.structure import Structure, read_reported
from strongroom.load.verify.surroundings import Surroundings
from strongroom.postgres.connection import Access, Connection
from strongroom.sqlite.connection import Connection as Source


@dataclass(slots=True)
class _Conclusion:
    """What is known of one target."""

    claim: Claim
    connection: Source
    server: Connection
    both: Both
    around: Surroundings
    reported: frozenset[str]
    show_values: bool
    tables: dict[str, TableTally] = field(default_factory=dict)
    targets: dict[str, TargetTally] = field(default_factory=dict)
    references: dict[str, ReferenceTally] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def conclude_table(self, pair: Pair, findings: Sequence[Finding]) -> None:
        """Sum up one table that both sides have."""
        content = [finding for finding in findings if finding.part.way != "waiting"]
        if not _cover_all([finding.part for finding in content], needs_waiting=pair.kept is not None, all_=findings):
            self.differences.append(f"{pair.into}: was not looked at as a whole")
        faults, describing = Faults(pair), Describing(pair, self.show_values)
        for finding in findings:
            faults.join(finding.faults)
        rows = self.around.count(pair.schema, pair.table)
        matched, present = (sum(getattr(one, name) for one in content) for name in ("matched", "present"))
        if not self.claim.shares and any(one.part.way == "join" for one in content) and rows > present:
            find_extras(self.connection, Asking(self.server, pair), describing, faults, rows - present)
        table = self.both.tables_of(pair)[0]
        self.differences += name_keys(self.connection, pair, table, describing, faults.sentences())
        self.targets[f"{pair.target}.{pair.table}"] = TargetTally(rows=rows, explained=matched)
        waiting = Counter[str]()
        for finding in findings:
            waiting.update(finding.waiting)
        self._tally(pair, count_rows(self.connection, pair.source), matched, waiting)
        refused = sum(finding.refused for finding in findings)
        if refused:
            self.notes.append(f"{pair.into}: {refused} rows wait that the server refused, by the ledger's own word")
        self._conclude_surroundings(pair, sum(finding.referring for finding in findings))

    def _tally(self, pair: Pair, read: int, matched: int, waiting: Counter[str]) -> None:
        merged = waiting["merged_identical"]
        self.tables[pair.into] = TableTally(
            into=f"{pair.target}.{pair.table}",
            read=read,
            inserted=matched - merged,
            merged_identical=merged,
            superseded=waiting["superseded"],
            quarantined=waiting["quarantined"],
            unexplained=max(0, read - matched - waiting["superseded"] - waiting["quarantined"]),
        )

    def _conclude_surroundings(self, pair: Pair, referring: int) -> None:
        structure = Structure(self.connection, self.both, pair, self.reported, self.claim.shares)
        structure.compare()
        self.differences += structure.differences
        self.notes += structure.notes
        for name, tally, wrong in self.around.follow_references(pair, referring):
            self.references[name] = tally
            self.differences += wrong
        self.differences += self.around.find_strange_heirs(pair)
        wrong, notes = self.around.find_late_sequences(pair)
        self.differences += wrong
        self.notes += notes
        if not self.claim.shares:
            self.differences += self.around.find_strange_defaults(pair)

    def conclude_rest(self) -> None:
        """Say what is of one side only, and what of the ledger speaks of nothing."""
        paired = {pair.table for pair in self.both.pairs}
        for folded, table in self.both.source.items():
            if self.both.find_pair(table.name) is not None:
                continue
            name = f"{self.claim.target}.{table.name}"
            rows = count_rows(self.connection, table.name)
            if table.is_virtual and folded in self.reported:  # of others, what is said is about a part of them
                self.notes.append(f"{name}: is not carried, with its {rows} rows")
                self.tables[name] = TableTally(into="", read=rows, filtered=rows)
            else:
                self.differences.append(f"{name}: is not in PostgreSQL, with its {rows} rows")
                self.tables[name] = TableTally(into="", read=rows, unexplained=rows)
        for other in sorted(self.both.server.keys() - paired):
            rows = self.around.count(self.claim.schema, other)
            self.targets[f"{self.claim.target}.{other}"] = TargetTally(rows=rows, explained=rows, seeded=rows)
        self._conclude_ledger()

    def _conclude_ledger(self) -> None:
        if not self.claim.ledger.path.is_file():
            return
        known = {pair.kept for pair in self.both.pairs if pair.kept is not None}
        names = self.connection.execute("SELECT name FROM ledger.sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            if name == "inputs" or name in known or name.startswith("sqlite_"):
                continue
            columns = {row[1] for row in self.connection.execute(f"PRAGMA ledger.table_info({dotted(name)})")}
            if "_disposition" not in columns:
                continue
            count = self.connection.execute(f"SELECT count(*) FROM {dotted('ledger', name)}").fetchone()[0]
            if count:
                self.differences.append(f"{self.claim.target}: the ledger's {name} has {count} rows of no table")


def conclude(claim: Claim, access: Access, findings: Iterable[Finding], *, show_values: bool = False) -> Verification:
    """Sum up what was found of every part, and compare what goes with the rows. Read-only.

    A part that was not looked at is a difference. Rows that differ are named by their keys, in hashes unless values
    may be shown. Raises what ``list_parts`` does.
    """
    by_table: dict[str, list[Finding]] = {}
    for finding in findings:
        by_table.setdefault(fold(finding.part.pair.source), []).append(finding)
    with open_evidence(claim) as connection, open_server(access) as server:
        server.execute("SELECT set_config('enable_hashjoin', 'on', true)")
        both = read_both(connection, server, claim)
        around = Surroundings(connection, server, both)
        found = _Conclusion(claim, connection, server, both, around, read_reported(claim.reported), show_values)
        for pair in both.pairs:
            found.conclude_table(pair, by_table.get(fold(pair.source), []))
        found.conclude_rest()
    return Verification(
        target=claim.target,
        tables=found.tables,
        targets=found.targets,
        references=found.references,
        differences=tuple(found.differences),
        notes=tuple(found.notes),
    )


def _cover_all(parts: Sequence[Part], *, needs_waiting: bool, all_: Sequence[Finding]) -> bool:
    """Tell whether parts follow one another from the first row to the last, and what waits is among them."""
    if needs_waiting and not any(finding.part.way == "waiting" for finding in all_):
        return False
    ordered = sorted(parts, key=lambda part: (part.low is not None, part.low or 0))
    bounds = [(part.low, part.high) for part in ordered]
    return (
        bool(bounds)
        and bounds[0][0] is None
        and bounds[-1][1] is None
        and all(one[1] == other[0] and one[1] is not None for one, other in pairwise(bounds))
    )
