"""What becomes of the ids that a table holds, where the map of their parents alone does not tell.

For each value that the child holds all rows are collected that have it, as their own file compares them. Where these
are one row of the target, the value is written as the target finds that row by it, and no other; else the child waits.
"""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.binding import BoundInput
from strongroom.consolidate.merge.follow import held_values, refs_of
from strongroom.consolidate.merge.maps import home_of, ids_for, map_for, news, olds
from strongroom.consolidate.merge.parents import Parents
from strongroom.consolidate.merge.raw import open_raw
from strongroom.core.quoting import dotted, fold, quote
from strongroom.sqlite.connection import attached

_WORKING = ("asked", "holders", "meant", "tries", "hits")


def note_held(parents: Parents) -> None:
    """Note, in the reference's table, the values that are to be written anew, and those with which a child waits."""
    _ask(parents)
    _collect(parents)
    _choose(parents)
    _try(parents)
    _note(parents)


def note_unheld(parents: Parents) -> None:
    """Note the values that no row has, and that another one has now; or all of them, where the plan says so.

    Ends what ``note_held`` began.
    """
    policy, listed = parents.rewrite.orphans, olds(len(parents.rewrite.columns))
    if policy != "keep":
        values = ", ".join([*listed, *["NULL"] * len(listed), "0" if policy == "null" else "1"])
        alone = "NOT EXISTS (SELECT 1 FROM scratch.holders h WHERE h.ask = a.ask AND NOT h.gone)"
        found = " UNION ".join(
            f"SELECT b.ask FROM scratch.asked b JOIN {ids_for(parents.rewrite)} t ON {_meets(parents, 't', form)}"
            for form in _list_forms(parents, "b.o")
        )
        adopted = f"a.ask IN ({found})" if policy is None else "1"
        parents.connection.execute(
            f"INSERT INTO {_table(parents)} SELECT {values} FROM scratch.asked a WHERE {alone} AND {adopted}"
        )
    for name in _WORKING:
        parents.connection.execute(f"DROP TABLE scratch.{name}")


def _table(parents: Parents) -> str:
    return refs_of(parents.rewrite, parents.entry)


def _list_forms(parents: Parents, prefix: str) -> list[list[str]]:
    """Return the expressions for values as they are; in JSON also for what they mean as well: 5 and "5"."""
    plain = [f"+{prefix}{number}" for number in range(len(parents.rewrite.columns))]
    if parents.rewrite.json is None:
        return [plain]
    value, number = plain[0], f"CAST({plain[0]} AS INTEGER)"
    as_number = f"CASE WHEN CAST({number} AS TEXT) = {value} THEN {number} END"
    other = f"CASE typeof({value}) WHEN 'integer' THEN CAST({value} AS TEXT) WHEN 'text' THEN {as_number} END"
    return [plain, [other]]


def _meets(parents: Parents, alias: str, values: Sequence[str]) -> str:
    """Return the condition that a row of the target has values, as it compares them."""
    named = zip(parents.rewrite.parent_columns, values, strict=True)
    return " AND ".join(f"{alias}.{quote(name)} = {value}" for name, value in named)


def _ask(parents: Parents) -> None:
    """Fill ``asked`` with the values that the input holds, each by itself: 1 and 1.0 are two where parents are TEXT."""
    names, held = olds(len(parents.rewrite.columns)), held_values(parents.rewrite, parents.entry)
    listed, kinds = ", ".join(names), ", ".join(f"typeof({name})" for name in names)
    parents.connection.execute(f"CREATE TABLE scratch.asked (ask INTEGER PRIMARY KEY, {listed})")
    parents.connection.execute(f"CREATE UNIQUE INDEX scratch.by_value ON asked ({listed}, {kinds})")
    with open_raw(parents.connection, parents.entry) as raw:
        present = " AND ".join(f"{value} IS NOT NULL" for value in held)
        parents.connection.execute(
            f"INSERT OR IGNORE INTO scratch.asked ({listed}) SELECT {', '.join(held)} FROM {raw.table} AS s "
            f"WHERE {present}"
        )


