"""What a string says is what happens on a real PostgreSQL: verified, refused, or let pass for development."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from strongroom.core.errors import ConfigurationError, UnreachableError
from strongroom.postgres.connection import open_postgres
from strongroom.postgres.dsn import read_access
from tests.integration.transit.authority import Pair, make
from tests.integration.transit.servers import Cluster

HOSTS = ("localhost", "127.0.0.1")
RULES = "hostssl all all 127.0.0.1/32 trust\n"
OPENLY = "hostnossl all all 127.0.0.1/32 trust\n"
DEVELOPMENT = {"STRONGROOM_DEVELOPMENT": "1"}


def ask(dsn: str, environment: dict[str, str] | None = None) -> str | None:
    """Connect as every task does; return the protocol of the connection, None without TLS."""
    access = read_access(f"{dsn} user=postgres dbname=postgres", "SHOP_URL", environment or {})
    with open_postgres(access) as connection:
        row = connection.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
        assert row is not None
        return None if row[0] is None else str(row[0])


def test_without_a_file_the_systems_authorities_count(
    cluster: Cluster, root: Pair, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = ssl.get_default_verify_paths()
    with cluster.running(make("server", root, hosts=HOSTS), RULES) as port:
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            ask(f"host=localhost port={port}")
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: usual._replace(cafile=str(ca_file)))
        assert ask(f"host=localhost port={port}") == "TLSv1.3"
        assert ask(f"host=localhost port={port} sslrootcert=system") == "TLSv1.3"


def test_a_name_beside_an_address_is_what_the_certificate_must_bear(
    cluster: Cluster, root: Pair, ca_file: Path
) -> None:
    with cluster.running(make("server", root, hosts=["db.internal"]), RULES) as port:
        named = f"port={port} sslrootcert={ca_file}"
        assert ask(f"host=db.internal hostaddr=127.0.0.1 {named}") == "TLSv1.3"
        with pytest.raises(UnreachableError, match="does not match host name"):
            ask(f"host=localhost {named}")
        with pytest.raises(ConfigurationError, match="lets every server answer"):
            ask(f"host=localhost {named} sslmode=verify-ca")
        assert ask(f"host=localhost {named} sslmode=verify-ca", DEVELOPMENT) == "TLSv1.3"


def test_of_several_hosts_none_is_tried_that_is_not_verified(cluster: Cluster, root: Pair, ca_file: Path) -> None:
    """Where the first is away, the second must not be reached with less."""
    with cluster.running(make("server", root, hosts=["db.internal"]), RULES) as port:
        several = f"host=/nowhere,localhost port={port},{port} sslrootcert={ca_file}"
        with pytest.raises(UnreachableError, match="does not match host name"):
            ask(several)
        for mode in ("prefer", "require", "verify-ca"):
            with pytest.raises(ConfigurationError):
                ask(f"{several} sslmode={mode}")


def test_loopback_in_the_open_is_taken_and_for_development_anybody(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = make("stranger", hosts=["elsewhere.example"])
    with cluster.running(stranger, RULES + OPENLY) as port:
        assert ask(f"host=127.0.0.1 port={port} sslmode=disable") is None
        assert caplog.messages == []
        with pytest.raises(ConfigurationError, match="lets anybody answer"):
            ask(f"host=127.0.0.1 port={port} sslmode=require")
        assert ask(f"host=127.0.0.1 port={port} sslmode=require", DEVELOPMENT) == "TLSv1.3"
        assert len(caplog.messages) == 1
