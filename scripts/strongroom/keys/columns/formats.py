"""What a value is, by its shape alone: ours, a Fernet token, an OpenPGP message, or plain. No key is asked for.

Shapes are strict (lengths, versions, the packet that must follow), so that a scan of other columns names no plain text.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass
from enum import StrEnum

from strongroom.keys.columns.envelope import is_ours, read_envelope

_FERNET = re.compile(rb"gAAAAA[A-Za-z0-9_-]{90,}={0,2}\Z")
_FERNET_FIXED, _BLOCK = 57, 16
"""Version, time, initialisation vector and signature; what is between is whole blocks of AES."""
_ARMOUR = "-----BEGIN PGP MESSAGE-----"
_HEX, _BASE64 = re.compile(r"\\x(?:[0-9a-fA-F]{2})+\Z"), re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*\Z")
_PUBLIC_KEY, _PASSWORD, _OLD_DATA, _DATA, _AEAD_DATA = 1, 3, 9, 18, 20
_LONGEST_HEAD = 100_000
"""Packets that hold a session key are far smaller; what they encrypt may be of any size."""

TEXT_STARTS = ("sr1:", "gAAAAA", _ARMOUR, r"\xc", r"\x8", "ww", "wc", "wd", "jA", "hA", "hF", "hQ", "hg")
"""With one of these begins each text that is not plain."""
BINARY_STARTS = (
    b"sr1:",
    b"gAAAAA",
    _ARMOUR.encode(),
    *(bytes([one]) for one in (0xC1, 0xC3, *range(0x84, 0x87), *range(0x8C, 0x8F))),
)
"""With one of these begin all bytes that are not plain."""


class Kind(StrEnum):
    """What a value is."""

    OURS = "strongroom"
    DAMAGED = "damaged"
    """Begins as ours, and is cut off or changed."""
    FERNET = "fernet"
    OPENPGP = "pgcrypto"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Format:
    """What a value is, and under which key where that stands in it."""

    kind: Kind
    key_id: str | None = None


_PLAIN, _FERNET_TOKEN, _OPENPGP_MESSAGE = Format(Kind.PLAIN), Format(Kind.FERNET), Format(Kind.OPENPGP)


def find_format(stored: object) -> Format:
    """Return what a value is; numbers are plain."""
    if not isinstance(stored, str | bytes):
        return _PLAIN
    if is_ours(stored):
        envelope = read_envelope(stored)
        return Format(Kind.DAMAGED) if envelope is None else Format(Kind.OURS, envelope[0])
    if is_fernet(stored):
        return _FERNET_TOKEN
    return _PLAIN if read_message(stored) is None else _OPENPGP_MESSAGE


def is_fernet(stored: str | bytes) -> bool:
    """Tell whether a value is a Fernet token: its first byte 0x80, a time before 2106, whole blocks."""
    if isinstance(stored, str):
        if not stored.startswith("gAAAAA") or not stored.isascii():
            return False
        stored = stored.encode()
    if not _FERNET.match(stored):
        return False
    size = len(stored.rstrip(b"=")) * 3 // 4
    return len(stored) % 4 == 0 and size > _FERNET_FIXED and (size - _FERNET_FIXED) % _BLOCK == 0


def read_message(stored: str | bytes) -> bytes | None:
    r"""Return an OpenPGP message that is encrypted, as bytes; None for anything else.

    As text it is armoured, in base64 (``encode(…, 'base64')``), or the hex of ``bytea`` (``\xc30d…``).
    """
    if isinstance(stored, bytes):
        return stored if _is_encrypted_message(stored) else _read_armour(stored.decode("latin-1"))
    message = _read_armour(stored)
    if message is None and stored.startswith(TEXT_STARTS):
        message = _read_coded(stored)
    return message if message is not None and _is_encrypted_message(message) else None


def _read_armour(text: str) -> bytes | None:
    """Return what is armoured; its headers end at an empty line, its checksum begins with =."""
    if not text.lstrip().startswith(_ARMOUR):
        return None
    lines = [line.strip() for line in text.strip().splitlines()]
    start = lines.index("") + 1 if "" in lines else 1
    body = [line for line in lines[start:] if line and line[0] not in "=-"]
    try:
        content = b64decode("".join(body), validate=True)
    except (Base64Error, ValueError):
        return None
    return content if _is_encrypted_message(content) else None


def _read_coded(text: str) -> bytes | None:
    if _HEX.match(text):
        return bytes.fromhex(text[2:])
    if not _BASE64.match(text):
        return None
    try:
        return a2b_base64("".join(text.split()).encode(), strict_mode=True)
    except Base64Error:
        return None


def _is_encrypted_message(content: bytes) -> bool:
    """Tell whether packets with a session key lead to one with encrypted data."""
    place = 0
    for _ in range(100):
        packet = _read_packet_head(content, place)
        if packet is None:
            return False
        tag, start, length = packet
        if tag in (_OLD_DATA, _DATA, _AEAD_DATA):
            return place > 0 and len(content) > start
        if not _is_session_key(tag, content[start : start + 8], length):
            return False
        place = start + length
    return False


def _is_session_key(tag: int, first: bytes, length: int) -> bool:
    """Tell whether a packet can be what a password or a public key opens: version, cipher, way to derive a key."""
    if not 4 <= length <= _LONGEST_HEAD or len(first) < 4:  # noqa: PLR2004  the smallest there is
        return False
    if tag == _PUBLIC_KEY:
        return first[0] in (2, 3, 6)
    is_known = first[0] in (5, 6) or (1 <= first[1] <= 13 and first[2] in (0, 1, 3, 4))  # noqa: PLR2004  RFC 9580, 9.3 and 3.7
    return tag == _PASSWORD and first[0] in (4, 5, 6) and is_known


def _read_packet_head(content: bytes, place: int) -> tuple[int, int, int] | None:
    """Return tag, start and length of a packet's content (RFC 9580, 4.2), of the first part where it is in parts."""
    head = content[place : place + 6]
    if len(head) < 2 or not head[0] & 0x80:  # noqa: PLR2004
        return None
    if not head[0] & 0x40:
        width = (1, 2, 4, 0)[head[0] & 3]
        length = int.from_bytes(head[1 : 1 + width]) if width else len(content)
        return head[0] >> 2 & 15, place + 1 + width, length
    tag, one = head[0] & 63, head[1]
    if one < 192:  # noqa: PLR2004
        return tag, place + 2, one
    if one < 224:  # noqa: PLR2004
        return tag, place + 3, (one - 192 << 8) + int.from_bytes(head[2:3]) + 192
    if one < 255:  # noqa: PLR2004
        return tag, place + 2, 1 << (one & 31)
    return tag, place + 6, int.from_bytes(head[2:6])
