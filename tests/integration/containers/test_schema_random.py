"""Of a schema that nobody changed nothing is said, whatever stands in it, and whoever looks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from tests.integration.containers.random_schemas import make_schema
from tests.integration.containers.schema_site import NUMBERS, Site


@settings(
    max_examples=200 if settings.get_current_profile_name() == "nightly" else 10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=make_schema())
def test_owner_member_and_reader_see_no_drift_where_none_is(site: Site, text: str) -> None:
    name = f"random{next(NUMBERS)}"
    first = site.dsn.partition("?")[0].rpartition("/")[2]
    site.do(f"CREATE DATABASE {name}")
    path = site.write("core/001_random.sql", text)
    there = replace(site, dsn=site.dsn.replace(f"/{first}?", f"/{name}?"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SHOP_DSN", there.dsn)
            code, _, error = there.run("apply")
            assert code == 0, error
            assert there.run("status")[:2] == (0, "core: as its 1 files say\n")
            for kind in ("owner", "reader"):
                member = there.make_role("")
                there.do(f"GRANT shop_{kind} TO {member}")
                replace(there, monkeypatch=patch).act_as(member)
                assert there.run("status")[:2] == (0, "core: as its 1 files say\n")
                if kind == "owner":
                    assert there.run("apply")[0] == 0
    finally:
        path.unlink()
        site.do(f"DROP DATABASE {name} WITH (FORCE)")
