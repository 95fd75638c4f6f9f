"""Groups of two rows, explained by one join where SQLite can tell what the rule makes of them.

Where no input has two rows with one key, a row that the ledger says lost, and the one that won, are such a group if no
third input has their key. What is not as it must be, or what SQLite cannot tell, is gone through group by group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import permutations

from strongroom.consolidate.verify.case import Case
from strongroom.consolidate.verify.catalogue import Column
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.kept_cells import keeps_cells
from strongroom.consolidate.verify.members import AT_ONCE, are_alone
from strongroom.consolidate.verify.relations import differs, home_rowid, rows_of, same_cell
from strongroom.consolidate.verify.rules import Choice
from strongroom.core.quoting import dotted, quote

_LOST = {"merge": "merged_changed", "prefer": "superseded", "newest": "superseded", "oldest": "superseded"}
"""The rules that are told here, and what becomes of a row that differs from what is published."""
_TELLABLE = {"first_non_null", "max", "min", "newest", "oldest"}
"""How ``merge`` may choose a column's value, for SQLite to tell it."""
_EVER = "9e999"
"""Beyond every instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """An input whose rows won (``w``) and one whose rows lost to them (``s``), beside the target's (``t``)."""

    case: Case
    winner: Input
    loser: Input

    @property
    def fed(self) -> FedTable:
        return self.case.fed

    @property
    def is_first(self) -> bool:
        """Tell whether the one that won comes first."""
        return self.winner.number < self.loser.number

    def same(self, alias: str, places: Iterable[int] | None = None) -> str:
        """Return the condition that the target's cells are a row's, in type and every byte."""
        return " AND ".join(f"({same_cell(*cells)})" for cells in self._cells(alias, places)) or "1"

    def differs(self, alias: str) -> str:
        """Return the condition that the target's row is surely another one."""
        return " OR ".join(f"({differs(*cells)})" for cells in self._cells(alias, None)) or "0"

    def _cells(self, alias: str, places: Iterable[int] | None) -> Iterator[tuple[str, Column, str, Column]]:
        entry = self.winner if alias == "w" else self.loser
        for place in range(len(self.fed.stored)) if places is None else places:
            column, given = self.fed.stored[place], entry.source_column(place)
            if given is not None:  # as ``are_alone`` says, all are
                yield f"t.{quote(column.name)}", column, self.cell(alias, place), given

    def cell(self, alias: str, place: int) -> str:
        """Return what a row of the source has for a column of the target."""
        return f"{alias}.c{(self.winner if alias == 'w' else self.loser).places[place]}"


def explain_pairs(case: Case) -> None:
    """Count the rows of groups that are as they must be and are said to; their rows are kept as settled."""
    fed = case.fed
    if case.bag or case.decided or case.decided.lines or not _is_tellable(case):
        return
    with ExitStack() as stack:
        for entry in fed.inputs:
            stack.enter_context(case.desk.source(entry, f"in{entry.number}"))
        for winner, loser in permutations(fed.inputs, 2):
            pair = _Pair(case=case, winner=winner, loser=loser)
            if case.entries[loser.number].size and (pair.is_first or fed.rule.conflict in ("newest", "oldest")):
                _explain(case, pair)


def _is_tellable(case: Case) -> bool:
    """Tell whether SQLite can find what the rule makes of two rows of a table."""
    fed = case.fed
    return (
        1 < len(fed.inputs) <= AT_ONCE
        and fed.rule.conflict in _LOST
        and case.is_key_plain
        and bool(fed.key)
        and case.ids.place is None
        and fed.table.rowid is not None
        and are_alone(case)
        and all(one.rule in _TELLABLE for one in case.shape.chosen)
        and case.desk.is_utf8
    )


def _explain(case: Case, pair: _Pair) -> None:
    """Count the groups of which a row of one input won and one of another lost."""
    found = case.desk.make("pairs", "won INTEGER PRIMARY KEY, has_entry, lost INTEGER UNIQUE, disposition TEXT")
    case.desk.connection.execute(f"INSERT INTO {found} {_select(pair)}")
    for disposition, rows, changed in case.desk.connection.execute(
        f"SELECT disposition, count(*), sum(has_entry) FROM {found} GROUP BY disposition"
    ).fetchall():
        case.counts[pair.loser.number][disposition] += rows
        case.counts[pair.winner.number]["inserted"] += changed
    for entry, rows in ((pair.loser, f"lost FROM {found}"), (pair.winner, f"won FROM {found} WHERE has_entry")):
        case.desk.connection.execute(f"INSERT INTO {case.settled} SELECT {entry.number}, {rows}")


