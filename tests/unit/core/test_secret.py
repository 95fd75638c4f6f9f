"""A secret is in the process and nowhere else."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest

from strongroom.core.secret import Secret

CANARY = "canary-7f3a"


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, lambda secret: f"{secret!r:>40}", lambda secret: f"{[secret]}"]
)
def test_no_way_of_printing_shows_it(show: object) -> None:
    assert CANARY not in show(Secret(CANARY))  # type: ignore[operator]


@pytest.mark.parametrize("send", [pickle.dumps, copy.copy, copy.deepcopy, lambda secret: pickle.dumps({"key": secret})])
def test_it_is_neither_sent_nor_copied(send: object) -> None:
    with pytest.raises(TypeError, match="a secret is not pickled") as caught:
        send(Secret(CANARY))  # type: ignore[operator]
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_it_has_no_attributes_to_look_through() -> None:
    assert not hasattr(Secret(CANARY), "__dict__")


def test_asked_for_it_is_given_out() -> None:
    assert Secret(CANARY).reveal() == CANARY
