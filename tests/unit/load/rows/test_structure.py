"""What was taken off of a table is put back whole: with its comment, and without a look at old rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
import pytest

from strongroom.load.documents import Part
from strongroom.load.rows.structure import _put, _take, validate

KEY = "FOREIGN KEY (maker) REFERENCES makers(id)"


@pytest.mark.parametrize(
    ("kind", "said", "comment", "expected"),
    [
        ("i", "CREATE INDEX a ON s.t (b)", None, "CREATE INDEX a ON s.t (b)"),
        (
            "i",
            "CREATE INDEX a ON s.t (b)",
            "it's one",
            "CREATE INDEX a ON s.t (b); COMMENT ON INDEX \"s\".\"a\" IS 'it''s one'",
        ),
        ("t", "O", None, 'ALTER TABLE "s"."t" ENABLE TRIGGER "a"'),
        ("t", "A", None, 'ALTER TABLE "s"."t" ENABLE ALWAYS TRIGGER "a"'),
        ("t", "R", None, 'ALTER TABLE "s"."t" ENABLE REPLICA TRIGGER "a"'),
        ("p", "PRIMARY KEY (id)", None, 'ALTER TABLE "s"."t" ADD CONSTRAINT "a" PRIMARY KEY (id)'),
        ("f", KEY, None, f'ALTER TABLE "s"."t" ADD CONSTRAINT "a" {KEY} NOT VALID'),
        (
            "f",
            f"{KEY} NOT VALID",
            "old",
            f'ALTER TABLE "s"."t" ADD CONSTRAINT "a" {KEY} NOT VALID; COMMENT ON CONSTRAINT "a" ON "s"."t" IS \'old\'',
        ),
    ],
)
def test_what_puts_a_part_back(kind: str, said: str, comment: str | None, expected: str) -> None:
    assert _put(("s", "t"), kind, "a", said, comment) == expected


class Server:
    """Fails at every statement."""

    def __init__(self, error: psycopg.Error) -> None:
        self._error = error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield

    def execute(self, _statement: object) -> None:
        raise self._error


def refuse(error: psycopg.Error) -> Any:
    return cast("Any", Server(error))


def test_what_others_need_stays_and_any_other_failure_is_raised() -> None:
    assert not _take(refuse(psycopg.errors.DependentObjectsStillExist()), ("s", "t"), "p", "a")
    for error in (psycopg.errors.LockNotAvailable(), psycopg.OperationalError()):
        with pytest.raises(type(error)):
            _take(refuse(error), ("s", "t"), "p", "a")


def test_orphans_leave_a_foreign_key_unproven_and_any_other_failure_is_raised() -> None:
    part = Part(position=0, table="t", kind="f", name="a", statement="")
    assert not validate(refuse(psycopg.errors.ForeignKeyViolation()), "s", part)
    for error in (psycopg.errors.QueryCanceled(), psycopg.OperationalError()):
        with pytest.raises(type(error)):
            validate(refuse(error), "s", part)
