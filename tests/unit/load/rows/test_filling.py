"""While rows go through, Python looks for no cycles among them; afterwards it does."""

from __future__ import annotations

import gc

import pytest

from strongroom.load.rows.filling import no_collecting


def look_and_fail() -> None:
    with no_collecting():
        assert not gc.isenabled()
        raise KeyError


def test_nothing_is_collected_while_rows_go_through() -> None:
    assert gc.isenabled()
    with pytest.raises(KeyError):
        look_and_fail()
    assert gc.isenabled()
