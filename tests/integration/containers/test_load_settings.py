"""How a load sets its sessions: memory for indexes, and no wait for the disk before all of it is proven."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from strongroom.load.rows import filling, finishing, loading
from strongroom.load.rows.book import Book
from tests.integration.containers.load_site import open_load_site
from tests.integration.containers.schema_site import Site

SOURCE = """
CREATE TABLE p (id INTEGER PRIMARY KEY, v TEXT UNIQUE); INSERT INTO p VALUES (1, 'a'), (2, 'b');
CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p); INSERT INTO t VALUES (1, 1), (2, 2);
"""


def test_nobody_waits_for_the_disk_until_all_is_proven(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[tuple[str, str]] = set()

    def look(step: str, connection: psycopg.Connection[Any]) -> None:
        (said,) = connection.execute("SHOW synchronous_commit").fetchone() or ("",)
        seen.add((step, said))
        if step == "keys":
            seen.add(("memory", *(connection.execute("SHOW maintenance_work_mem").fetchone() or ("",))))

    def watch(step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(connection: psycopg.Connection[Any], *arguments: Any) -> Any:
            look(step, connection)
            return function(connection, *arguments)

        return watched

    @contextmanager
    def copy_rows(connection: psycopg.Connection[Any], *arguments: Any, **options: Any) -> Iterator[Any]:
        look("rows", connection)
        with copied(connection, *arguments, **options) as write:
            yield write

    def is_open(book: Book, connection: psycopg.Connection[Any]) -> bool:
        if connection.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS:
            look("proven", connection)
        return opened(book, connection)

    copied, opened = filling.copy_rows, Book.is_open
    monkeypatch.setattr(filling, "copy_rows", copy_rows)
    monkeypatch.setattr(finishing, "put_back", watch("keys", finishing.put_back))
    monkeypatch.setattr(loading, "put_back", watch("references", loading.put_back))
    monkeypatch.setattr(Book, "is_open", is_open)
    shop = open_load_site(site, tmp_path)
    shop.write(SOURCE)
    shop.prove()
    off = {("rows", "off"), ("keys", "off"), ("references", "off")}
    assert seen == {*off, ("proven", "on"), ("memory", "256MB")}


@pytest.mark.parametrize(("large", "cores"), [(1 << 30, "0"), (0, "2")])
def test_one_core_sorts_what_is_not_large(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int, cores: str
) -> None:
    seen = []

    def put_back(connection: psycopg.Connection[Any], *arguments: Any) -> None:
        seen.append(connection.execute("SHOW max_parallel_maintenance_workers").fetchone())
        put(connection, *arguments)

    put = finishing.put_back
    monkeypatch.setattr(finishing, "put_back", put_back)
    monkeypatch.setattr(finishing, "_LARGE", large)
    shop = open_load_site(site, tmp_path)
    shop.write(SOURCE)
    shop.prove()
    assert set(seen) == {(cores,)}
