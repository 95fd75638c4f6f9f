"""Put a Redis backup into the live server, key by key, and put back what was there before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strongroom.backup.documents import MemberRecord
from strongroom.backup.members.figures import compare_figures
from strongroom.backup.members.redis import FILE, bring_rdb
from strongroom.backup.members.redis_content import digest_until, list_databases, read_content
from strongroom.backup.members.scratch import open_scratch_redis
from strongroom.backup.request import Surroundings
from strongroom.core.errors import DifferencesError, TargetBusyError, VersionError
from strongroom.redis.address import Address
from strongroom.redis.client import Client, Refusal, explain_refusal, open_client
from strongroom.redis.dump import check_rdb
from strongroom.redis.tunnel import open_tunnel

KEPT = "redis-before.rdb"
_MARGIN_MILLISECONDS = 600_000
"""Keys that end sooner than in ten minutes are put back, and left out of the comparison: they may end meanwhile."""
_AT_ONCE = 8 << 20
"""Bytes of values that are handed over together; a larger one goes alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredRedis:
    """What was put into the live server."""

    keys: int
    before: Path
    """What it held before."""


def restore_redis(
    member: MemberRecord, folder: Path, address: Address, run_folder: Path, around: Surroundings, *,
    disconnect: bool = False,
) -> RestoredRedis:  # fmt: skip
    """Let the live server hold what a backup holds, and nothing else.

    What it holds is kept as an RDB file in ``run_folder`` first, once: a second call, after a SIGKILL, goes on. Each
    key is at every moment the old or the new one. Raises DifferencesError, before anything is written, for a backup
    that does not load as it was taken, and afterwards for a server that holds anything else; TargetBusyError while
    others are connected, unless told to ``disconnect`` them; VersionError, and what a connection raises.
    """
    file, kept = folder / FILE, run_folder / KEPT
    check_rdb(file, around.environment)
    with _scratch(file, run_folder, around) as source:
        facts = list(compare_figures(member.tables, read_content(source), "keys"))
        if facts:
            raise DifferencesError(member.name, facts[0], "take another set")
        _refuse_older(address, source)
        if not kept.exists():
            part = kept.with_suffix(".part")
            bring_rdb(address, part, around.environment)
            check_rdb(part, around.environment)
            part.replace(kept)
        around.reach("redis.kept")
        keys = _put(source, address, run_folder, around, disconnect=disconnect)
    return RestoredRedis(keys=keys, before=kept)


def undo_redis(address: Address, run_folder: Path, around: Surroundings, *, disconnect: bool = False) -> RestoredRedis:
    """Let the live server hold again what it held before ``restore_redis``; raises as that."""
    kept = run_folder / KEPT
    check_rdb(kept, around.environment)
    with _scratch(kept, run_folder, around) as source:
        keys = _put(source, address, run_folder, around, disconnect=disconnect)
    return RestoredRedis(keys=keys, before=kept)


@contextmanager
def _scratch(file: Path, run_folder: Path, around: Surroundings) -> Iterator[Client]:
    with (
        tempfile.TemporaryDirectory(prefix="scratch-", dir=run_folder) as folder,
        open_scratch_redis(Path(folder), file, around) as client,
    ):
        yield client


@contextmanager
def _live(address: Address) -> Iterator[Client]:
    with tempfile.TemporaryDirectory(prefix="strongroom-") as folder, open_tunnel(address, Path(folder)) as socket:
        place = f"Redis at {address.place}"
        with open_client(socket, place=place, user=address.user, password=address.password) as client:
            yield client


def _refuse_older(address: Address, source: Client) -> None:
    """Make sure that the live server understands what the scratch server writes."""
    with _live(address) as live:
        theirs, ours = (one.read_info("server").get("redis_version", "0") for one in (live, source))
    if int(theirs.partition(".")[0]) < int(ours.partition(".")[0]):
        fact = f"is version {theirs}, and the scratch server that hands it keys is {ours}"
        raise VersionError(f"Redis at {address.place}", fact, "use a redis-server of its version here")