def _collect(parents: Parents) -> None:
    """Fill ``holders`` with the rows that have what is asked for; ``gone`` are those that do not feed the parent.

    An id in JSON means what is called exactly like it, if there is anything.
    """
    made = ", ".join(news(len(parents.rewrite.columns)))
    parents.connection.execute(
        f"CREATE TABLE scratch.holders (ask INTEGER, input INTEGER, {made}, place, moved INTEGER, waits INTEGER, "
        "gone INTEGER, form INTEGER)"
    )
    parents.connection.execute("CREATE INDEX scratch.by_ask ON holders (ask)")
    for number, form in enumerate(_list_forms(parents, "a.o")):
        for home in parents.homes:
            _collect_home(parents, home, form, number)
    if not parents.rewrite.homes:
        _collect_strays(parents)
    elif parents.near:
        near = ", ".join(str(home.number) for home in parents.near)
        found = f"SELECT ask FROM scratch.holders WHERE input IN ({near})"
        parents.connection.execute(f"DELETE FROM scratch.holders WHERE input NOT IN ({near}) AND ask IN ({found})")
        parents.connection.execute(f"DELETE FROM scratch.holders WHERE input NOT IN ({near}) AND gone")
    else:
        parents.connection.execute("DELETE FROM scratch.holders WHERE gone")


def _collect_home(parents: Parents, home: BoundInput, form: Sequence[str], number: int) -> None:
    """Collect the rows of an input of the parent."""
    made = news(len(form))
    with open_raw(parents.connection, home) as raw:
        held = [f"s.{quote(name)}" for name in parents.columns_of(home)]
        same = " AND ".join(f"{value} = {name}" for value, name in zip(held, form, strict=True))
        new = [f"coalesce(m.{name}, {value})" for name, value in zip(made, held, strict=True)]
        known = f"SELECT 1 FROM scratch.holders h WHERE h.ask = a.ask AND h.form < {number}"
        parents.connection.execute(
            f"INSERT INTO scratch.holders SELECT a.ask, {home.number}, {', '.join(new)}, "
            f"{_place(parents, home, raw.rid, new)}, m.rid IS NOT NULL, coalesce(m.waits, 0), "
            f"NOT ({parents.goes_in(home, raw.table, raw.rid)}), {number} "
            f"FROM scratch.asked a CROSS JOIN {raw.table} AS s ON {same} "
            f"LEFT JOIN {map_for(parents.rewrite)} m ON m.input = {home.number} AND m.rid = {raw.rid} "
            f"WHERE NOT EXISTS ({known})"
        )


def _place(parents: Parents, home: BoundInput, rid: str, new: Sequence[str]) -> str:
    """Return what tells the row of the target that a parent became from all others."""
    if parents.tells_apart(parents.parent.table, parents.rewrite.parent_columns):
        return " || ',' || ".join(f"quote({value})" for value in new)
    return f"coalesce(m.target, {home_of(parents.parent, home, rid)})"


def _collect_strays(parents: Parents) -> None:
    """Collect the rows of tables of the parent's names in the child's own file that do not feed it."""
    strays = [stray for stray in parents.rewrite.strays if stray.source == parents.entry.source]
    nothing = ", ".join("NULL" for _ in parents.rewrite.columns)
    with attached(parents.connection, parents.entry.database, "src"):
        for stray in strays:
            for form in _list_forms(parents, "a.o"):
                named = zip(stray.columns, form, strict=True)
                same = " AND ".join(f"p.{quote(name)} = {value}" for name, value in named)
                parents.connection.execute(
                    f"INSERT INTO scratch.holders SELECT a.ask, 0, {nothing}, NULL, 0, 0, 1, 0 FROM scratch.asked a "
                    f"CROSS JOIN {dotted('src', stray.table)} p ON {same}"
                )


def _choose(parents: Parents) -> None:
    """Fill ``meant`` with what holders say of each value: whether its row is known, and what it is called now."""
    is_told = parents.is_own or parents.rewrite.homes
    only = "count(DISTINCT place) FILTER (WHERE NOT gone) = 1" if is_told else "count(*) = 1"
    chosen = ", ".join(f"max({name}) FILTER (WHERE NOT gone) AS {name}" for name in news(len(parents.rewrite.columns)))
    kept = "NOT max(moved)" + (f" AND {only}" if is_told else "")
    parents.connection.execute(
        f"CREATE TABLE scratch.meant AS SELECT ask, {chosen}, {only} AS one, {kept} AS kept, "
        "max(waits) OR max(gone) AS waits FROM scratch.holders GROUP BY ask HAVING NOT min(gone)"
    )


