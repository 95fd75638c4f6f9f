"""Keys are fetched in the process of the tests, which stays as it is."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _open_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.keys.provided.close_process", lambda: None)
