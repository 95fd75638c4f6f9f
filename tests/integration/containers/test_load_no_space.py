"""A server whose disk is full: said as such, and the same command goes on once there is space."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testcontainers.core.wait_strategies import HealthcheckWaitStrategy

from strongroom.containers.stack import Folder
from tests.integration.containers.load_site import LoadSite, open_load_site
from tests.integration.containers.schema_site import open_site
from tests.servers import POSTGRES, prepare

SMALL = "/small"
OTHERS = 3900
"""Rows of about one page each."""
ROWS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "


@pytest.fixture
def shop(
    images: Any, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[LoadSite]:
    """Give a database whose tables lie on a disk of 48 MB, of which others take 30."""
    container = prepare(POSTGRES, folder).with_tmpfs_mount(SMALL, "uid=10070,mode=0700,size=48m")
    container.waiting_for(HealthcheckWaitStrategy().with_startup_timeout(90))
    with container as running:
        password = (folder.secrets / "postgres-password").read_text(encoding="utf-8")
        tls = f"sslmode=verify-full&sslrootcert={folder.tls / 'ca.crt'}"
        place = f"postgresql://postgres@localhost:{running.get_exposed_port(5432)}?{tls}"
        site = open_site((place, password), tmp_path, monkeypatch, capsys)
        name = site.dsn.partition("?")[0].rsplit("/", 1)[1]
        site.do(f"CREATE TABLESPACE small LOCATION '{SMALL}'", f"ALTER DATABASE {name} SET default_tablespace = small")
        site.do("GRANT CREATE ON TABLESPACE small TO PUBLIC", "CREATE TABLE public.others (v bytea STORAGE PLAIN)")
        page = "convert_to(repeat('x', 7000), 'UTF8')"
        site.do(f"INSERT INTO public.others SELECT {page} FROM generate_series(1, {OTHERS})")
        yield open_load_site(site, tmp_path)


def test_a_full_disk_of_the_server_is_said_and_the_same_command_goes_on(shop: LoadSite) -> None:
    shop.write(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)", f"{ROWS} INSERT INTO t SELECT i, randomblob(6000) FROM n"
    )
    shop.load().refuse(14, "No space left on device", "free space")
    shop.site.do("DROP TABLE public.others", "CHECKPOINT")
    shop.prove()
    assert shop.read("t", "count(*)") == [(3000,)]
