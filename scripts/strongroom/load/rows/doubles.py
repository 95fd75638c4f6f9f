"""Which rows of a loaded table have a key that an earlier row has, as the server's own unique indexes see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from strongroom.load.documents import Part
from strongroom.load.rows.book import Book
from strongroom.load.rows.encoding import Encoder
from strongroom.load.rows.jobs import TableJob
from strongroom.load.rows.ledger import KEY, Entry, read_addresses
from strongroom.load.rows.reading import WHOLE, read_pieces
from strongroom.load.rows.structure import put_back
from strongroom.postgres.connection import Connection, compose, identifier
from strongroom.postgres.copying import copy_rows
from strongroom.sqlite.connection import open_snapshot

_UNIQUES = """
    SELECT array_agg(pg_catalog.pg_get_indexdef(i.indexrelid, k.number, true) ORDER BY k.number),
        array_agg(coalesce(
            ' COLLATE ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.collname), '')
            ORDER BY k.number),
        pg_catalog.pg_get_expr(i.indpred, i.indrelid),
        bool_and(coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false))
    FROM pg_catalog.pg_index i CROSS JOIN LATERAL pg_catalog.generate_series(1, i.indnkeyatts) AS k(number)
    LEFT JOIN pg_catalog.pg_collation c ON c.oid = i.indcollation[k.number - 1]
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
    WHERE i.indrelid = pg_catalog.to_regclass(%s) AND i.indisunique
    GROUP BY i.indexrelid, i.indpred, i.indrelid, i.indisprimary ORDER BY NOT i.indisprimary, i.indexrelid"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unique:
    """A unique index: what it looks at, which rows it holds, and whether NULL is a value like others to it."""

    keys: tuple[str, ...]
    collations: tuple[str, ...]
    where: str | None
    knows_null: bool


def find_doubles(connection: Connection, job: TableJob, parts: Sequence[Part], book: Book) -> Iterator[Entry]:
    """Yield the rows that are to wait so that all unique indexes of a table can be built; ``parts`` are to come.

    Row by row in the order of their addresses each stays unless one that stays has a key of it. The server's words
    count for what is equal; what it is asked in is rolled back.
    """
    with connection.transaction(force_rollback=True):
        uniques = _read_uniques(connection, job, parts)
        copy = _copy_with_addresses(connection, job, book)
        groups = [_group(connection, copy, one) for one in uniques]
    taken: list[dict[int, int]] = [{} for _ in uniques]
    for address in sorted({address for found in groups for address in found}):
        mine = [(number, found[address]) for number, found in enumerate(groups) if address in found]
        lost = next(((number, group) for number, group in mine if group in taken[number]), None)
        if lost is None:
            for number, group in mine:
                taken[number][group] = address
        else:
            number, group = lost
            names = ", ".join(uniques[number].keys)
            reason = f"has the key of another row ({names}) once its values are converted"
            yield Entry(address=address, reason=reason, rule=KEY, winner=taken[number][group])


def _read_uniques(connection: Connection, job: TableJob, parts: Sequence[Part]) -> list[_Unique]:
    """Return the unique indexes of a table, as the server knows them where it has no rows."""
    with connection.transaction(force_rollback=True):
        connection.execute(compose("TRUNCATE ONLY {table}", table=identifier(job.schema, job.into)))
        for part in parts:
            put_back(connection, part)
        found = connection.execute(_UNIQUES, (identifier(job.schema, job.into).as_string(),)).fetchall()
    return [
        _Unique(keys=tuple(keys), collations=tuple(collations), where=where, knows_null=knows)
        for keys, collations, where, knows in found
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """A table like the one that is loaded, each row with its address."""

    table: tuple[str, str]
    address: str


def _copy_with_addresses(connection: Connection, job: TableJob, book: Book) -> _Copy:
    names = {column.into for column in job.columns}
    copy = _Copy(
        table=(book.schema, f"rows of {job.name}"),
        address=next(name for number in range(len(names) + 1) if (name := f"address {number}") not in names),
    )
    table, like = identifier(*copy.table), identifier(job.schema, job.into)
    made = "CREATE TABLE {table} (LIKE {like} INCLUDING DEFAULTS INCLUDING GENERATED, {address} bigint)"
    connection.execute(compose(made, table=table, like=like, address=identifier(copy.address)))
    encoder = Encoder(replace(job, keeps_address=True))
    columns = [*(column.into for column in job.columns), copy.address]
    skipped = read_addresses(job)
    with open_snapshot(job.snapshot) as source, copy_rows(connection, copy.table, columns) as write:
        for rows in read_pieces(source, job, WHOLE, skipped):
            for data in encoder.encode(rows):
                write(data)
    return copy


def _group(connection: Connection, copy: _Copy, unique: _Unique) -> Mapping[int, int]:
    """Return the rows whose key several rows have: the address of each, and that of the first with its key."""
    address = identifier(copy.address).as_string()
    keys = ", ".join(f"({key}){collation}" for key, collation in zip(unique.keys, unique.collations, strict=True))
    rules = [] if unique.where is None else [f"({unique.where})"]
    rules += [] if unique.knows_null else [f"({key}) IS NOT NULL" for key in unique.keys]
    asked = (
        f"SELECT a, first FROM (SELECT {address} AS a, min({address}) OVER w AS first, count(*) OVER w AS held "
        f"FROM {identifier(*copy.table).as_string()} WHERE {' AND '.join(rules) or 'true'} "
        f"WINDOW w AS (PARTITION BY {keys})) AS x WHERE held > 1"
    )
    return dict(connection.execute(asked.encode()).fetchall())
