"""What a Redis server holds: keys by database, one digest over all, functions.

Asked of a scratch server, never of the live one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from strongroom.backup.documents import TableRecord
from strongroom.core.errors import UnreachableError
from strongroom.redis.client import Answer, Client, Refusal, explain_refusal

CONTENT, FUNCTIONS = "all keys", "functions"
_WHOLE = 1 << 128
_GONE = -2


def read_content(client: Client) -> dict[str, TableRecord]:
    """Return how many keys each database has, and the digest of all by ``DEBUG DIGEST``.

    That digest is Redis' own: over each key's name, type, whole value, and whether its time is limited; not over the
    moment when it ends, which the file's hash covers. The same for every order and inner form that values have.
    """
    found = dict(_count_keys(client))
    digest = client.ask_text("DEBUG", "DIGEST")
    found[CONTENT] = TableRecord(rows=0, digest=digest)
    libraries = list(_list_functions(client))
    if libraries:
        text = b"\0".join(sorted(libraries))
        found[FUNCTIONS] = TableRecord(rows=0, digest=hashlib.sha256(text).hexdigest())
    return found


def list_databases(client: Client) -> tuple[int, ...]:
    """Return the numbers of the databases that hold keys."""
    return tuple(int(name.removeprefix("db")) for name in client.read_info("keyspace") if name.startswith("db"))


def digest_until(client: Client, moment: int) -> dict[str, TableRecord]:
    """Count and sum up the keys that are there for ever or beyond a moment (milliseconds since 1970), by database.

    Each with its value and the very moment when it ends: equal for two servers whatever ends meanwhile. A server that
    is about to arrange its keys anew may name one twice: what differs once is to be asked again.
    """
    found = {}
    for number in list_databases(client):
        client.ask("SELECT", number)
        count, total = 0, 0
        for keys in client.scan():
            for key, digest, end in _look(client, list(dict.fromkeys(keys))):
                if end == -1 or end > moment:
                    count += 1
                    total += _hash(key, digest, end)
        if count:
            found[f"db{number}"] = TableRecord(rows=count, digest=f"{total % _WHOLE:032x}")
    return found


def _look(client: Client, keys: list[bytes]) -> Iterator[tuple[bytes, bytes, int]]:
    asked = [words for key in keys for words in (("DEBUG", "DIGEST-VALUE", key), ("PEXPIRETIME", key))]
    answers = client.ask_all(asked)
    for key, value, end in zip(keys, answers[::2], answers[1::2], strict=True):
        if isinstance(value, list) and isinstance(value[0], bytes) and isinstance(end, int):
            if end != _GONE:  # it ended meanwhile
                yield key, value[0], end
        else:
            raise _wonder(client, value, end)


def _hash(key: bytes, digest: bytes, end: int) -> int:
    text = b"%d:%b%b:%d" % (len(key), key, digest, end)
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest())


def _count_keys(client: Client) -> Iterator[tuple[str, TableRecord]]:
    for name, about in client.read_info("keyspace").items():
        fields = dict(part.split("=", 1) for part in about.split(","))
        yield name, TableRecord(rows=int(fields["keys"]))


def _list_functions(client: Client) -> Iterator[bytes]:
    answer = client.ask("FUNCTION", "LIST", "WITHCODE")
    for library in answer if isinstance(answer, list) else []:
        if isinstance(library, list):
            yield b"\0".join(part for part in library if isinstance(part, bytes))


def _wonder(client: Client, *answers: Answer) -> Exception:
    refused = next((answer for answer in answers if isinstance(answer, Refusal)), None)
    if refused is not None:
        return explain_refusal(refused)
    return UnreachableError(client.place, "does not answer as Redis does", "see what it is")
