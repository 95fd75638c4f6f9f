"""What is refused before a load looks at anything but its plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from strongroom.core.errors import PlanError
from strongroom.load.opening import open_load
from strongroom.load.request import Request
from strongroom.postgres.connection import Access


@pytest.mark.parametrize(
    ("one", "two", "shared"),
    [
        ("core", "core", "core"),
        ("core", "core_staged", "core_staged"),
        ("core_previous", "core", "core_previous"),
        ("core", "core_staged_previous", None),
    ],
)
def test_no_schema_of_a_target_is_anothers(tmp_path: Path, one: str, two: str, shared: str | None) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "version: 1\nsources: {a: {path: a.db}}\n"
        f"targets: {{one: {{path: one.db, postgres: {one}}}, two: {{path: two.db, postgres: {two}}}}}\n"
    )
    for name in ("one", "two"):
        (tmp_path / f"{name}.db").touch()
    request = Request(system="shop", plan=plan, target=tmp_path, access=Access(parameters={}, origin="a test"))
    if shared is None:
        assert open_load(request, cast("Any", None)).found.keys() == {"one", "two"}
        return
    with pytest.raises(PlanError) as raised:
        open_load(request, cast("Any", None))
    assert raised.value.subject == "target two"
    assert f"has the schema {shared}, and so has one" in raised.value.fact
