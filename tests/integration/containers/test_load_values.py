"""Every value that fits stands in the server as the paper says: packed, sent by binary COPY, and read back."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from strongroom.load.convert import Field, Packer, choose_packer, write_packer
from strongroom.load.stage.columns import read_columns
from strongroom.postgres.copying import copy_rows
from tests.integration.containers.schema_site import Site
from tests.unit.load.convert.cases import KINDS, LABELS, Kind

SCALES_OF_ANY_SIZE = 15_00_00
"""The first version whose ``numeric`` may have a scale below zero or beyond its precision."""


def list_kinds(server: psycopg.Connection) -> list[Kind]:
    """Return the kinds that a server knows."""
    later = ("numeric(3,-2)", "numeric(2,4)")
    is_new = server.info.server_version >= SCALES_OF_ANY_SIZE
    return [kind for kind in KINDS if is_new or kind.declared not in later]


@pytest.fixture
def server(site: Site) -> Iterator[psycopg.Connection]:
    with site.connect() as connection:
        _prepare(connection)
        yield connection


def _prepare(connection: psycopg.Connection) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    labels = ", ".join(f"'{label.replace(chr(39), chr(39) * 2)}'" for label in LABELS)
    connection.execute(f"CREATE TYPE state AS ENUM ({labels})".encode())
    columns = ", ".join(f"{name_column(kind)} {kind.declared}" for kind in list_kinds(connection))
    connection.execute(f"CREATE TABLE held ({columns})".encode())


def name_column(kind: Kind) -> str:
    return f"c{KINDS.index(kind)}"


def send(connection: psycopg.Connection, column: str, kind: Kind) -> None:
    """Pack all values that fit a kind as the loader does, and copy them into a column."""
    found = {one.name: one for one in read_columns(connection, "public")["held"]}[column]
    packer = choose_packer(found.type, kind.reading)
    assert isinstance(packer, Packer)
    pack = write_packer([Field(packer=packer, not_null=False)], with_address=False)
    with copy_rows(connection, ("public", "held"), [column]) as write:
        write(b"".join(pack([(number, value) for number, (value, _) in enumerate(kind.takes)])))


def test_what_fits_stands_in_the_server_as_the_paper_says(server: psycopg.Connection) -> None:
    for kind in list_kinds(server):
        column = name_column(kind)
        server.execute("TRUNCATE held")
        send(server, column, kind)
        rows = server.execute(f"SELECT {column}::text FROM held ORDER BY ctid".encode()).fetchall()
        for (value, written), (held,) in zip(kind.takes, rows, strict=True):
            assert held == written, f"{kind.declared}: {value!r:.80} is {held!r:.80}, not {written!r:.80}"


def test_doubles_keep_their_bits_and_instants_their_microseconds(server: psycopg.Connection) -> None:
    (doubles,) = [kind for kind in KINDS if kind.declared == "double precision"]
    column = name_column(doubles)
    send(server, column, doubles)
    rows = server.execute(f"SELECT {column} FROM held ORDER BY ctid".encode(), binary=True).fetchall()
    assert [held.hex() for (held,) in rows] == [float(value).hex() for value, _ in doubles.takes]
    for kind in (one for one in KINDS if one.declared == "timestamptz"):
        server.execute("TRUNCATE held")
        column = name_column(kind)
        send(server, column, kind)
        apart = f"SELECT count(*) FROM held WHERE {column} <> ALL (%s::timestamptz[])"
        assert server.execute(apart.encode(), ([written for _, written in kind.takes],)).fetchone() == (0,)
