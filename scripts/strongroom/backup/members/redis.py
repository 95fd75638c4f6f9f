"""Redis as a member of a set: all its databases, brought as a follower gets them, counted where they were loaded."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.backup.documents import Kind, MemberRecord
from strongroom.backup.members.model import Phases, record_file
from strongroom.backup.members.redis_content import read_content
from strongroom.backup.members.scratch import open_scratch_redis
from strongroom.backup.request import Surroundings
from strongroom.core.errors import DifferencesError
from strongroom.core.files import make_private_folder
from strongroom.redis.address import Address
from strongroom.redis.dump import check_rdb, fetch_rdb
from strongroom.redis.tunnel import open_tunnel

NAME = "redis"
FILE = Path("redis") / "dump.rdb"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSource:
    """A server, all databases of it."""

    address: Address
    environment: Mapping[str, str] = field(repr=False)
    name: str = NAME
    kind: Kind = Kind.REDIS

    def take(self, set_folder: Path, around: Surroundings) -> MemberRecord:
        """Bring everything the server holds, check the file, and count it in a scratch server that loaded it.

        The live server forks once and hands its data over; it is asked nothing. Raises ConfigurationError,
        KeyMissingError, GuardError, UnreachableError, DifferencesError for a file that is damaged, VersionError where
        no server is here that understands it, NoSpaceError.
        """
        file, phases, began = set_folder / FILE, Phases(), around.now()
        make_private_folder(file.parent)
        with phases.measured("take"):
            bring_rdb(self.address, file, self.environment)
        ended = around.now()
        around.reach("take.dumped")
        with phases.measured("check"):
            checked = check_rdb(file, self.environment)
        with (
            phases.measured("digest"),
            tempfile.TemporaryDirectory(prefix="scratch-", dir=set_folder) as scratch,
            open_scratch_redis(Path(scratch), file, around) as client,
        ):
            figures = read_content(client)
            loaded = client.read_info("server").get("redis_version", "?")
        if sum(figure.rows for figure in figures.values()) != checked.keys:
            fact = f"holds {checked.keys} keys, and a server that loads it has other ones"
            raise DifferencesError(file, fact, "run the same command again")
        with phases.measured("hash"):
            record = record_file(set_folder, file)
        return MemberRecord(
            name=self.name, kind=self.kind, files=(record,), tables=figures,
            versions={"server": checked.version, "scratch": loaded}, began=began, ended=ended, seconds=phases.seconds,
        )  # fmt: skip


def bring_rdb(address: Address, into: Path, environment: Mapping[str, str]) -> None:
    """Bring all data of a server into a file, over a way that is verified. Raises as ``fetch_rdb``."""
    with tempfile.TemporaryDirectory(prefix="strongroom-") as folder, open_tunnel(address, Path(folder)) as socket:
        fetch_rdb(address, socket, into, environment)
