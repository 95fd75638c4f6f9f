"""The structure that a target must have, made anew from the schema's text and what the sources declare.

It is made in a scratch database by SQLite itself, so that only the order of the steps is ours
(``.github/PLAN.md``, section 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from strongroom.consolidate.verify.catalogue import Index, Table, read_table
from strongroom.consolidate.verify.plan_reading import Feed, Reading, Rule, rank_feeds
from strongroom.consolidate.verify.sources import Source
from strongroom.consolidate.verify.values import decode_text, is_literal
from strongroom.core.quoting import fold, quote
from strongroom.sqlite.connection import Connection, open_memory, open_stage
from strongroom.sqlite.database import Database


def run_schema(database: Database, schema: Path | None) -> set[str]:
    """Run a schema file into a new database; return the folded names of what can be read there."""
    with open_stage(database) as connection:
        connection.text_factory = decode_text
        if schema is not None:
            connection.executescript(schema.read_text(encoding="utf-8"))
        return {fold(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type <> 'index'")}


def complete_structure(database: Database, target: str, reading: Reading, sources: Mapping[str, Source]) -> None:
    """Add to a schema what comes along from the sources that feed it."""
    rules = [rule for rule in reading.rules if rule.target == target]
    with open_stage(database) as connection:
        connection.text_factory = decode_text
        renames = _list_renames(connection, rules, sources)
        for rule in rules:
            _add_table(connection, rule, sources, renames)
        for rule in rules:
            if reading.carries_columns:
                _add_columns(connection, rule, sources)
        for rule in rules:
            _add_indexes(connection, rule, sources)
        feeding = {feed.source for rule in rules for feed in rule.feeds}
        _add_around(connection, [source for name, source in sources.items() if name in feeding])
        _set_numbers(connection, [source for name, source in sources.items() if name in feeding])


def _table_of(feed: Feed, sources: Mapping[str, Source]) -> Table:
    return sources[feed.source].tables[fold(feed.table)]


def _list_renames(
    connection: Connection, rules: Sequence[Rule], sources: Mapping[str, Source]
) -> dict[str, dict[str, str]]:
    """Return, by source, the tables whose definitions are taken from it under other names, and these."""
    renames: dict[str, dict[str, str]] = {}
    for rule in rules:
        given = _table_of(rule.feeds[0], sources)
        if fold(given.name) != fold(rule.table) and read_table(connection, rule.table) is None:
            renames.setdefault(rule.feeds[0].source, {})[given.name] = rule.table
    return renames


def _add_table(
    connection: Connection, rule: Rule, sources: Mapping[str, Source], renames: Mapping[str, Mapping[str, str]]
) -> None:
    if read_table(connection, rule.table) is not None:
        return
    source = rule.feeds[0].source
    for sql in _rename(sources[source], _table_of(rule.feeds[0], sources), rule.table, renames.get(source, {})):
        _try(connection, sql)


def _rename(source: Source, table: Table, name: str, renames: Mapping[str, str]) -> list[str]:
    """Return the definitions of a table and its indexes as ALTER TABLE … RENAME TO writes them.

    Its foreign keys follow the tables beside it that are taken under other names.
    """
    texts = [table.sql, *(index.sql for index in table.indexes if index.sql)]
    if not renames:
        return texts
    beside = [one for one in source.tables.values() if one is not table and one.module is None]
    with open_memory(source.database.engine) as scratch:
        scratch.text_factory = decode_text
        for sql in (*(one.sql for one in beside), *texts):
            _try(scratch, sql)
        known = {one.name for one in (*beside, table)}
        for old, new in renames.items():
            if old in known:
                scratch.execute(f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}")
        held = scratch.execute(
            "SELECT sql FROM sqlite_master WHERE lower(tbl_name) = lower(?) AND sql IS NOT NULL ORDER BY rowid", (name,)
        ).fetchall()
    return [row[0] for row in held]


def _add_columns(connection: Connection, rule: Rule, sources: Mapping[str, Source]) -> None:
    """Add the inputs' stored columns that the table lacks, and that ``columns`` leads nowhere else."""
    table = read_table(connection, rule.table)
    for feed in rule.feeds if table is not None and table.module is None else ():
        mapped = {fold(name) for name in feed.columns.values()}
        for column in _table_of(feed, sources).stored:
            if table is not None and table.find(column.name) is None and fold(column.name) not in mapped:
                default = f"DEFAULT {column.default}" if is_literal(column.default) else ""
                added = f"ALTER TABLE {quote(table.name)} ADD COLUMN {quote(column.name)} {column.declared} {default}"
                _try(connection, added.rstrip())
                table = read_table(connection, rule.table)


def _add_indexes(connection: Connection, rule: Rule, sources: Mapping[str, Source]) -> None:
    table = read_table(connection, rule.table)
    for feed in rule.feeds if table is not None else ():
        given = _table_of(feed, sources)
        for index in given.indexes if fold(given.name) == fold(rule.table) else ():
            is_fit = index.sql is not None and not (index.is_unique and len(rule.feeds) > 1)
            if is_fit and table is not None and not any(_is_alike(index, held) for held in table.indexes):
                _try(connection, str(index.sql))
                table = read_table(connection, rule.table)


def _is_alike(one: Index, other: Index) -> bool:
    """Tell whether two indexes say the same: columns, order, collations, uniqueness, condition."""
    return (
        tuple(fold(name) if name else None for name in one.columns)
        == tuple(fold(name) if name else None for name in other.columns)
        and one.collations == other.collations
        and one.descending == other.descending
        and one.is_unique == other.is_unique
        and _rest(one) == _rest(other)
    )


def _rest(index: Index) -> str:
    """Return what an index says that its columns do not: expressions and a condition."""
    if not index.is_partial and None not in index.columns:
        return ""
    text = " ".join((index.sql or "").split())
    return fold(text[text.find("(") :])


def _add_around(connection: Connection, sources: Sequence[Source]) -> None:
    """Add views and triggers that SQLite takes; a view that cannot be read is left out."""
    for kind in ("view", "trigger"):
        for source in sources:
            for given, name, sql in source.around:
                held = connection.execute(
                    "SELECT sql FROM sqlite_master WHERE type = ? AND lower(name) = lower(?)", (kind, name)
                ).fetchone()
                if given != kind or (held is not None and held[0] == sql) or not _try(connection, sql):
                    continue
                if kind == "view" and not _try(connection, f"SELECT * FROM {quote(name)} LIMIT 0"):
                    connection.execute(f"DROP VIEW {quote(name)}")


def _set_numbers(connection: Connection, sources: Iterable[Source]) -> None:
    """Set what applications number their files by, where the schema says nothing and the sources agree."""
    given = list(sources)
    for pragma in ("user_version", "application_id"):
        if connection.execute(f"PRAGMA {pragma}").fetchone()[0]:
            continue
        numbers = {getattr(source, pragma) for source in given} - {0}
        if len(numbers) == 1:
            connection.execute(f"PRAGMA {pragma} = {numbers.pop()}")


def _try(connection: Connection, sql: str) -> bool:
    """Run a statement; tell whether SQLite took it."""
    try:
        connection.execute(sql)
    except connection.Error:
        return False
    return True


def order_of_rule(rule: Rule, reading: Reading) -> list[Feed]:
    """Return what feeds a rule, by rank."""
    return rank_feeds(rule, reading.sources)
