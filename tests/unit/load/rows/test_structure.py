"""What was taken off of a table is put back whole: with its comment, and without a look at old rows."""

from __future__ import annotations

import pytest

from strongroom.load.rows.structure import _put

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