def _put(source: Client, address: Address, run_folder: Path, around: Surroundings, *, disconnect: bool) -> int:
    (seconds, _) = _read_time(source)
    moment = seconds * 1000 + _MARGIN_MILLISECONDS
    with _live(address) as live:
        _refuse_others(live, address, disconnect=disconnect)
        keys = 0
        for number in sorted({*list_databases(source), *list_databases(live)}):
            for client in (source, live):
                client.ask("SELECT", number)
            keys += _copy_keys(source, live)
            around.reach("redis.copied")
            _remove_others(source, live)
        _copy_functions(source, live)
    around.reach("redis.put")
    with tempfile.TemporaryDirectory(prefix="after-", dir=run_folder) as folder:
        after = Path(folder) / "after.rdb"
        bring_rdb(address, after, around.environment)
        with open_scratch_redis(Path(folder), after, around) as found:
            facts = _compare(source, found, moment) and _compare(source, found, moment)
    if facts:
        fact = f"holds other things than the backup: {facts[0]}"
        raise DifferencesError(f"Redis at {address.place}", fact, "stop what writes to it, then the same command again")
    return keys


def _compare(source: Client, found: Client, moment: int) -> list[str]:
    return list(compare_figures(digest_until(source, moment), digest_until(found, moment), "keys"))


def _read_time(client: Client) -> tuple[int, int]:
    answer = client.ask("TIME")
    seconds, micro = answer if isinstance(answer, list) else (0, 0)
    return int(seconds), int(micro)  # type: ignore[arg-type]  # two numbers as text


def _refuse_others(live: Client, address: Address, *, disconnect: bool) -> None:
    """Make sure that nobody else is connected, or end them."""
    mine = live.ask("CLIENT", "ID")
    others = []
    for kind in ("normal", "pubsub"):
        for line in live.ask_text("CLIENT", "LIST", "TYPE", kind).splitlines():
            about = dict(part.split("=", 1) for part in line.split() if "=" in part)
            if about.get("id") != str(mine):
                others.append(about["id"])
    if others and not disconnect:
        fact = f"{len(others)} other connections are open"
        way = "stop what uses it, or let them be ended: --disconnect"
        raise TargetBusyError(f"Redis at {address.place}", fact, way)
    live.ask_all([("CLIENT", "KILL", "ID", other) for other in others])


def _copy_keys(source: Client, live: Client) -> int:
    copied = 0
    for found in source.scan():
        for keys in _group(source, found):
            asked = [words for key in keys for words in (("DUMP", key), ("PEXPIRETIME", key))]
            answers = source.ask_all(asked)
            commands = []
            for key, value, end in zip(keys, answers[::2], answers[1::2], strict=True):
                if isinstance(value, bytes) and isinstance(end, int):
                    commands.append(("RESTORE", key, max(end, 0), value, "REPLACE", "ABSTTL"))
            _require(live.ask_all(commands))
            copied += len(commands)
    return copied


def _group(source: Client, keys: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield keys in groups whose values together are small enough to be held."""
    group, size = list[bytes](), 0
    sizes = source.ask_all([("MEMORY", "USAGE", key) for key in keys])
    for key, own in zip(keys, sizes, strict=True):
        needed = own if isinstance(own, int) else 0
        if group and size + needed > _AT_ONCE:
            yield group
            group, size = [], 0
        group.append(key)
        size += needed
    if group:
        yield group


def _remove_others(source: Client, live: Client) -> None:
    for keys in live.scan():
        there = source.ask_all([("EXISTS", key) for key in keys])
        surplus = [key for key, answer in zip(keys, there, strict=True) if answer == 0]
        if surplus:
            live.ask("UNLINK", *surplus)


def _copy_functions(source: Client, live: Client) -> None:
    answer = source.ask("FUNCTION", "DUMP")
    if isinstance(answer, bytes):
        live.ask("FUNCTION", "RESTORE", answer, "FLUSH")


def _require(answers: Sequence[object]) -> None:
    refused = next((answer for answer in answers if isinstance(answer, Refusal)), None)
    if refused is not None:
        raise explain_refusal(refused)
