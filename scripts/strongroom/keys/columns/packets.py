"""OpenPGP messages by their packets (RFC 9580, 4.2): recognised strictly, and opened where they are whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_TO_PUBLIC_KEY, _TO_PASSWORD, _DATA_UNPROTECTED, _DATA, _DATA_AEAD = 1, 3, 9, 18, 20
_VERSIONS_OF_DATA = {_DATA: (1, 2), _DATA_AEAD: (1,)}
_CIPHERS, _HASHES = range(1, 14), range(1, 15)
_PUBLIC_KEY_CIPHERS = (1, 2, 16, 18, 25, 26)
_LENGTH_BY_DERIVATION = {0: 4, 1: 12, 3: 13}
"""Of a packet for a password: version, cipher, and how the key is derived; a session key may follow."""
_SESSION_KEYS = (0, *range(9, 50))
_MOST_PACKETS = 100


@dataclass(frozen=True, slots=True)
class _Packet:
    tag: int
    content: bytes
    """Its first bytes."""
    length: int
    """Of its first part."""
    end: int | None
    """Where the next one begins; None where it is cut off."""


def is_encrypted(message: bytes) -> bool:
    """Tell whether packets with a session key, for passwords or public keys, lead to one with encrypted data."""
    for number, packet in enumerate(_read_packets(message)):
        if packet.tag in (_DATA_UNPROTECTED, _DATA, _DATA_AEAD):
            return number > 0 and packet.content[:1] in _list_versions(packet.tag)
        if packet.end is None or not _is_session_key(packet):
            return False
    return False


def is_whole(message: bytes) -> bool:
    """Tell whether packets fill a message from its first byte to its last."""
    end: int | None = None
    for packet in _read_packets(message):
        end = packet.end
    return end == len(message)


def _list_versions(tag: int) -> tuple[bytes, ...]:
    versions = _VERSIONS_OF_DATA.get(tag, range(256))
    return tuple(bytes([version]) for version in versions)


def _is_session_key(packet: _Packet) -> bool:
    first = packet.content
    if len(first) < min(10, packet.length) or packet.length < 4:  # noqa: PLR2004  the shortest there is
        return False
    if packet.tag == _TO_PUBLIC_KEY:
        return first[0] == 6 or (first[0] in (2, 3) and len(first) > 9 and first[9] in _PUBLIC_KEY_CIPHERS)  # noqa: PLR2004
    if packet.tag != _TO_PASSWORD or first[1] not in _CIPHERS:
        return packet.tag == _TO_PASSWORD and first[0] == 6  # noqa: PLR2004
    if first[0] == 5:  # noqa: PLR2004
        return first[2] in (1, 2, 3) and first[3] in (0, 1, 3)
    rest = packet.length - _LENGTH_BY_DERIVATION.get(first[2], packet.length + 1)
    return first[0] == 4 and first[3] in _HASHES and rest in _SESSION_KEYS  # noqa: PLR2004


def _read_packets(message: bytes) -> Iterator[_Packet]:
    """Yield packets up to the first that is cut off."""
    place: int | None = 0
    for _ in range(_MOST_PACKETS):
        if place is None or place >= len(message):
            return
        head = message[place]
        if not head & 0x80:
            return
        packet = _read_new(message, place, head & 63) if head & 0x40 else _read_old(message, place, head >> 2 & 15)
        if packet is None:
            return
        yield packet
        place = packet.end


def _read_old(message: bytes, place: int, tag: int) -> _Packet | None:
    width = (1, 2, 4, 0)[message[place] & 3]
    start = place + 1 + width
    length = int.from_bytes(message[place + 1 : start]) if width else len(message) - start
    return _make_packet(message, tag, start, length, start + length) if start < len(message) else None


def _read_new(message: bytes, place: int, tag: int) -> _Packet | None:
    found = _read_length(message, place + 1)
    if found is None:
        return None
    start, length, is_part = first = found
    while is_part:
        found = _read_length(message, start + length)
        if found is None:
            return _make_packet(message, tag, first[0], first[1], None)
        start, length, is_part = found
    return _make_packet(message, tag, first[0], first[1], start + length)


def _make_packet(message: bytes, tag: int, start: int, length: int, end: int | None) -> _Packet:
    is_cut = end is None or end > len(message)
    return _Packet(tag, message[start : start + min(length, 16)], length, None if is_cut else end)


def _read_length(message: bytes, place: int) -> tuple[int, int, bool] | None:
    """Return where content starts, how long it is, and whether it is a part of it; None where that is cut off."""
    head = message[place : place + 5]
    if not head:
        return None
    one = head[0]
    if one < 192:  # noqa: PLR2004
        return place + 1, one, False
    if one < 224:  # noqa: PLR2004
        return (place + 2, (one - 192 << 8) + head[1] + 192, False) if len(head) > 1 else None
    if one < 255:  # noqa: PLR2004
        return place + 1, 1 << (one & 31), True
    return (place + 5, int.from_bytes(head[1:]), False) if len(head) == 5 else None  # noqa: PLR2004
