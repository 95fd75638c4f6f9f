"""What whole commands share: the library that works on plain databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strongroom.core.config import SQLITE_VARIABLE
from strongroom.core.engines import Engine


@pytest.fixture(scope="module", params=list(Engine))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Run the tests of a module once with each library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SQLITE_VARIABLE, request.param)
        yield request.param