def _try(parents: Parents) -> None:
    """Fill ``tries`` with what could be written, as the child's column stores it, and ``hits`` with what it leads to.

    Best is what stands there, then the new id as text where text stood, then the new id.
    """
    count, is_json = len(parents.rewrite.columns), parents.rewrite.json is not None
    named = [parents.child.table.by_name[fold(name)].affinity for name in parents.rewrite.columns]
    kinds = ["" if is_json else affinity for affinity in named]
    declared = ", ".join(f"o{number} {kind}" for number, kind in enumerate(kinds))
    parents.connection.execute(
        f"CREATE TABLE scratch.tries (ask INTEGER, rank INTEGER, {declared}, PRIMARY KEY (ask, rank))"
    )
    as_text = [
        f"CASE WHEN typeof(a.{old}) = 'text' AND typeof(m.{new}) IN ('integer', 'real') "
        f"THEN CAST(m.{new} AS TEXT) ELSE m.{new} END"
        for old, new in zip(olds(count), news(count), strict=True)
    ]
    ways = [(olds(count, "a."), "m.kept"), (as_text, "m.one"), (news(count, "m."), "m.one")]
    for rank, (values, condition) in enumerate(ways):
        parents.connection.execute(
            f"INSERT INTO scratch.tries SELECT m.ask, {rank}, {', '.join(values)} FROM scratch.meant m "
            f"JOIN scratch.asked a ON a.ask = m.ask WHERE NOT m.waits AND {condition}"
        )
    if is_json:  # what is neither would be no id there
        parents.connection.execute("DELETE FROM scratch.tries WHERE typeof(o0) NOT IN ('integer', 'text')")
    _find_hits(parents)


def _find_hits(parents: Parents) -> None:
    """Fill ``hits`` with the rows of the target to which a try leads."""
    target, columns = ids_for(parents.rewrite), parents.rewrite.parent_columns
    parents.connection.execute(
        f"CREATE TABLE scratch.hits (ask INTEGER, rank INTEGER, {', '.join(news(len(columns)))}, form INTEGER)"
    )
    parents.connection.execute("CREATE INDEX scratch.by_try ON hits (ask, rank)")
    held = ", ".join(f"t.{quote(name)}" for name in columns)
    for number, form in enumerate(_list_forms(parents, "r.o")):
        known = f"SELECT 1 FROM scratch.hits h WHERE h.ask = r.ask AND h.rank = r.rank AND h.form < {number}"
        parents.connection.execute(
            f"INSERT INTO scratch.hits SELECT r.ask, r.rank, {held}, {number} FROM scratch.tries r "
            f"JOIN {target} t ON {_meets(parents, 't', form)} WHERE NOT EXISTS ({known})"
        )


def _note(parents: Parents) -> None:
    """Note the first try of each value that leads to its row alone, unless it stands there; the others wait."""
    count = len(parents.rewrite.columns)
    if not _is_first_round(parents):
        parents.connection.execute(f"DELETE FROM scratch.tries AS r WHERE NOT EXISTS ({_find_good(count)})")
    listed, made = olds(count, "a."), olds(count, "r.")
    differs = " OR ".join(
        f"{one} IS NOT {two} COLLATE BINARY OR typeof({one}) <> typeof({two})"
        for one, two in zip(listed, made, strict=True)
    )
    best = "r.rank = (SELECT min(b.rank) FROM scratch.tries b WHERE b.ask = r.ask)"
    parents.connection.execute(
        f"INSERT INTO {_table(parents)} SELECT {', '.join([*listed, *made])}, 0 FROM scratch.tries r "
        f"JOIN scratch.asked a ON a.ask = r.ask WHERE {best} AND ({differs})"
    )
    none = "NOT EXISTS (SELECT 1 FROM scratch.tries r WHERE r.ask = m.ask)"
    parents.connection.execute(
        f"INSERT INTO {_table(parents)} SELECT {', '.join([*listed, *['NULL'] * count])}, 1 FROM scratch.meant m "
        f"JOIN scratch.asked a ON a.ask = m.ask WHERE {none}"
    )


def _find_good(count: int) -> str:
    """Return the query that says of a try ``r`` that it leads to one row, which is one of those that are meant."""
    same = " AND ".join(f"d.{name} IS h.{name} AND typeof(d.{name}) = typeof(h.{name})" for name in news(count))
    alone = "(SELECT count(*) FROM scratch.hits k WHERE k.ask = r.ask AND k.rank = r.rank) = 1"
    return (
        "SELECT 1 FROM scratch.hits h JOIN scratch.holders d ON d.ask = h.ask "
        f"WHERE h.ask = r.ask AND h.rank = r.rank AND NOT d.gone AND {same} AND {alone}"
    )


def _is_first_round(parents: Parents) -> bool:
    """Tell whether a circle is filled for the first time, when nothing is known of what the target will hold."""
    found = parents.connection.execute(f"SELECT 1 FROM {ids_for(parents.rewrite)} LIMIT 1")
    return parents.rewrite.is_late and found.fetchone() is None
