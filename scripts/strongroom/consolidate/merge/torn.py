"""Values that two rows of the child's own file have, of which a filter leaves out one: neither is known to be meant."""

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
    if where is None or not homes or (len(homes) == 1 and homes[0].table.is_unique(columns[0])):
        return
    held = held_values(rewrite, entry)
    left_out, goes_in = (
        " OR ".join(
            f"EXISTS ({_find_judged(home, names, held, where, verdict)})"
            for home, names in zip(homes, columns, strict=True)
        )
        for verdict in ("IS NOT TRUE", "IS TRUE")
    )
    present = " AND ".join(f"{value} IS NOT NULL" for value in held)
    with open_raw(connection, entry) as raw:
        connection.execute(
            f"INSERT OR REPLACE INTO {table} SELECT DISTINCT {', '.join([*held, *['NULL'] * len(held), '1'])} "
            f"FROM {raw.table} AS s WHERE {present} AND ({left_out}) AND ({goes_in})"
        )


def _find_judged(home: BoundInput, names: Sequence[str], held: Sequence[str], where: Filter, verdict: str) -> str:
    """Return the query for rows that have values, and of which the filter, asked in a scope of its own, says so."""
    named = ", ".join(f"{quote(name)} AS v{number}" for number, name in enumerate(names))
    condition = "1" if home.is_seed else where.sql
    rows = f"SELECT {named} FROM {dotted('src', home.table.name)} WHERE ({condition}) {verdict}"
    same = " AND ".join(f"p.v{number} = {value}" for number, value in enumerate(held))
    return f"SELECT 1 FROM ({rows}) AS p WHERE {same}"
