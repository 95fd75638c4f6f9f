"""What people add to a load's schemas is theirs; what is gone from them, or another, is a difference."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from strongroom.core.errors import DifferencesError
from strongroom.load.changes import Changes, list_changes, refuse_changes
from strongroom.load.documents import LoadDocument, LoadState, MadeDocument, MadeSchema, SchemaRecord
from strongroom.load.request import Objects, Schemas
from strongroom.runs.records import SnapshotRecord
from strongroom.schema.objects import list_differences

SNAPSHOT = SnapshotRecord(
    path="core.db", file="core.db", original="core.db", sha256="", source_sha256="", size=0, schema_sha256="", state={}
)
ABOUT = LoadDocument(
    load="one", state=LoadState.STAGED, tool="0", system="shop", origin="consolidated", way="staged",
    plan="plan.yaml", plan_sha256="", files_sha256="", server="here", variable="SHOP_DSN",
    began=datetime(2026, 11, 21, tzinfo=UTC),
    targets={"core": SchemaRecord(schema="co re", staged="core_staged", previous="p", snapshot=SNAPSHOT)},
)  # fmt: skip
SERVER = {"server": "PostgreSQL 17"}
ORDER = "table t order of columns"


class Server:
    """Quotes names as the server does; that is all it is asked."""

    def execute(self, _asked: str, names: tuple[str, str]) -> Any:
        quoted = tuple(f'"{name}"' if " " in name else name for name in names)
        return SimpleNamespace(fetchone=lambda: quoted)


def compare(made: Objects, held: Objects, about: LoadDocument = ABOUT) -> Changes:
    return list_changes(*prepare(made, held, about))


def prepare(made: Objects, held: Objects, about: LoadDocument) -> Any:
    def unused(*_: Any) -> Any:
        raise AssertionError

    def read_objects(_connection: Any, schema: str) -> Objects:
        assert schema == ("co re" if about.state is LoadState.LIVE else "core_staged")
        return SERVER | dict(held)

    schemas = Schemas(
        owner="shop_owner", provide=unused, make=unused, grant=unused, read_objects=read_objects,
        list_differences=list_differences,
    )  # fmt: skip
    schema = MadeSchema(
        has_files=True, objects=SERVER | dict(made), references=(), carried=(), reported=(), skipped=()
    )  # fmt: skip
    return cast("Any", Server()), about, MadeDocument(targets={"core": schema}), schemas


@pytest.mark.parametrize(
    ("name", "made", "held"),
    [
        (ORDER, "id, v", "id, v, more"),
        (ORDER, "id, v", "id, v, more, yet"),
        ("schema", "owner o; rights o=USAGE", "owner o; rights o=USAGE, p=USAGE; comment a shop"),
        ("schema", "owner o; rights o=USAGE; comment ours", "owner o; rights o=CREATE USAGE*; comment ours"),
        ("table t rights", "o=SELECT, r=SELECT", "o=SELECT UPDATE, p=SELECT, r=SELECT*"),
        ("rights of later tables of o", "r=SELECT", "p=SELECT, r=SELECT"),
        ("table t index i", "CREATE INDEX i ON core_staged.t (v)", "CREATE INDEX i ON core_staged.t (v); comment why"),
        ("function f()", "RETURNS int ; rights o=EXECUTE", "RETURNS int ; rights o=EXECUTE, r=EXECUTE ; comment why"),
    ],
)  # fmt: skip
def test_rights_comments_and_columns_behind_may_be_added(name: str, made: str, held: str) -> None:
    assert compare({name: made}, {name: held}) == Changes()


@pytest.mark.parametrize(
    ("name", "made", "held"),
    [
        (ORDER, "id, v", "id, more, v"),
        (ORDER, "id, v", "more, id, v"),
        (ORDER, "id, v", "id"),
        (ORDER, "id, v", "id, vast"),
        ("table t column v", "text", "text, NOT NULL"),
        ("table t column v", "text", "text NOT NULL"),
        ("schema", "owner o; rights o=USAGE, r=USAGE", "owner o; rights o=USAGE"),
        ("schema", "owner o; rights o=USAGE", "owner p; rights o=USAGE, p=USAGE"),
        ("schema", "owner o; rights o=USAGE; comment ours", "owner o; rights o=USAGE; comment theirs"),
        ("schema", "owner o; rights o=USAGE; comment ours", "owner o; rights o=USAGE"),
        ("table t rights", "o=SELECT UPDATE", "o=SELECT"),
        ("table t rights", "r=SELECT*", "r=SELECT"),
        ("table t rights", "r=SELECT", "p=SELECT"),
        ("rights of later tables of o", "r=SELECT", "p=SELECT"),
        ("table rights", "table", "unlogged table"),
        ("table t column rights", "text", "text NOT NULL"),
        ("table t column rights", "text DEFAULT 'a=b'::text", "text NOT NULL DEFAULT 'a=b'::text"),
        ("table t comment", "ours", "theirs"),
        ("table t index i", "CREATE INDEX i ON core_staged.t (v)", "CREATE INDEX i ON core_staged.t (w); comment why"),
        ("function f()", "RETURNS int ; rights o=EXECUTE", "RETURNS text ; rights o=EXECUTE, r=EXECUTE"),
    ],
)  # fmt: skip
def test_what_is_another_is_a_difference(name: str, made: str, held: str) -> None:
    (line,) = compare({name: made}, {name: held}).differences
    assert line.startswith(f"schema core_staged: changed: {name}: ")


def test_what_is_gone_is_a_difference_and_what_came_besides_is_noted() -> None:
    changes = compare({"table t": "table", "table t index i": "i"}, {"table t": "table", "table t policy p": "p"})
    assert changes.differences == ("schema core_staged: missing: table t index i: i",)
    assert changes.notes == ("schema core_staged: extra: table t policy p: p",)


def test_names_of_a_staged_schema_are_those_of_the_live_one_and_no_others() -> None:
    live = replace(ABOUT, state=LoadState.LIVE)
    made = {"table t index i": "ON core_staged.t (v)"}
    assert compare(made, {"table t index i": 'ON "co re".t (v)'}, live) == Changes()
    for other in ("xcore_staged.t", "$core_staged.t", '"core_staged.t'):
        held = {"table t index i": f"ON {other} (v)"}
        assert compare(held, held) == Changes()
        assert (
            len(compare({"table t index i": f"ON {other.replace('core_staged', 'core')} (v)"}, held).differences) == 1
        )


@pytest.mark.parametrize("way", ["into-live", "skip-existing"])
def test_of_schemas_into_which_rows_came_nothing_is_said_once_they_are_in(way: Any) -> None:
    made: Objects = {"table t": "table"}
    assert compare(made, {}, replace(ABOUT, way=way, state=LoadState.LIVE)) == Changes()
    assert len(compare(made, {}, replace(ABOUT, way=way)).differences) == 1


@pytest.mark.parametrize(("gone", "more"), [(0, None), (5, ""), (6, "; and 1 more"), (8, "; and 3 more")])
def test_what_is_refused_names_five_things_at_most(gone: int, more: str | None) -> None:
    prepared = prepare({f"index {number}": "i" for number in range(gone)}, {"index 9": "i"}, ABOUT)
    if more is None:
        refuse_changes(*prepared)
        return
    with pytest.raises(DifferencesError) as raised:
        refuse_changes(*prepared)
    assert raised.value.subject == "load one"
    told = "; ".join(f"schema core_staged: missing: index {number}: i" for number in range(min(gone, 5)))
    assert raised.value.fact == f"is not as it was made: {told}{more}"
