"""A secret is in the process and nowhere else."""

from __future__ import annotations

import copy
import json
import pickle
import pprint
import traceback
from dataclasses import asdict, dataclass

import pytest

from strongroom.core.secret import Secret

CANARY = "canary-7f3a"


@dataclass
class Holder:
    key: Secret


def show_locals(secret: Secret) -> str:
    """A traceback with every variable, as pytest and others print them."""
    try:
        {}[secret]
    except KeyError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return "nothing was raised"


SHOWING = {
    "repr": repr,
    "str": str,
    "format": "{}".format,
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  another way to print
    "padded": lambda secret: f"{secret!r:>40}",
    "inside": lambda secret: f"{[secret]}",
    "json": lambda secret: json.dumps({"key": secret}, default=str),
    "pprint": pprint.pformat,
    "dataclass": lambda secret: repr(Holder(secret)),
    "traceback": show_locals,
}


@pytest.mark.parametrize("show", SHOWING.values(), ids=SHOWING)
def test_no_way_of_printing_shows_it(show: object) -> None:
    assert CANARY not in show(Secret(CANARY))  # type: ignore[operator]


SENDING = {
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "inside": lambda secret: pickle.dumps({"key": secret}),
    "asdict": lambda secret: asdict(Holder(secret)),
    "getstate": lambda secret: secret.__getstate__(),
}


@pytest.mark.parametrize("send", SENDING.values(), ids=SENDING)
def test_it_is_neither_sent_nor_copied(send: object) -> None:
    with pytest.raises(TypeError, match="a secret is not pickled") as caught:
        send(Secret(CANARY))  # type: ignore[operator]
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_it_has_no_attributes_to_look_through() -> None:
    assert not hasattr(Secret(CANARY), "__dict__")


def test_asked_for_it_is_given_out() -> None:
    assert Secret(CANARY).reveal() == CANARY
