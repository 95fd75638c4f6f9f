"""The driver, once per module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.child import Driver, open_driver


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with open_driver(tmp_path_factory.mktemp("driver")) as found:
        yield found
