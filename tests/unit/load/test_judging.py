"""What the structure of a staged schema may differ in from what was made, before its rows came."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from strongroom.core.errors import GuardError
from strongroom.load import judging
from strongroom.load.documents import MadeDocument, MadeSchema
from strongroom.load.judging import compare_structure, read_made
from strongroom.load.place import LoadFolder
from strongroom.load.request import Objects, Schemas
from strongroom.postgres.connection import Access
from strongroom.runs.home import Home
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
    access = Access(parameters={}, origin="a test")
    return list(compare_structure({"core": "core_staged"}, describe(), access, schemas))


def describe() -> MadeDocument:
    made = MadeSchema(has_files=True, objects=MADE, references=(), carried=(), reported=(), skipped=())
    return MadeDocument(targets={"core": made})


def test_a_foreign_key_may_stay_not_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compare(monkeypatch, MADE) == []
    assert compare(monkeypatch, {**MADE, KEY: f"{MADE[KEY]} NOT VALID"}) == []


@pytest.mark.parametrize("valid", ["", " NOT VALID"])
def test_a_foreign_key_to_somewhere_else_is_told_whether_it_is_valid_or_not(
    monkeypatch: pytest.MonkeyPatch, valid: str
) -> None:
    (told,) = compare(monkeypatch, {**MADE, KEY: f"FOREIGN KEY (user) REFERENCES others(id){valid}"})
    assert told.startswith(f"schema core_staged: changed: {KEY}")


def test_a_load_that_does_not_say_any_more_what_it_made_is_refused(tmp_path: Path) -> None:
    folder = LoadFolder(root=tmp_path / "loads" / "one", home=Home(target=tmp_path))
    folder.home.provide()
    folder.root.mkdir(parents=True)
    folder.write(describe())
    assert read_made(folder) == describe()
    (folder.root / "made.json").unlink()
    with pytest.raises(GuardError, match=r"does not say what it made: made\.json is gone") as raised:
        read_made(folder)
    assert raised.value.subject == "load one"
