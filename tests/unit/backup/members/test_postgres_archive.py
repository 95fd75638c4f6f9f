"""What a dump declares, in words that only the content decides."""

from __future__ import annotations

from strongroom.backup.members.postgres_archive import compare_schemas, hash_schema, normalise_schema

_ALTER = "ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA core GRANT"


def declare(*rights: str) -> dict[str, str]:
    """Return what is made of a dump with default rights, in the order in which the server tells them."""
    title = "-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: core; Owner: shop_owner"
    lines = "\n".join(f"{_ALTER} {right};" for right in rights)
    return normalise_schema(f"--\n{title}\n--\n\n{lines}\n\n\n")


def test_default_rights_are_the_same_in_whatever_order_a_server_numbered_the_roles() -> None:
    writes, reads = "SELECT,INSERT ON TABLES TO shop_writer", "SELECT ON TABLES TO shop_reader"
    was, now = declare(writes, reads), declare(reads, writes)
    assert list(was) == ["DEFAULT ACL core DEFAULT PRIVILEGES FOR TABLES"]
    assert list(compare_schemas(was, now)) == []
    assert hash_schema(was) == hash_schema(now)
    (said,) = compare_schemas(was, declare(reads))
    assert said == "DEFAULT ACL core DEFAULT PRIVILEGES FOR TABLES is declared otherwise"
