"""What of a set comes from servers: sources to take, and how each kind of member is rehearsed."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.backup.documents import Kind
from strongroom.backup.members.model import Source
from strongroom.backup.members.rehearsal import rehearse_local
from strongroom.backup.rehearsing import Rehearse
from strongroom.tasks._backup import Backups


def find_servers(backups: Backups) -> tuple[Source, ...]:
    """Return the databases of PostgreSQL and the Redis that ``system.yaml`` names; none is asked yet."""
    return ()


def list_rehearsals(backups: Backups) -> Mapping[Kind, Rehearse]:
    """Return how each kind of member is restored into a scratch engine and compared."""
    return dict.fromkeys((Kind.SQLITE, Kind.SQLCIPHER, Kind.FILE), rehearse_local)
