"""What a value is, by its shape alone: ours, a Fernet token, an OpenPGP message, or plain. No key is asked for.

Shapes are strict (lengths, versions, the packet that must follow), so that a scan of other columns names no plain text.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass
from enum import StrEnum

from strongroom.keys.columns.envelope import is_ours, read_envelope
from strongroom.keys.columns.packets import is_encrypted

_FERNET_START = "gAAAAA"
_FERNET = re.compile(rb"gAAAAA[A-Za-z0-9_-]{34,}={0,2}\Z")
_FERNET_FIXED, _BLOCK = 57, 16
"""Version, time, initialisation vector and signature; what is between is whole blocks of AES."""
_ARMOUR = "-----BEGIN PGP MESSAGE-----"
_HEX, _BASE64 = re.compile(r"\\x(?:[0-9a-fA-F]{2})+\Z"), re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*\Z")
_TWO_BYTES = (
    *((0xC3, one) for one in range(4, 128)),
    *((0xC1, one) for one in range(16, 224)),
    *((0x84, one) for one in range(16, 256)),
    *((0x85, one) for one in range(16)),
    *((0x8C, one) for one in range(4, 128)),
    (0x86, 0),
    (0x8D, 0),
    (0x8E, 0),
)
"""With what OpenPGP messages begin: a packet with a session key, and its length."""

TEXT_STARTS = tuple(
    sorted({"sr1:", _FERNET_START, _ARMOUR} | {b64encode(bytes(two)).decode()[:2] for two in _TWO_BYTES})
    + [rf"\x{first:02x}" for first in sorted({first for first, _ in _TWO_BYTES})]
)
"""With one of these begins each text that is not plain."""
BINARY_STARTS = (
    *(start.encode() for start in ("sr1:", _FERNET_START, _ARMOUR)),
    *sorted({bytes([first]) for first, _ in _TWO_BYTES}),
)
"""With one of these begin all bytes that are not plain."""


class Kind(StrEnum):
    """What a value is."""

    OURS = "strongroom"
    DAMAGED = "damaged"
    """Begins as ours or as a Fernet token, and is cut off or changed."""
    FERNET = "fernet"
    OPENPGP = "pgcrypto"
    """Whole or not; also one that public keys open."""
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Format:
    """What a value is, and under which key where that stands in it."""

    kind: Kind
    key_id: str | None = None


_PLAIN, _DAMAGED = Format(Kind.PLAIN), Format(Kind.DAMAGED)


def find_format(stored: object) -> Format:
    """Return what a value is; numbers and NULL are plain."""
    if not isinstance(stored, str | bytes):
        return _PLAIN
    if is_ours(stored):
        envelope = read_envelope(stored)
        return _DAMAGED if envelope is None else Format(Kind.OURS, envelope[0])
    return _find_token(stored) or (_PLAIN if read_message(stored) is None else Format(Kind.OPENPGP))


def read_message(stored: str | bytes) -> bytes | None:
    r"""Return an OpenPGP message that is encrypted, as bytes; None for anything else.

    As text it is armoured, in base64 (``encode(…, 'base64')``), or the hex of ``bytea`` (``\xc30d…``).
    """
    if isinstance(stored, bytes):
        message = stored if stored[:1] != b"-" else _read_armour(stored.decode("latin-1"))
    elif not stored.lstrip().startswith(TEXT_STARTS):
        message = None
    else:
        message = _read_hex(stored) or _read_armour(stored) or _read_base64(stored)
    return message if message is not None and is_encrypted(message) else None


def _find_token(stored: str | bytes) -> Format | None:
    if isinstance(stored, str):
        if not stored.startswith(_FERNET_START) or not stored.isascii():
            return None
        stored = stored.encode()
    if not _FERNET.match(stored):
        return None
    size = len(stored.rstrip(b"=")) * 3 // 4
    is_whole = len(stored) % 4 == 0 and size > _FERNET_FIXED and (size - _FERNET_FIXED) % _BLOCK == 0
    return Format(Kind.FERNET) if is_whole else _DAMAGED


def _read_hex(text: str) -> bytes | None:
    return bytes.fromhex(text[2:]) if _HEX.match(text) else None


def _read_armour(text: str) -> bytes | None:
    """Return what is armoured; its headers end at an empty line, its checksum begins with =."""
    if not text.lstrip().startswith(_ARMOUR):
        return None
    lines = [line.strip() for line in text.strip().splitlines()]
    start = lines.index("") + 1 if "" in lines else 1
    return _read_base64("".join(line for line in lines[start:] if line and line[0] not in "=-"))


def _read_base64(text: str) -> bytes | None:
    if not _BASE64.match(text):
        return None
    try:
        return a2b_base64("".join(text.split()).encode(), strict_mode=True)
    except Base64Error:
        return None
