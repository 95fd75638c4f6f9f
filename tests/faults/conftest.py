"""The driver, once per module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite(
    *(f"tests.faults.{name}" for name in ("case", "child", "column_case", "column_oracle", "column_writers")),
    *(f"tests.faults.{name}" for name in ("load_case", "refusals", "rotations", "scene")),
)

from tests.faults.child import Driver, open_driver  # noqa: E402  after what makes its asserts speak


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with open_driver(tmp_path_factory.mktemp("driver")) as found:
        yield found
