"""What the server does not make of a draft is told where it may be missing, and else refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
import pytest

from strongroom.core.errors import PlanError
from strongroom.load.draft import Draft
from strongroom.load.draft.model import Drafted
from strongroom.load.stage.staging import _run


class Server:
    """Refuses a statement that says so, and remembers the others."""

    def __init__(self) -> None:
        self.made: list[bytes] = []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield

    def execute(self, statement: bytes, *, prepare: bool) -> None:
        assert not prepare
        if b"refuse" in statement:
            raise psycopg.errors.SyntaxError("it is refused\nLINE 1: …")
        self.made.append(statement)


def draft(*, is_optional: bool) -> Draft:
    refused = Drafted(statement="refuse this", subject="view w", is_optional=is_optional)
    others = [Drafted(statement=name, subject=name, is_optional=not is_optional) for name in ("one", "two")]
    return Draft(statements=(others[0], refused, others[1]), reported=(), skipped=())


def test_what_may_be_missing_is_told_and_the_others_are_made() -> None:
    server: Any = Server()
    assert _run(cast("Any", server), draft(is_optional=True)) == ("view w: does not come along: it is refused",)
    assert server.made == [b"one", b"two"]


def test_what_may_not_be_missing_is_refused() -> None:
    with pytest.raises(PlanError, match="view w: cannot be made: it is refused") as raised:
        _run(cast("Any", Server()), draft(is_optional=False))
    assert "\n" not in raised.value.fact
