"""Values that two rows of the child's own file have, of which one does not go in: neither is known to be meant.

A filter leaves it out, or it is in a table of the parent's name that the plan drops or brings elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.binding import BoundInput, Rewrite
from strongroom.consolidate.merge.follow import held_values
from strongroom.consolidate.merge.raw import open_raw
from strongroom.core.plan import Filter
from strongroom.core.quoting import dotted, quote
from strongroom.sqlite.connection import Connection


def note_torn(
    connection: Connection,
    table: str,
    rewrite: Rewrite,
    entry: BoundInput,
    homes: Sequence[BoundInput],
    *,
    where: Filter | None,
) -> None:
    """Let such values of a child wait, in its reference's table; ``homes`` are the parents in the child's own file."""
    columns = [tuple(home.columns[name] for name in rewrite.parent_columns) for home in homes]
    strays = [one for one in rewrite.strays if one.source == entry.source and not rewrite.homes]
    is_split = where is not None and not (len(homes) == 1 and homes[0].table.is_unique(columns[0]))
    if not homes or not (is_split or strays):
        return
    held = held_values(rewrite, entry)
    parents = list(zip(homes, columns, strict=True))
    gone = [_find_rows(dotted("src", one.table), one.columns, held) for one in strays]
    if is_split:
        gone += [_find_judged(home, names, held, where, "IS NOT TRUE") for home, names in parents]
    left_out = " OR ".join(f"EXISTS ({found})" for found in gone)
    goes_in = " OR ".join(f"EXISTS ({_find_judged(home, names, held, where, 'IS TRUE')})" for home, names in parents)
    present = " AND ".join(f"{value} IS NOT NULL" for value in held)
    with open_raw(connection, entry) as raw:
        connection.execute(
            f"INSERT OR REPLACE INTO {table} SELECT DISTINCT {', '.join([*held, *['NULL'] * len(held), '1'])} "
            f"FROM {raw.table} AS s WHERE {present} AND ({left_out}) AND ({goes_in})"
        )


def _find_judged(
    home: BoundInput, names: Sequence[str], held: Sequence[str], where: Filter | None, verdict: str
) -> str:
    """Return the query for rows that have values, and of which the filter, asked in a scope of its own, says so."""
    table = dotted("src", home.table.name)
    if where is None:
        return _find_rows(table, names, held)
    condition = "1" if home.is_seed else where.sql
    return _find_rows(table, names, held, f"WHERE ({condition}) {verdict}")


def _find_rows(table: str, names: Sequence[str], held: Sequence[str], where: str = "") -> str:
    """Return the query for rows that have values."""
    named = ", ".join(f"{quote(name)} AS v{number}" for number, name in enumerate(names))
    same = " AND ".join(f"p.v{number} = {value}" for number, value in enumerate(held))
    return f"SELECT 1 FROM (SELECT {named} FROM {table} {where}) AS p WHERE {same}"
