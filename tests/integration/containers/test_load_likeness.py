"""Tables like an application's own are found where its names lead, and made as their owner would make them."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.load.stage.likeness import find_standing, make_alike
from strongroom.postgres.connection import open_postgres
from tests.integration.containers.cutover_site import OWNER, Shop, open_shop
from tests.integration.containers.schema_site import Site

TABLES = (
    "CREATE TABLE makers (id bigint PRIMARY KEY, name text UNIQUE CHECK (name <> ''))",
    "CREATE TABLE goods (id bigint PRIMARY KEY, maker bigint REFERENCES makers, at timestamptz DEFAULT now())",
    "INSERT INTO makers VALUES (1, 'one')",
)


@pytest.fixture
def shop(site: Site, tmp_path: Path) -> Shop:
    return open_shop(site, tmp_path)


def test_what_is_made_alike_is_the_owners_and_refers_to_its_own(shop: Shop) -> None:
    shop.make("app", *TABLES)
    with open_postgres(shop.access) as connection, connection.transaction():
        assert make_alike(connection, "app", "app_staged", ["makers", "goods"], OWNER)
    owned = (
        "SELECT relname::text, pg_get_userbyid(relowner)::text FROM pg_class WHERE relkind = 'r' AND relnamespace = "
    )
    assert sorted(shop.site.read(f"{owned} 'app_staged'::regnamespace")) == [("goods", OWNER), ("makers", OWNER)]
    keys = "SELECT confrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND connamespace = "
    assert shop.site.read(f"{keys} 'app_staged'::regnamespace") == [("app_staged.makers",)]
    assert shop.site.read("SELECT count(*) FROM app_staged.makers") == [(0,)]
    with pytest.raises(Exception, match="check constraint"):
        shop.site.do("INSERT INTO app_staged.makers VALUES (1, '')")


def test_all_tables_stand_in_the_first_schema_or_where_names_lead(shop: Shop) -> None:
    shop.make("app", *TABLES)
    shop.make("half", TABLES[0])
    with open_postgres(shop.access) as connection:
        assert find_standing(connection, ["makers", "goods"], "half") is None
        found = find_standing(connection, ["makers", "goods"], "app")
        assert found is not None
        assert (found.schema, found.owner, found.user) == ("app", OWNER, shop.role)
        assert found.columns == {"makers": ["id", "name"], "goods": ["id", "maker", "at"]}
        connection.execute(f"ALTER ROLE {shop.role} SET search_path = half, app".encode())
    with open_postgres(shop.access) as connection:
        led = find_standing(connection, ["makers", "goods"], "none")
        assert led is not None
        assert led.schema == "app"
