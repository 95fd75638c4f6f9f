"""What stands in a row: ``sr1:NAME@VERSION:BODY``, read strictly: one spelling for one value.

BODY is the nonce and the ciphertext; base64 (URL-safe, without padding) where it stands in text, as it is in bytes.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64

MARK = "sr1:"
NONCE_BYTES = 12
TAG_BYTES = 16
_MARK_BYTES = MARK.encode()
_LONGEST_ID = 256
_KEY_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]*@[!-9;-?A-~]+\Z")
_STANDARD = bytes.maketrans(b"-_+/", b"+/  ")
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_LAST: tuple[frozenset[str], ...] = (_ALPHABET, frozenset(), frozenset("AQgw"), frozenset("AEIMQUYcgkosw048"))
"""With what base64 of each length over whole fours ends, so that no bit of it is without meaning."""
_PADDING = (b"", b"", b"==", b"=")


def is_key_id(text: str) -> bool:
    """Tell whether a key's id can stand in an envelope: ``NAME@VERSION`` in visible ASCII without another : or @."""
    return len(text) <= _LONGEST_ID and _KEY_ID.match(text) is not None


def is_ours(stored: str | bytes) -> bool:
    """Tell whether a value begins as an envelope, whole or not."""
    return stored.startswith(MARK) if isinstance(stored, str) else stored.startswith(_MARK_BYTES)


def write_envelope(key_id: str, body: bytes, *, as_bytes: bool) -> str | bytes:
    """Return what stands in a row."""
    if as_bytes:
        return b"sr1:%b:%b" % (key_id.encode(), body)
    return f"{MARK}{key_id}:{urlsafe_b64encode(body).rstrip(b'=').decode()}"


def read_envelope(stored: str | bytes) -> tuple[str, bytes] | None:
    """Return the key's id and the nonce with the ciphertext; None for what is no whole envelope."""
    if isinstance(stored, str):
        end = stored.find(":", len(MARK), len(MARK) + _LONGEST_ID + 1)
        key_id, body = stored[len(MARK) : end], _decode(stored[end + 1 :])
    else:
        end = stored.find(b":", len(MARK), len(MARK) + _LONGEST_ID + 1)
        key_id, body = stored[len(MARK) : end].decode("latin-1"), bytes(stored[end + 1 :])
    is_whole = is_ours(stored) and end > 0 and body is not None and len(body) > NONCE_BYTES + TAG_BYTES
    return (key_id, body) if is_whole and body is not None and is_key_id(key_id) else None


def _decode(text: str) -> bytes | None:
    """Return the bytes of URL-safe base64 without padding, of which there is one spelling; None for anything else."""
    over, last = len(text) % 4, text[-1:]
    if over == 1 or last not in _LAST[over]:
        return None
    try:
        return a2b_base64(text.encode("ascii").translate(_STANDARD) + _PADDING[over], strict_mode=True)
    except (Base64Error, UnicodeEncodeError):
        return None
