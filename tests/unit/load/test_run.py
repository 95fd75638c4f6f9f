"""A load that does not come to its end says so, and by what; one that is interrupted is still under way."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from strongroom.core.errors import UnreachableError
from strongroom.load.documents import LoadDocument, LoadState
from strongroom.load.run import _recorded

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def written() -> list[LoadDocument]:
    return []


def begin(written: list[LoadDocument]) -> Any:
    about = LoadDocument(
        load="one", state=LoadState.LOADING, tool="0", system="shop", origin="consolidated", way="staged",
        plan="plan.yaml", plan_sha256="", files_sha256="", server="here", variable="SHOP_DSN", targets={}, began=NOW,
    )  # fmt: skip
    return cast(
        "Any",
        SimpleNamespace(
            about=about, around=SimpleNamespace(now=lambda: NOW), folder=SimpleNamespace(write=written.append)
        ),
    )


def test_what_ends_a_load_is_kept(written: list[LoadDocument]) -> None:
    with pytest.raises(UnreachableError), _recorded(begin(written)):
        raise UnreachableError("PostgreSQL", "is gone")
    (kept,) = written
    assert (kept.state, kept.error, kept.ended) == (LoadState.FAILED, "UnreachableError", NOW)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_load_that_is_interrupted_is_under_way(written: list[LoadDocument], error: type[BaseException]) -> None:
    with pytest.raises(error), _recorded(begin(written)):
        raise error
    assert written == []


def test_a_load_that_comes_to_its_end_says_so_itself(written: list[LoadDocument]) -> None:
    with _recorded(begin(written)):
        pass
    assert written == []
