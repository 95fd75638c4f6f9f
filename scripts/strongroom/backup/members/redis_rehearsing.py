"""Rehearse the restore of Redis: loaded into a scratch server, compared, and asked the system's questions."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from strongroom.backup.documents import MemberRecord
from strongroom.backup.members.figures import compare_figures
from strongroom.backup.members.redis import FILE
from strongroom.backup.members.redis_content import read_content
from strongroom.backup.members.scratch import open_scratch_redis
from strongroom.backup.request import Surroundings
from strongroom.core.backup_entry import BackupCheck
from strongroom.core.errors import DifferencesError, StrongroomError
from strongroom.redis.client import Client
from strongroom.redis.dump import check_rdb


def rehearse_redis(
    member: MemberRecord, folder: Path, scratch: Path, checks: Sequence[BackupCheck], around: Surroundings
) -> tuple[str, ...]:
    """Return what is other about a server that loaded a backup than when it was taken, and which checks it fails.

    Raises VersionError where there is no server that understands the file, NoSpaceError, UnreachableError.
    """
    file = folder / FILE
    try:
        check_rdb(file, around.environment)
    except DifferencesError as error:
        return (f"{member.name}: {error.fact}",)
    with open_scratch_redis(scratch, file, around) as client:
        around.reach("rehearse.loaded")
        facts = [*compare_figures(member.tables, read_content(client), "keys"), *run_checks(client, checks)]
    return tuple(f"{member.name}: {fact}" for fact in facts)


def run_checks(client: Client, checks: Sequence[BackupCheck]) -> Iterator[str]:
    """Give a restored server commands, such as ``DBSIZE``, and yield a line for each wrong answer; none is told."""
    client.ask("SELECT", 0)
    for check in checks:
        try:
            answer = client.ask(*shlex.split(check.sql))
        except (StrongroomError, ValueError):
            yield f"check {check.sql!r} cannot be asked"
            continue
        if (answer.decode(errors="replace") if isinstance(answer, bytes) else answer) != check.expect:
            yield f"check {check.sql!r} is not answered as it should be"
