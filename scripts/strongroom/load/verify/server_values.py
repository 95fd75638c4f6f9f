"""What the server's values mean, in the form in which both sides are compared."""

from __future__ import annotations

import re
import struct
from functools import partial

from strongroom.load.verify.instants import read_instant, read_local
from strongroom.load.verify.json_values import read_list, read_server_json, spell_number
from strongroom.load.verify.kinds import INTEGERS, Kind
from strongroom.load.verify.unfit import UnfitError
from strongroom.load.verify.values import Read, Same, pack_double

_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_WORDS = {"true": 1, "false": 0}


def make_server_reader(kind: Kind) -> Read:
    """Return what reads a value of the server, not NULL: its text, or of what is fetched in binary form, that."""
    if kind.name == "array" and kind.element is not None:
        return partial(_read_server_array, _text_reader(kind.element))
    if kind.name in (*INTEGERS, "float4", "float8", "bool", "bytea"):
        return _as_it_is
    return _text_reader(kind)


def _as_it_is(value: Same) -> Same:
    return value


def _read_server_array(read: Read, text: str) -> Same:
    found = read_list_of_server(text)
    return text if found is None else tuple(None if one is None else read(one) for one in found)


def read_list_of_server(text: str) -> list[str | None] | None:
    """Return the elements of an array of texts; None for one of several dimensions, or that begins elsewhere."""
    try:
        return read_list(text)
    except UnfitError:
        return None


def _read_server_instant(text: str) -> Same:
    try:
        return read_instant(text, None)
    except UnfitError:
        return text


def _read_server_local(text: str) -> Same:
    try:
        return read_local(text)
    except UnfitError:
        return text


def _read_server_number(text: str) -> str:
    return spell_number(text) if _DECIMAL.fullmatch(text) else text


def _text_reader(kind: Kind) -> Read:
    return _OF_TEXT.get(kind.name, _as_it_is)


def _read_server_json(text: str) -> Same:
    return [read_server_json(text)]


def _read_server_double(text: str) -> Same:
    return pack_double(float(text))


def _read_server_real(text: str) -> Same:
    return pack_double(struct.unpack(">f", struct.pack(">f", float(text)))[0])


def _read_server_uuid(text: str) -> Same:
    return text.replace("-", "")


_OF_TEXT: dict[str, Read] = {
    **dict.fromkeys(INTEGERS, int),
    "float8": _read_server_double,
    "float4": _read_server_real,
    "bool": _WORDS.get,
    "numeric": _read_server_number,
    "json": _read_server_json,
    "jsonb": _read_server_json,
    "timestamptz": _read_server_instant,
    "timestamp": _read_server_local,
    "uuid": _read_server_uuid,
}
