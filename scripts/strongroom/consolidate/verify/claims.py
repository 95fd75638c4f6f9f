"""What a ledger claims of the rows that did not arrive plainly: each claim is tried, none is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from strongroom.consolidate.verify.desk import Desk
from strongroom.consolidate.verify.faults import Faults
from strongroom.consolidate.verify.house import FedTable, Input
from strongroom.consolidate.verify.values import Value
from strongroom.core.quoting import dotted, fold

CLAIMED = "l._disposition, l._rule, l._target_rowid, l._winner_input, l._winner_rowid"
"""The columns of a claim, to be selected."""
DECISION = "decision"
"""The rule of rows about whose group a person decided."""
_TELLING = ("merge", "newest", "oldest", "quarantine", "identical")
"""Rules whose name on a published row says what only its group can tell: it is merged, or nobody decided for it."""


class Claim(NamedTuple):
    """What an entry says of its row."""

    disposition: str
    rule: Value
    target_rowid: Value
    winner_input: Value
    winner_rowid: Value


class Entries(NamedTuple):
    """An input's part of the ledger."""

    table: str
    """As SQL names it; empty where there is none."""
    size: int
    offset: int
    """By how much rowids moved, where they are no column: a hint to where rows stand."""


def read_entries(desk: Desk, fed: FedTable, faults: Faults) -> dict[int, Entries]:
    """Return each input's part of the ledger, and note where its contents are not what fed the table."""
    rows = desk.connection.execute(
        "SELECT source, source_table, kept_table, rowid_offset, number, columns FROM ledger.inputs "
        "WHERE lower(into_table) = lower(?)",
        (fed.into,),
    ).fetchall()
    held = {(source, fold(table)): rest for source, table, *rest in rows}
    wanted = {(entry.source, fold(entry.table.name)): entry for entry in fed.inputs}
    if held.keys() != wanted.keys() or len(rows) != len(wanted):
        faults.say("the ledger's contents do not name what fed it")
    found = {}
    for place, entry in wanted.items():
        kept, offset, number, columns = held.get(place, ("", 0, entry.number, None))
        if place in held and not _is_right(entry, kept, number, columns):
            faults.say(f"the ledger's contents say something else of {entry.name} than what it is")
        found[entry.number] = _count_entries(desk, str(kept), offset if isinstance(offset, int) else 0)
    return found


def _is_right(entry: Input, kept: Value, number: Value, columns: Value) -> bool:
    names = [column.name for column in entry.table.columns]
    return fold(str(kept)) == fold(entry.name) and number == entry.number and json.loads(str(columns)) == names


def _count_entries(desk: Desk, kept: str, offset: int) -> Entries:
    there = desk.count("SELECT count(*) FROM ledger.sqlite_master WHERE type = 'table' AND name = ?", (kept,))
    if not there or kept == "inputs":
        return Entries("", 0, offset)
    table = dotted("ledger", kept)
    return Entries(table, desk.count(f"SELECT count(*) FROM {table}"), offset)


def stands_apart(fed: FedTable, claim: Claim | None) -> bool:
    """Tell whether what is said of a row can only be judged with its group."""
    if claim is None or claim.disposition == "filtered":
        return False
    if claim.disposition != "inserted" or claim.rule == DECISION:
        return True
    return claim.rule == fed.rule.conflict and fed.rule.conflict in _TELLING


def says_apart(fed: FedTable) -> str:
    """Return the condition of ``stands_apart`` on an entry ``l``."""
    telling = f" OR l._rule IS '{fed.rule.conflict}'" if fed.rule.conflict in _TELLING else ""
    apart = f"l._disposition IS NOT 'inserted' OR l._rule IS '{DECISION}'{telling}"
    return f"(l._disposition IS NOT 'filtered' AND ({apart}))"


def says_inserted(claim: Claim | None) -> bool:
    """Tell whether a row is said to stand in the target."""
    return claim is None or claim.disposition == "inserted"


def number_inputs(fed: FedTable) -> Mapping[int, Input]:
    """Return the inputs by their rank."""
    return {entry.number: entry for entry in fed.inputs}
