"""Rows whose id or references are others now, explained by one join where SQLite can tell what they must be.

What it cannot tell, or what is not as it must be, is gone through row by row.
"""

from __future__ import annotations

from strongroom.consolidate.verify.case import Case
from strongroom.consolidate.verify.house import Input
from strongroom.consolidate.verify.kept_cells import keeps_cells
from strongroom.consolidate.verify.relations import cell_terms, home_rowid, rows_of, transform_of
from strongroom.core.quoting import dotted, quote


def explain_rewritten(case: Case, entry: Input) -> None:
    """Count the rows of an input (``src``) that stand rewritten as they must and are said to; they are settled.

    A working table has a row for each: its number, whether its id is another one, and which references followed.
    """
    fed, entries = case.fed, case.entries[entry.number]
    references = case.follower.references if case.follower is not None else []
    followed = "".join(f", f{number}" for number, _ in enumerate(references))
    if not entries.size or case.bag or fed.table.rowid is None or entry.is_seed:
        return
    conditions, moved, follows, joins = _find_conditions(case, entry)
    if not moved and not any(follows):
        return
    explained = case.desk.make("explained", f"rid INTEGER PRIMARY KEY, is_moved{followed}")
    home = home_rowid(fed, entry, entries.offset)
    passes = "s.w" if fed.rule.where is not None else "1"
    flags = [f"({condition or '0'})" for condition in [moved, *follows]]
    changed = " OR ".join(
        [f"(l._rule IS 'identity' AND {flags[0]})", *(f"(l._rule IS 'reference' AND {flag})" for flag in flags[1:])]
    )
    left = ""
    if case.decided.lines:
        left = f" AND s.r NOT IN (SELECT u.rid FROM {case.unsettled} AS u WHERE u.number = {entry.number})"
    case.desk.connection.execute(
        f"INSERT INTO {explained} SELECT s.r, {', '.join(flags)} FROM {entries.table} AS l "
        f"CROSS JOIN {rows_of(entry, fed.rule.where)} ON s.r = l._rowid "
        f"CROSS JOIN {dotted('main', fed.table.name)} AS t ON t.{quote(fed.table.rowid)} = "
        f"coalesce(l._target_rowid, {home}) {joins} WHERE {passes} AND l._disposition IS 'inserted' "
        f"AND l._winner_input IS NULL AND l._winner_rowid IS NULL AND ({changed}) AND {conditions} "
        f"AND {keeps_cells(entry)}{left}"
        + ("" if fed.integer_key is not None else f" AND coalesce(l._target_rowid, {home}) = {home}")
    )
    _count(case, entry, explained, len(references))


def _find_conditions(case: Case, entry: Input) -> tuple[str, str, list[str], str]:
    """Return when a row is as it must be, its id is another one, each reference followed; and joins for all that.

    Empty texts say that SQLite cannot tell.
    """
    fed = case.fed
    cells = cell_terms(fed, entry)
    moved = ""
    place = case.ids.place
    if place is not None and place == fed.integer_key and entry.places[place] is not None:
        ours, theirs = f"t.{quote(fed.stored[place].name)}", f"s.c{entry.places[place]}"
        if case.ids.strategy == "offset" and entry.shift:
            moved = f"typeof({theirs}) = 'integer' AND {ours} = {theirs} + {entry.shift}"
            cells[place] = moved
        elif case.ids.strategy == "renumber":
            moved = f"{ours} IS NOT {theirs}"
            cells[place] = f"typeof({theirs}) IN ('integer', 'null')"  # what the column would change is not told here
    follows: list[str] = []
    joins: list[str] = []
    for number, reference in enumerate(case.follower.references if case.follower is not None else []):
        join, keeps, follow = case.follower.join_parent(number, entry) if case.follower is not None else ("", "", "")
        column = reference.places[0]
        joins.append(join)
        if not follow or column == place or transform_of(fed, fed.stored[column].name) is not None:
            cells.append(f"({keeps})")
            follows.append("")
            continue
        cells[column] = f"(({keeps}) AND {cells[column]}) OR {follow}"
        follows.append(follow)
    return " AND ".join(f"({cell})" for cell in cells), moved, follows, " ".join(joins)


def _count(case: Case, entry: Input, explained: str, references: int) -> None:
    """Count what was explained, and keep new numbers to be tried."""
    count = case.desk.count(f"SELECT count(*) FROM {explained}")
    if not count:
        return
    case.counts[entry.number]["inserted"] += count
    case.counts[entry.number]["rewritten"] += count
    case.desk.connection.execute(f"INSERT INTO {case.settled} SELECT {entry.number}, rid FROM {explained}")
    if case.follower is not None:
        for number in range(references):
            case.follower.add(number, "followed", case.desk.count(f"SELECT sum(f{number}) FROM {explained}"))
    place = case.ids.place
    if case.ids.strategy != "renumber" or place is None or entry.places[place] is None:
        return
    column = quote(case.fed.stored[place].name)
    rows = rows_of(entry, None)
    entries = case.entries[entry.number]
    moved = case.desk.connection.execute(
        f"INSERT OR IGNORE INTO {case.ids.fresh} (number, rid, old, new) "
        f"SELECT {entry.number}, e.rid, s.c{entry.places[place]}, t.{column} "
        f"FROM {explained} AS e CROSS JOIN {entries.table} AS l ON l._rowid = e.rid CROSS JOIN {rows} ON s.r = e.rid "
        f"CROSS JOIN {dotted('main', case.fed.table.name)} AS t ON t.{quote(str(case.fed.table.rowid))} = "
        f"coalesce(l._target_rowid, s.c{entry.places[place]}) WHERE e.is_moved"
    ).rowcount
    case.ids.count += moved
    wanted = case.desk.count(f"SELECT sum(is_moved) FROM {explained}")
    case.faults.add(entry.name, "stand under an id that another row got too", count=wanted - moved)
