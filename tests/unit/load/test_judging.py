"""What the structure of a staged schema may differ in from what was made, before its rows came."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from strongroom.load import judging
from strongroom.load.documents import MadeDocument, MadeSchema
from strongroom.load.judging import compare_structure
from strongroom.load.request import Objects, Schemas
from strongroom.postgres.connection import Access
from strongroom.schema.objects import list_differences

KEY = "table notes constraint notes_user_fkey"
MADE = {"server": "17", "table notes": "", KEY: "FOREIGN KEY (user) REFERENCES users(id)"}


def compare(monkeypatch: pytest.MonkeyPatch, held: Objects) -> list[str]:
    @contextmanager
    def nothing(_access: Access, *, is_read_only: bool) -> Iterator[None]:
        assert is_read_only
        yield

    def unused(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(judging, "open_postgres", nothing)
    schemas = Schemas(
        owner="shop_owner",
        provide=unused,
        make=unused,
        grant=unused,
        read_objects=lambda _connection, _schema: held,
        list_differences=list_differences,
    )
    made = MadeSchema(has_files=True, objects=MADE, references=(), carried=(), reported=(), skipped=())
    access = Access(parameters={}, origin="a test")
    return list(compare_structure({"core": "core_staged"}, MadeDocument(targets={"core": made}), access, schemas))


def test_a_foreign_key_may_stay_not_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compare(monkeypatch, MADE) == []
    assert compare(monkeypatch, {**MADE, KEY: f"{MADE[KEY]} NOT VALID"}) == []


@pytest.mark.parametrize("valid", ["", " NOT VALID"])
def test_a_foreign_key_to_somewhere_else_is_told_whether_it_is_valid_or_not(
    monkeypatch: pytest.MonkeyPatch, valid: str
) -> None:
    (told,) = compare(monkeypatch, {**MADE, KEY: f"FOREIGN KEY (user) REFERENCES others(id){valid}"})
    assert told.startswith(f"schema core_staged: changed: {KEY}")
