"""What the ledger claims about a row, and the condition under which the claim is true.

Each query joins entry ``l``, source row ``s`` and, where one stands for it, target row ``t``; only genuine
entries with a true claim pass, and the others stay unexplained.
"""

from __future__ import annotations

from strongroom.consolidate.verify.rows import Side
from strongroom.core.quoting import fold, quote
from strongroom.sqlite.functions import fresh_text_id, instant_call
from strongroom.sqlite.schema import Column

_LARGEST = 2**63 - 1


def untouched(side: Side) -> str:
    """Select the rows without an entry that stand in the target as they should."""
    query = (
        f"FROM {side.rows} CROSS JOIN {side.target} t ON {side.at_home()} WHERE {side.same_values()} AND {side.stands}"
    )
    if side.entries:
        query += f" AND NOT EXISTS (SELECT 1 FROM {side.kept} l WHERE l._rowid = {side.rid})"
    return query


def rewritten(side: Side) -> str:
    """Select the rows that stand in the target under a fresh id, because theirs is taken or is none."""
    if side.job.identity is None:
        return _nothing(side)
    column = side.job.table.by_name[fold(side.job.identity)]
    return (
        f"{_with_target(side, 'inserted')} AND l._rule = 'identity' AND {side.stands} "
        f"AND {side.same_values(without=column.name)} AND {_has_fresh_id(side, column)}"
    )


def _has_fresh_id(side: Side, column: Column) -> str:
    """Return the condition that ``t`` has the id which the strategy gives row ``s``."""
    held, old = f"t.{quote(column.name)}", side.expected(column)
    if side.job.strategy == "offset" and side.entry.id_offset:
        return f"{held} - {side.entry.id_offset} = {old}"
    if side.job.strategy == "uuid5":
        return f"{_is_taken(side, column.name)} AND {held} = {fresh_text_id(side.entry.name, old)}"
    return _is_taken(side, column.name)


def rereferenced(side: Side) -> str:
    """Select the rows that stand where they should, with the new ids of the rows to which they refer."""
    if not side.job.rewrites_of(side.entry):
        return _nothing(side)
    return f"{_with_target(side, 'inserted')} AND l._rule = 'reference' AND {side.stands} AND {side.same_values()}"


def merged_into(side: Side) -> str:
    """Select the rows that others were merged into."""
    if side.job.conflict.rule != "merge" or not side.job.key:
        return _nothing(side)
    return f"{_with_target(side, 'inserted')} AND l._rule = 'merge' AND {side.stands} AND {side.same_key(side.job.key)}"


def merged_anew(side: Side) -> str:
    """Select, of these, the ones that got a fresh id as well."""
    if side.job.identity is None:
        return _nothing(side)
    column = side.job.table.by_name[fold(side.job.identity)]
    return f"{merged_into(side)} AND t.{quote(column.name)} IS NOT {side.expected(column)}"


def merged_identical(side: Side) -> str:
    """Select the rows that the target's row equals."""
    job = side.job
    same_key = "1" if job.identity in job.key else side.same_key(job.key)
    return f"{_with_target(side, 'merged_identical')} AND {side.same_values(without=job.identity)} AND {same_key}"


def merged_changed(side: Side) -> str:
    """Select the rows whose values went, by the rule, into the target's row or lost to it."""
    if side.job.conflict.rule != "merge":
        return _nothing(side)
    return f"{_with_target(side, 'merged_changed')} AND l._rule = 'merge' AND {side.same_key(side.job.key)}"


def superseded(side: Side) -> str:
    """Select the rows that lost, by the rule, to the target's row."""
    return f"{_with_target(side, 'superseded')} AND {side.same_key(side.job.key)} AND {_is_beaten(side)}"


def quarantined(side: Side) -> str:
    """Select the rows that wait for a person, and whose place nothing took; refusals are looked at one by one."""
    job = side.job
    has_heir = f"EXISTS (SELECT 1 FROM {side.target} t WHERE {side.same_key(job.key)})"
    claims = [f"l._rule IN ('{job.conflict.rule}') AND NOT {has_heir}" if job.identity not in job.key else "0"]
    if job.rewrites_of(side.entry):
        claims.append(f"l._rule = 'reference' AND {side.waits}")
    if job.table.integer_key is not None:
        claims.append(f"l._rule = 'identity' AND {_has_no_id(side, job.table.integer_key)}")
    return f"{entries(side, 'quarantined')} AND l._reason <> '' AND ({' OR '.join(claims)})"


def _has_no_id(side: Side, key: str) -> str:
    """Return the condition that row ``s`` can neither keep its id nor get another one."""
    value = side.expected(side.job.table.by_name[fold(key)])
    if side.job.strategy == "offset" and side.entry.id_offset:
        return f"(typeof({value}) <> 'integer' OR {value} > {_LARGEST} - {side.entry.id_offset})"
    is_full = f"(SELECT max({quote(key)}) FROM {side.target}) = {_LARGEST}" if side.job.identity else "1"
    return f"{_is_taken(side, key)} AND {is_full}"


def refused(side: Side) -> str:
    """Select the rows of which the ledger says that a constraint refused them."""
    return f"{entries(side, 'quarantined')} AND l._rule = 'constraint' AND l._reason <> ''"


def filtered(side: Side) -> str:
    """Select the rows that the plan leaves out."""
    return f"{entries(side, 'filtered')} AND NOT {side.wanted}"


def entries(side: Side, disposition: str, join: str = "") -> str:
    """Select the genuine entries of a disposition."""
    return (
        f"FROM {side.kept} l CROSS JOIN {side.rows} ON {side.rid} = l._rowid {join} "
        f"WHERE l._disposition = '{disposition}' AND {side.is_genuine()}"
    )


def _with_target(side: Side, disposition: str) -> str:
    return entries(side, disposition, f"CROSS JOIN {side.target} t ON {side.at_ledger()}")


def _nothing(side: Side) -> str:
    return f"FROM {side.kept} l CROSS JOIN {side.target} t WHERE 0"


def _is_taken(side: Side, key: str) -> str:
    value = side.expected(side.job.table.by_name[fold(key)])
    taken = f"EXISTS (SELECT 1 FROM {side.target} h WHERE h.{quote(key)} = {value})"
    return taken if side.job.strategy == "uuid5" else f"(typeof({value}) <> 'integer' OR {taken})"


def _is_beaten(side: Side) -> str:
    """Return the condition that the target's row rightly stands where ``s`` wanted to."""
    rule, number = side.job.conflict.rule, side.entry.number
    if rule == "prefer":
        return f"(l._winner_input < {number} OR l._winner_input = {number} AND l._winner_rowid < l._rowid)"
    if rule not in ("newest", "oldest"):
        return "0"
    columns = [side.job.table.by_name[fold(name)] for name in side.job.conflict.by]
    mine = [side.expected(column) for column in columns]
    theirs = [f"t.{quote(column.name)}" for column in columns]
    readable = " AND ".join(
        f"(coalesce({value}, '') = '' OR {instant_call(value)} IS NOT NULL)" for value in mine + theirs
    )
    never = "-9223372036854775807" if rule == "newest" else "9223372036854775807"
    left, right = (
        ", ".join(f"coalesce({instant_call(value)}, {never})" for value in values) for values in (theirs, mine)
    )
    return f"{readable} AND ({left}) {'>' if rule == 'newest' else '<'} ({right})"