def _select(pair: _Pair) -> str:
    """Return the statement that finds the groups which are as they must be."""
    case, fed, winner, loser = pair.case, pair.fed, pair.winner, pair.loser
    said, where = case.entries[winner.number], fed.rule.where
    home = home_rowid(fed, winner, said.offset).replace("s.", "w.", 1)
    stands, joined, has_entry = home, "", "0"
    published = _is_published(pair)
    if said.size:
        joined = f" LEFT JOIN {said.table} AS m ON m._rowid = w.r"
        stands, has_entry = f"coalesce(m._target_rowid, {home})", "m._rowid IS NOT NULL"
        published = (
            f"({published}) AND CASE WHEN m._rowid IS NULL THEN {pair.same('w')} "
            f"ELSE {_is_said(fed, home)} AND ({pair.differs('w')}) AND {keeps_cells(winner, 'w', 'm')} END"
        )
    else:
        published = f"({published}) AND {pair.same('w')}"
    terms = [
        f"l._rule IS '{fed.rule.conflict}'",
        f"l._winner_input IS {winner.number}",
        "typeof(l._winner_rowid) = 'integer' AND typeof(l._target_rowid) = 'integer'",
        f"l._target_rowid IS {stands}",
        *(f"+{pair.cell('s', place)} = +{pair.cell('w', place)} COLLATE BINARY" for place in fed.key),
        *(f"{alias}.w" for alias, entry in (("s", loser), ("w", winner)) if where is not None and not entry.is_seed),
        *(_has_none(pair, other) for other in fed.inputs if other not in (winner, loser)),
        published,
        _is_lost(pair),
        keeps_cells(loser),
    ]
    return (
        f"SELECT w.r, {has_entry}, s.r, l._disposition FROM {case.entries[loser.number].table} AS l "
        f"CROSS JOIN {rows_of(loser, where, f'in{loser.number}', 's')} ON s.r = l._rowid "
        f"CROSS JOIN {rows_of(winner, where, f'in{winner.number}', 'w')} ON w.r = l._winner_rowid "
        f"CROSS JOIN {dotted('main', fed.table.name)} AS t ON t.{quote(str(fed.table.rowid))} = l._target_rowid"
        f"{joined} WHERE " + " AND ".join(f"({term})" for term in terms)
    )


def _is_said(fed: FedTable, home: str) -> str:
    """Return the condition that the entry ``m`` says of the row that won what it must: others gave it values."""
    stands = "typeof(m._target_rowid) = 'integer'" if fed.integer_key is not None else f"m._target_rowid IS {home}"
    return (
        f"m._disposition IS 'inserted' AND m._rule IS '{fed.rule.conflict}' AND m._winner_input IS NULL "
        f"AND m._winner_rowid IS NULL AND (m._target_rowid IS NULL OR {stands})"
    )


def _has_none(pair: _Pair, other: Input) -> str:
    """Return the condition that another input has no row with the key of two."""
    passes = pair.fed.rule.where is not None and not other.is_seed
    rows = rows_of(other, pair.fed.rule.where, f"in{other.number}", "o")
    terms = ["o.w"] if passes else []
    for place in pair.fed.key:
        cell = f"o.c{other.places[place]}"
        terms += [f"{cell} = +{pair.cell('w', place)}", f"+{cell} = +{pair.cell('w', place)} COLLATE BINARY"]
    return f"NOT EXISTS (SELECT 1 FROM {rows} WHERE {' AND '.join(terms)})"


def _is_lost(pair: _Pair) -> str:
    """Return the condition that the ledger says of the row that lost what the rule makes of it."""
    rule = pair.fed.rule.conflict
    differs_so = f"({pair.differs('s')})"
    if rule in ("newest", "oldest"):
        by = pair.case.shape.by[0]
        sign = "<" if rule == "oldest" else ">"
        differs_so += f" AND {_when(pair, 'w', by, rule)} {sign} {_when(pair, 's', by, rule)}"
    alike = pair.same("s") if pair.is_first else "0"
    return f"CASE l._disposition WHEN 'merged_identical' THEN {alike} WHEN '{_LOST[rule]}' THEN {differs_so} ELSE 0 END"


def _when(pair: _Pair, alias: str, place: int, rule: str) -> str:
    """Return when a row is of, for ``newest`` and ``oldest``: what is NULL or empty comes behind all others."""
    cell = pair.cell(alias, place)
    never = f"-{_EVER}" if rule == "newest" else _EVER
    return f"CASE WHEN {cell} IS NULL OR +{cell} = '' COLLATE BINARY THEN {never} ELSE {_instant(cell)} END"


def _instant(cell: str) -> str:
    """Return the instant of a cell; NULL for none."""
    return (
        f"CASE typeof({cell}) WHEN 'text' THEN proof_instant_text(CAST({cell} AS BLOB)) ELSE proof_instant({cell}) END"
    )


def _is_published(pair: _Pair) -> str:
    """Return the condition that the target's row is what the rule makes of the two."""
    if pair.fed.rule.conflict != "merge":
        return pair.same("w")
    chosen: dict[str, list[int]] = {}
    for one in pair.case.shape.chosen:
        chosen.setdefault(_takes_other(pair, one), []).append(one.place)
    others = {place for places in chosen.values() for place in places}
    terms = [pair.same("w", [place for place in range(len(pair.fed.stored)) if place not in others])]
    terms += [
        f"CASE WHEN {takes} THEN {pair.same('s', places)} ELSE {pair.same('w', places)} END"
        for takes, places in chosen.items()
    ]
    return " AND ".join(f"({term})" for term in terms)


def _takes_other(pair: _Pair, choice: Choice) -> str:
    """Return the condition that ``merge`` takes a column's value from the second row."""
    if choice.rule in ("newest", "oldest"):
        sign = ">" if choice.rule == "newest" else "<"
        cells = [pair.cell(alias, choice.by or 0) for alias in "ws"]
        first, second = map(_instant, cells)
        is_text, texts = (f"typeof({cell}) = 'text'" for cell in cells), (f"CAST({cell} AS BLOB)" for cell in cells)
        return (
            f"CASE WHEN {' AND '.join(is_text)} THEN proof_{choice.rule}({', '.join(texts)}) "
            f"ELSE coalesce({second} {sign} {first}, {first} IS NULL AND {second} IS NOT NULL) END"
        )
    first, second = (pair.cell(alias, choice.place) for alias in "ws")
    if choice.rule == "first_non_null":
        return f"{first} IS NULL"
    sign = ">" if choice.rule == "max" else "<"
    return f"coalesce(+{second} {sign} +{first} COLLATE BINARY, {first} IS NULL)"
